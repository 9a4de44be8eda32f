"""The background work of a server that is not a room's own loop: upkeep, gauges, stalls, and counting log lines.

Upkeep is run by one process at a time, which holds its lease; another one that finds it taken waits for the next turn. What
cannot be done now, for a store that is away, is done at the next turn.
"""

import logging
import time
from typing import Final

import trio

from mox_trio.admin import retention
from mox_trio.admin.accounts import Desk
from mox_trio.app import logs
from mox_trio.base.failure import Failure
from mox_trio.base.metrics import Metrics
from mox_trio.mailqueue import managing
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore import answered, upkeep
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)

FIRST_UPKEEP: Final = 60.0
"""Seconds after the start: what a restart is waited for comes first."""
UPKEEP: Final = 3600.0
WATCH: Final = 0.05
"""Seconds between looks at how late the event loop is."""
GAUGES: Final = 15.0
"""Seconds between looks at what gauges show; Prometheus asks about as often."""


async def look_after(desk: Desk) -> None:
    """Do the upkeep again and again, for ever."""
    pause = FIRST_UPKEEP
    while True:
        await trio.sleep(pause)
        pause = UPKEEP
        try:
            await _once(desk)
        except Failure as failure:
            logger.info("upkeep not done", extra={"reason": failure.public, "detail": failure.private})
        except StorageError as error:
            logger.warning("upkeep not done", extra={"reason": str(error)})


async def _once(desk: Desk) -> None:
    done = await upkeep.run(desk.mail)
    expunged = await retention.run(desk)
    await answered.prune(desk.mail)
    logger.info(
        "upkeep done",
        extra={
            "released": done.released,
            "orphans": done.orphans,
            "mailboxes": done.mailboxes,
            "tombstones": done.tombstones,
            "rendered": done.rendered,
            "expunged": expunged,
        },
    )


async def show_queue(queue: Mailqueue, metrics: Metrics) -> None:
    """Keep the gauges of the queue, for ever."""
    while True:
        try:
            _, held = await managing.counts(queue)
            metrics.set("queue_hold", held)
        except StorageError as error:
            logger.debug("the queue cannot be counted", extra={"reason": str(error)})
        await trio.sleep(GAUGES)


async def watch_stalls(metrics: Metrics) -> None:
    """Measure how long the event loop keeps others waiting, for ever.

    On a machine that is busy with other programs it is late without fault of ours: hence also how much of that the loop's own
    thread was computing.
    """
    while True:
        began, computed = time.perf_counter(), time.thread_time()
        await trio.sleep(WATCH)
        late = max(time.perf_counter() - began - WATCH, 0.0)
        metrics.observe("event_loop_stall_seconds", late)
        metrics.observe("event_loop_computing_seconds", min(late, time.thread_time() - computed))


class CountingLines(logging.Handler):
    """Counts the lines of the log by level, and writes nothing."""

    _NAMES: Final = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"))

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(logging.INFO)
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line."""
        name = next(name for level, name in self._NAMES if record.levelno >= level)
        self._metrics.count(f"logging_level_{name}_total")

    def __enter__(self) -> "CountingLines":
        for package in logs.PACKAGES:
            logging.getLogger(package).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for package in logs.PACKAGES:
            logging.getLogger(package).removeHandler(self)
