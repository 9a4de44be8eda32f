"""A TCP proxy that cuts connections at a chosen moment: when the client has sent given bytes.

    async with cut_proxy.proxy(port) as between:
        between.cut(b"COMMIT", delivered=True)

`delivered`: the server gets the bytes and does what they say, but its answer is lost; otherwise the server never sees them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio


class Proxy:
    """Forwards between its `port` on loopback and the server's."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._pattern: bytes | None = None
        self._delivered = False
        self._muted: trio.SocketStream | None = None
        self._answered = trio.Event()
        self.port = 0
        self.cuts = 0
        """Connections cut so far."""

    def cut(self, pattern: bytes, *, delivered: bool) -> None:
        """Cut the next connection on which the client sends `pattern` in one piece; that one only."""
        self._answered = trio.Event()
        self._pattern = pattern
        self._delivered = delivered

    async def serve(self, client: trio.SocketStream) -> None:
        """One connection."""
        async with (
            client,
            await trio.open_tcp_stream("127.0.0.1", self._server) as server,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self._answers, server, client, nursery.cancel_scope)
            await self._requests(client, server)
            nursery.cancel_scope.cancel()

    async def _requests(self, client: trio.SocketStream, server: trio.SocketStream) -> None:
        try:
            async for data in client:
                if self._pattern is None or self._pattern not in data:
                    await server.send_all(data)
                    continue
                self._pattern = None
                self.cuts += 1
                if self._delivered:
                    self._muted = server
                    await server.send_all(data)
                    await self._answered.wait()
                return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def _answers(self, server: trio.SocketStream, client: trio.SocketStream, scope: trio.CancelScope) -> None:
        try:
            async for data in server:
                if self._muted is server:
                    self._answered.set()
                    continue
                await client.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()


@asynccontextmanager
async def proxy(server: int) -> AsyncIterator[Proxy]:
    """A proxy before the server on this loopback port."""
    between = Proxy(server)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, host="127.0.0.1"), between.serve, 0)
        between.port = listeners[0].socket.getsockname()[1]
        yield between
        nursery.cancel_scope.cancel()
