"""The structure of a message, from its bytes in pieces of any size (RFC 5322, RFC 2046): a tree of parts with offsets.

It never fails, is linear in the octets however they are cut, and never calls itself. Bodies pass through; what is
kept is the tree, one header block up to its limit, and some 64 KiB. Lines end in CRLF or a bare LF. Where mail is
broken:

- a multipart without a boundary is a leaf; one whose boundary never comes has no parts; one that is never closed ends
  with what holds it; what is before the first delimiter and behind the last belongs to no part;
- a delimiter ends a header too; an opening one at the very end of the message, without a line end, opens nothing;
- an embedded message that is base64 or quoted-printable is a leaf (RFC 2046 5.2.1 forbids it, RFC 6532 allows it);
- nesting beyond `depth` is a leaf, what follows part number `parts` belongs to that part, and of a header only the
  first `header_bytes` are read. Offsets, sizes and line counts are exact all the same.
"""

import re
from enum import Enum, auto
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.mime import boundaries, transfer
from mox_trio.protocol.mime.open_parts import OpenParts
from mox_trio.protocol.mime.part import Part

_BLOCK: Final = 64 * 1024
_ENOUGH: Final = 4096
_HEADER_EVENT: Final = re.compile(rb"\n(?:\r?\n|--)")
_CR: Final = 13
_LF: Final = 10


class _Where(Enum):
    HEADER = auto()
    BODY = auto()
    DELIMITER = auto()


# Members of an enumeration are looked up slowly, and these at every step.
_HEADER: Final = _Where.HEADER
_BODY: Final = _Where.BODY
_DELIMITER: Final = _Where.DELIMITER


