"""What every index promises, as tests. The test file of an engine is:

    class TestMyIndex(index.IndexContract):
        @pytest.fixture
        def opener(self, tmp_path):
            return lambda: index.closing(open.open_sqlite(tmp_path / "index.db"))

An opener opens the same database each time it is called; two may be open at once, as in two processes. It runs under any
test runner that gives `opener` as an argument and runs coroutine functions on trio (pytest with pytest-trio does).
"""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from functools import partial

import trio
import trio.testing

from storage_backends.contract import index_rows as rows
from storage_backends.contract import index_units
from storage_backends.errors import Conflict, Unavailable
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index, ModSeq, Row, Transaction
from storage_backends.index.tables import accounts, documents, leases

Opener = rows.Opener


@asynccontextmanager
async def closing(opening: Awaitable[Index]) -> AsyncIterator[Index]:
    """Open an index and close it at the end, also when the test was cancelled."""
    index = await opening
    try:
        yield index
    finally:
        with trio.CancelScope(shield=True):
            await index.aclose()


class IndexContract(index_units.UnitContract):
    """Derive from it and add the fixture `opener`."""

    async def test_what_is_written_is_read_in_every_process(self, opener: Opener) -> None:
        async with opener() as one, opener() as two:
            a = await rows.account(one)
            await rows.write(one, a, "first")
            assert await two.read(lambda tx: rows.names(tx, a)) == ["first"]

    async def test_rows_survive_closing(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index)
            await rows.write(index, a, "kept")
        async with opener() as index:
            assert await index.read(lambda tx: rows.names(tx, a)) == ["kept"]

    async def test_values_come_back_as_they_went_in(self, opener: Opener) -> None:
        strange = "".join(map(chr, (1, 0x7F, 0xE9, 0x1F600))) + "'\"%s:name\\"
        async with opener() as index:
            a = await rows.account(index, strange)
            largest = {"account": a, "name": strange, "value": bytes(range(256)), "modseq": 2**63 - 1}
            await index.write((a,), lambda tx: tx.run(rows.ADD, largest))
            assert (await index.read(lambda tx: accounts.by_id(tx, a))).name == strange
            found = await index.read(lambda tx: tx.all(rows.MODSEQS, {"names": [strange, "other"]}))
            assert found == [(2**63 - 1,)]
            assert await index.read(lambda tx: tx.all(rows.VALUES, {"account": a})) == [(bytes(range(256)),)]

    async def test_a_statement_runs_for_many_parameters(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index)
            values = [{"account": a, "name": str(n), "value": b"", "modseq": n} for n in range(100)]
            await index.write((a,), lambda tx: tx.many(rows.ADD, values))
            await index.write((a,), lambda tx: tx.many(rows.ADD, []))
            assert await index.read(lambda tx: rows.names(tx, a)) == [str(n) for n in range(100)]

    async def test_what_is_asked_runs_in_order_and_answers_later(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index)

            def unit(tx: Transaction) -> tuple[list[Row], list[Row], int, list[str]]:
                added = tx.ask(rows.ADD, {"account": a, "name": "1", "value": b"", "modseq": 7})
                found = tx.ask(rows.MODSEQS, {"names": ["1"]})
                touched = tx.run(rows.ADD, {"account": a, "name": "2", "value": b"", "modseq": 8})
                tx.ask(rows.ADD, {"account": a, "name": "3", "value": b"", "modseq": 9})
                return added(), found(), touched, rows.names(tx, a)

            assert await index.write((a,), unit) == ([], [(7,)], 1, ["1", "2", "3"])
            await index.write((a,), lambda tx: tx.ask(rows.ADD, {"account": a, "name": "4", "value": b"", "modseq": 9}))
            assert await index.read(lambda tx: rows.names(tx, a)) == ["1", "2", "3", "4"]
            assert await index.read(lambda tx: tx.ask(rows.MODSEQS, {"names": ["1", "2"]})()) == [(7,), (8,)]

    async def test_a_read_sees_one_snapshot(self, opener: Opener) -> None:
        begun, go_on = threading.Event(), threading.Event()
        async with opener() as index:
            a = await rows.account(index)
            await rows.write(index, a, "before")
            seen = []

            def unit(tx: Transaction) -> None:
                seen.append(rows.names(tx, a))
                begun.set()
                assert go_on.wait(rows.PATIENCE)
                seen.append(rows.names(tx, a))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(index.read, unit)
                await rows.waiting(begun)
                await rows.write(index, a, "after")
                go_on.set()
            assert seen == [["before"], ["before"]]
            assert await index.read(lambda tx: rows.names(tx, a)) == ["before", "after"]

    async def test_ids_of_removed_accounts_are_not_used_again(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index, "first")
            await index.write((a,), lambda tx: accounts.remove(tx, a))
            assert await rows.account(index, "second") > a

    async def test_a_write_raises_the_modseq_of_each_of_its_accounts(self, opener: Opener) -> None:
        async with opener() as index:
            both = [await rows.account(index, name) for name in "ab"]
            unit = lambda tx: [tx.modseq(each) for each in both]  # noqa: E731
            assert await index.write([*reversed(both), *both], unit) == [2, 2]
            assert await index.write(both, unit) == [3, 3]

    async def test_writes_over_several_accounts_never_block_each_other_for_ever(self, opener: Opener) -> None:
        async with opener() as one, opener() as two:
            ids = [await rows.account(one, name) for name in "abc"]

            async def writer(index: Index, order: Collection[AccountId]) -> None:
                for _ in range(10):
                    await index.write(order, lambda tx: [rows.put(tx, each, "x") for each in order])

            await rows.at_once(*(lambda i=i, n=n: writer(i, ids[n:] + ids[:n]) for i in (one, two) for n in range(3)))
            assert {row.modseq for row in await one.read(accounts.all_rows)} == {61}

    async def test_modseqs_are_strict_and_in_the_order_of_commits(self, opener: Opener) -> None:
        async with opener() as one, opener() as two:
            a = await rows.account(one)
            got: list[ModSeq] = []
            done = trio.Event()

            async def writer(index: Index, number: int) -> None:
                for turn in range(10):
                    got.append(await rows.write(index, a, f"{number}.{turn}"))

            def modseqs(tx: Transaction) -> tuple[list[int], int]:
                found = tx.all(rows.MODSEQS, {"names": [f"{n}.{t}" for n in range(10) for t in range(10)]})
                return [modseq for (modseq,) in found], accounts.by_id(tx, a).modseq

            async def no_gaps() -> None:
                while not done.is_set():
                    seen, top = await two.read(modseqs)
                    assert seen == list(range(2, top + 1)), "a later change was visible before an earlier one"

            async with trio.open_nursery() as nursery:
                nursery.start_soon(no_gaps)
                await rows.at_once(*(partial(writer, (one, two)[n % 2], n) for n in range(10)))
                done.set()
            assert sorted(got) == list(range(2, 102))

    async def test_a_handed_over_write_finishes_though_its_caller_is_cancelled(self, opener: Opener) -> None:
        begun, go_on = threading.Event(), threading.Event()
        async with opener() as index:
            a = await rows.account(index)

            def unit(tx: Transaction) -> None:
                begun.set()
                assert go_on.wait(rows.PATIENCE)
                rows.put(tx, a, "finished")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(index.write, (a,), unit)
                await rows.waiting(begun)
                nursery.cancel_scope.cancel()
                go_on.set()
            assert await index.read(lambda tx: rows.names(tx, a)) == ["finished"]

    async def test_a_caller_cancelled_before_hands_nothing_over(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index)
            with trio.CancelScope() as scope:
                scope.cancel()
                await rows.write(index, a, "never")
            assert scope.cancelled_caught
            assert await index.read(lambda tx: rows.names(tx, a)) == []

    async def test_closing_finishes_what_was_handed_over(self, opener: Opener) -> None:
        begun, go_on = threading.Event(), threading.Event()
        async with opener() as index:
            a = await rows.account(index)

            def unit(tx: Transaction) -> None:
                begun.set()
                assert go_on.wait(rows.PATIENCE)
                rows.put(tx, a, "first")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(index.write, (a,), unit)
                await rows.waiting(begun)
                nursery.start_soon(rows.write, index, a, "second")
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(index.aclose)
                await trio.testing.wait_all_tasks_blocked()
                go_on.set()
            assert isinstance(await rows.failure(rows.write(index, a, "late")), Unavailable)
            assert isinstance(await rows.failure(index.read(lambda tx: rows.names(tx, a))), Unavailable)
            assert isinstance(await rows.failure(index.past(a, ModSeq(0))), Unavailable)
        async with opener() as index:
            assert await index.read(lambda tx: rows.names(tx, a)) == ["first", "second"]

    async def test_past_is_woken_by_this_process_and_by_others(self, opener: Opener) -> None:
        async with opener() as one, opener() as two:
            a, b = await rows.account(one, "a"), await rows.account(one, "b")
            assert await one.past(a, ModSeq(0)) == 1
            for writer in (one, two):
                for waiter in (one, two):
                    before = (await one.read(lambda tx: accounts.by_id(tx, a))).modseq
                    woken: list[ModSeq] = []

                    async def wait(
                        waiter: Index = waiter, before: ModSeq = before, woken: list[ModSeq] = woken
                    ) -> None:
                        with trio.fail_after(rows.PATIENCE):
                            woken.append(await waiter.past(a, before))

                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(wait)
                        await rows.write(writer, b, "other")
                        await rows.write(writer, a, "this")
                    assert woken == [before + 1]

    async def test_many_wait_for_one_account(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index)
            woken: list[ModSeq] = []

            async def wait() -> None:
                woken.append(await index.past(a, ModSeq(1)))

            async with trio.open_nursery() as nursery:
                for _ in range(50):
                    nursery.start_soon(wait)
                await trio.testing.wait_all_tasks_blocked()
                await rows.write(index, a, "x")
            assert woken == [2] * 50

    async def test_waiters_end_when_the_index_closes(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index)
            errors: list[BaseException | None] = []

            async def wait() -> None:
                errors.append(await rows.failure(index.past(a, ModSeq(1))))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                await trio.testing.wait_all_tasks_blocked()
                await index.aclose()
            assert isinstance(errors[0], Unavailable)

    async def test_fifty_write_to_fifty_accounts(self, opener: Opener) -> None:
        async with opener() as index:
            ids = [await rows.account(index, str(n)) for n in range(50)]

            async def writer(each: AccountId) -> None:
                for turn in range(5):
                    await rows.write(index, each, str(turn))

            await rows.at_once(*(partial(writer, each) for each in ids))
            assert [row.modseq for row in await index.read(accounts.all_rows)] == [6] * 50

    async def test_fifty_writers_of_one_account_do_not_stall_another(self, opener: Opener) -> None:
        async with opener() as index:
            busy, quiet = await rows.account(index, "busy"), await rows.account(index, "quiet")
            done = 0

            async def writer(number: int) -> None:
                nonlocal done
                for _ in range(40):
                    await rows.write(index, busy, str(number))
                    done += 1

            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(writer, number)
                for turn in range(5):
                    await rows.write(index, quiet, str(turn))
                assert done < 50 * 40, "the quiet account waited until the busy one was done"
            assert (await index.read(lambda tx: accounts.by_id(tx, busy))).modseq == 1 + 50 * 40

    async def test_one_of_many_gets_a_lease(self, opener: Opener) -> None:
        async with opener() as one, opener() as two:
            claims: list[leases.Claim | None] = []

            async def claim(index: Index) -> None:
                claims.append(await index.write(NO_ACCOUNT, lambda tx: leases.claim(tx, "work", "me", 60_000)))

            await rows.at_once(*(partial(claim, (one, two)[n % 2]) for n in range(10)))
            (mine,) = [each for each in claims if each is not None]
            await one.write(NO_ACCOUNT, lambda tx: leases.renew(tx, "work", mine, 60_000))
            await two.write(NO_ACCOUNT, lambda tx: leases.settle(tx, "work", mine))

    async def test_a_lease_that_ran_out_is_another_s(self, opener: Opener) -> None:
        async with opener() as index:
            late = await index.write(NO_ACCOUNT, lambda tx: leases.claim(tx, "work", "slow", 0))
            assert late is not None
            assert isinstance(
                await rows.failure(index.write(NO_ACCOUNT, lambda tx: leases.settle(tx, "work", late))), Conflict
            )
            mine = await index.write(NO_ACCOUNT, lambda tx: leases.claim(tx, "work", "me", 60_000))
            assert mine is not None
            assert mine > late
            for change in (leases.settle, partial(leases.renew, milliseconds=1)):
                doing = index.write(NO_ACCOUNT, partial(_on_lease, change, late))
                assert isinstance(await rows.failure(doing), Conflict)
            await index.write(NO_ACCOUNT, lambda tx: leases.release(tx, "work", late))
            assert await index.write(NO_ACCOUNT, lambda tx: leases.claim(tx, "work", "x", 1)) is None
            await index.write(NO_ACCOUNT, lambda tx: leases.release(tx, "work", mine))
            assert await index.write(NO_ACCOUNT, lambda tx: leases.claim(tx, "work", "x", 1)) is not None

    async def test_a_document_is_replaced_by_who_saw_its_version(self, opener: Opener) -> None:
        async with opener() as one, opener() as two:
            write_it = documents.replace
            assert await one.read(lambda tx: documents.load(tx, "d")) == documents.ABSENT
            assert await one.write(NO_ACCOUNT, lambda tx: write_it(tx, "d", "one", seen=0, now=5)) == 1
            assert isinstance(
                await rows.failure(two.write(NO_ACCOUNT, lambda tx: write_it(tx, "d", "two", seen=0, now=6))), Conflict
            )
            assert await two.write(NO_ACCOUNT, lambda tx: write_it(tx, "d", "two", seen=1, now=6)) == 2
            assert await one.read(lambda tx: documents.version(tx, "d")) == 2
            assert await one.read(lambda tx: documents.load(tx, "d")) == (2, "two", 6)

    async def test_the_clock_goes_on(self, opener: Opener) -> None:
        async with opener() as index:
            first = await index.now()
            assert 0 <= await index.now() - first < 60_000

    async def test_a_sound_database_has_no_problems(self, opener: Opener) -> None:
        async with opener() as index:
            await rows.write(index, await rows.account(index), "x")
            assert list(await index.integrity()) == []


def _on_lease(change: Callable[[Transaction, str, leases.Claim], None], claim: leases.Claim, tx: Transaction) -> None:
    change(tx, "work", claim)
