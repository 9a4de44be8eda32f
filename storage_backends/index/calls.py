"""Units on their way from trio to database threads and back.

A `Desk` bounds how many units wait or run: further callers wait at the desk, where they can still be cancelled. A write
that was handed over is waited for whatever happens to its caller; a read is given up by its caller at once, though its
thread finishes it. Outcomes come back in one call into the trio loop for a whole batch, after what `heard` has to do.
When the trio run has ended meanwhile, nobody waits and outcomes are dropped.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

import trio
from outcome import Error, Outcome

from storage_backends.errors import Unavailable
from storage_backends.index.api import AccountId, Transaction

T = TypeVar("T")

WAITING: Final = 1000
"""Units that wait or run at most; enough for full batches, little enough that memory and waiting stay bounded."""


@dataclass(slots=True, eq=False)
class Call:
    """One unit: the accounts that it locks in the order of their ids, and what became of it."""

    accounts: tuple[AccountId, ...]
    unit: Callable[[Transaction], Any]
    token: trio.lowlevel.TrioToken = field(default_factory=trio.lowlevel.current_trio_token)
    done: trio.Event = field(default_factory=trio.Event)
    outcome: Outcome[Any] | None = None

    def fail(self, error: BaseException) -> None:
        """The caller gets this exception."""
        self.outcome = Error(error)


class Desk:
    """Where callers hand units over and get outcomes."""

    def __init__(self, limit: int = WAITING) -> None:
        self._room = trio.Semaphore(limit)
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Refuse what comes from now on."""
        self._closed = True

    def check_open(self) -> None:
        """Unavailable after `close`."""
        if self._closed:
            raise Unavailable("the index is closed")

    async def write(
        self, submit: Callable[[Call], None], accounts: Iterable[AccountId], unit: Callable[[Transaction], T]
    ) -> T:
        """Hand a write over and wait for its outcome."""
        call = await self._hand_over(submit, tuple(sorted(set(accounts))), unit)
        with trio.CancelScope(shield=True):  # a handed-over transaction finishes
            await call.done.wait()
        return cast(T, _result(call))

    async def read(self, submit: Callable[[Call], None], unit: Callable[[Transaction], T]) -> T:
        """Hand a read over and wait for its outcome."""
        call = await self._hand_over(submit, (), unit)
        await call.done.wait()
        return cast(T, _result(call))

    async def _hand_over(
        self, submit: Callable[[Call], None], accounts: tuple[AccountId, ...], unit: Callable[[Transaction], Any]
    ) -> Call:
        self.check_open()
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self._room.acquire_nowait()
        except trio.WouldBlock:
            await self._room.acquire()
        if self._closed:
            self._room.release()
            self.check_open()
        call = Call(accounts, unit)
        submit(call)
        return call

    def hand_out(self, calls: list[Call], heard: Callable[[], None] | None = None) -> None:
        """From a database thread: wake the callers, once for all that share a trio run."""
        for token in {call.token for call in calls}:
            mine = [call for call in calls if call.token is token]
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._wake, mine, heard)

    def _wake(self, calls: list[Call], heard: Callable[[], None] | None) -> None:
        if heard is not None:
            heard()
        for call in calls:
            self._room.release()
            call.done.set()


def _result(call: Call) -> Any:
    result, call.outcome = call.outcome, None  # kept, a traceback would hold the frames that hold it
    try:
        return result.unwrap() if result is not None else None
    finally:
        del result  # this frame is one of them
