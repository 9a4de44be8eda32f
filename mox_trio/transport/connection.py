"""One connection, whichever side began it, with or without TLS: bytes with deadlines.

What can go wrong is one of three things: Silent (a deadline passed), Broken (the network or the peer ended it), TlsFailed (see
`tls`). After any of them the connection is good for nothing but closing. Every wait can be cancelled; closing never takes
longer than `GOODBYE`. One task receives and one sends at a time.
"""

import functools
import math
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import trio

from mox_trio.protocol.smtp.envelope import Tls
from mox_trio.transport import tls as tls_streams
from mox_trio.transport.tls import Secured, ServerTls

IpAddress = IPv4Address | IPv6Address

RECEIVED_AT_ONCE: Final = 64 * 1024
"""Bytes."""

_FLOWING: Final = 8 * 1024

HANDSHAKE: Final = 60.0
"""Seconds."""

GOODBYE: Final = 5.0
"""Seconds that closing may take before the connection is dropped."""


class Silent(Exception):
    """The peer did nothing for too long."""


class Broken(Exception):
    """The connection is gone; `str()` says why, for the log."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a connection. Behind a proxy the peer is the one the proxy speaks of."""

    peer_address: IpAddress
    peer_port: int
    local_address: IpAddress
    local_port: int


@dataclass(frozen=True, slots=True)
class Badge:
    """What the accept path knows of a connection beside its ends."""

    id: str = ""
    """Of the session: in log lines, Received and replies."""
    listener: str = ""
    """Name in the configuration."""
    exempt: bool = False
    """From a network without limits."""


