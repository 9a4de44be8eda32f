"""What every body store promises, as tests. The test file of a store is:

    class TestMyStore(bodies.BodyStoreContract):
        @pytest.fixture
        def opener(self, tmp_path):
            return lambda: bodies.closing(MyStore(tmp_path))

An opener opens the same storage each time it is called; two may be open at once, as in two processes. It runs under any
test runner that gives `opener` as an argument and runs coroutine functions on trio (pytest with pytest-trio does).
"""

import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar, Final, TypeVar

import trio

from storage_backends import errors
from storage_backends.bodies import api
from storage_backends.contract import sources

Store = TypeVar("Store", bound=api.BodyStore)
Opener = Callable[[], AbstractAsyncContextManager[api.BodyStore]]

MIB: Final = 1024 * 1024
EDGES: Final = (0, 1, 65535, 65536, 65537, 131072, 262143, 262144, 262145, 299_999, 300_000, 300_001, 1_000_000)
"""Ends of ranges in a body of 300,000 bytes: of chunks, of blocks, of the body."""

FOREIGN: Final = ("", "x", "1/00/x", "../../etc/passwd", "/etc/passwd", "1/../../../etc/passwd", "a\0b", "é", "9" * 255)


@asynccontextmanager
async def closing(store: Store) -> AsyncIterator[Store]:
    """Close a store at the end, also when the test was cancelled."""
    try:
        yield store
    finally:
        with trio.CancelScope(shield=True):
            await store.aclose()


async def listed(store: api.BodyStore, account: int | None = None) -> dict[str, api.BodyInfo]:
    """All that `refs` lists, by key."""
    return {info.key: info async for info in store.refs(account)}


async def exists(store: api.BodyStore, ref: str) -> bool:
    """Whether a body can be opened."""
    try:
        async with store.open(ref, 0, 0):
            return True
    except errors.NotFound:
        return False


async def put_all(store: api.BodyStore, wanted: dict[str, tuple[int, bytes]]) -> dict[str, str]:
    """Put bodies side by side: name -> (account, bytes) gives name -> reference."""
    refs: dict[str, str] = {}

    async def put(name: str, account: int, data: bytes) -> None:
        refs[name] = await store.put(account, api.Bytes(data))

    async with trio.open_nursery() as nursery:
        for name, (account, data) in wanted.items():
            nursery.start_soon(put, name, account, data)
    return refs


async def stalled(source: sources.Stalling) -> None:
    """Wait until a store has read half of a source."""
    assert await trio.to_thread.run_sync(source.reached.wait, 60)


