"""INPROGRESS (RFC 9585): a client that waits for a long command hears now and then how far it has come."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from mox_trio.base.failure import Failure
from mox_trio.imapd.state import Session
from mox_trio.protocol.imap import encoding
from mox_trio.protocol.imap.responses import Status
from mox_trio.transport.connection import Broken, Silent
from storage_backends.errors import StorageError

T = TypeVar("T")

PROGRESS: Final = 10.0
"""Seconds between two reports (RFC 9585 2: not more often than that)."""


class Progress:
    """How far a command has come, of which some take several steps, each as long as the first."""

    __slots__ = ("_due", "_reached", "_session", "_step", "_steps", "_unit", "_whole")

    def __init__(self, session: Session, steps: int = 1) -> None:
        self._session = session
        self._due = trio.current_time() + PROGRESS
        self._reached = 0
        self._step = 0
        self._steps = steps
        self._unit = 0
        """What the first step counts up to."""
        self._whole: tuple[int, int] | None = None

    def hold(self, done: int, total: int) -> None:
        """This is how far it is, whatever is said of a part of it."""
        self._whole = done, total

    def next_step(self) -> None:
        """A step is done, and the next begins."""
        self._step += 1

    async def at(self, done: int, total: int) -> None:
        """So much of a step is done. What was said is not taken back, and the goal stays (RFC 9585 4)."""
        now = trio.current_time()
        self._unit = self._unit or total
        if now < self._due:
            return
        self._due = now + PROGRESS
        if self._whole is not None:
            done, total = self._whole
        elif self._steps > 1 and total:
            done, total = self._step * self._unit + done * self._unit // total, self._steps * self._unit
        self._reached = max(self._reached, done)
        await _report(self._session, b"%d" % self._reached, b"%d" % total if total else b"NIL")


async def patiently(session: Session, work: Callable[[], Awaitable[T]]) -> T:
    """The result of something that says nothing itself; every `PROGRESS` seconds the client hears that it goes on.

    What fails in it, fails here; a client that went away is found out when it is done.
    """
    done = trio.Event()
    failures: list[Exception] = []
    results: list[T] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_reassure, session, done, failures)
        try:
            results.append(await work())
        except (Failure, StorageError) as error:
            failures.insert(0, error)
        done.set()
    if failures:
        raise failures[0]
    return results[0]


async def _reassure(session: Session, done: trio.Event, failures: list[Exception]) -> None:
    while True:
        with trio.move_on_after(PROGRESS):
            await done.wait()
            return
        try:
            await _report(session, b"NIL", b"NIL")  # never cancelled half-way by the end of the work
        except (Silent, Broken) as error:
            failures.append(error)
            return


async def _report(session: Session, reached: bytes, goal: bytes) -> None:
    tag = encoding.string(session.tag.encode(), utf8=False)
    session.say(Status("OK", "still at it", b"INPROGRESS (%b %b %b)" % (tag, reached, goal)))
    await session.dialog.flush()
