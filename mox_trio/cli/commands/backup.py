"""mox-trio backup."""

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from mox_trio.app import backup
from mox_trio.app.backup import Options
from mox_trio.cli.commands.keyring import SAVE
from mox_trio.cli.commands.verify import FOUND
from mox_trio.cli.output import Output, size
from mox_trio.cli.progress import Bar
from mox_trio.cli.session import with_services
from mox_trio.services import Services

DIRECTORY: Final = click.Path(file_okay=False, resolve_path=True, path_type=Path)


@click.command(
    help="Copy everything to DIRECTORY while the server runs: the index at one instant, and all bodies. Everything acknowledged "
    "before it began is in it. Stopped half-way, the same command goes on. Verify it: mox-trio verify --backup DIRECTORY."
)
@click.argument("directory", type=DIRECTORY)
@click.option("--previous", type=DIRECTORY, help="An earlier backup: link its bodies, and copy only what is new.")
@click.option(
    "--copy", "copied", is_flag=True, help="Copy bodies even where they could be linked to the store's files."
)
@with_services
async def command(services: Services, directory: Path, previous: Path | None, copied: bool) -> Output:
    config = Path(click.get_current_context().obj["config"])
    with Bar("copying") as bar:

        async def progress(bodies: int, octets: int) -> None:
            bar.update(bodies)

        done = await backup.run(services, config, Options(directory, previous, not copied), progress)
    lines = [f"body missing: {each}" for each in done.gone]
    lines.append(f"{done.bodies} bodies ({size(done.size)}) in {directory}, {done.linked} of them linked")
    if done.left:
        lines.append(f"{done.left} messages left the queue meanwhile")
    if services.static.keys.master is not None:
        lines.append(f"The master key is not in it: {services.static.keys.master}. {SAVE}")
    return Output(asdict(done) | {"directory": str(directory)}, "\n".join(lines), FOUND if done.gone else 0)