class Connection:
    """Bytes in both directions, and who is at the ends."""

    __slots__ = ("_ends", "_flows", "_secured", "_socket", "_stream", "badge", "tls")

    def __init__(self, stream: trio.abc.Stream, ends: Ends, badge: Badge | None = None) -> None:
        self._stream = stream
        self._ends = ends
        self._socket = stream.socket if type(stream) is trio.SocketStream else None
        """While nothing lies between us and the network, it is read and written without trio's streams, which cost more than a
        command does.
        """
        self._flows = False
        """So much came the last time that more may be there; else looking first is a call in vain."""
        self._secured: Secured | None = None
        self.badge = badge or Badge()
        self.tls: Tls | None = None
        """What was negotiated; None without TLS."""

    @property
    def id(self) -> str:
        """Of the session: in log lines, Received and replies."""
        return self.badge.id

    @property
    def listener(self) -> str:
        """Name of the listener in the configuration."""
        return self.badge.listener

    @property
    def exempt(self) -> bool:
        """From a network without rate limits, tarpits and first-time delays."""
        return self.badge.exempt

    @property
    def peer_address(self) -> IpAddress:
        """Who is at the other end."""
        return self._ends.peer_address

    @property
    def peer_port(self) -> int:
        """Their port."""
        return self._ends.peer_port

    @property
    def local_address(self) -> IpAddress:
        """Our end."""
        return self._ends.local_address

    @property
    def local_port(self) -> int:
        """Our port."""
        return self._ends.local_port

    @property
    def client_certificate(self) -> bytes | None:
        """DER of the certificate that the client proved to have; None for none."""
        return self._secured.client_certificate if self._secured else None

    @property
    def server_certificate(self) -> bytes | None:
        """DER of the certificate that the server showed; None without TLS."""
        return self._secured.server_certificate if self._secured else None

    @property
    def stream(self) -> trio.abc.Stream:
        """The stream of bytes, for a library that wants one. Deadlines are then its own matter."""
        return self._stream

    @property
    def alpn(self) -> tuple[str, ...]:
        """The protocols that the client of TLS asked for (RFC 7301)."""
        return self._secured.hello.alpn if self._secured else ()

    @property
    def chosen_alpn(self) -> str:
        """The one of them that both speak; empty for none, and without TLS."""
        return (self._secured.stream.selected_alpn_protocol() or "") if self._secured else ""

    async def receive(self, most: int = RECEIVED_AT_ONCE, *, timeout: float) -> bytes:
        """Bytes as they come, at least one and at most `most`; b"" at the end. Silent after `timeout` seconds, Broken.

        Without an end (`math.inf`) the caller has a deadline of its own, and no scope is made: it costs as much as a command.
        """
        try:
            if timeout == math.inf:
                return await self._received(most)
            with trio.move_on_after(timeout):
                return await self._received(most)
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
            raise _broken(error) from None
        raise Silent(f"nothing received for {timeout:g} s")

    async def _received(self, most: int) -> bytes:
        if self._socket is None:
            data = await self._stream.receive_some(most)
            return data if type(data) is bytes else bytes(data)
        waited = False
        while True:
            if self._socket.fileno() < 0:  # to trio this is a ValueError, and from the second one on a busy socket
                raise trio.ClosedResourceError("it was closed on our side")
            if waited or not self._flows:
                await trio.lowlevel.wait_readable(self._socket)
            else:
                await trio.lowlevel.checkpoint()  # others have their turn
            waited = True
            try:
                read = os.read(self._socket.fileno(), most)
            except BlockingIOError:
                continue
            self._flows = len(read) >= _FLOWING
            return read

    def send_some(self, data: bytes | bytearray | memoryview) -> int:
        """Send what the network takes at once, without giving way to other tasks; how many bytes that was, often all and with
        TLS none. What is wrong shows in `send`.
        """
        if self._socket is None:
            return 0
        try:
            return os.write(self._socket.fileno(), data)
        except OSError:
            return 0

    async def send(self, data: bytes | bytearray | memoryview, *, timeout: float) -> None:
        """Send all of it. Silent when the peer does not take it within `timeout` seconds, Broken; without an end as above."""
        try:
            if timeout == math.inf:
                await self._stream.send_all(data)
                return
            with trio.move_on_after(timeout):
                await self._stream.send_all(data)
                return
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise _broken(error) from None
        raise Silent(f"nothing taken for {timeout:g} s")

    async def start_tls(self, server: ServerTls, *, timeout: float = HANDSHAKE) -> None:
        """Be the server of a TLS handshake. TlsFailed, Silent. Bytes that were received before must be none."""
        with trio.move_on_after(timeout):
            self._take(await tls_streams.accept(self._stream, server))
            return
        raise Silent(f"no TLS handshake within {timeout:g} s")

    async def start_tls_client(self, context: ssl.SSLContext, server_name: str, *, timeout: float = HANDSHAKE) -> None:
        """Be the client; `server_name` is an A-label name to ask for and verify, empty for none. TlsFailed, Silent."""
        with trio.move_on_after(timeout):
            self._take(await tls_streams.connect(self._stream, context, server_name))
            return
        raise Silent(f"no TLS handshake within {timeout:g} s")

    def channel_bindings(self) -> Mapping[str, bytes]:
        """Channel bindings by name: tls-server-end-point (RFC 5929 4), tls-unique below TLS 1.3 (RFC 5929 3).

        TLS 1.3 wants tls-exporter (RFC 9266), which Python's ssl does not give.
        """
        if self._secured is None or self.tls is None:
            return {}
        found = {}
        end_point = _end_point(self._secured.server_certificate)
        if end_point:
            found["tls-server-end-point"] = end_point
        if self.tls.version != "TLSv1.3":
            unique = self._secured.stream.get_channel_binding("tls-unique")
            if unique:
                found["tls-unique"] = unique
        return found

    async def aclose(self) -> None:
        """Say goodbye and close; never raises but for cancellation."""
        if self._socket is not None:  # without TLS there is no goodbye to wait for
            self._socket.close()
            return
        with trio.move_on_after(GOODBYE) as scope:
            try:
                await self._stream.aclose()
            except trio.BrokenResourceError:
                return
        if scope.cancelled_caught:
            await trio.aclose_forcefully(self._stream)

    def _take(self, secured: Secured) -> None:
        self._stream = secured.stream
        self._socket = None
        self._secured = secured
        self.tls = secured.tls


def _broken(error: Exception) -> Broken:
    return Broken(str(error.__cause__ or error) or type(error).__name__)


@functools.lru_cache(maxsize=256)
def _end_point(der: bytes) -> bytes:
    """The hash of a certificate that RFC 5929 4.1 asks for; empty where it defines none."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes

    try:
        algorithm = x509.load_der_x509_certificate(der).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return b""
    if algorithm is None:
        return b""
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(der)
    return digest.finalize()
