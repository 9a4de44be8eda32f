"""The words and signs that an address list consists of (RFC 5322 3.2), cut leniently and in linear time.

A quote, parenthesis or bracket that does not close is an ordinary character; once one was found open to the end, no
later one of its kind is tried, so that hostile input is never scanned twice. Quotes and comments come without their
signs and backslashes. An encoded word is one word, even when it holds signs that it should have encoded.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

TEXT: Final = 0
COMMENT: Final = 1
ANGLE: Final = 2
CLOSE: Final = 3
AT: Final = 4
COMMA: Final = 5
SEMICOLON: Final = 6
COLON: Final = 7


class Token(NamedTuple):
    """One word or sign. A quoted string or an address literal is `TEXT` as well."""

    kind: int
    value: bytes
    is_spaced: bool
    """Whether white space or a comment stands before it."""


_SIGNS: Final = {b"<": ANGLE, b">": CLOSE, b"@": AT, b",": COMMA, b";": SEMICOLON, b":": COLON}
_SPACE: Final = re.compile(rb"[ \t\r\n]++")
_QUOTED: Final = re.compile(rb'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_WORD: Final = re.compile(
    rb"=\?[^?\s]{1,60}\?[bBqQ]\?[^?\s\"]*+\?="  # RFC 2047 2
    rb"|\[[^\[\]]*+\]"  # RFC 5322 3.4.1 domain-literal
    rb'|[^ \t\r\n"(),:;<>@\[]++',
)
_IN_COMMENT: Final = re.compile(rb"[()\\]")
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)


def split(body: bytes, position: int = 0) -> Iterator[Token]:
    """The tokens of `body` from `position` on."""
    end = len(body)
    quotes = comments = True
    is_spaced = False
    while True:
        space = _SPACE.match(body, position)
        if space is not None:
            is_spaced = True
            position = space.end()
        if position >= end:
            return
        sign = body[position : position + 1]
        kind, value = TEXT, sign
        stop = position + 1
        if sign in _SIGNS:
            kind = _SIGNS[sign]
        elif sign == b'"' and quotes:
            quoted = _QUOTED.match(body, position)
            quotes = quoted is not None
            if quoted is not None:
                value, stop = _unescaped(quoted[1]), quoted.end()
        elif sign == b"(" and comments:
            closed = _comment_end(body, position)
            comments = closed > 0
            if comments:
                kind, value, stop = COMMENT, _unescaped(body[position + 1 : closed - 1]).strip(), closed
        elif (word := _WORD.match(body, position)) is not None:
            value, stop = word[0], word.end()
        yield Token(kind, value, is_spaced)
        is_spaced = kind == COMMENT
        position = stop


def _comment_end(body: bytes, position: int) -> int:
    """Where the comment that starts at `position` ends; 0 where it does not. Comments nest (RFC 5322 3.2.2)."""
    depth = 0
    while (found := _IN_COMMENT.search(body, position)) is not None:
        position = found.end()
        if found[0] == b"\\":
            position += 1
        else:
            depth += 1 if found[0] == b"(" else -1
            if depth == 0:
                return position
    return 0


def _unescaped(text: bytes) -> bytes:
    return _QUOTED_PAIR.sub(rb"\1", text) if b"\\" in text else text
