"""Units on their way to threads: how many, and who waits where."""

import gc
import weakref

import pytest
import trio
import trio.testing

from storage_backends.errors import Unavailable
from storage_backends.index.api import AccountId
from storage_backends.index.calls import Call, Desk
from storage_backends.index.postgres_queues import Queues

A, B = AccountId(1), AccountId(2)


async def test_beyond_the_limit_callers_wait_and_can_be_cancelled() -> None:
    desk = Desk(limit=2)
    handed: list[Call] = []
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(desk.write, handed.append, (), lambda tx: None)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.01) as scope:
            await desk.write(handed.append, (), lambda tx: None)
        assert scope.cancelled_caught
        assert len(handed) == 2
        nursery.start_soon(desk.write, handed.append, (), lambda tx: None)
        await trio.testing.wait_all_tasks_blocked()
        desk.hand_out(handed[:1])
        await trio.testing.wait_all_tasks_blocked()
        assert len(handed) == 3, "the end of one lets the next come"
        desk.hand_out(handed[1:])


async def test_who_waits_at_a_closed_desk_is_refused() -> None:
    desk = Desk(limit=1)
    handed: list[Call] = []

    async def late() -> None:
        with pytest.raises(Unavailable):
            await desk.write(handed.append, (), lambda tx: None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.write, handed.append, (), lambda tx: None)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(late)
        await trio.testing.wait_all_tasks_blocked()
        desk.close()
        desk.hand_out(handed)


async def test_a_reader_is_given_up_by_its_caller_at_once() -> None:
    desk = Desk(limit=1)
    handed: list[Call] = []
    with trio.move_on_after(0.01) as scope:
        await desk.read(handed.append, lambda tx: None)
    assert scope.cancelled_caught
    desk.hand_out(handed)  # its thread finishes it all the same
    await trio.testing.wait_all_tasks_blocked()
    with trio.move_on_after(0.01):
        await desk.read(handed.append, lambda tx: None)
    assert len(handed) == 2


def call(*accounts: AccountId) -> Call:
    return Call(accounts, lambda tx: None)


async def test_an_account_has_one_worker_and_comes_back_at_the_end_of_the_line() -> None:
    queues = Queues()
    first, second, other = call(A), call(A), call(B)
    for each in (first, second, other):
        queues.put(each)
    assert queues.take() == (A,)
    assert queues.next((A,)) is first
    assert queues.take() == (B,)
    queues.give_back((A,))
    assert queues.take() == (A,)
    assert queues.next((A,)) is second
    assert queues.next((A,)) is None
    queues.give_back((A,))
    assert queues.next((B,)) is other
    queues.give_back((B,))
    queues.close()
    assert queues.take() is None


async def test_what_a_unit_failed_with_is_freed_without_a_search_for_cycles() -> None:
    desk = Desk()
    failed: list[weakref.ref[Unavailable]] = []

    def fail(call: Call) -> None:
        error = Unavailable("no")
        failed.append(weakref.ref(error))
        call.fail(error)
        desk.hand_out([call])

    gc.disable()
    try:
        for ask in (desk.read(fail, lambda tx: None), desk.write(fail, (), lambda tx: None)):
            with pytest.raises(Unavailable, match="no"):
                await ask
        assert [each() for each in failed] == [None, None]
    finally:
        gc.enable()
