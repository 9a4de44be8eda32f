"""Copy the bodies that a snapshot of an index names to a backup, and bring them back.

`while_paused` holds the lease of upkeep, so that no body is erased that the snapshot still names: it is taken before the snapshot
is made and renewed until the last body is copied. What goes all the same is a message that left the queue (it is taken out of
the snapshot: nobody shall send it again) or mail of an account that was removed meanwhile (it is said, and its rows stay without
bodies).

A lease that cannot be renewed ends the backup with Conflict: its snapshot may name bodies that are gone.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import backup_files, upkeep
from mox_trio.mailstore.backup_files import FileSource
from mox_trio.mailstore.together import together
from storage_backends.bodies.api import BodyStore
from storage_backends.bodies.api import key as body_key
from storage_backends.errors import NotFound
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index
from storage_backends.index.tables import accounts, emails, leases, queue_admin, restoring, stores

T = TypeVar("T")

HELD: Final = 600_000
"""Milliseconds of the lease: a backup that died holds up the erasing for so long."""
RENEW: Final = 120.0
"""Seconds."""
WAIT: Final = 60.0
"""Seconds to wait for an upkeep that is at work."""
AT_ONCE: Final = 8
"""Bodies that are copied side by side."""
HOLDER: Final = f"backup by process {os.getpid()}"

Progress = Callable[[int, int], Awaitable[None]]
"""Told the bodies done, and bytes."""


async def while_paused(index: Index, work: Callable[[], Awaitable[T]]) -> T:
    """Do work while nothing is erased. TRY_LATER when upkeep is at work for long, Conflict when the lease was lost."""
    claim = await _claimed(index)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_renew, index, claim)
            result = await work()
            nursery.cancel_scope.cancel()
    except ExceptionGroup as group:
        error: Exception = group
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        raise error from group
    finally:
        with trio.CancelScope(shield=True):
            await index.write(NO_ACCOUNT, partial(leases.release, name=upkeep.LEASE, mine=claim))
    return result


async def _claimed(index: Index) -> leases.Claim:
    unit = partial(leases.claim, name=upkeep.LEASE, holder=HOLDER, milliseconds=HELD)
    with trio.move_on_after(WAIT):
        while True:
            claim = await index.write(NO_ACCOUNT, unit)
            if claim is not None:
                return claim
            await trio.sleep(1)
    raise Failure(Kind.TRY_LATER, "upkeep, or another backup, is at work; try again when it is done")


async def _renew(index: Index, claim: leases.Claim) -> None:
    while True:
        await trio.sleep(RENEW)
        await index.write(NO_ACCOUNT, partial(leases.renew, name=upkeep.LEASE, mine=claim, milliseconds=HELD))


@dataclass(frozen=True, slots=True)
class Body:
    """A body that the snapshot names."""

    store: str
    key: str
    outgoing: int | None = None
    """The message in the queue that it is of."""


@dataclass(slots=True)
class Copied:
    """What was done."""

    bodies: int = 0
    size: int = 0
    linked: int = 0
    """Of them by a hard link or there already."""
    left: int = 0
    """Messages that left the queue meanwhile."""
    gone: list[str] = field(default_factory=list)
    """Bodies that are not there, of mail."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup is made."""

    directory: Path
    """Holds a directory for each store."""
    sources: Mapping[str, BodyStore]
    """The stores as they are below encryption and cache."""
    near: Mapping[str, tuple[Path, ...]]
    """Directories whose files may be linked, by store: earlier backups, the store's own."""


async def copy(snapshot: Index, names: Sequence[str], target: Target, progress: Progress) -> Copied:
    """Copy every body that the snapshot names, and the marks of the stores with these names; take out of the snapshot what left
    the queue. Unavailable, Refused; INVALID for a store that is not there.
    """
    done = Copied()
    async for page in named(snapshot, names):
        await together([partial(copy_one, snapshot, target, body, done) for body in page], AT_ONCE)
        await progress(done.bodies, done.size)
    return done


