"""Jobs that wait are done together in one thread: what group commit is made of.

The first job starts a thread (from trio's cache); the thread takes all jobs that wait, does them as one batch, hands
out their outcomes, and goes on until none waits. So a lone job pays one hop, and under load a batch pays it once.

A caller that is cancelled while its job waits takes the job away. Once its batch has begun it waits for the end,
because the thread reads what the caller owns. A `work` that raises fails all jobs of its batch.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import outcome
import trio

from storage_backends import errors

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(eq=False, slots=True)
class _Ticket(Generic[Job]):
    job: Job
    task: trio.lowlevel.Task


class SharedThread(Generic[Job, Result]):
    """Runs `work` on batches of at most `most` jobs; `work` gives one outcome a job, in their order."""

    def __init__(self, work: Callable[[Sequence[Job]], Sequence[outcome.Outcome[Result]]], most: int) -> None:
        self._work = work
        self._most = most
        self._lock = threading.Condition()
        self._closed = False
        self._waiting: list[_Ticket[Job]] = []
        self._running = False

    async def do(self, job: Job) -> Result:
        """Have `job` done in a batch; returns its result or raises its exception. Unavailable after `close`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        ticket = _Ticket(job, trio.lowlevel.current_task())
        token = trio.lowlevel.current_trio_token()
        with self._lock:
            if self._closed:
                raise errors.Unavailable("the store is closed")
            self._waiting.append(ticket)
            start, self._running = not self._running, True
        if start:
            trio.lowlevel.start_thread_soon(lambda: self._run(token), outcome.Outcome[None].unwrap)

        def take_away(_: object) -> trio.lowlevel.Abort:
            with self._lock:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                    return trio.lowlevel.Abort.SUCCEEDED
            return trio.lowlevel.Abort.FAILED

        result: Result = await trio.lowlevel.wait_task_rescheduled(take_away)
        return result

    def close(self) -> None:
        """Take no more jobs, and wait until those that wait are done. Blocks; not for the event loop."""
        with self._lock:
            self._closed = True
            self._lock.wait_for(lambda: not self._running)

    def _run(self, token: trio.lowlevel.TrioToken) -> None:
        while True:
            with self._lock:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                if not batch:
                    self._running = False
                    self._lock.notify_all()
                    return
            done = outcome.capture(self._work, [ticket.job for ticket in batch])
            token.run_sync_soon(_hand_out, batch, done)


def _hand_out(batch: list[_Ticket[Job]], done: outcome.Outcome[Sequence[outcome.Outcome[Result]]]) -> None:
    if isinstance(done, outcome.Error):
        for ticket in batch:
            trio.lowlevel.reschedule(ticket.task, outcome.Error(done.error))
        return
    for ticket, result in zip(batch, done.unwrap(), strict=True):
        trio.lowlevel.reschedule(ticket.task, result)
