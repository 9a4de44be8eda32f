"""Jobs that wait share a thread: in batches, each with its own outcome, and a cancelled one is taken away in time."""

import threading
from collections.abc import Sequence

import outcome
import pytest
import trio
import trio.testing

from storage_backends.bodies.shared_thread import SharedThread


class Worker:
    """Doubles numbers; holds its first batch until `go_on`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def work(self, jobs: Sequence[int]) -> list[outcome.Outcome[int]]:
        self.batches.append(list(jobs))
        self.begun.set()
        self.go_on.wait(60)
        return [outcome.Error(ValueError("odd")) if job % 2 else outcome.Value(job * 2) for job in jobs]


async def begun(worker: Worker) -> None:
    assert await trio.to_thread.run_sync(worker.begun.wait, 60)


async def test_what_waits_is_done_together_and_no_more_than_allowed() -> None:
    worker = Worker()
    shared = SharedThread(worker.work, most=3)
    done: list[int] = []

    async def do(job: int) -> None:
        done.append(await shared.do(job))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(do, 0)
        await begun(worker)
        for job in (2, 4, 6, 8):
            nursery.start_soon(do, job)
        await trio.testing.wait_all_tasks_blocked()
        worker.go_on.set()
    assert sorted(done) == [0, 4, 8, 12, 16]
    assert [len(batch) for batch in worker.batches] == [1, 3, 1]


async def test_failure_is_that_of_its_own_job() -> None:
    worker = Worker()
    worker.go_on.set()
    shared = SharedThread(worker.work, most=3)
    with pytest.raises(ValueError, match="odd"):
        await shared.do(1)
    assert await shared.do(2) == 4


async def test_job_that_waits_is_taken_away_when_its_caller_is_cancelled() -> None:
    worker = Worker()
    shared = SharedThread(worker.work, most=3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shared.do, 0)
        await begun(worker)
        async with trio.open_nursery() as cancelled:
            cancelled.start_soon(shared.do, 2)
            await trio.testing.wait_all_tasks_blocked()
            cancelled.cancel_scope.cancel()
        worker.go_on.set()
    assert worker.batches == [[0]]


async def test_job_that_has_begun_is_finished_though_its_caller_is_cancelled() -> None:
    worker = Worker()
    shared = SharedThread(worker.work, most=3)
    done: list[int] = []

    async def do() -> None:
        done.append(await shared.do(2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(do)
        await begun(worker)
        nursery.cancel_scope.cancel()
        worker.go_on.set()
    assert done == [4]


async def test_work_that_raises_fails_its_batch_and_not_the_next() -> None:
    calls = 0

    def work(jobs: Sequence[int]) -> list[outcome.Outcome[int]]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("broken")
        return [outcome.Value(job) for job in jobs]

    shared = SharedThread(work, most=3)
    with pytest.raises(KeyError, match="broken"):
        await shared.do(1)
    assert await shared.do(1) == 1
