"""What stands in a response: words, strings and lists (RFC 9051 9), as Python values.

Strings are bytes, words are `Word`, lists are lists; a literal that was streamed is `Streamed`. Depth is bounded, and no
octet is looked at more than twice. Raises `BadResponse` alone. More is taken than the grammar allows: any octets in quoted
strings but CR and LF, any word without spaces.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits

_TOKEN: Final = re.compile(
    rb' *(?:(\()|(\))|"((?:[^"\\\r\n]|\\[^\r\n])*)"|~?(\{)[0-9]+\+?\}\r\n|((?:BODY|BINARY)[A-Z.]*\[)|([^ ()"{\r\n]+))',
    re.IGNORECASE,
).match
_SECTION: Final = re.compile(rb'(?:[^\]"\r\n]|"(?:[^"\\\r\n]|\\[^\r\n])*")*\](?:<[0-9]+>)?').match
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)


class BadResponse(Exception):
    """The server does not speak IMAP."""


class Word(str):
    """An atom, a number, a flag, NIL, the name of a section: what stands without quotes."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Streamed:
    """A string whose octets were given as blocks."""

    octets: int


Value = Word | bytes | Streamed | list["Value"]


def parse(
    text: bytes, at: int, literals: Mapping[int, bytes | Streamed], depth: int = limits.IMAP_RESPONSE_DEPTH
) -> list[Value]:
    """All values from a place on; literals by the places where they are announced."""
    stack: list[list[Value]] = [[]]
    end = len(text)
    while at < end:
        match = _TOKEN(text, at)
        if match is None:
            if not text[at:].strip(b" "):
                break
            raise BadResponse("octets that are no value")
        at = match.end()
        kind = match.lastindex
        if kind == 6:
            stack[-1].append(Word(match[6].decode("utf-8", "replace")))
        elif kind == 3:
            octets = match[3]
            stack[-1].append(_ESCAPE.sub(rb"\1", octets) if b"\\" in octets else octets)
        elif kind == 1:
            stack.append([])
            if len(stack) > depth:
                raise BadResponse("lists are too deep")
        elif kind == 2:
            if len(stack) == 1:
                raise BadResponse("a list that never began ends")
            done = stack.pop()
            stack[-1].append(done)
        elif kind == 4:
            literal = literals.get(match.start(4) - (text[match.start(4) - 1 : match.start(4)] == b"~"))
            if literal is None:
                raise BadResponse("a literal without octets")
            stack[-1].append(literal)
        else:
            section = _SECTION(text, at)
            if section is None:
                raise BadResponse("a section without an end")
            stack[-1].append(Word((match[5] + section[0]).decode("utf-8", "replace")))
            at = section.end()
    if len(stack) != 1:
        raise BadResponse("a list without an end")
    return stack[0]


def octets(value: Value) -> bytes:
    """A string, or an astring that was written as a word."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, Word):
        return value.encode()
    raise BadResponse("a string is missing")


def maybe_octets(value: Value) -> bytes | Streamed | None:
    """A string; None for NIL."""
    if isinstance(value, Word) and value.upper() == "NIL":
        return None
    return value if isinstance(value, Streamed) else octets(value)


def text_of(value: Value) -> str:
    """A string as text."""
    return octets(value).decode("utf-8", "replace")


def word(value: Value) -> str:
    """A word as it was written."""
    if not isinstance(value, Word):
        raise BadResponse("a word is missing")
    return str(value)


def number(value: Value) -> int:
    """A number."""
    if not isinstance(value, Word) or not value.isascii() or not value.isdigit() or len(value) > 20:
        raise BadResponse("a number is missing")
    return int(value)


def members(value: Value) -> list[Value]:
    """A list."""
    if not isinstance(value, list):
        raise BadResponse("a list is missing")
    return value


Plain = bytes | int | str | None | tuple["Plain", ...]
"""A value of ENVELOPE or BODYSTRUCTURE: strings are bytes, other words str."""


def plain(value: Value) -> Plain:
    """As it is meant: NIL is None, digits are numbers."""
    if isinstance(value, list):
        return tuple([plain(each) for each in value])
    if isinstance(value, Word):
        if value.isascii() and value.isdigit() and len(value) <= 20:
            return int(value)
        return None if value.upper() == "NIL" else str(value)
    return b"" if isinstance(value, Streamed) else value
