"""Bodies of messages that wait in the queue: moved with the others to another store, and looked for by `verify`.

The queue keeps no hash of a body: what was copied is read back and compared, and whether it is what was queued is for the store
to know (a sealed one does). A message that leaves the queue meanwhile is no failure.
"""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from hashlib import blake2b

from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.bodies.api import key as body_key
from storage_backends.errors import Corrupt, NotFound
from storage_backends.index.api import Transaction
from storage_backends.index.tables import queue_admin, releases
from storage_backends.index.tables.queue_admin import QueuedBody


async def in_store(store: MailStore, name: str) -> AsyncIterator[list[QueuedBody]]:
    """Pages of queued messages whose bodies are in a store."""
    after = 0
    while page := await store.index.read(partial(queue_admin.bodies_in_store, store=name, after=after)):
        yield page
        after = page[-1].id


async def maybe_problem(store: MailStore, queued: QueuedBody, target: str) -> str | None:
    """Move a body to another store; why it stays where it is, None where it does not."""
    try:
        await _move(store, queued, target)
    except (Corrupt, NotFound) as error:
        now = await store.index.read(partial(queue_admin.body, outgoing_id=queued.id))
        if now == queued:
            return f"{queued.store}:{queued.ref}: {error}"
    return None


async def _move(store: MailStore, queued: QueuedBody, target: str) -> None:
    async with Spool(store, queued.size + 1) as spool:
        async with store.bodies[queued.store].open(queued.ref) as blocks:
            async for block in blocks:
                await spool.write(block)
        spooled = await spool.finish()
        ref = await store.bodies[target].put(queued.account_id, spooled)
    found = blake2b(digest_size=32)
    async with store.bodies[target].open(ref) as blocks:
        async for block in blocks:
            found.update(block)
    if found.digest() != spooled.digest:
        raise Corrupt("what was read back from the new store is not what was put")
    try:
        unit = partial(_change_row, store=store, queued=queued, new=(target, ref))
        moved = await store.index.write([queued.account_id], unit)
    except NotFound:
        moved = False  # the account was removed meanwhile
    if not moved:
        await store.bodies[target].delete([ref])


def _change_row(tx: Transaction, *, store: MailStore, queued: QueuedBody, new: tuple[str, str]) -> bool:
    if not queue_admin.move(tx, queued.id, (queued.store, queued.ref), new):
        return False
    due = store.now() + store.policy.release_after
    releases.add_body(tx, queued.account_id, queued.store, queued.ref, due)
    return True


async def missing(store: MailStore, account: Account, there: Mapping[str, set[str]]) -> AsyncIterator[str]:
    """Queued messages of an account whose body is not among the keys that each store lists, each with the reason."""
    after = 0
    while page := await store.index.read(partial(queue_admin.bodies, account=account.id, after=after)):
        for queued in page:
            if body_key(queued.ref) in there.get(queued.store, ()):
                continue
            # It may have come after the listing, moved, or left the queue: look at what the row says now.
            now = await store.index.read(partial(queue_admin.body, outgoing_id=queued.id))
            if now is not None and not await _is_there(store, now):
                yield (
                    f"message {queued.object_id} in the queue: its body is not in store {now.store!r}; restore it from a"
                    " backup or drop the message"
                )
        after = page[-1].id


async def _is_there(store: MailStore, queued: QueuedBody) -> bool:
    if queued.store not in store.bodies:
        return False
    try:
        async with store.bodies[queued.store].open(queued.ref, 0, 1):
            return True
    except NotFound:
        return await store.index.read(partial(queue_admin.body, outgoing_id=queued.id)) is None
