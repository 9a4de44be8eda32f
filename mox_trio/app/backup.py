"""Back up a server that runs, verify a backup, and restore one: the stores of a configuration joined with a directory.

A backup: the erasing of bodies pauses, the index is copied at one instant, then every body that the copy names. Stopped at any
point, what is there is gone on with by the same command, and is no backup before its manifest is written.

A restore goes into an empty place only. Bodies come first, then the index; mailboxes get new UIDVALIDITYs, so that clients do not
take what they remember for what is there; outgoing mail is held, because it may have left since. Stopped half-way, the index is
not in its place, so that no server serves it.

Directories are given as absolute paths.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from mox_trio.admin import backup_manifest
from mox_trio.admin.backup_manifest import BODIES, INDEX, Manifest
from mox_trio.app import build, running_lock, scratch, stores
from mox_trio.app.keys import open_keyring
from mox_trio.base import version
from mox_trio.base.failure import Failure, Kind
from mox_trio.config.models.static import Static
from mox_trio.config.models.storage import DiskStore, SqliteIndex
from mox_trio.mailstore import backing_up, backup_files
from mox_trio.mailstore.backing_up import Copied, Progress, Sources, Target
from mox_trio.mailstore.backup_files import BackupBodies
from mox_trio.mailstore.scratch import plain
from mox_trio.mailstore.store import MailStore, clock
from mox_trio.services import Services
from storage_backends.bodies.api import BodyStore
from storage_backends.bodies.encrypted import Encrypted
from storage_backends.errors import StorageError
from storage_backends.index import copying, snapshot
from storage_backends.index import open as opening
from storage_backends.index.api import NO_ACCOUNT, Index, Transaction
from storage_backends.index.tables import accounts, restoring
from storage_backends.index.tables import stores as store_rows


@dataclass(frozen=True, slots=True)
class Options:
    """How a backup is made."""

    directory: Path
    previous: Path | None = None
    """An earlier backup, whose bodies are linked or copied rather than read from the store."""
    link: bool = True
    """Link files of a store on the same file system, which then lie on one disk only."""


async def run(services: Services, config: Path, options: Options, progress: Progress) -> Manifest:
    """Make a backup. Failure, an error of the stores."""
    directory = options.directory
    await trio.to_thread.run_sync(backup_manifest.prepare, directory)
    if options.previous is not None:
        await trio.to_thread.run_sync(backup_manifest.read, options.previous)
    work = partial(_run, services, config, options, progress)
    return await backing_up.while_paused(services.mail.index, work)


async def _run(services: Services, config: Path, options: Options, progress: Progress) -> Manifest:
    static, directory, started = services.static, options.directory, clock()
    dynamic = await services.source.load()
    keep = partial(backup_manifest.keep_files, directory, config, dynamic.text, static)
    await trio.to_thread.run_sync(keep)
    if isinstance(static.storage.index, SqliteIndex):
        await snapshot.of_sqlite(static.storage.index.file, directory / INDEX)
    else:
        await snapshot.of_rows(services.mail.index, directory / INDEX)
    async with AsyncExitStack() as stack:
        near = {name: tuple(_near(options, name, settings)) for name, settings in static.storage.stores.items()}
        target = Target(directory / BODIES, await _places(static, stack), near)
        copied_index = await opening.open_sqlite(directory / INDEX)
        stack.push_async_callback(copied_index.aclose)
        done = await backing_up.copy(copied_index, sorted(static.storage.stores), target, progress)
    await trio.to_thread.run_sync(snapshot.settle, directory / INDEX)
    await trio.to_thread.run_sync(backup_files.sync_directories, directory)
    manifest = Manifest(
        version=version.installed(),
        hostname=str(static.hostname),
        started=started,
        finished=clock(),
        stores={name: settings.kind for name, settings in static.storage.stores.items()},
        bodies=done.bodies,
        size=done.size,
        linked=done.linked,
        left=done.left,
        gone=done.gone,
    )
    await trio.to_thread.run_sync(backup_manifest.finish, directory, manifest)
    return manifest


def _near(options: Options, name: str, settings: object) -> Iterator[Path]:
    if options.previous is not None:
        yield options.previous / BODIES / name
    if options.link and isinstance(settings, DiskStore):
        yield settings.directory


async def _places(static: Static, stack: AsyncExitStack) -> dict[str, BodyStore]:
    """All stores below encryption and cache; bodies in memory are nothing to back up."""
    opened = {}
    for name, settings in static.storage.stores.items():
        if settings.kind != "memory":
            opened[name] = await stores.open_kind(settings)
            stack.push_async_callback(opened[name].aclose)
    return opened


@asynccontextmanager
async def opened(static: Static, directory: Path) -> AsyncIterator[MailStore]:
    """A backup as a mail store, to be verified. Its index is a copy, brought to the schema of this program; the backup stays."""
    manifest = await trio.to_thread.run_sync(backup_manifest.read, directory)
    async with AsyncExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="mox-trio-verify-"))
        await trio.to_thread.run_sync(shutil.copyfile, directory / INDEX, Path(place, INDEX))
        index = await opening.open_sqlite(Path(place, INDEX))
        stack.push_async_callback(index.aclose)
        keyring = await open_keyring(static, index)
        bodies: dict[str, BodyStore] = {}
        for name in sorted({*manifest.stores, *await index.read(store_rows.in_use)}):
            bodies[name] = BackupBodies(directory / BODIES / name)
            settings = static.storage.stores.get(name)
            if settings is not None and settings.encrypt and keyring is not None:
                bodies[name] = Encrypted(bodies[name], keyring)
        sealing = keyring is not None and any(each.encrypt for each in static.storage.stores.values())
        yield MailStore(
            index=index,
            bodies=bodies,
            default_store=static.storage.default_store,
            keys=keyring if sealing else None,
            scratch=scratch.sealed if sealing else plain,
            policy=build.policy(static),
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    bodies: int
    size: int
    mailboxes: int
    held: int
    """Recipients of outgoing mail, which are held."""
    gone: tuple[str, ...]
    files: tuple[Path, ...]


async def restore(static: Static, directory: Path, progress: Progress) -> Restored:
    """Bring a backup into the empty place that the configuration names. EXISTS, INVALID, an error of the stores."""
    await trio.to_thread.run_sync(backup_manifest.read, directory)
    await trio.to_thread.run_sync(_check_place, static)
    static.data_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with running_lock.held(static.data_directory):
        dynamic = static.domains_file if static.dynamic == "file" else None
        files = await trio.to_thread.run_sync(backup_manifest.give_back, directory, static, dynamic)
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=static.data_directory) as fresh:
            path = Path(fresh, INDEX)
            await trio.to_thread.run_sync(shutil.copyfile, directory / INDEX, path)
            index = await opening.open_sqlite(path)
            try:
                done = await _bodies(static, index, directory, progress)
                boxes, held = await _renewed(index)
                if not isinstance(static.storage.index, SqliteIndex):
                    async with build.opened_index(static) as target:
                        await copying.copy(index, target)
            finally:
                with trio.CancelScope(shield=True):
                    await index.aclose()
            if isinstance(static.storage.index, SqliteIndex):
                await trio.to_thread.run_sync(_put_in_place, path, static.storage.index.file)
    return Restored(done.bodies, done.size, boxes, held, tuple(done.gone), tuple(files))


def _check_place(static: Static) -> None:
    index = static.storage.index
    if isinstance(index, SqliteIndex) and index.file.exists():
        raise Failure(
            Kind.EXISTS, f"{index.file} is there already; a backup is restored into an empty place: move it away"
        )
    for name, settings in static.storage.stores.items():
        if isinstance(settings, DiskStore) and _has_bodies(settings.directory):
            where = f"{settings.directory} (store {name})"
            raise Failure(Kind.EXISTS, f"{where} is not empty; a backup is restored into an empty place: move it away")


def _has_bodies(directory: Path) -> bool:
    return any(each.name.isdecimal() and any(each.iterdir()) for each in directory.glob("*"))


async def _bodies(static: Static, index: Index, directory: Path, progress: Progress) -> Copied:
    missing = sorted(await index.read(store_rows.in_use) - static.storage.stores.keys())
    if missing:
        raise Failure(Kind.INVALID, f"the backup has mail of stores that are not configured: {', '.join(missing)}")
    near = {name: each for name, each in static.storage.stores.items() if isinstance(each, DiskStore)}
    done = Copied()
    async for page in backing_up.named(index, sorted(static.storage.stores)):
        for body in page:
            if body.store in near:
                await _brought(directory, near[body.store].directory, body, done)
        await progress(done.bodies, done.size)
    for settings in near.values():
        if settings.directory.exists():
            await trio.to_thread.run_sync(backup_files.sync_directories, settings.directory)
    async with AsyncExitStack() as stack:
        far = {name: each for name, each in (await _places(static, stack)).items() if name not in near}
        for name in far:
            await index.write(NO_ACCOUNT, partial(store_rows.drop_mark, name=name))
        put = await backing_up.put_back(index, Sources(directory / BODIES, far), progress)
    return Copied(done.bodies + put.bodies, done.size + put.size, 0, 0, done.gone + put.gone)


async def _brought(directory: Path, target: Path, body: backing_up.Body, done: Copied) -> None:
    source = BackupBodies(directory / BODIES / body.store)
    try:
        async with source.open(body.key) as blocks:
            done.size += await backup_files.write(backup_files.place(target, body.key), blocks)
    except StorageError:
        done.gone.append(f"{body.store}:{body.key}")
        return
    done.bodies += 1


async def _renewed(index: Index) -> tuple[int, int]:
    """New UIDVALIDITYs, no claims, mail held; how many mailboxes and recipients."""
    boxes, now = 0, clock() // 1000
    for row in await index.read(accounts.all_rows):
        boxes += await index.write([row.id], partial(restoring.renew_uidvalidity, account_id=row.id, seconds=now))

    def unit(tx: Transaction) -> int:
        restoring.end_claims(tx)
        copying.forget(tx)
        return restoring.hold_queue(tx)

    return boxes, await index.write(NO_ACCOUNT, unit)


def _put_in_place(path: Path, target: Path) -> None:
    snapshot.settle(path)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.rename(target)
    backup_files.sync_directories(target.parent)
