"""mox-trio index: copy, upgrade."""

from pathlib import Path

import click

from mox_trio.app import build, upgrade
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.progress import Bar
from mox_trio.cli.session import with_static
from mox_trio.config.models.static import Static
from storage_backends.index import copying


@click.group(help="Copy the index to another database; upgrade it.")
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


@command.command(
    "upgrade",
    help="Bring the index to the schema of this program, which a server does at its start too: first a copy of it, which is "
    "checked, and then the index itself.",
)
@click.option("--dry-run", is_flag=True, help="Only the copy.")
@with_static
async def upgrade_index(static: Static, dry_run: bool) -> Output:
    done = await upgrade.run(static, dry_run=dry_run)
    if done.before == done.after:
        text = f"the index has schema {done.after}, which is that of this program"
    else:
        text = f"schema {done.before} became {done.after}{' in a copy; the index is as it was' if dry_run else ''}"
    if done.problems:
        text = "\n".join([*done.problems, f"{text}; the copy is not sound, and the index was not touched"])
    data = {"before": done.before, "after": done.after, "problems": list(done.problems), "dry_run": dry_run}
    return Output(data, text, 1 if done.problems else 0)
