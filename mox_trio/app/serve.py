"""`mox-trio serve`: a server by its configuration, under systemd or anything that sends SIGTERM.

It ends well when it is told to stop (SIGTERM, SIGINT, the control socket). It fails before it serves anybody, saying what to
change, or later when a loop cannot be kept running; both are for whoever started it to look at.
"""

import logging
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import trio

from mox_trio.app import logs, server, systemd
from mox_trio.app.server import Variant
from mox_trio.app.supervise import LoopFailed, Stop
from mox_trio.app.systemd import Systemd
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import load
from mox_trio.config.models.static import Static
from mox_trio.running import Running

logger = logging.getLogger(__name__)


async def main(path: Path) -> None:
    """Serve by the configuration in a file, until told to stop. ConfigErrors, Failure, an error of the stores."""
    static = await trio.to_thread.run_sync(load.static, path)
    logs.configure(static.log)
    told = Systemd()

    async def ready(running: Running) -> None:
        told.say(systemd.READY)

    await until_signalled(static, ready, Variant(loops={"systemd": told.keep_alive}), told)


async def until_signalled(static: Static, ready: server.Ready, variant: Variant, told: Systemd) -> None:
    """Serve until SIGTERM, SIGINT or the control socket says stop; a second signal does not wait for sessions."""
    stop = Stop()

    async def started(running: Running) -> None:
        logger.info("serving", extra={"listening": ", ".join(running.listening)})
        await ready(running)

    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(_signals, stop)
            nursery.start_soon(partial(_say_stopping, stop, told))
            await server.run(static, stop, started, variant)
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _said(group) from group
    logger.info("stopped")


def _said(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What nurseries wrapped, as it was raised; of a loop that cannot be kept running, what to do."""
    if (failed := group.subgroup(LoopFailed)) is not None:
        names = ", ".join(str(each) for each in _leaves(failed))
        return Failure(Kind.UNAVAILABLE, "a part of the server failed again and again; see the log", names)
    leaves = list(_leaves(group))
    return leaves[0] if len(leaves) == 1 else group


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each


async def _signals(stop: Stop, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            logger.info("stopping", extra={"signal": signal.Signals(number).name})
            stop.order()


async def _say_stopping(stop: Stop, told: Systemd) -> None:
    await stop.wait()
    told.say(systemd.STOPPING)