class Parser:
    """One message. `feed` it octets in their order, then `close` it for the root of its tree.

    Fewer than `collect` octets are put together before they are looked at, so that small pieces cost little more.
    Within, places are places in the buffer, whose first octet is number `_base` of the message; what is before `_taken`
    is accounted for, and the next scan begins at `_at`, at a line end or where there can be no delimiter.
    """

    def __init__(
        self,
        *,
        depth: int = limits.MIME_DEPTH,
        parts: int = limits.MIME_PARTS,
        header_bytes: int = limits.MIME_HEADER_BYTES,
        collect: int = _ENOUGH,
    ) -> None:
        self._parts = OpenParts(depth=depth, parts=parts, header_bytes=header_bytes)
        self._boundaries = self._parts.boundaries
        self._where = _HEADER
        self._header: list[bytes] = []
        self._header_room = self._parts.header_room
        self._size: transfer.Size | None = None

        self._collect = collect
        self._few: list[bytes] = []
        self._few_size = 0
        # A line is found by the line end before it, and the first line has one that is not there.
        self._buffer = b"\n"
        self._base = -1
        self._at = 0
        self._taken = 1
        self._lines = 0

    def feed(self, data: bytes) -> None:
        """The next octets of the message, any number."""
        if self._few or len(data) < self._collect:
            self._few.append(data)
            self._few_size += len(data)
            if self._few_size >= self._collect:
                self._feed_few()
        else:
            self._feed_blocks(data)

    def close(self) -> Part:
        """The root of the tree: the message ends here, and nothing may follow."""
        self._feed_few()
        self._scan(final=True)
        self._end_parts(0, len(self._buffer))
        return self._parts.root

    def _feed_few(self) -> None:
        data = b"".join(self._few)
        self._few.clear()
        self._few_size = 0
        self._feed_blocks(data)

    def _feed_blocks(self, data: bytes) -> None:
        for start in range(0, len(data), _BLOCK):
            self._buffer = self._buffer[self._at :] + data[start : start + _BLOCK]
            self._base += self._at
            self._taken -= self._at
            self._at = 0
            self._scan(final=False)

    def _scan(self, *, final: bool) -> None:
        """Go through the buffer, from where the last scan had to stop, as far as it is clear what it is."""
        going_on = True
        while going_on:
            if self._where is _HEADER:
                going_on = self._scan_header(final)
            elif self._where is _BODY:
                going_on = self._scan_body(final)
            else:
                going_on = self._scan_delimiter()

    def _scan_header(self, final: bool) -> bool:
        for event in _HEADER_EVENT.finditer(self._buffer, self._at):
            start, stop = event.span()
            if self._buffer[stop - 1] == _LF:
                self._end_header(stop)
                self._open_body()
                self._at = stop - 1  # a delimiter may follow at once
                return True
            if self._boundaries.prefixes:
                line = self._line(start + 1, final)
                if line is None:
                    return self._wait_at(start)
                delimiter = self._boundaries.match(line)
                if delimiter:
                    self._end_header(start + 1)
                    self._delimit(start, delimiter)
                    return True
        if final:
            self._end_header(len(self._buffer))
            return False
        return self._wait()

    def _scan_body(self, final: bool) -> bool:
        start = self._at - 1
        while self._boundaries.prefixes and (start := self._buffer.find(b"\n--", start + 1)) >= 0:
            line = self._line(start + 1, final)
            if line is None:
                return self._wait_at(start)
            delimiter = self._boundaries.match(line)
            if delimiter:
                self._delimit(start, delimiter)
                return True
        if final or not self._boundaries.prefixes:
            self._at = len(self._buffer)
            self._take(self._at)
            return False
        return self._wait()

    def _scan_delimiter(self) -> bool:
        """To the end of the line; the next part begins behind it."""
        end = self._buffer.find(b"\n", self._at)
        self._at = end if end >= 0 else len(self._buffer)
        self._take(end + 1 if end >= 0 else len(self._buffer))
        if end < 0:
            return False  # at the end of the message it is a closing delimiter that was cut off
        self._start_part()
        return True

    def _line(self, start: int, final: bool) -> bytes | None:
        """As much of the line as is compared with boundaries; None where the rest of it has to be waited for."""
        limit = start + boundaries.LINE
        stop = self._buffer.find(b"\n", start, limit)
        if stop < 0:
            if len(self._buffer) < limit and not final:
                return None
            stop = limit
        return self._buffer[start:stop]

    def _wait(self) -> bool:
        """For more, at the last line end behind which a delimiter may begin."""
        size = len(self._buffer)
        last = self._buffer.rfind(b"\n", max(self._at, size - boundaries.LINE))
        return self._wait_at(last if last >= 0 else size)

    def _wait_at(self, line_end: int) -> bool:
        if line_end and self._buffer[line_end - 1] == _CR:
            line_end -= 1  # should a delimiter follow, the CR is a part of it
        self._take(line_end)
        self._at = line_end
        return False

    def _take(self, stop: int) -> None:
        """Account for the octets up to `stop` in the buffer: lines, the header block, the decoded size."""
        start = self._taken
        if stop <= start:
            return
        self._taken = stop
        self._lines += self._buffer.count(b"\n", start, stop)
        if self._where is _HEADER and self._header_room:
            piece = self._buffer[start : min(stop, start + self._header_room)]
            self._header_room -= len(piece)
            self._header.append(piece)
        elif self._size:
            self._size.feed(self._buffer[start:stop])

    def _start_part(self) -> None:
        """Behind what is taken."""
        self._parts.start(self._base + self._taken)
        self._header.clear()
        self._header_room = self._parts.header_room
        self._where = _HEADER

    def _end_header(self, stop: int) -> None:
        """The header ends at `stop`. Where no blank line ended it there is no body, and nothing to look for in it."""
        self._take(stop)
        self._at = stop
        self._where = _BODY
        self._parts.end_header(b"".join(self._header), self._base + stop, self._lines)

    def _open_body(self) -> None:
        if self._parts.holds_message():
            self._start_part()
        else:
            self._size = self._parts.open_body()

    def _delimit(self, line_end: int, delimiter: boundaries.Delimiter) -> None:
        """A delimiter follows the line end at `line_end`."""
        if self._parts.full and not delimiter.closing:
            self._boundaries.keep(0)  # from here all is the last part
            return
        before = line_end - 1 if line_end and self._buffer[line_end - 1] == _CR else line_end
        self._end_parts(self._parts.left_open_by(delimiter), before)
        self._boundaries.keep(delimiter.boundary if delimiter.closing else delimiter.boundary + 1)
        self._where = _BODY if delimiter.closing else _DELIMITER
        self._at = line_end + 1

    def _end_parts(self, keep: int, stop: int) -> None:
        """End all open parts but the outermost `keep` at `stop`."""
        if len(self._parts) == keep:
            return
        stop = max(stop, self._parts.body_start - self._base)  # an empty body has no line end to give
        self._take(stop)
        decoded_size = self._size.close() if self._size else None
        self._size = None
        self._parts.end(keep, self._base + stop, self._lines, decoded_size)


def parse(data: bytes) -> Part:
    """The tree of the whole message `data`."""
    parser = Parser()
    parser.feed(data)
    return parser.close()
