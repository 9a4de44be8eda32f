"""Encoded words: text beyond ASCII in header fields (RFC 2047), read as leniently as the world needs and written
strictly.

`decode` takes the body of a field or a phrase of it and gives one line of text: broken words stay as they are, octets
outside words are taken as UTF-8 (RFC 6532) or else windows-1252, and control characters, which a word can smuggle in,
become spaces (white space) or U+FFFD, so that the result can be kept in a row, shown and written to a log. It never
raises and is linear.
"""

import binascii
import re
from collections.abc import Callable, Iterator
from typing import Final

from mox_trio.protocol.mime import charsets

WORD_OCTETS: Final = 75
"""RFC 2047 2: the longest encoded word."""

# RFC 2047 2, except that white space within the text of a word is let pass: many programs forget to encode it. The
# charset is cut off at the language tag of RFC 2231 5.
_WORD: Final = re.compile(rb"=\?([^?*\s]{1,60})(?:\*[^?\s]{0,60})?\?([BbQq])\?([^?]*)\?=")
_Q_OCTET: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_SPACES: Final = frozenset("\t\n\v\f\r")
_Q_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
"""RFC 2047 5 (3): what may stand as it is in a word of a phrase, hence anywhere."""
_PAYLOAD: Final = WORD_OCTETS - len("=?utf-8?q??=")


def decode(value: bytes) -> str:
    """The text of a field's unfolded body, or of a phrase in it."""
    text = _decode_words(value) if b"=?" in value else charsets.decode(value)
    return text if text.isprintable() else without_controls(text)


def without_controls(text: str) -> str:
    """The text on one line, fit to be stored and shown: no control characters, no NUL, no lone surrogates."""
    return _CONTROL.sub(_harmless, text)


def encode(text: str, column: int = 0) -> list[bytes]:
    """The text as encoded words in UTF-8, each of at most 75 octets, with Q or B, whichever is shorter.

    The first word is as much shorter as the `column` at which it will begin, so that its line needs no fold before it.
    White space between the words is not part of the text: join them with a space or with a fold. RFC 2047 4 and 5.
    Lone surrogates become "?".
    """
    data = text.encode("utf-8", "replace")
    costs = _q_cost(data)
    if costs <= -(-len(data) // 3) * 4:
        return [b"=?utf-8?q?%b?=" % b"".join(map(_q, piece)) for piece in _pieces(text, _q_cost, _PAYLOAD, column)]
    pieces = _pieces(text, len, _PAYLOAD // 4 * 3, column)
    return [b"=?utf-8?b?%b?=" % binascii.b2a_base64(piece, newline=False) for piece in pieces]


def _decode_words(value: bytes) -> str:
    """Words of the same charset that stand side by side are joined before decoding: some programs cut characters in
    two.
    """
    out: list[str] = []
    pending: list[bytes] = []
    charset = b""
    end = 0
    for found in _WORD.finditer(value):
        octets = _octets(found[2], found[3])
        if octets is None:
            continue  # left as it is: the next gap begins before it
        gap = value[end : found.start()]
        is_adjacent = bool(pending) and not gap.strip()  # RFC 2047 6.2: white space between words is not shown
        name = found[1].lower()
        if pending and not (is_adjacent and name == charset):
            out.append(charsets.decode(b"".join(pending), charset))
            pending = []
        if gap and not is_adjacent:
            out.append(charsets.decode(gap))
        pending.append(octets)
        charset = name
        end = found.end()
    if pending:
        out.append(charsets.decode(b"".join(pending), charset))
    out.append(charsets.decode(value[end:]))
    return "".join(out)


def _octets(encoding: bytes, text: bytes) -> bytes | None:
    """What a word's text stands for; None where it is broken."""
    if encoding in b"Qq":
        text = text.replace(b"_", b" ")  # RFC 2047 4.2 (2)
        return _Q_OCTET.sub(lambda hexed: bytes((int(hexed[1], 16),)), text) if b"=" in text else text
    try:
        return binascii.a2b_base64(text.rstrip(b"= ") + b"==")  # padding is often wrong
    except binascii.Error:
        return None


def _harmless(control: re.Match[str]) -> str:
    return " " if control[0] in _SPACES else "\ufffd"


def _q(octet: int) -> bytes:
    if octet in _Q_PLAIN:
        return bytes((octet,))
    return b"_" if octet == 0x20 else b"=%02X" % octet


def _q_cost(data: bytes) -> int:
    return sum(1 if octet in _Q_PLAIN or octet == 0x20 else 3 for octet in data)


def _pieces(text: str, cost: Callable[[bytes], int], room: int, column: int) -> Iterator[bytes]:
    """The text's UTF-8 cut between characters (RFC 2047 5), each piece costing at most `room`, the first less."""
    piece = bytearray()
    used = min(column, room // 2)
    for character in text:
        octets = character.encode("utf-8", "replace")
        price = cost(octets)
        if used + price > room:
            yield bytes(piece)
            piece.clear()
            used = 0
        piece += octets
        used += price
    if piece or not text:
        yield bytes(piece)
