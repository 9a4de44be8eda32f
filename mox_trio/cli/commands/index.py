"""mox-trio index: copy."""

from pathlib import Path

import click

from mox_trio.app import build
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.progress import Bar
from mox_trio.cli.session import with_static
from mox_trio.config.models.static import Static
from storage_backends.index import copying


@click.group(help="Copy the index to another database.")
def command() -> None:
    pass


@command.command(
    help="Copy all rows to the empty index that the configuration file TARGET names, and verify the copy. Stop the servers "
    "first; afterwards start them with TARGET."
)
@click.argument("target", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_static
async def copy(static: Static, target: Path) -> Output:
    other = await build.read_static(target)
    with Bar("copying", unit="rows") as bar:
        async with build.opened_index(static) as source, build.opened_index(other) as empty:
            rows = await copying.copy(source, empty, lambda done: bar.update(done))
    return output.done(f"{sum(rows.values())} rows copied and verified", rows=rows)
