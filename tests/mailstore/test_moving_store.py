"""Moving bodies to another store while they are read: verified, resumable, and the old ones stay for a while."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
import trio

from mox_trio.base.failure import Failure
from mox_trio.mailstore import accounts, expunging, moving_store, reading, upkeep, verifying
from mox_trio.mailstore.deliver import Delivered
from mox_trio.mailstore.moving_store import Moved
from mox_trio.mailstore.store import DAY, HOUR, Account, MailStore
from storage_backends.bodies.api import BodyStore, Source
from storage_backends.bodies.memory import MemoryStore
from storage_backends.contract.faults import fail_at
from storage_backends.errors import Unavailable
from storage_backends.index import schema
from storage_backends.index.tables import stores as store_rows
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit import damage, stores
from tests.kit import faulty as faults
from tests.kit.stores import Kit, message, put

MAILS = 12


@pytest.fixture
async def delivered(store: MailStore, account: Account) -> list[Delivered]:
    """Small messages and a large one."""
    return [
        await put(store, account, message(str(number), "text\r\n" * (60_000 if number == 5 else 10)))
        for number in range(MAILS)
    ]


async def count(bodies: BodyStore) -> int:
    return len([info async for info in bodies.refs()])


async def sound(store: MailStore) -> bool:
    return [finding async for finding in verifying.run(store, bodies=True)] == []


async def readable(store: MailStore, account: Account, delivered: list[Delivered]) -> bool:
    for number, each in enumerate(delivered):
        if f"Subject: {number}\r\n".encode() not in await reading.mail(store, account, each.email_id):
            return False
    return True


async def test_every_body_moves_and_the_old_ones_go_an_hour_later(
    kit: Kit, account: Account, delivered: list[Delivered]
) -> None:
    store = kit.store
    seen: list[Moved] = []

    async def progress(moved: Moved) -> None:
        seen.append(moved)

    assert await moving_store.count(store, "main") == MAILS
    moved = await moving_store.run(stores.defaulting(store, "other"), "main", "other", progress)
    assert (moved.bodies, moved.failed) == (MAILS, ())
    assert moved.size == sum(each.size for each in delivered)
    assert seen == [moved]
    assert await moving_store.count(store, "main") == 0
    assert await readable(store, account, delivered)
    assert await count(store.bodies["main"]) == await count(store.bodies["other"]) == MAILS
    kit.clock.ahead = HOUR
    assert (await upkeep.run(store)).released == MAILS
    assert await count(store.bodies["main"]) == 0
    assert await sound(store)


async def test_old_bodies_that_wait_are_no_orphans_however_old_they_are(
    kit: Kit, account: Account, delivered: list[Delivered]
) -> None:
    kit.clock.ahead = 3 * DAY
    await moving_store.run(stores.defaulting(kit.store, "other"), "main", "other")
    assert await sound(kit.store)
    assert (await upkeep.run(kit.store)).orphans == 0
    assert await count(kit.store.bodies["main"]) == MAILS


async def test_a_store_is_in_use_until_nothing_of_it_is_named(kit: Kit, delivered: list[Delivered]) -> None:
    await moving_store.run(stores.defaulting(kit.store, "other"), "main", "other")
    assert await kit.store.index.read(store_rows.in_use) == {"main", "other"}
    kit.clock.ahead = HOUR
    await upkeep.run(kit.store)
    assert await kit.store.index.read(store_rows.in_use) == {"other"}


async def test_a_store_that_gets_new_bodies_is_not_emptied(store: MailStore, delivered: list[Delivered]) -> None:
    with pytest.raises(Failure, match="still gets new bodies"):
        await moving_store.run(store, "main", "other")


async def test_messages_are_read_while_they_move(
    store: MailStore, account: Account, delivered: list[Delivered]
) -> None:
    async def read() -> None:
        for _ in range(5):
            assert await readable(store, account, delivered)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(read)
        await moving_store.run(stores.defaulting(store, "other"), "main", "other")
        await moving_store.run(stores.defaulting(store, "main"), "other", "main")


class Gone(MemoryStore):
    """A store that loses its bodies to another when they are opened: the worst moment of a move."""

    def __init__(self, inner: BodyStore, move: list[trio.Event]) -> None:
        super().__init__()
        self._inner = inner
        self._move = move

    @asynccontextmanager
    async def open(self, ref: str, start: int = 0, stop: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        self._move[0].set()
        await self._move[1].wait()
        async with self._inner.open(ref, start, stop) as blocks:
            yield blocks


async def test_a_reader_that_finds_nothing_reads_the_row_again(
    kit: Kit, account: Account, delivered: list[Delivered]
) -> None:
    events = [trio.Event(), trio.Event()]
    slow = replace(kit.store, bodies={**kit.store.bodies, "main": Gone(kit.store.bodies["main"], events)})

    async def read() -> None:
        assert await reading.mail(slow, account, delivered[3].email_id) == message("3", "text\r\n" * 10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await events[0].wait()
        await moving_store.run(stores.defaulting(kit.store, "other"), "main", "other")
        kit.clock.ahead = HOUR
        await upkeep.release(kit.store)
        events[1].set()


@pytest.mark.parametrize("effect", [False, True])
async def test_a_move_that_failed_at_any_call_goes_on_when_it_is_run_again(
    kit: Kit, account: Account, effect: bool
) -> None:
    store, number, calls = kit.store, 0, 0
    while calls >= number:
        number += 1
        mine = [await put(store, account, message(str(each))) for each in range(2)]
        failing = faults.over(store, fail_at(number, effect=effect))
        with suppress(Unavailable):
            await moving_store.run(stores.defaulting(failing.store, "other"), "main", "other")
        calls = failing.schedule.calls
        assert await sound(store)
        assert await readable(store, account, mine)
        assert (await moving_store.run(stores.defaulting(store, "other"), "main", "other")).failed == ()
        await expunging.erase(store, account, mine[0].mailbox_id, EVERYTHING)
    assert number > 12
    assert await moving_store.count(store, "main") == 0
    kit.clock.ahead = 2 * DAY
    await upkeep.run(store)
    assert await count(store.bodies["main"]) == 0
    assert await sound(store)


async def test_two_jobs_at_once_move_each_body_once(kit: Kit, account: Account, delivered: list[Delivered]) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(moving_store.run, stores.defaulting(kit.store, "other"), "main", "other")
    assert await readable(kit.store, account, delivered)
    kit.clock.ahead = HOUR
    await upkeep.run(kit.store)
    assert await count(kit.store.bodies["main"]) == 0
    assert await count(kit.store.bodies["other"]) == MAILS
    assert await sound(kit.store)


@pytest.mark.parametrize("what", ["flipped", "missing"])
async def test_a_damaged_body_is_reported_and_stays_where_it_is(
    kit: Kit, account: Account, delivered: list[Delivered], what: str
) -> None:
    file = (await damage.bodies(kit))[2]
    if what == "flipped":
        damage.flip(file, -1)
    else:
        file.unlink()
    moved = await moving_store.run(stores.defaulting(kit.store, "other"), "main", "other")
    assert moved.bodies == MAILS - 1
    (failed,) = moved.failed
    assert failed.startswith("main:")
    assert await moving_store.count(kit.store, "main") == 1
    assert "main" in await kit.store.index.read(store_rows.in_use)
    assert await count(kit.store.bodies["other"]) == MAILS - 1


class Erasing(MemoryStore):
    """A store whose first put removes the account before it is answered."""

    def __init__(self, store: MailStore) -> None:
        super().__init__()
        self._store = replace(store, bodies={**store.bodies, "other": self})
        self._first = True

    async def put(self, account: int, source: Source) -> str:
        first, self._first = self._first, False
        ref = await super().put(account, source)
        if first:
            await accounts.remove(self._store, "ann")
        return ref


async def test_what_is_erased_while_it_moves_is_no_failure(kit: Kit, delivered: list[Delivered]) -> None:
    store = replace(kit.store, bodies={**kit.store.bodies, "other": Erasing(kit.store)})
    assert (await moving_store.run(stores.defaulting(store, "other"), "main", "other")).failed == ()
    assert await count(store.bodies["main"]) == 0
    assert await count(store.bodies["other"]) == 0


async def test_stores_must_be_two_of_the_configuration(store: MailStore) -> None:
    for source, target in (("main", "main"), ("main", "none"), ("none", "main")):
        with pytest.raises(Failure):
            await moving_store.run(store, source, target)


async def test_a_released_row_of_a_body_is_gone_with_its_account(store: MailStore, account: Account) -> None:
    await put(store, account, message())
    await moving_store.run(stores.defaulting(store, "other"), "main", "other")
    await accounts.remove(store, "ann")
    assert await damage.look(store, schema.release.select()) == []
    assert await count(store.bodies["main"]) == await count(store.bodies["other"]) == 0
