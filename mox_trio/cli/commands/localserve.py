"""mox-trio localserve."""

from pathlib import Path

import click

from mox_trio.app import localserve
from mox_trio.app.localserve import Options
from mox_trio.cli.output import Output
from mox_trio.cli.session import with_path


@click.command(
    help="Run a server for tests on this machine: it takes mail for everybody into one account and sends nothing away."
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where its configuration and mail are; made when missing.  [default: one in the temporary directory]",
)
@click.option(
    "--base-port",
    type=click.IntRange(0, 64000),
    help="Services listen on this plus their standard ports.  [default: 1000, or as in the directory]",
)
@click.option("--pedantic", is_flag=True, help="Refuse what the standards forbid and the world does.")
@click.option(
    "--resolver",
    metavar="IP[:PORT]",
    help="Ask this resolver about names; without it nothing outside this machine is asked.",
)
@with_path
async def command(
    path: str, directory: Path | None, base_port: int | None, pedantic: bool, resolver: str | None
) -> Output:
    await localserve.main(Options(directory, base_port, pedantic, resolver))
    return Output({"done": "stopped"}, "")
