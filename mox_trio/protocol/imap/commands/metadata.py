"""Annotations of mailboxes and of the account (RFC 5464)."""

import re
from dataclasses import dataclass
from typing import Final

from mox_trio.protocol.imap import numsets
from mox_trio.protocol.imap.lexer import Lexer, Malformed

_ENTRY: Final = re.compile(rb"(?:/[^/*%\x00-\x1f\x7f-\xff]+)+").fullmatch
"""RFC 5464 3.2: ASCII, no wildcards, no empty component."""
_DEPTHS: Final = {"0": 0, "1": 1, "infinity": None}


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """GETMETADATA; an empty mailbox is the server. Entries in lower case."""

    mailbox: str
    entries: tuple[str, ...]
    depth: int | None = 0
    """None for infinity."""
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """SETMETADATA: entries in lower case and their values; None takes an entry away."""

    mailbox: str
    values: tuple[tuple[str, bytes | None], ...]


def parse_get(lexer: Lexer) -> GetMetadata:
    """Options, a mailbox, entries (RFC 5464 5). The examples of the RFC have the options behind the mailbox: both are taken."""
    lexer.space()
    options = maybe_options(lexer)
    if options is not None:
        lexer.space()
    mailbox = lexer.mailbox()
    lexer.space()
    if options is None:
        options = maybe_options(lexer)
        if options is not None:
            lexer.space()
    entries = lexer.members(lambda: entry(lexer)) if lexer.starts(b"(") else [entry(lexer)]
    lexer.end()
    depth, max_size = options or (0, None)
    return GetMetadata(mailbox, tuple(dict.fromkeys(entries)), depth, max_size)


def parse_set(lexer: Lexer) -> SetMetadata:
    """A mailbox, and entries with their values."""
    lexer.space()
    mailbox = lexer.mailbox()
    lexer.space()
    values = lexer.members(lambda: _value(lexer))
    lexer.end()
    return SetMetadata(mailbox, tuple(values))


def entry(lexer: Lexer) -> str:
    """The name of an annotation, in lower case: RFC 5464 3.2 compares them so."""
    name = lexer.astring()
    if _ENTRY(name) is None:
        raise Malformed("an entry is like /private/comment")
    return name.decode("ascii").lower()


def maybe_options(lexer: Lexer) -> tuple[int | None, int | None] | None:
    """DEPTH and MAXSIZE in parentheses; None where something else is next."""
    if not lexer.starts(b"(") or not lexer.peek_word(1):
        return None
    depth: int | None = 0
    max_size: int | None = None
    for each in lexer.members(lambda: _option(lexer)):
        if each[0] == "DEPTH":
            depth = each[1]
        else:
            max_size = each[1]
    return depth, max_size


def _option(lexer: Lexer) -> tuple[str, int | None]:
    name = lexer.word()
    lexer.space()
    if name == "MAXSIZE":
        return name, lexer.number(numsets.LARGEST)
    if name != "DEPTH":
        raise Malformed("the options are DEPTH and MAXSIZE")
    depth = lexer.atom().lower()
    if depth not in _DEPTHS:
        raise Malformed("a depth is 0, 1 or infinity")
    return name, _DEPTHS[depth]


def _value(lexer: Lexer) -> tuple[str, bytes | None]:
    name = entry(lexer)
    lexer.space()
    return name, lexer.nvalue()
