"""The PROXY header, versions 1 and 2: what a proxy says about the connection it passes on.

After the specification of HAProxy, "The PROXY protocol Versions 1 & 2" (2020). `Reader.feed` takes bytes as they come; the
header is whole when it returns a Header, and `rest` is what came behind it, which is the client's. NotProxied for everything
else, a header that is too long included.
"""

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

IpAddress = IPv4Address | IPv6Address

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
"""Of version 2 (2.2)."""
LINE: Final = 107
"""Octets of the longest header of version 1, CRLF included (2.1)."""
_FIXED: Final = 16
"""Octets of version 2 before the addresses."""
LONGEST: Final = 4096
"""Octets of a header of version 2 that are taken: addresses are 12 or 36, the rest are fields that nobody here asks for."""


class NotProxied(Exception):
    """The bytes are no PROXY header."""


@dataclass(frozen=True, slots=True)
class Header:
    """The ends of the client's connection to the proxy; None when the proxy speaks for itself (LOCAL, UNKNOWN)."""

    source: tuple[IpAddress, int] | None = None
    destination: tuple[IpAddress, int] | None = None


class Reader:
    """Collects the bytes of one header."""

    def __init__(self) -> None:
        self._received = bytearray()
        self.rest = b""
        """What came behind the header."""

    def feed(self, data: bytes) -> Header | None:
        """Take more bytes; the header when it is whole, None when more are needed. NotProxied."""
        self._received += data
        received = bytes(self._received)
        if received[:1] == SIGNATURE[:1]:
            return self._second(received)
        if received[:6] != b"PROXY "[: len(received)]:
            raise NotProxied("there is no PROXY header")
        end = received.find(b"\r\n", 0, LINE)
        if end < 0:
            if len(received) >= LINE:
                raise NotProxied("the line of version 1 does not end")
            return None
        self.rest = received[end + 2 :]
        return first(received[:end])

    def _second(self, received: bytes) -> Header | None:
        if received[:12] != SIGNATURE[: len(received)]:
            raise NotProxied("there is no PROXY header")
        if len(received) < _FIXED:
            return None
        length = int.from_bytes(received[14:16])
        if _FIXED + length > LONGEST:
            raise NotProxied("the header of version 2 is too long")
        if len(received) < _FIXED + length:
            return None
        self.rest = received[_FIXED + length :]
        return second(received[12], received[13], received[_FIXED : _FIXED + length])


def first(line: bytes) -> Header:
    """A line of version 1 without CRLF (2.1). NotProxied."""
    words = line.decode("ascii", "replace").split(" ")
    if words[:2] == ["PROXY", "UNKNOWN"]:
        return Header()
    if len(words) != 6 or words[0] != "PROXY" or words[1] not in ("TCP4", "TCP6"):
        raise NotProxied("the line of version 1 makes no sense")
    family = IPv4Address if words[1] == "TCP4" else IPv6Address
    try:
        source, destination = family(words[2]), family(words[3])
    except AddressValueError:
        raise NotProxied("the line of version 1 has no addresses") from None
    return Header((source, _port(words[4])), (destination, _port(words[5])))


def _port(word: str) -> int:
    if not (word.isascii() and word.isdecimal() and len(word) <= 5 and int(word) <= 65535):
        raise NotProxied("the line of version 1 has no ports")
    return int(word)


def second(version_command: int, family_protocol: int, content: bytes) -> Header:
    """A header of version 2, taken apart (2.2). NotProxied."""
    if version_command == 0x20:  # LOCAL: the proxy itself, as in a health check
        return Header()
    if version_command != 0x21:
        raise NotProxied("neither version nor command are known")
    if family_protocol == 0x11 and len(content) >= 12:
        ports = int.from_bytes(content[8:10]), int.from_bytes(content[10:12])
        return Header((IPv4Address(content[:4]), ports[0]), (IPv4Address(content[4:8]), ports[1]))
    if family_protocol == 0x21 and len(content) >= 36:
        ports = int.from_bytes(content[32:34]), int.from_bytes(content[34:36])
        return Header((IPv6Address(content[:16]), ports[0]), (IPv6Address(content[16:32]), ports[1]))
    if family_protocol == 0x00:
        return Header()
    raise NotProxied("this is no TCP connection")
