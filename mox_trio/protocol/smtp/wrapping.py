"""Replies as bytes: every line with its code, none longer than RFC 5321 4.5.3.1.5 allows, none that ends early."""

import functools

from mox_trio.base import text
from mox_trio.protocol.smtp.reply import LINE_OCTETS, Reply

_WRAP_FROM = 400
"""A longer line is broken at the first space behind this octet."""


@functools.lru_cache(maxsize=512)
def encode(reply: Reply, *, utf8: bool = False) -> bytes:
    """The lines of a reply with their CRLFs.

    Characters other than ASCII become `?` unless `utf8` (RFC 6531 3.7.4.1: only in a transaction with SMTPUTF8), control
    characters a space: a text that came from somewhere cannot make a second reply.
    """
    prefix = f"{reply.enhanced} " if reply.enhanced else ""
    room = LINE_OCTETS - len("250-\r\n") - len(prefix)
    lines = [piece for line in reply.lines for piece in _wrapped(_cleaned(line, utf8), room)] or [b""]
    more = f"{reply.code}-{prefix}".encode("ascii")
    last = f"{reply.code} {prefix}".encode("ascii")
    return b"".join(b"%b%b\r\n" % (more, line) for line in lines[:-1]) + b"%b%b\r\n" % (last, lines[-1])


def _cleaned(line: str, utf8: bool) -> bytes:
    return text.without_controls(line).encode("utf-8" if utf8 else "ascii", "replace")


def _wrapped(line: bytes, room: int) -> list[bytes]:
    pieces = []
    while len(line) > room:
        at = line.find(b" ", _WRAP_FROM, room)
        if at < 0:
            at = room
            while line[at] & 0xC0 == 0x80:  # not within a character of UTF-8
                at -= 1
        pieces.append(line[:at])
        line = line[at:].lstrip(b" ")
    return [*pieces, line]
