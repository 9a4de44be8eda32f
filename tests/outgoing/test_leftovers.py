"""Bodies that nobody needs any more."""

from collections.abc import Iterable

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from mox_trio.outgoing import leftovers
from mox_trio.outgoing.leftovers import Leftovers
from storage_backends.bodies.api import Bytes
from storage_backends.bodies.memory import MemoryStore
from storage_backends.errors import Unavailable


class Counting(MemoryStore):
    """A store that counts the calls, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.away = False

    async def delete(self, refs: Iterable[str]) -> None:
        given = list(refs)
        self.calls.append(len(given))
        if self.away:
            raise Unavailable("away")
        await super().delete(given)

    async def put_many(self, count: int) -> list[str]:
        return [await self.put(1, Bytes(b"x")) for _ in range(count)]

    async def count(self) -> int:
        return len([each async for each in self.refs(None)])


async def test_what_nobody_deletes_beside_is_deleted_at_once() -> None:
    store = Counting()
    (ref,) = await store.put_many(1)
    await Leftovers().discard(store, ref)
    assert await store.count() == 0


async def test_what_comes_together_is_deleted_together(autojump_clock: MockClock) -> None:
    store, other = Counting(), Counting()
    rest = Leftovers()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rest.run)
        await wait_all_tasks_blocked()
        for ref in await store.put_many(5):
            await rest.discard(store, ref)
        for ref in await other.put_many(2):
            await rest.discard(other, ref)
        await trio.sleep(1)
        assert (store.calls, other.calls) == ([5], [2])
        nursery.cancel_scope.cancel()
    assert (await store.count(), await other.count()) == (0, 0)


async def test_what_is_left_at_the_end_is_deleted(autojump_clock: MockClock) -> None:
    store, rest = Counting(), Leftovers()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rest.run)
        await wait_all_tasks_blocked()
        for ref in await store.put_many(3):
            await rest.discard(store, ref)
        nursery.cancel_scope.cancel()
    assert (store.calls, await store.count()) == ([3], 0)


async def test_a_store_that_is_away_leaves_orphans_and_stops_nothing(autojump_clock: MockClock) -> None:
    store, rest = Counting(), Leftovers()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rest.run)
        await wait_all_tasks_blocked()
        first, second = await store.put_many(2)
        store.away = True
        await rest.discard(store, first)
        await trio.sleep(1)
        store.away = False
        await rest.discard(store, second)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [each.key async for each in store.refs(None)] == [first]


async def test_with_too_many_waiting_whoever_has_one_more_deletes_it(autojump_clock: MockClock) -> None:
    store, rest = Counting(), Leftovers()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rest.run)
        await wait_all_tasks_blocked()
        for ref in await store.put_many(leftovers.MOST + 1):
            await rest.discard(store, ref)
        assert store.calls == [1]
        nursery.cancel_scope.cancel()
    assert await store.count() == 0
