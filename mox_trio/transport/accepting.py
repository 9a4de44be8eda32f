"""Accept connections and bring each to its handler, already with its true ends and, where the service says so, with TLS.

One task a listening socket, one task a connection, in the nursery that the caller gives:
1. `accept`. When the process has no descriptors left, it waits a moment; the ones that wait stay in the kernel's queue.
2. A connection from a trusted proxy begins with a PROXY header, within `PROXY_PAUSE`; without a good one it is closed.
3. `Admission` says whether it may come in. Who may not is handed to the handler with the reason, so that it can say so in
   its protocol; of those only `MOST_REFUSED` at a time, the others are closed at once. Where TLS comes first it is
   closed too: a handshake costs more than it tells.
4. TLS, for services that begin with it. A handshake that fails is logged and closed.
Whatever the handler does, the connection is closed afterwards. The handler guards itself: what it raises ends the nursery.
"""

import errno
import functools
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import trio

from mox_trio.base import ids
from mox_trio.base.metrics import Metrics
from mox_trio.protocol.proxy_header import NotProxied, Reader
from mox_trio.transport.admission import Admission, IpNetwork, Refused, plain
from mox_trio.transport.connection import Badge, Connection, Ends, Silent
from mox_trio.transport.tls import Replayed, ServerTls, TlsFailed

logger = logging.getLogger(__name__)

Handler = Callable[[Connection, Refused | None], Awaitable[None]]
"""Serves a connection, or says in its protocol why it is not served."""

PROXY_PAUSE: Final = 10.0
"""Seconds in which the header of a proxy must come."""

MOST_REFUSED: Final = 200
"""Connections at a time that are told why they are not served."""

FULL_PAUSE: Final = 0.1
"""Seconds to wait when there are no descriptors or no memory for another connection."""

_FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_GONE: Final = frozenset(
    {
        *(errno.ECONNABORTED, errno.EPERM, errno.EPROTO, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN),
        *(errno.ENONET, errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ETIMEDOUT),
    }
)
"""What accept(2) says of a connection that failed before it was accepted."""
_address = functools.lru_cache(maxsize=4096)(ip_address)
"""Our own are the same each time, and those of busy clients."""
_ID_BYTES: Final = 12
_POOL: Final = 256


@dataclass(frozen=True, slots=True)
class Entrance:
    """One service of a listener."""

    listener: str
    """Name in the configuration."""
    protocol: str
    """A label for metrics and logs: smtp, submission."""
    handler: Handler
    tls: ServerTls | None = None
    """Given where TLS comes first."""
    proxies: Sequence[IpNetwork] = ()
    """Networks whose connections begin with a PROXY header."""


class Accepting:
    """What all entrances of a server share."""

    def __init__(self, admission: Admission, metrics: Metrics) -> None:
        self._admission = admission
        self._metrics = metrics
        self._refused = 0
        self._open: dict[tuple[str, str], int] = {}
        self._entropy = b""

    async def run(self, listening: trio.socket.SocketType, entrance: Entrance, sessions: trio.Nursery) -> None:
        """Accept for ever; each connection is a task in `sessions`."""
        is_full = False
        while True:
            try:
                opened, address = await listening.accept()
            except OSError as error:
                if error.errno in _GONE:
                    continue
                if error.errno not in _FULL:
                    raise
                if not is_full:
                    logger.error("cannot accept", extra={"listener": entrance.listener, "reason": str(error)})
                is_full = True
                await trio.sleep(FULL_PAUSE)
                continue
            is_full = False
            sessions.start_soon(self._connected, opened, address, entrance)

    async def _connected(self, opened: trio.socket.SocketType, address: tuple[str, int], entrance: Entrance) -> None:
        try:
            stream = trio.SocketStream(opened)
            ours, our_port = opened.getsockname()[:2]
            ends = Ends(_address(address[0]), address[1], _address(ours), our_port)
        except OSError:  # gone already
            opened.close()
            return
        await self.serve(stream, ends, entrance)

    async def serve(self, stream: trio.abc.Stream, ends: Ends, entrance: Entrance) -> None:
        """Serve one stream as if it had been accepted, and close it."""
        if any(ends.peer_address in network for network in entrance.proxies):
            try:
                with trio.fail_after(PROXY_PAUSE):
                    stream, ends = await _proxied(stream, ends)
            except (NotProxied, trio.BrokenResourceError, trio.TooSlowError) as error:
                extra = {"listener": entrance.listener, "remote": str(ends.peer_address)}
                reason = str(error) if isinstance(error, NotProxied) else "the header did not come"
                logger.warning("no PROXY header", extra={**extra, "reason": reason})
                await trio.aclose_forcefully(stream)
                return
        await self._admitted(stream, ends, entrance)

    async def _admitted(self, stream: trio.abc.Stream, ends: Ends, entrance: Entrance) -> None:
        address = ends.peer_address
        refused = self._admission.maybe_refused(address)
        badge = Badge(self._session_id(), entrance.listener, self._admission.is_exempt(address))
        connection = Connection(stream, ends, badge)
        if refused is not None:
            await self._refuse(connection, entrance, refused)
            return
        self._count(entrance, 1)
        try:
            if entrance.tls is None or await self._secured(connection, entrance, entrance.tls):
                await entrance.handler(connection, None)
        finally:
            self._count(entrance, -1)
            self._admission.leave(address)
            await connection.aclose()

    async def _secured(self, connection: Connection, entrance: Entrance, tls: ServerTls) -> bool:
        try:
            await connection.start_tls(tls)
        except (TlsFailed, Silent) as error:
            reason = error.reason if isinstance(error, TlsFailed) else "timeout"
            extra = {"session": connection.id, "listener": entrance.listener, "service": entrance.protocol}
            extra |= {"remote": str(connection.peer_address), "reason": reason, "detail": str(error)}
            logger.info("TLS handshake failed", extra=extra)
            return False
        return True

    async def _refuse(self, connection: Connection, entrance: Entrance, refused: Refused) -> None:
        self._metrics.count("connections_refused_total", reason=refused.value)
        try:
            if entrance.tls is None and self._refused < MOST_REFUSED:
                self._refused += 1
                try:
                    await entrance.handler(connection, refused)
                finally:
                    self._refused -= 1
        finally:
            await connection.aclose()

    def _count(self, entrance: Entrance, change: int) -> None:
        key = (entrance.protocol, entrance.listener)
        self._open[key] = now = self._open.get(key, 0) + change
        self._metrics.set("connections_count", now, protocol=entrance.protocol, listener=entrance.listener)

    def _session_id(self) -> str:
        # Drawn for many at once: asking the kernel lets go of the interpreter.
        if not self._entropy:
            self._entropy = os.urandom(_ID_BYTES * _POOL)
        taken, self._entropy = self._entropy[:_ID_BYTES], self._entropy[_ID_BYTES:]
        return ids.url_safe(taken)


async def _proxied(stream: trio.abc.Stream, ends: Ends) -> tuple[trio.abc.Stream, Ends]:
    """Read the header of a proxy: the stream behind it, and the ends that it names. NotProxied, BrokenResourceError."""
    reader = Reader()
    header = None
    while header is None:
        data = await stream.receive_some()
        if not data:
            raise NotProxied("the proxy went before its header was whole")
        header = reader.feed(bytes(data))
    rest = Replayed(stream, reader.rest) if reader.rest else stream
    if header.source is None or header.destination is None:
        return rest, ends
    (source, port), (destination, our_port) = header.source, header.destination
    return rest, Ends(plain(source), port, plain(destination), our_port)
