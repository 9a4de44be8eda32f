"""TLS on any stream: the server's side, which reads the ClientHello first, and the client's side.

`accept` reads the hello, asks `ServerTls` for the context that fits, and shakes hands; its caller sets the deadline. When that
fails the alert is still sent, so that the client learns why, and TlsFailed names the reason: its `reason` is a label for
metrics, its text a line for the log. After a failure the stream is good for nothing but closing.
"""

import ssl
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from mox_trio.protocol.smtp import envelope
from mox_trio.protocol.tls_hello import Hello, NotTls, Reader

ALERT_PAUSE: Final = 5.0
"""Seconds that sending the alert of a failed handshake may take."""

TlsStream = trio.SSLStream[trio.abc.Stream]


class TlsFailed(Exception):
    """There is no TLS on this connection. `reason` is one of a few words, `str()` has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a client is answered with."""

    context: ssl.SSLContext
    certificate: bytes
    """DER."""


class ServerTls(Protocol):
    """Certificates and terms of a server; `certificates.FromFiles` is one."""

    def choose(self, hello: Hello) -> Chosen:
        """The context for what a client asks for."""
        ...


@dataclass(frozen=True, slots=True)
class Secured:
    """A stream with TLS, and who is at its ends."""

    stream: TlsStream
    tls: envelope.Tls
    server_certificate: bytes
    """DER."""
    client_certificate: bytes | None
    """DER; None where there is none."""
    hello: Hello


class Replayed(trio.abc.Stream):
    """A stream whose first bytes were read already."""

    def __init__(self, stream: trio.abc.Stream, first: bytes) -> None:
        self.stream = stream
        self._first = first

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """The bytes that were read already, then those of the stream."""
        if not self._first:
            return await self.stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        given, self._first = self._first[:max_bytes], b"" if max_bytes is None else self._first[max_bytes:]
        return given

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream."""
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream."""
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """As the stream."""
        await self.stream.aclose()


async def accept(stream: trio.abc.Stream, server: ServerTls) -> Secured:
    """Take a client's TLS. TlsFailed; the caller sets the deadline."""
    reader = Reader()
    hello: Hello | None = None
    while hello is None:
        try:
            data = await stream.receive_some()
        except trio.BrokenResourceError:
            data = b""
        if not data:
            raise TlsFailed("eof", "the client went before its hello was whole")
        try:
            hello = reader.feed(bytes(data))
        except NotTls as error:
            raise TlsFailed(error.reason, f"the client does not speak TLS: {error.reason}") from None
    chosen = server.choose(hello)
    secured = trio.SSLStream[trio.abc.Stream](
        Replayed(stream, reader.received), chosen.context, server_side=True, https_compatible=True
    )
    await _shake_hands(secured)
    return Secured(secured, _negotiated(secured, hello.server_name), chosen.certificate, _certificate(secured), hello)


async def connect(stream: trio.abc.Stream, context: ssl.SSLContext, server_name: str) -> Secured:
    """Begin TLS as a client; `server_name` is an A-label name to ask for and verify, empty for none. TlsFailed."""
    secured = trio.SSLStream(stream, context, server_hostname=server_name or None, https_compatible=True)
    await _shake_hands(secured)
    return Secured(secured, _negotiated(secured, server_name), _certificate(secured) or b"", None, Hello(server_name))


async def _shake_hands(secured: TlsStream) -> None:
    try:
        await secured.do_handshake()
    except trio.BrokenResourceError as error:
        with trio.move_on_after(ALERT_PAUSE):
            await _send_alert(secured)
        raise _failure(error.__cause__) from None


async def _send_alert(secured: TlsStream) -> None:
    """trio leaves the alert of a failed handshake where OpenSSL put it, and the peer would see no more than an end."""
    pending = secured._outgoing.read()
    if pending:
        try:
            await secured.transport_stream.send_all(pending)
        except trio.BrokenResourceError:
            return


def _failure(cause: BaseException | None) -> TlsFailed:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TlsFailed("certificate", f"the certificate of the peer is not accepted: {cause.verify_message}")
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return TlsFailed("eof", "the peer went during the handshake")
    if isinstance(cause, ssl.CertificateError):
        return TlsFailed("certificate", f"the certificate of the peer is not accepted: {cause}")
    if not isinstance(cause, ssl.SSLError):
        return TlsFailed("eof", "the connection broke during the handshake")
    name = (cause.reason or "other").lower()
    if "alert" in name:
        return TlsFailed(f"alert-{name.partition('alert_')[2]}", f"the peer refused: {name}")
    if name in ("unsupported_protocol", "no_protocols_available", "version_too_low", "no_shared_version"):
        return TlsFailed("unsupportedversions", "no version of TLS that both speak")
    return TlsFailed("other", name)


def _negotiated(secured: TlsStream, server_name: str) -> envelope.Tls:
    cipher: tuple[str, str, int] | None = secured.cipher()
    return envelope.Tls(secured.version() or "", cipher[0] if cipher else "", server_name)


def _certificate(secured: TlsStream) -> bytes | None:
    der: bytes | None = secured.getpeercert(binary_form=True)
    return der
