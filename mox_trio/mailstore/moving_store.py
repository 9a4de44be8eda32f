"""Move bodies from one store to another while servers run.

New bodies go to the new store because the configuration names it as default; this job moves the old ones: copy, compare
with what was delivered, read back and compare again, change the row by compare-and-set together with a note to erase the
old body after the grace time.
Cut off at any point it leaves at most a copy that no row names, which `upkeep` removes; run again it goes on, since
what has moved is not in the old store any more. A reader that finds nothing in the old store reads the row again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts, queued_bodies, rendering
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import MailStore
from mox_trio.mailstore.together import together
from storage_backends.errors import Corrupt, NotFound
from storage_backends.index.api import Transaction
from storage_backends.index.tables import accounts as account_rows
from storage_backends.index.tables import emails, releases
from storage_backends.index.tables.emails import Place

AT_ONCE: Final = 8
"""Bodies that are moved side by side."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a job did so far."""

    bodies: int
    size: int
    failed: tuple[str, ...]
    """Bodies that could not be moved, with the reason; they stay where they are."""


async def count(store: MailStore, source: str) -> int:
    """How many mails have their body in a store."""
    return await store.index.read(lambda tx: emails.count_in_store(tx, source))


async def run(
    store: MailStore, source: str, target: str, progress: Callable[[Moved], Awaitable[None]] | None = None
) -> Moved:
    """Move every body of `source` to `target`. INVALID when they are not two stores of the configuration."""
    for name in (source, target):
        if name not in store.bodies:
            raise Failure(
                Kind.INVALID, f"there is no store {name!r} in the configuration; add it under [storage.stores]"
            )
    if source == target:
        raise Failure(Kind.INVALID, "the two stores are the same")
    if source == store.default_store:
        raise Failure(Kind.INVALID, f"store {source!r} still gets new bodies; make another the default first")
    bodies = size = after = 0
    failed: list[str] = []
    while page := await store.index.read(partial(emails.places_in_store, store=source, after=after)):
        problems = await together([partial(_maybe_problem, store, place, target) for place in page], AT_ONCE)
        failed += [each for each in problems if each is not None]
        bodies += len(page)
        size += sum(place.size for place in page)
        after = page[-1].email_id
        if progress is not None:
            await progress(Moved(bodies, size, tuple(failed)))
    async for waiting in queued_bodies.in_store(store, source):
        move = [partial(queued_bodies.maybe_problem, store, each, target) for each in waiting]
        failed += [each for each in await together(move, AT_ONCE) if each is not None]
        bodies += len(waiting)
        size += sum(each.size for each in waiting)
        if progress is not None:
            await progress(Moved(bodies, size, tuple(failed)))
    return Moved(bodies - len(failed), size, tuple(failed))


async def _maybe_problem(store: MailStore, place: Place, target: str) -> str | None:
    try:
        await _move(store, place, target)
    except (Corrupt, NotFound) as error:
        if await store.index.read(partial(_stays, place=place)):
            return f"{place.store}:{place.ref}: {error}"
    return None  # moved, or erased meanwhile


def _stays(tx: Transaction, *, place: Place) -> bool:
    now = emails.place(tx, place.account_id, place.email_id)
    if now is None or (now.store, now.ref) != (place.store, place.ref):
        return False
    return account_rows.by_id(tx, place.account_id).state != account_rows.REMOVING


async def _move(store: MailStore, place: Place, target: str) -> None:
    async with Spool(store, place.size) as spool:
        async with store.bodies[place.store].open(place.ref) as blocks:
            async for block in blocks:
                await spool.write(block)
        spooled = await spool.finish()
        await _check_content(store, place, spooled.digest)
        ref = await store.bodies[target].put(place.account_id, spooled)
        found = blake2b(digest_size=32)
        async with store.bodies[target].open(ref) as blocks:
            async for block in blocks:
                found.update(block)
        if found.digest() != spooled.digest:
            raise Corrupt("what was read back from the new store is not what was put")
    try:
        moved = await store.index.write(
            [place.account_id], partial(_change_row, store=store, place=place, new=(target, ref))
        )
    except NotFound:
        moved = False  # the account was removed meanwhile
    if not moved:
        await store.bodies[target].delete([ref])


async def _check_content(store: MailStore, place: Place, digest: bytes) -> None:
    account = await accounts.by_id(store, place.account_id)
    row = await store.index.read(partial(emails.content, account=account.id, email_id=place.email_id))
    if row is not None and row[0] != rendering.maybe_content_key(account.codec, row[1], digest):
        raise Corrupt("its body is not the one that was delivered; see mox-trio verify")


def _change_row(tx: Transaction, *, store: MailStore, place: Place, new: tuple[str, str]) -> bool:
    if not emails.move(tx, place.email_id, (place.store, place.ref), new):
        return False
    due = store.now() + store.policy.release_after
    releases.add_body(tx, place.account_id, place.store, place.ref, due)
    return True
