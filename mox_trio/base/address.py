"""Mail addresses as values: localpart and domain, SMTP paths, and address literals.

Everything here is parsed strictly, as SMTP and our own configuration need it; header fields of mail from outside are
read by the lenient parser in `protocol.mime.addresses`. Text may hold UTF-8 localparts and U-labels (RFC 6531);
values are in normal form C. Quotes are spelling, not identity: `"a"@x.example` equals `a@x.example`. What cannot be
parsed raises `InvalidAddress`, whose text says what is wrong without repeating the input.
"""

import dataclasses
import ipaddress
import re
from typing import Final, NewType, Self

from mox_trio.base import limits, text
from mox_trio.base.domain import Domain, InvalidAddress

__all__ = ["Address", "Domain", "InvalidAddress", "Literal", "Localpart", "Path", "format_localpart", "parse_localpart"]

Localpart = NewType("Localpart", str)
"""What stands before the `@`, unquoted and in normal form C; case is kept and counts. May be empty (`""@x.example`)."""

_ATEXT: Final = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff"  # RFC 5322 3.2.3; RFC 6531 3.3 adds non-ASCII
_DOT_STRING: Final = re.compile(rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*")
_QUOTED: Final = re.compile(
    r'"((?:[^"\\]|\\[\x20-\x7e])*)"'
)  # RFC 5321 4.1.2 Quoted-string; controls are refused below
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_NEEDS_BACKSLASH: Final = re.compile(r'(["\\])')
_ROUTE: Final = re.compile(r"@[^<>@:,]*(?:,@[^<>@:,]*)*:")  # RFC 5321 4.1.2 A-d-l
_TAIL: Final = re.compile(r"\[[^\[\]<>\s]*\]|[^\[\]<>\"@\s]*")


@dataclasses.dataclass(frozen=True, slots=True)
class Literal:
    """A host named by its IP address: `[192.0.2.1]`, `[IPv6:2001:db8::1]`. RFC 5321 4.1.3."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address

    @classmethod
    def parse(cls, literal: str) -> Self:
        """The literal in its brackets. Raises InvalidAddress, also for General-address-literal, never defined."""
        if not (literal.startswith("[") and literal.endswith("]") and len(literal) <= 64):
            raise InvalidAddress("an address literal stands in brackets, as in [192.0.2.1]")
        inner = literal[1:-1]
        try:
            if inner[:5].lower() == "ipv6:":
                if "%" in inner:  # a zone means something on one host only
                    raise InvalidAddress("an address literal has no zone")
                return cls(ipaddress.IPv6Address(inner[5:]))
            return cls(ipaddress.IPv4Address(inner))
        except ipaddress.AddressValueError:
            raise InvalidAddress("the address literal holds no IPv4 or IPv6 address") from None

    def __str__(self) -> str:
        return f"[IPv6:{self.address}]" if self.address.version == 6 else f"[{self.address}]"


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: `localpart@domain`. The domain compares by its A-labels, the localpart exactly. RFC 5321 2.3.11."""

    localpart: Localpart
    domain: Domain

    @classmethod
    def parse(cls, address: str, *, localpart_octets: int = limits.LOCALPART_OCTETS) -> Self:
        """The address that a text writes, quoted or not. Raises InvalidAddress."""
        written, at, domain = address.rpartition("@")
        if not at:
            raise InvalidAddress("the address has no @")
        localpart = parse_localpart(written, localpart_octets)
        if domain.endswith("."):
            raise InvalidAddress("the domain of an address has no dot at its end")
        return cls(localpart, Domain.parse(domain))

    @property
    def needs_utf8(self) -> bool:
        """Whether a peer must know SMTPUTF8 to be told of this address: U-labels have another form, localparts have
        none.
        """
        return not self.localpart.isascii()

    @property
    def ascii(self) -> str:
        """The form for peers without SMTPUTF8, with A-labels. Raises InvalidAddress where `needs_utf8`."""
        if self.needs_utf8:
            raise InvalidAddress("the address has no ASCII form, its localpart holds other characters")
        return f"{format_localpart(self.localpart)}@{self.domain.ascii}"

    def __str__(self) -> str:
        return f"{format_localpart(self.localpart)}@{self.domain.unicode}"


@dataclasses.dataclass(frozen=True, slots=True)
class Path:
    """What MAIL FROM and RCPT TO carry: nothing (`<>`), an address, a mailbox at an address literal, or bare
    `<Postmaster>`.
    """

    localpart: Localpart = Localpart("")
    host: Domain | Literal | None = None

    @classmethod
    def of(cls, address: Address) -> Self:
        """The path to an address."""
        return cls(address.localpart, address.domain)

    @classmethod
    def parse(cls, path: str, *, localpart_octets: int = limits.LOCALPART_OCTETS) -> Self:
        """The path in its angle brackets; a source route is dropped (RFC 5321 appendix C). Raises InvalidAddress."""
        parsed, stop = cls.parse_prefix(path, localpart_octets=localpart_octets)
        if stop != len(path):
            raise InvalidAddress("something follows the closing >")
        return parsed

    @classmethod
    def parse_prefix(cls, line: str, *, localpart_octets: int = limits.LOCALPART_OCTETS) -> tuple[Self, int]:
        """The path at the start of a text, and the index behind its `>`: parameters of the command may follow.

        Raises InvalidAddress. RFC 5321 4.1.2.
        """
        if not line.startswith("<"):
            raise InvalidAddress("a path starts with <")
        if line.startswith("<>"):
            return cls(), 2
        route = _ROUTE.match(line, 1)
        start = route.end() if route else 1
        quoted = _QUOTED.match(line, start)
        plain = quoted or _DOT_STRING.match(line, start)
        if plain is None:
            raise InvalidAddress("the localpart is missing or holds a character that needs quotes")
        stop = plain.end()
        localpart = parse_localpart(plain[0], localpart_octets)
        if line.startswith(">", stop) and localpart.lower() == "postmaster":  # RFC 5321 4.1.1.3
            return cls(localpart, None), stop + 1
        if not line.startswith("@", stop):
            raise InvalidAddress("the localpart is not followed by @")
        tail = _TAIL.match(line, stop + 1)
        stop = tail.end() if tail else stop + 1
        if not line.startswith(">", stop):
            raise InvalidAddress("the path does not end with >")
        parsed = cls(localpart, _parse_host(tail[0] if tail else ""))
        if len(str(parsed).encode()) > limits.PATH_OCTETS:  # RFC 5321 4.5.3.1.3
            raise InvalidAddress(f"the path is longer than {limits.PATH_OCTETS} octets")
        return parsed, stop + 1

    @property
    def is_null(self) -> bool:
        """Whether it is `<>`, the sender of notices that nobody shall answer."""
        return self.host is None and not self.localpart

    @property
    def address(self) -> Address | None:
        """The address, if the path leads to one: not for `<>`, `<Postmaster>` and address literals."""
        return Address(self.localpart, self.host) if isinstance(self.host, Domain) else None

    @property
    def needs_utf8(self) -> bool:
        """As `Address.needs_utf8`."""
        return not self.localpart.isascii()

    @property
    def ascii(self) -> str:
        """With brackets, for peers without SMTPUTF8. Raises InvalidAddress where `needs_utf8`."""
        if self.needs_utf8:
            raise InvalidAddress("the path has no ASCII form, its localpart holds other characters")
        return self._write(self.host.ascii if isinstance(self.host, Domain) else str(self.host))

    def __str__(self) -> str:
        return self._write(str(self.host))

    def _write(self, host: str) -> str:
        if self.is_null:
            return "<>"
        written = format_localpart(self.localpart)
        return f"<{written}>" if self.host is None else f"<{written}@{host}>"


def parse_localpart(written: str, octets: int = limits.LOCALPART_OCTETS) -> Localpart:
    """The localpart that a Dot-string or Quoted-string writes; `octets` limits its UTF-8. Raises InvalidAddress."""
    if (control := text.maybe_control(written)) is not None:
        raise InvalidAddress(f"the localpart holds the character {control}")
    if written.startswith('"'):
        quoted = _QUOTED.fullmatch(written)
        if quoted is None:
            raise InvalidAddress("the quotes of the localpart do not match")
        value = _QUOTED_PAIR.sub(r"\1", quoted[1])
    elif _DOT_STRING.fullmatch(written):
        value = written
    else:
        raise InvalidAddress(_localpart_fault(written))
    value = text.nfc(value)
    if len(value.encode()) > octets:  # RFC 5321 4.5.3.1.1
        raise InvalidAddress(f"the localpart is longer than {octets} octets")
    return Localpart(value)


def format_localpart(localpart: Localpart) -> str:
    """The localpart as it is written in an address: quoted only where it must be."""
    if _DOT_STRING.fullmatch(localpart):
        return localpart
    return '"' + _NEEDS_BACKSLASH.sub(r"\\\1", localpart) + '"'


def _parse_host(host: str) -> Domain | Literal:
    if host.startswith("["):
        return Literal.parse(host)
    if host.endswith("."):
        raise InvalidAddress("the domain of an address has no dot at its end")
    return Domain.parse(host)


def _localpart_fault(written: str) -> str:
    if not written:
        return "the localpart is missing"
    if written.startswith(".") or written.endswith(".") or ".." in written:
        return "a dot of the localpart stands at its start, at its end or beside another; such a localpart needs quotes"
    return "the localpart holds a character that needs quotes"