async def named(snapshot: Index, names: Sequence[str]) -> AsyncIterator[list[Body]]:
    """Pages of all bodies: of mail, of the queue, and the marks of the stores with these names."""
    for name in names:
        if mark := await snapshot.read(partial(stores.mark, name=name)):
            yield [Body(name, mark)]
    for row in await snapshot.read(accounts.all_rows):
        after = 0
        while places := await snapshot.read(partial(emails.places, account=row.id, after=after)):
            yield [Body(place.store, body_key(place.ref)) for place in places]
            after = places[-1].email_id
        after = 0
        while queued := await snapshot.read(partial(queue_admin.bodies, account=row.id, after=after)):
            yield [Body(each.store, body_key(each.ref), each.id) for each in queued]
            after = queued[-1].id


async def copy_one(snapshot: Index, target: Target, body: Body, done: Copied) -> None:
    """Copy or link one body; note it as gone, or take its message out of the snapshot's queue, when it is not there."""
    path = backup_files.place(target.directory / body.store, body.key)
    near = [backup_files.place(each, body.key) for each in target.near.get(body.store, ())]
    size = await trio.to_thread.run_sync(_maybe_linked, near, path)
    if size is not None:
        done.linked += 1
    elif body.store not in target.sources:
        raise Failure(Kind.INVALID, f"mail lies in store {body.store!r}, which is not configured")
    else:
        try:
            async with target.sources[body.store].open(body.key) as blocks:
                size = await backup_files.write(path, blocks)
        except NotFound:
            await _missing(snapshot, body, done)
            return
    done.bodies += 1
    done.size += size


def _maybe_linked(near: list[Path], path: Path) -> int | None:
    """The size of a body that is there already, or is now by a link."""
    if not path.exists() and not any(each.exists() and backup_files.link(each, path) for each in near):
        return None
    return path.stat().st_size


async def _missing(snapshot: Index, body: Body, done: Copied) -> None:
    if body.outgoing is None:
        done.gone.append(f"{body.store}:{body.key}")
        return
    await snapshot.write(NO_ACCOUNT, partial(restoring.drop_outgoing, outgoing_id=body.outgoing))
    done.left += 1


@dataclass(frozen=True, slots=True)
class Sources:
    """Where bodies are brought back from, and to."""

    directory: Path
    """Of the backup: holds a directory for each store."""
    targets: Mapping[str, BodyStore]
    """The stores, below encryption and cache, that give references of their own."""


async def put_back(index: Index, sources: Sources, progress: Progress) -> Copied:
    """Put bodies into stores and let the rows name where they are now. For an index that is not served yet."""
    done = Copied()
    for row in await index.read(accounts.all_rows):
        after = 0
        while places := await index.read(partial(emails.places, account=row.id, after=after)):
            mine = [each for each in places if each.store in sources.targets]
            await together([partial(_put_mail, index, sources, place, done) for place in mine], AT_ONCE)
            after = places[-1].email_id
            await progress(done.bodies, done.size)
        after = 0
        while queued := await index.read(partial(queue_admin.bodies, account=row.id, after=after)):
            for each in queued:
                if each.store in sources.targets:
                    await _put_queued(index, sources, each, done)
            after = queued[-1].id
    return done


async def _put_mail(index: Index, sources: Sources, place: emails.Place, done: Copied) -> None:
    new = await _put(sources, (place.store, place.ref), place.account_id, done)
    unit = partial(emails.move, email_id=place.email_id, old=(place.store, place.ref), new=(place.store, new))
    await index.write([place.account_id], unit)


async def _put_queued(index: Index, sources: Sources, queued: queue_admin.QueuedBody, done: Copied) -> None:
    new = await _put(sources, (queued.store, queued.ref), queued.account_id, done)
    unit = partial(queue_admin.move, outgoing_id=queued.id, old=(queued.store, queued.ref), new=(queued.store, new))
    await index.write([queued.account_id], unit)


async def _put(sources: Sources, old: tuple[str, str], account: AccountId, done: Copied) -> str:
    """The reference of a body in its new place: the new key, and what a wrapper needs to open it as before."""
    store, ref = old
    key = body_key(ref)
    path = backup_files.place(sources.directory / store, key)
    try:
        source = await trio.to_thread.run_sync(FileSource.of, path)
    except FileNotFoundError:
        done.gone.append(f"{store}:{key}")
        return ref
    done.bodies += 1
    done.size += source.size
    return await sources.targets[store].put(account, source) + ref[len(key) :]
