"""mox-trio status."""

import click

from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import with_static
from mox_trio.config.models.static import Static
from mox_trio.control import client


@click.command(help="Ask the running server how it is.")
@with_static
async def command(static: Static) -> Output:
    facts = await client.ask(static.data_directory, "status")
    lines = [
        f"{facts['hostname']} runs as process {facts['pid']} since {output.instant(facts['started'])}",
        f"version {facts['version']}, {facts['sessions']} connections",
        f"queue: {facts['queued']} recipients, {facts['held']} held",
        *(f"listens: {each}" for each in facts["listening"]),
    ]
    if facts["config_problem"]:
        lines.append(f"the newest configuration is not in force: {facts['config_problem']}")
    return Output(facts, "\n".join(lines))
