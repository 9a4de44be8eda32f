"""mox-trio restore."""

from pathlib import Path

import click

from mox_trio.app import backup
from mox_trio.cli.commands.backup import DIRECTORY
from mox_trio.cli.commands.verify import FOUND
from mox_trio.cli.output import Output, size
from mox_trio.cli.progress import Bar
from mox_trio.cli.session import with_static
from mox_trio.config.models.static import Static


@click.command(
    help="Bring the backup in DIRECTORY into the empty place that the configuration names. Mailboxes get new UIDVALIDITYs, so "
    "that mail programs load them anew; outgoing mail is held, because it may have left since."
)
@click.argument("directory", type=DIRECTORY)
@with_static
async def command(static: Static, directory: Path) -> Output:
    with Bar("restoring") as bar:

        async def progress(bodies: int, octets: int) -> None:
            bar.update(bodies)

        done = await backup.restore(static, directory, progress)
    lines = [f"not in the backup: {each}" for each in done.gone]
    lines += [f"{each} restored" for each in done.files]
    lines.append(
        f"{done.bodies} bodies ({size(done.size)}) and {done.mailboxes} mailboxes restored; next: mox-trio verify"
    )
    if done.held:
        lines.append(f"{done.held} outgoing messages are held; let them go: mox-trio queue unhold")
    data = {
        "bodies": done.bodies,
        "size": done.size,
        "mailboxes": done.mailboxes,
        "held": done.held,
        "gone": list(done.gone),
        "files": [str(each) for each in done.files],
    }
    return Output(data, "\n".join(lines), FOUND if done.gone else 0)
