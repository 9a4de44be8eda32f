"""What a client says: a command as parts, and its octets with the places where it has to wait.

A part is bytes, which go as they are, `Text`, which becomes an atom, a quoted string or a literal, `Mailbox`, whose name is
encoded, or `Announced`, a message whose octets follow later. ValueError for what would end a line early.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.imap import utf7

_ATOM: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]+").fullmatch
_PLAIN: Final = re.compile(rb'[^"\\\r\n\0\x80-\xff]*').fullmatch
_ESCAPED: Final = re.compile(rb'(["\\])')
_QUOTED_OCTETS: Final = 1000
"""Longer strings are literals: lines of clients stay short (RFC 7162 4)."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox's name."""

    name: str


@dataclass(frozen=True, slots=True)
class Announced:
    """Octets that are given by `ClientConnection.send_octets`."""

    octets: int
    is_binary: bool = False
    """literal8."""


Part = bytes | Text | Mailbox | Announced


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before the server said "+"."""


Step = bytes | Wait | Announced
"""What is sent, and what comes before the next of it."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the server may be spoken to."""

    utf8: bool = False
    """UTF8=ACCEPT or IMAP4rev2 is enabled."""
    largest_unasked: int = 0
    """Octets of a literal that need not wait: LITERAL+ has no limit."""


LITERAL_PLUS: Final = 2**63 - 1
LITERAL_MINUS: Final = limits.IMAP_LITERAL_MINUS_OCTETS


def steps(parts: Sequence[Part], manner: Manner) -> list[Step]:
    """A command's parts, the first with the tag, as what is sent."""
    out: list[Step] = []
    line = b""
    for part in parts:
        if isinstance(part, bytes):
            if set(part) & set(b"\r\n\0"):
                raise ValueError("a command is one line")
            line += part
            continue
        if isinstance(part, Announced):
            literal = b"~{%d" if part.is_binary else b"{%d"
            waits = part.octets > manner.largest_unasked
            out += (
                line + literal % part.octets + (b"}\r\n" if waits else b"+}\r\n"),
                *([Wait()] if waits else []),
                part,
            )
            line = b""
            continue
        octets = _octets(part, manner)
        short = _short(octets, manner)
        if short is not None:
            line += short
        elif len(octets) > manner.largest_unasked:
            out += (line + b"{%d}\r\n" % len(octets), Wait())
            line = octets
        else:
            line += b"{%d+}\r\n%b" % (len(octets), octets)
    out.append(line + b"\r\n")
    return out


def _octets(part: Text | Mailbox, manner: Manner) -> bytes:
    if isinstance(part, Text):
        if b"\0" in part.octets:
            raise ValueError("a string holds no NUL")
        return part.octets
    return part.name.encode() if manner.utf8 else utf7.encode(part.name)


def _short(octets: bytes, manner: Manner) -> bytes | None:
    """As an atom or a quoted string; None where it has to be a literal."""
    if len(octets) > _QUOTED_OCTETS:
        return None
    if _ATOM(octets) and octets.upper() != b"NIL":
        return octets
    if _PLAIN(octets):
        return b'"%b"' % octets
    if b"\r" in octets or b"\n" in octets or not (octets.isascii() or (manner.utf8 and _is_utf8(octets))):
        return None
    return b'"%b"' % _ESCAPED.sub(rb"\\\1", octets)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
