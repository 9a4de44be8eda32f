"""mox-trio keyring: create, rotate."""

from contextlib import suppress
from pathlib import Path

import click
import trio

from mox_trio.app import build, privileges
from mox_trio.app.keys import open_keyring
from mox_trio.base.failure import Failure, Kind
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import with_path, with_static
from mox_trio.config import load
from mox_trio.config.models.static import Static
from mox_trio.config.problems import ConfigErrors
from storage_backends.bodies import master_key

SAVE = "Save it apart from the server and its backups: without it nobody reads sealed mail again."


@click.group(help="Make a master key, or re-wrap account keys with a new one.")
def command() -> None:
    pass


@command.command(
    help="Make a new master key in FILE, for keys.master in the configuration; made as root it is given to the server's user."
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_path
async def create(path: str, file: Path) -> Output:
    owner = None
    with suppress(ConfigErrors):  # the key may come before the configuration that names it
        static = await trio.to_thread.run_sync(load.static, Path(path))
        owner = await trio.to_thread.run_sync(privileges.maybe_other, static.user)
    key = await trio.to_thread.run_sync(lambda: master_key.create_file(file.absolute()))
    if owner is not None:
        await trio.to_thread.run_sync(privileges.give, file, owner)
    return output.done(f"master key {key.id.hex()} made in {file}. {SAVE}", file=str(file), id=key.id.hex())


@command.command(help="Wrap all account keys with keys.master; those in keys.previous_masters open the old ones.")
@with_static
async def rotate(static: Static) -> Output:
    async with build.opened_index(static) as index:
        keyring = await open_keyring(static, index)
        if keyring is None:
            raise Failure(Kind.INVALID, "no master key is configured; set keys.master in mox-trio.toml")
        changed = await keyring.rewrap()
        unused = [each.hex() for each in await keyring.unused_masters()]
    advice = f" These can leave keys.previous_masters: {', '.join(unused)}." if unused else ""
    return output.done(f"{changed} account keys re-wrapped.{advice} {SAVE}", rewrapped=changed, unused=unused)
