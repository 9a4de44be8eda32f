"""The parts of a message whose end has not come, the outermost first, and the tree that grows from them.

Here is decided what a part is: from its header, its place, and the limits. Where its header and body begin and end is
found by `parser`, which calls this. Every part is ended once, with all parts within it.
"""

from dataclasses import dataclass

from mox_trio.base import limits
from mox_trio.protocol.mime import content_fields, transfer
from mox_trio.protocol.mime.boundaries import Boundaries, Delimiter
from mox_trio.protocol.mime.part import Part


@dataclass(slots=True)
class _Open:
    """A part, how many boundaries are open around it, and how many line ends are before its body."""

    part: Part
    outside: int
    lines_before: int = 0


class OpenParts:
    """A stack of parts that begins with the message itself. Offsets and line counts are of the whole message."""

    def __init__(self, *, depth: int, parts: int, header_bytes: int) -> None:
        self._depth = depth
        self._parts_left = parts
        self._header_bytes = header_bytes
        self._headers_left = limits.MIME_HEADERS_BYTES
        self._embedded_left = limits.MIME_EMBEDDED_HEADER_BYTES
        self._open: list[_Open] = []
        self._boundary = b""
        self.boundaries = Boundaries()
        self.root = self.start(0)

    @property
    def body_start(self) -> int:
        """Where the body of the innermost part begins."""
        return self._open[-1].part.body_start

    @property
    def header_room(self) -> int:
        """Octets of the next header that are to be read."""
        return min(self._header_bytes, self._headers_left)

    @property
    def full(self) -> bool:
        """Whether there can be no further part."""
        return not self._parts_left

    def start(self, header_start: int) -> Part:
        """A part within the innermost, whose header begins there."""
        part = Part(header_start=header_start)
        if self._open:
            self._open[-1].part.children.append(part)
        self._open.append(_Open(part, len(self.boundaries)))
        self._parts_left -= 1
        return part

    def end_header(self, block: bytes, body_start: int, lines_before: int) -> None:
        """The header of the innermost part is `block`."""
        current = self._open[-1]
        part, around = current.part, self._open[-2].part if len(self._open) > 1 else None
        part.body_start = body_start
        current.lines_before = lines_before
        self._headers_left -= len(block)
        if around is None:
            part.header = block
        elif around.is_message:
            part.header = block[: min(limits.HEADER_ROW_BYTES, self._embedded_left)]
            self._embedded_left -= len(part.header)
        in_digest = around is not None and around.is_multipart and around.subtype == "digest"
        self._boundary = content_fields.read(part, block, in_digest=in_digest)

    def holds_message(self) -> bool:
        """Whether the body of the innermost part is a message that can be looked into."""
        part = self._open[-1].part
        return part.is_message and not content_fields.is_encoded(part) and not self.full and not self._is_deep()

    def open_body(self) -> transfer.Size | None:
        """What counts the decoded body of the innermost part; of a multipart, its boundary counts from here."""
        part = self._open[-1].part
        if not part.is_multipart:
            return transfer.size_counter(part.encoding)
        if self._boundary and not self._is_deep():
            self.boundaries.push(self._boundary)
        return None

    def left_open_by(self, delimiter: Delimiter) -> int:
        """How many parts, the outermost, a delimiter does not end: its multipart is the last of them."""
        count = len(self._open)
        while self._open[count - 1].outside > delimiter.boundary:
            count -= 1
        return count

    def end(self, keep: int, body_stop: int, lines: int, decoded_size: int | None) -> None:
        """End all but the outermost `keep`. `decoded_size` is of the innermost, None where it is its size."""
        for opened in self._open[keep:]:
            part = opened.part
            part.body_stop = body_stop
            part.lines = lines - opened.lines_before
            part.decoded_size = part.size
        if decoded_size is not None:
            self._open[-1].part.decoded_size = decoded_size
        del self._open[keep:]

    def __len__(self) -> int:
        return len(self._open)

    def _is_deep(self) -> bool:
        return len(self._open) >= self._depth
