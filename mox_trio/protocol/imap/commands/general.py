"""Commands of every state, and those about the session itself: CAPABILITY, NOOP, LOGOUT, ID, ENABLE, COMPRESS,
UNAUTHENTICATE, IDLE, NAMESPACE.
"""

from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.imap.lexer import Lexer, Malformed

ID_NAME_OCTETS: Final = 30
ID_VALUE_OCTETS: Final = 1024
"""RFC 2971 3.3. What is longer is cut: it is for logs only."""


@dataclass(frozen=True, slots=True)
class Capability:
    """CAPABILITY (RFC 9051 6.1.1)."""


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP (RFC 9051 6.1.2), and CHECK of RFC 3501 6.4.1, which does no more here."""

    is_check: bool = False


@dataclass(frozen=True, slots=True)
class Logout:
    """LOGOUT (RFC 9051 6.1.3)."""


@dataclass(frozen=True, slots=True)
class Id:
    """ID (RFC 2971): what the client says of itself, decoded; names in lower case. Empty for NIL."""

    fields: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Enable:
    """ENABLE (RFC 9051 6.3.1): names in upper case, known or not."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compress:
    """COMPRESS (RFC 4978): the mechanism in upper case."""

    mechanism: str


@dataclass(frozen=True, slots=True)
class Unauthenticate:
    """UNAUTHENTICATE (RFC 8437)."""


@dataclass(frozen=True, slots=True)
class Idle:
    """IDLE (RFC 9051 6.3.13). The end, DONE, is an event of its own."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """NAMESPACE (RFC 9051 6.3.10)."""


def parse_capability(lexer: Lexer) -> Capability:
    """Nothing behind it."""
    lexer.end()
    return Capability()


def parse_noop(lexer: Lexer) -> Noop:
    """Nothing behind it."""
    lexer.end()
    return Noop()


def parse_check(lexer: Lexer) -> Noop:
    """Nothing behind it."""
    lexer.end()
    return Noop(is_check=True)


def parse_logout(lexer: Lexer) -> Logout:
    """Nothing behind it."""
    lexer.end()
    return Logout()


def parse_unauthenticate(lexer: Lexer) -> Unauthenticate:
    """Nothing behind it."""
    lexer.end()
    return Unauthenticate()


def parse_idle(lexer: Lexer) -> Idle:
    """Nothing behind it."""
    lexer.end()
    return Idle()


def parse_namespace(lexer: Lexer) -> Namespace:
    """Nothing behind it."""
    lexer.end()
    return Namespace()


def parse_id(lexer: Lexer) -> Id:
    """SP and NIL, or pairs of strings in parentheses (RFC 2971 3.1)."""
    lexer.space()
    if lexer.maybe_word("NIL"):
        lexer.end()
        return Id(())
    fields = lexer.members(lambda: _id_field(lexer), may_be_empty=True)
    if len(fields) > limits.IMAP_ID_FIELDS:
        raise Malformed(f"ID has at most {limits.IMAP_ID_FIELDS} fields")
    lexer.end()
    return Id(tuple(fields))


def _id_field(lexer: Lexer) -> tuple[str, str | None]:
    name = lexer.astring()
    lexer.space()
    value = lexer.nstring()
    return (
        name[:ID_NAME_OCTETS].decode("utf-8", "replace").lower(),
        None if value is None else value[:ID_VALUE_OCTETS].decode("utf-8", "replace"),
    )


def parse_enable(lexer: Lexer) -> Enable:
    """Names with spaces between (RFC 5161 4)."""
    lexer.space()
    names = [lexer.atom().upper()]
    while lexer.maybe_space():
        names.append(lexer.atom().upper())
        if len(names) > lexer.bounds.members:
            raise Malformed("too many names")
    lexer.end()
    return Enable(tuple(dict.fromkeys(names)))


def parse_compress(lexer: Lexer) -> Compress:
    """The name of a mechanism (RFC 4978 4)."""
    lexer.space()
    mechanism = lexer.atom().upper()
    lexer.end()
    return Compress(mechanism)
