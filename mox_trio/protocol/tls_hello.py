"""The first message of a TLS client, read before TLS begins (RFC 8446 4.1.2, RFC 5246 7.4.1.2).

It says which name and which protocols the client wants, so that one accept path serves every server with the right
certificate. The message may span records and packets: `Reader.feed` takes bytes as they come and returns the hello when it is
whole, or raises NotTls, whose reason is a label for metrics. Nothing is consumed: TLS itself reads the same bytes again.
Bounded by `most` bytes.
"""

from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_RECORD_HEADER: Final = 5
_LARGEST_RECORD: Final = 1 << 14
"""RFC 8446 5.1."""
_MOST_RECORDS: Final = 64
"""Clients use one to three; each is looked at again when more bytes come."""
_SERVER_NAME: Final = 0
_ALPN: Final = 16
_HOST_NAME: Final = 0


class NotTls(Exception):
    """This is no ClientHello. `reason` is one of nottls, sslv2, malformed, toolarge."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client asks for."""

    server_name: str = ""
    """RFC 6066 3, in lower case, without a dot at its end; empty for none and for what is no host name."""
    alpn: tuple[str, ...] = ()
    """RFC 7301 3.1: names of protocols, the preferred one first."""


class Reader:
    """Collects the bytes of one ClientHello."""

    def __init__(self, most: int = limits.TLS_HELLO_BYTES) -> None:
        self._most = most
        self._received = bytearray()

    @property
    def received(self) -> bytes:
        """All bytes that were fed."""
        return bytes(self._received)

    def feed(self, data: bytes) -> Hello | None:
        """Take more bytes; the hello when it is whole, None when more are needed. NotTls."""
        self._received += data
        message = self._message()
        if message is None and len(self._received) >= self._most:
            raise NotTls("toolarge")
        return None if message is None else parse(message)

    def _message(self) -> bytes | None:
        """The handshake message joined from its records, without its header of four bytes."""
        data, joined, start, records = self._received, bytearray(), 0, 0
        while len(joined) < 4 or len(joined) < 4 + int.from_bytes(joined[1:4]):
            header = data[start : start + _RECORD_HEADER]
            self._check(header, is_first=start == 0)
            if len(header) < _RECORD_HEADER:
                return None
            length = int.from_bytes(header[3:5])
            records += 1
            if not 0 < length <= _LARGEST_RECORD or records > _MOST_RECORDS:
                raise NotTls("malformed")
            joined += data[start + _RECORD_HEADER : start + _RECORD_HEADER + length]
            if joined and joined[0] != _CLIENT_HELLO:
                raise NotTls("malformed")
            if len(joined) >= 4 and int.from_bytes(joined[1:4]) > self._most:
                raise NotTls("toolarge")
            if len(data) < start + _RECORD_HEADER + length:
                return None
            start += _RECORD_HEADER + length
        return bytes(joined[4 : 4 + int.from_bytes(joined[1:4])])

    def _check(self, header: bytes | bytearray, *, is_first: bool) -> None:
        """A record of TLS begins with 22, 3; a hello of SSL 2 with a length and 1."""
        if header[:1] and header[0] != _HANDSHAKE:
            if is_first and header[0] & 0x80:
                if len(header) < 3:
                    return
                raise NotTls("sslv2" if header[2] == _CLIENT_HELLO else "nottls")
            raise NotTls("nottls" if is_first else "malformed")
        if len(header) > 1 and header[1] != 3:
            raise NotTls("nottls" if is_first else "malformed")


class _Cut:
    """Takes fields from the front of bytes; NotTls where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise NotTls("malformed")
        self._at += count
        return taken

    def vector(self, size: int) -> bytes:
        """A field whose length stands before it in `size` bytes."""
        return self.take(int.from_bytes(self.take(size)))

    def __bool__(self) -> bool:
        return self._at < len(self._data)


def parse(message: bytes) -> Hello:
    """Read the body of a ClientHello. NotTls."""
    cut = _Cut(message)
    cut.take(2 + 32)  # legacy_version, random
    cut.vector(1)  # legacy_session_id
    cut.vector(2)  # cipher_suites
    cut.vector(1)  # legacy_compression_methods
    name = ""
    alpn: tuple[str, ...] = ()
    extensions = _Cut(cut.vector(2) if cut else b"")
    while extensions:
        kind, content = int.from_bytes(extensions.take(2)), extensions.vector(2)
        if kind == _SERVER_NAME:
            name = _host_name(content)
        elif kind == _ALPN:
            alpn = _protocols(content)
    return Hello(name, alpn)


def _host_name(content: bytes) -> str:
    names = _Cut(_Cut(content).vector(2))
    while names:
        kind, name = names.take(1)[0], names.vector(2)
        if kind == _HOST_NAME:
            is_name = 0 < len(name) <= 255 and all(0x21 <= each <= 0x7E for each in name)
            return name.decode("ascii").lower().removesuffix(".") if is_name else ""
    return ""


def _protocols(content: bytes) -> tuple[str, ...]:
    names, found = _Cut(_Cut(content).vector(2)), []
    while names:
        found.append(names.vector(1).decode("ascii", "backslashreplace"))
    return tuple(found)
