"""A connection as hypercorn wants a stream, with the deadlines that hypercorn does not have.

- What is sent goes in pieces, each of which a client takes within SEND seconds: who takes little at a time is served, who takes
  nothing is gone. hypercorn's sends are shielded from cancellation, so `drop` closes the connection under them.
- The header of an answer waits for what follows it, which hypercorn sends apart: one packet less, and one call of the system.
- The header of the next request is there within IDLE seconds of the last answer. Bytes of its body, and answers to the pings
  of a websocket, come within READ seconds of the last ones. While a whole request is being answered (`busy`), the client
  has nothing to say and is not waited for.
"""

import math
import socket
from typing import Final

import trio

from mox_trio.transport.connection import Broken, Connection, Ends, Silent

SEND: Final = 30.0
"""Seconds in which a client takes a piece of what is sent."""
PIECE: Final = 64 * 1024
READ: Final = 60.0
"""Seconds in which the next bytes of a request come."""
IDLE: Final = 50.0
"""Seconds that a connection may take until the header of its next request is there."""

_ANSWER: Final = b"HTTP/1.1 "
_INFORMATIONAL: Final = b"HTTP/1.1 1"
"""100 and 101, behind which nothing comes before the client spoke."""


class Peer:
    """What hypercorn asks a socket: who is at its ends."""

    def __init__(self, connection: Connection) -> None:
        self.ends = Ends(connection.peer_address, connection.peer_port, connection.local_address, connection.local_port)

    @property
    def family(self) -> int:
        """Of the peer's address."""
        return socket.AF_INET if self.ends.peer_address.version == 4 else socket.AF_INET6

    def getpeername(self) -> tuple[str, int]:
        """The true client, also behind a proxy that speaks PROXY."""
        return str(self.ends.peer_address), self.ends.peer_port

    def getsockname(self) -> tuple[str, int]:
        """Our end."""
        return str(self.ends.local_address), self.ends.local_port


class Wire:
    """Without TLS as far as hypercorn knows: it speaks HTTP/1.1, and HTTP/2 with who begins with it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.socket = Peer(connection)
        self.busy = 0
        """Requests that came whole and are being answered."""
        self.running = 0
        """Requests that were begun and not ended, also those that their client took back (HTTP/2)."""
        self.idle_since: float | None = None
        """Since when nothing is asked, on trio's clock; None while something is."""
        self.ended = trio.Event()
        """The client says nothing more."""
        self._heard = trio.current_time()
        self._is_broken = False
        self._may_send_at_once = False
        """The client spoke since the last send. Once, so that what sends without end gives way to others."""
        self._header = b""
        """Of an answer of HTTP/1.1, to be sent with what comes next; at its end hypercorn sends nothing, which counts."""

    async def send_all(self, data: bytes) -> None:
        """Send all of it; BrokenResourceError for a client that is gone or takes nothing."""
        if self._is_broken:
            raise trio.BrokenResourceError
        if not self._header and data.startswith(_ANSWER) and not data.startswith(_INFORMATIONAL):
            self._header = data
            return
        if self._header:
            data, self._header = self._header + data, b""
        if not data:
            return
        at = self.connection.send_some(data) if self._may_send_at_once and len(data) <= PIECE else 0
        self._may_send_at_once = False
        try:
            for start in range(at, len(data), PIECE):
                await self.connection.send(data[start : start + PIECE], timeout=SEND)
        except (Silent, Broken) as error:
            self._is_broken = True
            # Who waits for the client's next bytes ends too.
            await self.drop()
            raise trio.BrokenResourceError from error

    async def receive_some(self, most: int) -> bytes:
        """Bytes as they come, b"" at the end. TooSlowError when they do not."""
        self._heard = trio.current_time()
        while True:
            with trio.move_on_at(self._latest()):
                try:
                    data = await self.connection.receive(most, timeout=math.inf)
                except Broken as error:
                    self.ended.set()
                    raise trio.BrokenResourceError from error
                if not data:
                    self.ended.set()
                self._may_send_at_once = True
                return data
            if self.busy:
                self._heard = trio.current_time()
            elif trio.current_time() >= self._latest():
                self.ended.set()
                raise trio.TooSlowError

    def _latest(self) -> float:
        """When the client must have said more."""
        return self._heard + READ if self.idle_since is None else self.idle_since + IDLE

    async def drop(self) -> None:
        """Close at once, without goodbye: whoever sends or receives ends."""
        self.ended.set()
        await trio.aclose_forcefully(self.connection.stream)

    async def aclose(self) -> None:
        """Say goodbye and close."""
        self.ended.set()
        await self.connection.aclose()


class TlsWire(Wire):
    """With TLS, which hypercorn finds begun: the protocol is what ALPN chose."""

    @property
    def transport_stream(self) -> "TlsWire":
        """Where hypercorn looks for the socket."""
        return self

    async def do_handshake(self) -> None:
        """It is done."""
        await trio.lowlevel.checkpoint()

    def selected_alpn_protocol(self) -> str:
        """h2 or http/1.1; empty where the client asked for nothing."""
        return self.connection.chosen_alpn


def of(connection: Connection) -> Wire:
    """The wire for a connection."""
    return Wire(connection) if connection.tls is None else TlsWire(connection)
