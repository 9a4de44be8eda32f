"""Bodies of messages in the queue: no orphans, moved with the others, missed when they are gone, gone with their account."""

from functools import partial

import pytest

from mox_trio.mailstore import accounts, moving_store, upkeep, verifying
from mox_trio.mailstore.store import DAY, HOUR, Account, MailStore
from storage_backends.bodies import api
from storage_backends.bodies.api import Bytes
from storage_backends.index.api import Transaction
from storage_backends.index.tables import queue, queue_admin, stores
from storage_backends.index.tables.queue_admin import QueuedBody
from tests.kit import queued
from tests.kit.stores import Kit, defaulting


async def enqueue(store: MailStore, account: Account, data: bytes = b"body\r\n") -> QueuedBody:
    ref = await store.bodies["main"].put(account.id, Bytes(data))
    row = queued.message(account.id, ref, object_id="Q1", size=len(data))

    def unit(tx: Transaction) -> queue.OutgoingId:
        return queue.add(tx, row, [queued.recipient()])()[0]

    outgoing_id = await store.index.write([account.id], unit)
    return await body(store, outgoing_id)


async def body(store: MailStore, outgoing_id: int) -> QueuedBody:
    found = await store.index.read(partial(queue_admin.body, outgoing_id=outgoing_id))
    assert found is not None
    return found


async def findings(store: MailStore) -> list[str]:
    return [each.text async for each in verifying.run(store, bodies=True)]


async def test_a_queued_body_is_no_orphan_however_old(kit: Kit, account: Account) -> None:
    waiting = await enqueue(kit.store, account)
    kit.clock.ahead += 3 * DAY
    await upkeep.run(kit.store)
    assert await findings(kit.store) == []
    assert await api.read(kit.store.bodies["main"], waiting.ref) == b"body\r\n"


async def test_a_queued_body_moves_with_the_others(kit: Kit, account: Account) -> None:
    waiting = await enqueue(kit.store, account)
    there = defaulting(kit.store, "other")
    moved = await moving_store.run(there, "main", "other")
    assert (moved.bodies, moved.failed) == (1, ())
    now = await body(kit.store, waiting.id)
    assert now.store == "other"
    assert await api.read(kit.store.bodies["other"], now.ref) == b"body\r\n"
    kit.clock.ahead += HOUR
    await upkeep.run(there)
    assert await kit.store.index.read(stores.in_use) == {"other"}
    assert await findings(there) == []


async def test_a_queued_body_that_is_gone_is_missed_and_stays_named(kit: Kit, account: Account) -> None:
    waiting = await enqueue(kit.store, account)
    await kit.store.bodies["main"].delete([waiting.ref])
    (text,) = await findings(kit.store)
    assert text.startswith("message Q1 in the queue: its body is not in store 'main'")
    moved = await moving_store.run(defaulting(kit.store, "other"), "main", "other")
    assert (moved.bodies, len(moved.failed)) == (0, 1)
    assert await body(kit.store, waiting.id) == waiting


async def test_a_message_that_leaves_while_its_body_moves_is_no_failure(
    kit: Kit, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = await enqueue(kit.store, account)
    other = kit.store.bodies["other"]
    put = other.put

    async def meanwhile(account_id: int, source: api.Source) -> str:
        ref = await put(account_id, source)
        await kit.store.index.write([account.id], partial(queue.maybe_end, outgoing_id=waiting.id, gone=1))
        return ref

    monkeypatch.setattr(other, "put", meanwhile)
    moved = await moving_store.run(defaulting(kit.store, "other"), "main", "other")
    assert moved.failed == ()
    assert [info async for info in other.refs(account.id)] == []


async def test_an_account_takes_its_queue_with_it(kit: Kit, account: Account) -> None:
    await enqueue(kit.store, account)
    await accounts.remove(kit.store, "ann")
    assert [info async for info in kit.store.bodies["main"].refs(account.id)] == []
    assert await kit.store.index.read(partial(queue_admin.bodies, account=account.id, after=0)) == []


async def test_a_copy_that_differs_is_not_taken(kit: Kit, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = await enqueue(kit.store, account)
    other = kit.store.bodies["other"]
    put = other.put

    async def damaged(account_id: int, source: api.Source) -> str:
        return await put(account_id, Bytes(b"other\n"))

    monkeypatch.setattr(other, "put", damaged)
    moved = await moving_store.run(defaulting(kit.store, "other"), "main", "other")
    assert "not what was put" in moved.failed[0]
    assert await body(kit.store, waiting.id) == waiting
