"""The one file that knows hypercorn's insides: its `TCPServer` and `Lifespan` on connections of ours.

hypercorn opens no sockets here and does no TLS: the accept path did, and `wire` is what it gets for a stream. Stopping: a
connection on which nothing is asked ends at once; one that is being answered ends after its answer; what is not over when the
session is cancelled is dropped, also where a client takes nothing of what is sent.
What goes wrong with a client ends its connection; an application that fails is logged and answered with 500.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import trio
from h2.exceptions import ProtocolError
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from priority.priority import PriorityError

from mox_trio.base import limits
from mox_trio.httpd import wire
from mox_trio.httpd.wire import Wire
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import Connection

logger = logging.getLogger(__name__)

PING: Final = 20.0
"""Seconds between pings on a websocket; its client answers, or is gone after `wire.READ`."""
SHORTLY: Final = 0.05
"""Seconds until what waits on a connection that ended looks again whether it is closed."""
STARTING: Final = 60.0
"""Seconds that an application may take to start, and to stop."""

Application = Callable[[Any, Any, Any], Awaitable[None]]
"""ASGI 3: scope, receive, send."""

WIRE: Final = "wire"
"""Where `scope["state"]` has the `Wire`."""


def _config() -> Config:
    config = Config()
    config.errorlog = logger
    config.keep_alive_timeout = wire.IDLE
    config.h11_max_incomplete_size = limits.HTTP_HEADER_BYTES
    config.h2_max_header_list_size = limits.HTTP_HEADER_LIST_BYTES
    config.h2_max_concurrent_streams = limits.HTTP_STREAMS
    config.websocket_max_message_size = limits.WEBSOCKET_MESSAGE_BYTES
    config.websocket_ping_interval = PING
    config.include_server_header = False
    config.include_date_header = True
    config.startup_timeout = STARTING
    config.shutdown_timeout = STARTING
    return config


def _without_compression(application: Application) -> Application:
    """Websockets are not compressed (RFC 7692): it costs a third of a MiB a connection, and what is secret would be packed
    together with what others wrote. hypercorn has no setting for that; what its client asked for is forgotten before it is
    answered.
    """

    async def call(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            send.__self__.handshake.extensions = None
        await application(scope, receive, send)

    return call


class _Context(WorkerContext):
    """The pings of a websocket end with its connection; hypercorn's would keep it until the time of the next one."""

    def __init__(self, stream: Wire) -> None:
        super().__init__(None)
        self._ended = stream.ended

    async def sleep(self, wait: float) -> None:  # type: ignore[override]
        """Until then, or shortly after the end."""
        with trio.move_on_after(wait):
            await self._ended.wait()
            await trio.sleep(SHORTLY)


class _Idle:
    """In the place of hypercorn's task that ends a connection on which nothing is asked, which it makes anew for each request:
    `Wire` knows how long it is, and `end` is the stop of the server.
    """

    def __init__(self, context: WorkerContext, stream: Wire) -> None:
        self._context = context
        self._stream = stream
        self._close: Callable[[], Awaitable[None]] | None = None

    async def restart(self, task_group: TaskGroup, action: Callable[[], Awaitable[None]]) -> None:
        """From now on nothing is asked."""
        self._stream.idle_since = trio.current_time()
        self._close = action
        if self._context.terminated.is_set():
            task_group.spawn(action)

    async def stop(self) -> None:
        """A request is there."""
        self._stream.idle_since = None

    async def end(self) -> None:
        """Where nothing is asked, close; hypercorn's action waits for nothing, since the context is terminated."""
        if self._stream.idle_since is not None and self._close is not None:
            await self._close()


class _Turn:
    """In the place of hypercorn's lock around a send. One that is free is taken at once: trio's gives way to others first."""

    def __init__(self) -> None:
        self._lock = trio.Lock()

    async def __aenter__(self) -> None:
        try:
            self._lock.acquire_nowait()
        except trio.WouldBlock:
            await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


class Server:
    """Serves an ASGI application on connections."""

    def __init__(self, application: Application) -> None:
        self._application = ASGIWrapper(cast("Any", _without_compression(application)))
        self._config = _config()

    async def serve(self, connection: Connection, closing: Closing | None = None) -> None:
        """Answer requests until the client goes, says nothing for too long, or the server stops."""
        stream = wire.of(connection)
        context = _Context(stream)
        state = {WIRE: stream}
        try:
            async with trio.open_nursery() as beside:
                server = TCPServer(self._application, self._config, context, cast("Any", state), cast("Any", stream))
                server.idle_task = idle = cast("Any", _Idle(context, stream))
                server.send_lock = cast("Any", _Turn())
                beside.start_soon(_listen, context, idle, stream, closing or Closing())
                await server.run()
                beside.cancel_scope.cancel()
        except* (ProtocolError, PriorityError, KeyError) as errors:
            # hypercorn on frames of HTTP/2 for streams that it has forgotten, or too many of them
            logger.info("web connection ended", extra={"session": connection.id, "detail": repr(errors.exceptions[0])})


async def _listen(context: WorkerContext, idle: _Idle, stream: Wire, closing: Closing) -> None:
    """Tell hypercorn of the client's end and of ours, so that what waits for a next request waits no longer."""
    try:
        with closing.interruptible():
            await stream.ended.wait()
        await context.terminated.set()
        await idle.end()
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await stream.drop()


class Lifetime:
    """An application from its start to its stop (ASGI lifespan), again after a failure: a loop of the server."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.started = trio.Event()
        """Set while requests may come."""

    async def run(self) -> None:
        """Start it, and stop it when cancelled. Raises what it fails with."""
        stop = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._live, stop)
            try:
                await trio.sleep_forever()
            finally:
                stop.set()

    async def _live(self, stop: trio.Event) -> None:
        lifespan = Lifespan(ASGIWrapper(cast("Any", self._application)), _config(), cast("Any", {}))
        try:
            # Cancelled from outside it would have no time to stop; both ways are bounded.
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as nursery:
                    await nursery.start(lifespan.handle_lifespan)
                    await lifespan.wait_for_startup()
                    self.started.set()
                    await stop.wait()
                    await lifespan.wait_for_shutdown()
                    nursery.cancel_scope.cancel()
        finally:
            self.started = trio.Event()
