"""What is known of an account that somebody waits for, and when the database is asked for it."""

from collections.abc import Mapping

import pytest
import trio
import trio.testing

from storage_backends.errors import NotFound, Unavailable
from storage_backends.index.api import AccountId, ModSeq
from storage_backends.index.watches import Watches

A = AccountId(1)


class Database:
    """Counts how often it is asked."""

    def __init__(self, modseq: int) -> None:
        self.marks = {A: ModSeq(modseq)}
        self.asked = 0
        self.is_away = False

    async def current(self) -> Mapping[AccountId, ModSeq]:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if self.is_away:
            raise Unavailable("away")
        return self.marks


async def test_who_waits_again_asks_only_once() -> None:
    watches, database = Watches(), Database(5)
    assert await watches.past(A, ModSeq(0), database.current) == 5
    watches.heard({A: ModSeq(6)})  # between the two waits
    assert await watches.past(A, ModSeq(5), database.current) == 6
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watches.past, A, ModSeq(6), database.current)
        await trio.testing.wait_all_tasks_blocked()
        watches.heard({A: ModSeq(7)})
    assert database.asked == 1


async def test_an_account_that_nobody_waits_for_is_forgotten_at_the_next_comparison() -> None:
    watches, database = Watches(), Database(5)
    await watches.past(A, ModSeq(0), database.current)
    assert watches.watched() == [A]
    watches.compared([A], database.marks)
    assert watches.watched() == []
    assert await watches.past(A, ModSeq(0), database.current) == 5
    assert database.asked == 2


async def test_what_could_not_be_asked_is_asked_again() -> None:
    watches, database = Watches(), Database(5)
    database.is_away = True
    with pytest.raises(Unavailable):
        await watches.past(A, ModSeq(0), database.current)
    assert watches.watched() == []
    database.is_away = False
    assert await watches.past(A, ModSeq(0), database.current) == 5


async def test_an_account_that_is_gone_is_not_kept() -> None:
    watches, database = Watches(), Database(5)
    await watches.past(A, ModSeq(0), database.current)
    database.marks.clear()
    ended: list[bool] = []

    async def wait() -> None:
        with pytest.raises(NotFound):
            await watches.past(A, ModSeq(5), database.current)
        ended.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        watches.compared([A], database.marks)
    assert ended == [True]
    assert watches.watched() == []


def test_nothing_is_known_in_another_run() -> None:
    watches, database = Watches(), Database(5)
    trio.run(watches.past, A, ModSeq(0), database.current)
    database.marks[A] = ModSeq(6)
    assert trio.run(watches.past, A, ModSeq(5), database.current) == 6
