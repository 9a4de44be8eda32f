"""Who keeps what alive, and in which order a server stops.

    LOOPS          background work; `keep` starts a loop again when it fails
      SESSIONS     one guarded task a connection
        ACCEPTING  one task a listening socket
Stopping: nobody is accepted any more and the sockets are closed; sessions hear of it (`closing`) and have `grace` seconds;
then the loops are cancelled. A second order to stop ends the grace.

- A handler that fails ends its connection: it is logged and counted, its siblings go on.
- A loop that fails, or returns, is started again after a pause that doubles; after `PATIENCE` failures in a row LoopFailed ends
  the server, so that the system starts it anew. A loop that ran for `FORGIVEN` seconds begins with a clean slate.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from mox_trio.base.metrics import Metrics
from mox_trio.transport.accepting import Accepting, Entrance, Handler
from mox_trio.transport.admission import Refused
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import Broken, Connection, Silent

logger = logging.getLogger(__name__)

Loop = Callable[[], Awaitable[None]]

PATIENCE: Final = 8
"""Failures in a row."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
FORGIVEN: Final = 600.0
"""Seconds that a loop runs until its earlier failures are forgotten."""


class LoopFailed(Exception):
    """A loop cannot be kept running; `str()` is its name."""


class Stop:
    """The order to stop, from a signal, the control socket or a test."""

    def __init__(self) -> None:
        self._first = trio.Event()
        self._second = trio.Event()

    def order(self) -> None:
        """Stop in order; said again, stop without waiting for sessions."""
        if self._first.is_set():
            self._second.set()
        self._first.set()

    @property
    def is_ordered(self) -> bool:
        """Whether the server stops."""
        return self._first.is_set()

    async def wait(self) -> None:
        """Until the order comes."""
        await self._first.wait()

    async def wait_impatient(self) -> None:
        """Until it comes again."""
        await self._second.wait()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a server runs."""

    accepting: Accepting
    entrances: Sequence[tuple[trio.socket.SocketType, Entrance]]
    """Bound sockets, which `run` closes."""
    loops: Mapping[str, Loop]
    metrics: Metrics
    grace: float
    """Seconds that sessions have when the server stops."""
    closing: Closing = field(default_factory=Closing)


async def run(plan: Plan, stop: Stop, ready: Callable[[], Awaitable[None]]) -> None:
    """Serve until `stop`; `ready` is called when every socket is listened to. Raises LoopFailed in a group."""
    async with trio.open_nursery() as loops:
        for name, loop in plan.loops.items():
            loops.start_soon(keep, name, loop, plan.metrics)
        async with trio.open_nursery() as sessions:
            await _accept(plan, stop, ready, sessions)
            plan.closing.set()
            sessions.cancel_scope.deadline = trio.current_time() + plan.grace
            loops.start_soon(_hurry, stop, sessions.cancel_scope)
        loops.cancel_scope.cancel()


async def _accept(plan: Plan, stop: Stop, ready: Callable[[], Awaitable[None]], sessions: trio.Nursery) -> None:
    try:
        async with trio.open_nursery() as accepting:
            for socket, entrance in plan.entrances:
                accepting.start_soon(plan.accepting.run, socket, entrance, sessions)
            await ready()
            await stop.wait()
            accepting.cancel_scope.cancel()
    finally:
        for socket, _ in plan.entrances:
            socket.close()


async def _hurry(stop: Stop, sessions: trio.CancelScope) -> None:
    await stop.wait_impatient()
    sessions.cancel()


def guard(service: str, handler: Handler, metrics: Metrics) -> Handler:
    """The handler, but what it raises ends its own connection only."""

    async def guarded(connection: Connection, refused: Refused | None) -> None:
        try:
            await handler(connection, refused)
        except (Silent, Broken) as error:
            extra = {"session": connection.id, "service": service, "reason": str(error)}
            logger.info("connection ended", extra=extra)
        except Exception:
            metrics.count("panic_total", pkg=service)
            logger.exception("session failed", extra={"session": connection.id, "service": service})

    return guarded


async def keep(name: str, loop: Loop, metrics: Metrics) -> None:
    """Run a loop for ever. LoopFailed after too many failures in a row."""
    failures = 0
    while True:
        started = trio.current_time()
        try:
            await loop()
            logger.error("loop returned", extra={"loop": name})
        except Exception:
            logger.exception("loop failed", extra={"loop": name})
        metrics.count("panic_total", pkg=name)
        failures = 1 if trio.current_time() - started >= FORGIVEN else failures + 1
        if failures >= PATIENCE:
            raise LoopFailed(name)
        await trio.sleep(min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE))
