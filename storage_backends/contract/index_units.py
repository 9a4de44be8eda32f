"""What every index promises of units that fail: each is rolled back alone. Part of `index.IndexContract`."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import trio
import trio.testing

from storage_backends.contract import index_rows as rows
from storage_backends.contract.index_rows import Opener
from storage_backends.errors import Conflict, NotFound
from storage_backends.index.api import NO_ACCOUNT, AccountId, ModSeq, Transaction
from storage_backends.index.tables import accounts


class UnitContract:
    """See `index.IndexContract`."""

    async def test_what_was_asked_and_fails_ends_its_unit_alone(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index)
            failures: dict[int, BaseException | None] = {}

            async def one(number: int) -> None:
                def unit(tx: Transaction) -> None:
                    for name in (f"before {number}", "taken" if number % 2 else str(number), f"after {number}"):
                        tx.ask(rows.ADD, {"account": a, "name": name, "value": b"", "modseq": number})

                failures[number] = await rows.failure(index.write((a,), unit))

            await rows.write(index, a, "taken")
            await rows.at_once(*(partial(one, n) for n in range(20)))
            assert [type(failures[n]) for n in range(20)] == [type(None), Conflict] * 10
            kept = {f"{word}{n}" for word in ("before ", "", "after ") for n in range(0, 20, 2)}
            assert set(await index.read(lambda tx: rows.names(tx, a))) == {"taken", *kept}

    async def test_a_unit_that_raises_is_rolled_back_alone(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index)
            outcomes: dict[int, BaseException | None] = {}

            def unit(tx: Transaction, number: int) -> float:
                rows.put(tx, a, str(number))
                return 1 / (number % 3)

            async def one(number: int) -> None:
                outcomes[number] = await rows.failure(index.write((a,), lambda tx: unit(tx, number)))

            await rows.at_once(*(partial(one, n) for n in range(60)))
            written = {int(name) for name in await index.read(lambda tx: rows.names(tx, a))}
            assert written == {n for n in range(60) if n % 3}
            assert all(isinstance(outcomes[n], ZeroDivisionError) == (n % 3 == 0) for n in range(60))

    async def test_units_that_fail_at_any_point_share_a_batch_with_others(self, opener: Opener) -> None:
        """Before their first statement, with a statement asked, after one was answered, and where nothing else succeeds."""
        begun, go_on = threading.Event(), threading.Event()

        def fails(tx: Transaction, account: AccountId, number: int) -> None:
            if number % 4 == 1:
                tx.ask(rows.ADD, {"account": account, "name": "asked", "value": b"", "modseq": 0})
            if number % 4 == 2:
                rows.put(tx, account, "answered")
            if number % 4 == 3:
                tx.modseq(account)
            raise ZeroDivisionError

        def held(tx: Transaction, account: AccountId) -> None:
            begun.set()
            assert go_on.wait(rows.PATIENCE)
            fails(tx, account, 0)

        async with opener() as index:
            a = await rows.account(index)
            got: dict[str, ModSeq] = {}
            failures: list[BaseException | None] = []

            async def failing(unit: Callable[[Transaction], None]) -> None:
                failures.append(await rows.failure(index.write((a,), unit)))

            async def good(name: str) -> None:
                got[name] = await rows.write(index, a, name)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(failing, lambda tx: held(tx, a))
                await rows.waiting(begun)
                for number in range(12):
                    nursery.start_soon(failing, partial(fails, account=a, number=number))
                    await trio.testing.wait_all_tasks_blocked()
                    if number > 5:
                        nursery.start_soon(good, str(number))
                        await trio.testing.wait_all_tasks_blocked()
                go_on.set()
            assert [type(each) for each in failures] == [ZeroDivisionError] * 13
            # The modseqs that were given out are those of the rows, and no two are the same.
            assert sorted(got.values()) == list(range(2, 8))
            assert [(n,) for n in sorted(got.values())] == await index.read(
                lambda tx: tx.all(rows.MODSEQS, {"names": list(got)})
            )
            assert await index.read(lambda tx: rows.names(tx, a)) == sorted(got, key=lambda name: got[name])
            assert (await index.read(lambda tx: accounts.by_id(tx, a))).modseq == 7

    async def test_results_come_after_the_commit(self, opener: Opener) -> None:
        async with opener() as one, opener() as two:
            a = await rows.account(one)

            async def writer(number: int) -> None:
                for turn in range(5):
                    name = f"{number}.{turn}"
                    await rows.write(one, a, name)
                    assert name in await two.read(lambda tx: rows.names(tx, a))

            await rows.at_once(*(partial(writer, n) for n in range(10)))

    async def test_a_taken_name_is_a_conflict_and_nothing_happens(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index, "taken")

            def unit(tx: Transaction) -> None:
                rows.put(tx, a, "before")
                accounts.add(tx, "taken", now=0)

            assert isinstance(await rows.failure(index.write((a,), unit)), Conflict)
            assert await index.read(lambda tx: rows.names(tx, a)) == []

    async def test_a_row_of_no_account_is_a_conflict(self, opener: Opener) -> None:
        async with opener() as index:
            row = {"account": 99, "name": "x", "value": "", "modseq": 1}
            assert isinstance(await rows.failure(index.write(NO_ACCOUNT, lambda tx: tx.run(rows.ADD, row))), Conflict)

    async def test_an_account_that_is_not_there_is_not_found(self, opener: Opener) -> None:
        async with opener() as index:
            a = await rows.account(index)
            gone = AccountId(a + 1)
            assert isinstance(await rows.failure(index.write((a, gone), lambda tx: rows.put(tx, a, "x"))), NotFound)
            for heedless in (lambda tx: None, lambda tx: _heedless(tx, a)):
                assert isinstance(await rows.failure(index.write((a, gone), heedless)), NotFound)
            assert isinstance(await rows.failure(index.past(gone, ModSeq(0))), NotFound)
            assert (await index.read(lambda tx: accounts.by_id(tx, a))).modseq == 1


def _heedless(tx: Transaction, account: AccountId) -> None:
    """Goes on whatever happens."""
    with suppress(NotFound):
        rows.names(tx, account)
    rows.put(tx, account, "y")
