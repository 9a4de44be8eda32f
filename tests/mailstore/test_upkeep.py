"""Upkeep: everything that a store does by itself, in steps that may be cut off, and nothing that it should not."""

from pathlib import Path

import trio

from mox_trio.mailstore import accounts, expunging, mailboxes, moving, orphans, reading, upkeep, verifying
from mox_trio.mailstore.store import DAY, HOUR, Account, MailStore
from mox_trio.mailstore.upkeep import Done
from storage_backends.bodies.api import Bytes
from storage_backends.bodies.disk import DiskStore
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit import stores
from tests.kit.stores import Kit, message, put


async def bodies(store: MailStore) -> int:
    return len([info async for info in store.bodies["main"].refs()])


async def test_a_store_with_nothing_to_do_is_left_alone(kit: Kit, account: Account) -> None:
    await put(kit.store, account, message())
    kit.clock.ahead = 30 * DAY
    assert await upkeep.run(kit.store) == Done(released=0, accounts=0, mailboxes=0, orphans=0, tombstones=0, rendered=0)
    assert (await mailboxes.get(kit.store, account, "Inbox")).messages == 1


async def test_bodies_without_a_row_go_when_they_are_a_day_old(kit: Kit, account: Account) -> None:
    store = kit.store
    bob = await accounts.create(store, "bob")
    await put(store, account, message())
    for owner in (account, account, bob):
        await store.bodies["main"].put(owner.id, Bytes(b"nobody's"))
    kit.clock.ahead = DAY - HOUR
    assert (await upkeep.run(store)).orphans == 0
    kit.clock.ahead = DAY + HOUR
    assert await orphans.remove(store, only_count=True) == 3
    assert await bodies(store) == 4
    assert (await upkeep.run(store)).orphans == 3
    assert await bodies(store) == 1
    assert [finding async for finding in verifying.run(store, bodies=True)] == []


async def test_more_than_a_page_of_everything_goes(kit: Kit, account: Account) -> None:
    number = upkeep.PAGE + 1
    async with trio.open_nursery() as nursery:
        for _ in range(number):
            nursery.start_soon(put, kit.store, account, message())
            nursery.start_soon(kit.store.bodies["main"].put, account.id, Bytes(b"nobody's"))
    inbox = (await mailboxes.get(kit.store, account, "Inbox")).id
    await expunging.erase(kit.store, account, inbox, EVERYTHING)
    kit.clock.ahead = 2 * DAY
    done = await upkeep.run(kit.store)
    assert (done.released, done.orphans) == (number, number)
    assert await bodies(kit.store) == 0


async def test_old_messages_of_a_mailbox_are_expunged_and_released(kit: Kit, account: Account) -> None:
    store = kit.store
    old = await put(store, account, message(), "Trash")
    kit.clock.ahead = 10 * DAY
    await put(store, account, message(), "Trash", received=0)
    await moving.copy(store, account, old.mailbox_id, [(1, 1)], "Archive")
    assert await upkeep.retain(store, account, "Nowhere", DAY) == 0
    assert await upkeep.retain(store, account, "trash", 11 * DAY) == 0
    assert await upkeep.retain(store, account, "Trash", 9 * DAY) == 1
    trash = await mailboxes.get(store, account, "Trash")
    assert [row.uid for row in await reading.rows(store, trash.id)] == [2]
    assert (trash.messages, trash.unseen) == (1, 1)
    kit.clock.ahead += HOUR
    assert (await upkeep.run(store)).released == 0
    assert await upkeep.retain(store, account, "Trash", 0) == 1
    kit.clock.ahead += HOUR
    assert (await upkeep.run(store)).released == 1
    assert [finding async for finding in verifying.run(store, bodies=True)] == []


async def test_more_than_a_page_of_old_messages_goes(kit: Kit, account: Account) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(upkeep.PAGE + 5):
            nursery.start_soon(put, kit.store, account, message(), "Trash")
    kit.clock.ahead = DAY
    assert await upkeep.retain(kit.store, account, "Trash", HOUR) == upkeep.PAGE + 5


async def test_two_runs_at_once_do_everything_once(kit: Kit, account: Account) -> None:
    delivered = [await put(kit.store, account, message()) for _ in range(20)]
    await expunging.erase(kit.store, account, delivered[0].mailbox_id, EVERYTHING)
    await kit.store.bodies["main"].put(account.id, Bytes(b"nobody's"))
    kit.clock.ahead = 2 * DAY
    async with trio.open_nursery() as nursery:
        for step in (upkeep.release, orphans.remove, upkeep.prune):
            nursery.start_soon(step, kit.store)
            nursery.start_soon(step, kit.store)
    assert await bodies(kit.store) == 0
    assert [finding async for finding in verifying.run(kit.store, bodies=True)] == []


async def test_a_delivery_beside_upkeep_keeps_its_body(tmp_path: Path) -> None:
    """Between its put and its row a body looks like an orphan; its age protects it."""
    disk = await trio.to_thread.run_sync(DiskStore, tmp_path / "bodies")
    async with stores.opened(tmp_path, bodies=disk) as kit:
        account = await accounts.create(kit.store, "ann")

        async def deliver() -> None:
            for _ in range(30):
                await put(kit.store, account, message())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(deliver)
            nursery.start_soon(deliver)
            for _ in range(10):
                assert (await upkeep.run(kit.store)).orphans == 0
        assert [finding async for finding in verifying.run(kit.store, bodies=True)] == []
        assert await bodies(kit.store) == 60
