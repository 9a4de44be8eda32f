"""The one file that knows hypercorn's insides: its `TCPServer` on a connection of ours.

hypercorn opens no sockets here and does no TLS: the accept path did. It asks a stream for its socket to learn who the peer is;
the one it gets answers with the ends of the connection, which are true behind a proxy. Its sends are shielded from
cancellation, so the stream has a deadline of its own: a client that takes nothing is gone after it.
What goes wrong with a client ends its connection; an application that fails is logged and answered with 500.
"""

import logging
import socket
from typing import Any, Final, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework

from mox_trio.transport.connection import Broken, Connection, Ends, Silent

logger = logging.getLogger(__name__)

SEND: Final = 30.0
"""Seconds in which a client takes what is sent."""
READ: Final = 60.0
"""Seconds in which the next bytes of a request come."""
IDLE: Final = 5.0
"""Seconds that a connection may wait for the next request; hypercorn waits for it also when the client is gone."""
HEADERS: Final = 16 * 1024
"""Octets of a request's line and header that are taken."""


class _Socket:
    """What hypercorn asks a socket: who is at its ends."""

    def __init__(self, connection: Connection) -> None:
        self._ends = Ends(
            connection.peer_address, connection.peer_port, connection.local_address, connection.local_port
        )

    @property
    def family(self) -> int:
        return socket.AF_INET if self._ends.peer_address.version == 4 else socket.AF_INET6

    def getpeername(self) -> tuple[str, int]:
        return str(self._ends.peer_address), self._ends.peer_port

    def getsockname(self) -> tuple[str, int]:
        return str(self._ends.local_address), self._ends.local_port


class _Stream:
    """A connection as hypercorn wants a stream, without TLS as far as it knows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.socket = _Socket(connection)
        self._is_broken = False

    async def send_all(self, data: bytes) -> None:
        if self._is_broken:
            raise trio.BrokenResourceError
        try:
            await self._connection.send(data, timeout=SEND)
        except (Silent, Broken) as error:
            self._is_broken = True
            # Who waits for the client's next bytes ends too.
            await trio.aclose_forcefully(self._connection.stream)
            raise trio.BrokenResourceError from error

    async def receive_some(self, most: int) -> bytes:
        return bytes(await self._connection.stream.receive_some(most))

    async def aclose(self) -> None:
        await self._connection.aclose()


class Server:
    """Serves an ASGI application on connections."""

    def __init__(self, application: ASGIFramework) -> None:
        self._application = ASGIWrapper(application)
        self._config = Config()
        self._config.errorlog = logger
        self._config.keep_alive_timeout = IDLE
        self._config.read_timeout = int(READ)
        self._config.h11_max_incomplete_size = HEADERS
        self._config.include_server_header = False
        self._context = WorkerContext(None)

    async def serve(self, connection: Connection) -> None:
        """Answer requests until the client goes, or says nothing for too long."""
        stream = cast("Any", _Stream(connection))
        await TCPServer(self._application, self._config, self._context, {}, stream).run()
