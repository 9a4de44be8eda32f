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
    """How far a command has come."""

    __slots__ = ("_due", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._due = trio.current_time() + PROGRESS

    async def at(self, done: int, total: int | None = None) -> None:
        """So much of it is done."""
        now = trio.current_time()
        if now < self._due:
            return
        self._due = now + PROGRESS
        await _report(self._session, b"%d" % done, b"NIL" if total is None else b"%d" % total)


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