class BodyStoreContract:
    """The promises of `storage_backends.bodies.api`."""

    streams: ClassVar[bool] = True
    """False for a store that keeps bodies in memory by design."""

    async def test_body_is_there_when_the_store_is_opened_again(self, opener: Opener) -> None:
        async with opener() as store:
            ref = await store.put(7, api.Bytes(b"Subject: hello\r\n\r\nworld\r\n"))
        async with opener() as store:
            assert await api.read(store, ref) == b"Subject: hello\r\n\r\nworld\r\n"

    async def test_body_is_seen_by_another_store_on_the_same_storage(self, opener: Opener) -> None:
        async with opener() as one, opener() as other:
            ref = await one.put(7, api.Bytes(b"for both"))
            assert await api.read(other, ref) == b"for both"
            await other.delete([ref])
            assert api.key(ref) not in await listed(one)

    async def test_empty_body_is_a_body(self, opener: Opener) -> None:
        async with opener() as store:
            ref = await store.put(7, api.Bytes(b""))
            assert await api.read(store, ref) == b""
            assert await api.read(store, ref, 5, 9) == b""
            assert api.key(ref) in await listed(store)

    async def test_references_are_short_ascii_and_never_the_same(self, opener: Opener) -> None:
        async with opener() as store:
            refs = [await store.put(account, api.Bytes(b"equal")) for account in (1, 1, 2**40)]
            assert len({api.key(ref) for ref in refs}) == 3
            assert all(ref.isascii() and ref.isprintable() and 0 < len(ref) <= 255 for ref in refs)

    async def test_any_range_is_what_a_slice_would_give(self, opener: Opener) -> None:
        data = b"".join(sources.Long(300_000).blocks())
        async with opener() as store:
            ref = await store.put(7, api.Bytes(data))
            ranges = [(a, b) for a in EDGES for b in (*EDGES, None) if b in (0, None) or b >= a]
            results: dict[tuple[int, int | None], bytes] = {}

            async def read(start: int, stop: int | None) -> None:
                results[start, stop] = await api.read(store, ref, start, stop)

            for first in range(0, len(ranges), 16):
                async with trio.open_nursery() as nursery:
                    for start, stop in ranges[first : first + 16]:
                        nursery.start_soon(read, start, stop)
        assert [each for each in ranges if results[each] != data[each[0] : each[1]]] == []

    async def test_many_ranges_are_read_at_once(self, opener: Opener) -> None:
        data = b"".join(sources.Long(300_000).blocks())
        async with opener() as store:
            large, small, empty = [await store.put(7, api.Bytes(each)) for each in (data, b"small one", b"")]
            gone = await store.put(7, api.Bytes(b"gone"))
            await store.delete([gone])
            wanted = [api.Range(large, a, b) for a in EDGES for b in (*EDGES, None) if b in (0, None) or b >= a]
            wanted += [
                api.Range(small),
                api.Range(empty),
                api.Range(gone),
                api.Range(small, 2, 5),
                api.Range(empty, 3, 4),
            ]
            wanted += [api.Range(each) for each in FOREIGN]
            found = [each if isinstance(each, bytes) else type(each) for each in await store.read_many(wanted)]
            few = [await store.read_many([each]) for each in (api.Range(small, 1), api.Range(large, 65_530, 65_540))]
            assert await store.read_many([]) == []
        ends = [b"small one", b"", errors.NotFound, b"all", b"", *[errors.NotFound] * len(FOREIGN)]
        of_large = [data[each.start : each.stop] for each in wanted if each.ref == large]
        assert [
            place for place, pair in enumerate(zip(found, [*of_large, *ends], strict=True)) if pair[0] != pair[1]
        ] == []
        assert few == [[b"mall one"], [data[65_530:65_540]]]

    async def test_errors_among_answers_hold_nothing(self, opener: Opener) -> None:
        async with opener() as store:
            gone = await store.put(7, api.Bytes(b"gone"))
            await store.delete([gone])
            for answer in await store.read_many([api.Range(gone), api.Range("nobody's")]):
                assert isinstance(answer, errors.NotFound)
                assert (answer.__traceback__, answer.__context__, answer.__cause__) == (None, None, None)

    async def test_reading_many_can_be_cancelled(self, opener: Opener) -> None:
        async with opener() as store:
            ref = await store.put(7, api.Bytes(b"body"))
            with trio.CancelScope() as scope:
                scope.cancel()
                await store.read_many([api.Range(ref)] * 100)
            assert scope.cancelled_caught
            assert await store.read_many([api.Range(ref)] * 2) == [b"body"] * 2

    async def test_blocks_are_neither_empty_nor_too_long(self, opener: Opener) -> None:
        async with opener() as store:
            ref = await store.put(7, sources.Long(3 * MIB + 5))
            async with store.open(ref, 10, 3 * MIB) as blocks:
                assert all([0 < len(block) <= api.BLOCK async for block in blocks])

    async def test_reference_that_was_never_given_out_is_not_found(self, opener: Opener) -> None:
        async with opener() as store:
            ref = await store.put(7, api.Bytes(b"one"))
            assert [each for each in FOREIGN if await exists(store, each)] == []
            await store.delete(FOREIGN)
            assert await api.read(store, ref) == b"one"

    async def test_deleted_body_is_gone_and_deleting_again_is_fine(self, opener: Opener) -> None:
        async with opener() as store:
            refs = await put_all(store, {str(number): (7, b"%d" % number) for number in range(20)})
            kept = refs.pop("0")
            gone = list(refs.values())
            await store.delete(gone)
            await store.delete([*gone, *gone])
            await store.delete([])
            assert [ref for ref in gone if await exists(store, ref)] == []
            assert list(await listed(store, 7)) == [api.key(kept)]
            assert await api.read(store, kept) == b"0"

    async def test_body_never_changes_whatever_else_is_put_and_deleted(self, opener: Opener) -> None:
        async with opener() as store:
            ref = await store.put(7, api.Bytes(b"first"))
            await store.delete((await put_all(store, {str(number): (7, b"other") for number in range(5)})).values())
            assert await api.read(store, ref) == b"first"

    async def test_listing_tells_accounts_sizes_and_ages(self, opener: Opener) -> None:
        async with opener() as store:
            refs = await put_all(store, {str(size): (7, b"x" * size) for size in (0, 10, 100_000)})
            mine = {api.key(ref): int(size) for size, ref in refs.items()}
            other = api.key(await store.put(70, api.Bytes(b"other")))
            found = await listed(store, 7)
            assert set(found) == set(mine)
            assert {key: info.size for key, info in found.items()} == mine
            assert {info.account for info in found.values()} == {7}
            assert all(0 <= info.age < 600 for info in found.values())
            everything = await listed(store)
            assert set(everything) == {*mine, other}
            assert everything[other].account == 70
            assert await listed(store, 8) == {}

    async def test_unfinished_put_is_not_listed(self, opener: Opener) -> None:
        source = sources.Stalling(2 * MIB)
        async with opener() as store, trio.open_nursery() as nursery:
            nursery.start_soon(store.put, 7, source)
            await stalled(source)
            try:
                assert await listed(store) == {}
            finally:
                source.go_on.set()

    async def test_failing_source_fails_its_own_put_only(self, opener: Opener) -> None:
        failed: list[int] = []
        good: list[str] = []

        async def put_failing(store: api.BodyStore, size: int) -> None:
            try:
                await store.put(7, sources.Failing(size))
            except sources.SourceFailed:
                failed.append(size)

        async def put_good(store: api.BodyStore) -> None:
            good.append(await store.put(7, api.Bytes(b"good")))

        async with opener() as store:
            async with trio.open_nursery() as nursery:
                for size in (1000, 1 * MIB, 1001):
                    nursery.start_soon(put_failing, store, size)
                    nursery.start_soon(put_good, store)
            assert sorted(failed) == [1000, 1001, 1 * MIB]
            assert set(await listed(store)) == set(map(api.key, good))

    async def test_source_that_gives_less_than_it_said_is_refused(self, opener: Opener) -> None:
        class Liar(api.Bytes):
            size = 1000

        async with opener() as store:
            try:
                await store.put(7, Liar(b"short"))
            except errors.Unavailable:
                assert await listed(store) == {}
            else:
                raise AssertionError("a body of the wrong size was stored")

    async def test_fifty_callers_put_and_read_at_once(self, opener: Opener) -> None:
        right: list[int] = []

        async def put_and_read(store: api.BodyStore, number: int) -> None:
            data = b"%d " % number * (number * 100)
            ref = await store.put(number % 5, api.Bytes(data))
            if await api.read(store, ref) == data and await api.read(store, ref, 3, 50) == data[3:50]:
                right.append(number)

        async with opener() as store:
            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(put_and_read, store, number)
            assert sorted(right) == list(range(50))
            assert len(await listed(store)) == 50

    async def test_cancelled_put_leaves_at_most_a_whole_orphan(self, opener: Opener) -> None:
        source = sources.Stalling(2 * MIB)
        async with opener() as store:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store.put, 7, source)
                await stalled(source)
                nursery.cancel_scope.cancel()
                source.go_on.set()
            assert {info.size for info in (await listed(store)).values()} <= {2 * MIB}
            assert await api.read(store, await store.put(7, api.Bytes(b"next"))) == b"next"

    async def test_cancelled_small_puts_do_not_harm_others(self, opener: Opener) -> None:
        kept: list[str] = []

        async def put(store: api.BodyStore, cancelled: bool) -> None:
            with trio.CancelScope() as scope:
                if cancelled:
                    scope.cancel()
                kept.append(await store.put(7, api.Bytes(b"small")))

        async with opener() as store:
            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(put, store, number % 2 == 0)
            assert len(kept) >= 10
            assert [await api.read(store, ref) for ref in kept] == [b"small"] * len(kept)

    async def test_put_under_way_is_done_or_unavailable_when_the_store_closes(self, opener: Opener) -> None:
        done: list[str] = []

        async def put(store: api.BodyStore, size: int) -> None:
            try:
                done.append(await store.put(7, sources.Long(size)))
            except errors.Unavailable:
                return

        async with trio.open_nursery() as nursery, opener() as store:
            for number in range(20):
                nursery.start_soon(put, store, number * 50_000)
            await trio.lowlevel.checkpoint()
        async with opener() as store:
            found = await listed(store)
            assert set(map(api.key, done)) <= set(found)
            assert [len(await api.read(store, ref)) for ref in done] == [found[api.key(ref)].size for ref in done]

    async def test_reader_may_stop_in_the_middle(self, opener: Opener) -> None:
        async with opener() as store:
            ref = await store.put(7, sources.Long(2 * MIB))
            for _ in range(30):
                async with store.open(ref) as blocks:
                    async for _block in blocks:
                        break
            with trio.CancelScope() as scope:
                async with store.open(ref) as blocks:
                    scope.cancel()
                    async for _block in blocks:
                        pass
            assert scope.cancelled_caught
            assert len(await api.read(store, ref)) == 2 * MIB

    async def test_hundred_megabytes_pass_in_32_megabytes_of_memory(self, opener: Opener) -> None:
        source = sources.Long(100_000_000)
        digest = source.digest()
        async with opener() as store:
            await store.put(7, api.Bytes(b"what is loaded at the first call does not count"))
            tracemalloc.start()
            try:
                ref = await store.put(7, source)
                found = hashlib.sha256()
                async with store.open(ref) as blocks:
                    async for block in blocks:
                        found.update(block)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            await store.delete([ref])
        assert found.hexdigest() == digest
        assert peak < 32_000_000 or not self.streams
