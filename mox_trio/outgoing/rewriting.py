"""A submitted message as it goes on: with another header, and without binary parts.

Nothing is held in memory but the header: the rest is read from the spool as it is written. Parts of a BINARYMIME message
(RFC 3030 3) that are binary are encoded as base64 before anybody signs, because the hosts of the recipients may not know
BINARYMIME; what stands around them is 8bit then. An embedded message is not encoded itself (RFC 2046 5.2.1), its parts are.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.mailstore.spool import Spooled
from mox_trio.protocol.mime import header, transfer
from mox_trio.protocol.mime.header import Header
from mox_trio.protocol.mime.part import Part
from storage_backends.bodies.api import BLOCK

_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")
HIDDEN: Final = frozenset({b"bcc", b"resent-bcc", b"return-path"})
"""Fields that do not go on: RFC 5322 3.6.3, RFC 5321 4.4."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of the message, as they are or as base64."""

    start: int
    stop: int
    encoded: bool = False


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A `Source` made of pieces of a message and of bytes in their place."""

    message: Spooled
    block: bytes
    """The header block without its blank line."""
    pieces: tuple[bytes | Range, ...]
    """What follows the blank line."""
    size: int

    def blocks(self) -> Iterator[bytes]:
        """All bytes. Blocks when the message is in a file."""
        yield self.block + b"\r\n"
        for piece in self.pieces:
            yield from _blocks(self.message, piece)


def header_block(parsed: Header) -> bytes:
    """The whole header block with CRLF line ends, without the blank line and what does not go on."""
    if any(key in parsed for key in HIDDEN):
        kept = b"".join(each.raw for each in parsed.fields if each.key not in HIDDEN)
    else:
        kept = parsed.block[: len(parsed.block) - len(parsed.end)]
    return _BARE.sub(b"\r\n", kept) if kept.count(b"\r\n") != kept.count(b"\n") else kept


def rewritten(message: Spooled, block: bytes) -> Rewritten:
    """The message with another header block, which has no blank line."""
    rest = Range(message.root.body_start, message.size)
    return Rewritten(message, block, (rest,), len(block) + 2 + rest.stop - rest.start)


def without_binary(message: Spooled, block: bytes) -> Rewritten:
    """The same with binary parts encoded. Computes: reads what is encoded once to know its size."""
    root = message.root
    block = _header(block, root)
    pieces: list[bytes | Range] = []
    at = root.body_start
    for place in _places(root):
        if place.start > at:
            pieces.append(Range(at, place.start))
        pieces.append(_changed(message, place))
        at = place.stop
    pieces.append(Range(at, message.size))
    size = len(block) + 2 + sum(_size(message, piece) for piece in pieces)
    return Rewritten(message, block, tuple(pieces), size)


@dataclass(frozen=True, slots=True)
class _Place:
    start: int
    stop: int
    part: Part
    is_header: bool


def _places(root: Part) -> Iterator[_Place]:
    """Headers and bodies that change, in the order of the message."""
    waiting: list[tuple[Part, bool]] = [(root, True)]
    while waiting:
        part, is_root = waiting.pop()
        is_binary = part.encoding == "binary"
        if is_binary and not is_root:
            yield _Place(part.header_start, part.body_start, part, is_header=True)
        if is_binary and not part.children and not part.is_multipart and not part.is_message:
            yield _Place(part.body_start, part.body_stop, part, is_header=False)
        waiting.extend((child, False) for child in reversed(part.children))


def _changed(message: Spooled, place: _Place) -> bytes | Range:
    if not place.is_header:
        return Range(place.start, place.stop, encoded=True)
    parsed = header.parse(message.read(place.start, place.stop))
    return _header(b"".join(each.raw for each in parsed.fields), place.part) + b"\r\n"


def _header(block: bytes, part: Part) -> bytes:
    """The fields with the encoding that the part has now."""
    if part.encoding != "binary":
        return block
    is_leaf = not part.children and not part.is_multipart and not part.is_message
    fields = header.parse(block).fields
    kept = b"".join(each.raw for each in fields if each.key != b"content-transfer-encoding")
    return kept + b"Content-Transfer-Encoding: %b\r\n" % (b"base64" if is_leaf else b"8bit")


def _size(message: Spooled, piece: bytes | Range) -> int:
    if isinstance(piece, bytes):
        return len(piece)
    if not piece.encoded:
        return piece.stop - piece.start
    return sum(len(block) for block in _blocks(message, piece))


def _blocks(message: Spooled, piece: bytes | Range) -> Iterator[bytes]:
    if isinstance(piece, bytes):
        yield piece
        return
    coder = transfer.encoder("base64" if piece.encoded else "binary")
    # base64 grows by a third and its line ends
    step = BLOCK // 2 if piece.encoded else BLOCK
    for start in range(piece.start, piece.stop, step):
        if block := coder.feed(message.read(start, min(start + step, piece.stop))):
            yield block
    if block := coder.close():
        yield block


def has_nul(blocks: Sequence[bytes] | Iterator[bytes]) -> bool:
    """Whether what is left is binary all the same. Reads it all."""
    return any(b"\0" in block for block in blocks)
