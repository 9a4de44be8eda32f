"""mbox files, read and written as they stream by (RFC 4155, and what the world does besides).

Read: a message begins with a "From " line that holds a date; a "From " without one is text. Quoting is that of mboxrd:
each line of ">" and "From " loses one ">". The date gives when the message was received; Status, X-Status and
X-Keywords give its flags and leave the header, as do X-UID, X-IMAP, X-IMAPbase and Content-Length, which say nothing
that can be trusted. Line ends become CRLF; a CR alone stays. The blank line in front of a "From " line is no part of
the message. Nothing in a file is an error: what stands before the first "From " line comes as a `Stray`.

Written: flags always stand first in the header, in one order, all three fields; a reader that finds them there leaves
all others alone, because those belong to the message. What is written reads back as the same bytes, but for three
things: an LF alone becomes CRLF, a message without a line end at its end gets one, and its time loses its fraction of
a second.
"""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.mailstore import keywords, line_ends
from mox_trio.protocol.mime import dates, header

HEADER_BYTES: Final = 1024 * 1024
"""Bytes of a header that are looked through for flags."""
FROM_LINE: Final = 1000
"""Bytes that a "From " line may have."""
_KEYWORDS_LINE: Final = 900
_FIRST_YEAR: Final = -30_610_224_000
"""Seconds at which the year 1000 begins: four digits, as a "From " line has them."""
_LAST_YEAR: Final = 253_402_300_799

_FROM: Final = re.compile(rb"From [^\n]*\n?")
_DATE: Final = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +"
    rb"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} +\d{1,2}:\d\d(?::\d\d)?"
    rb"(?: +(?:[A-Z]{1,5}|[+-]\d{4}))* +\d{4}(?: +(?:[A-Z]{1,5}|[+-]\d{4})\b)?"
    rb"|\d{1,2} +(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{4} +\d{1,2}:\d\d(?::\d\d)?"
    rb"(?: +(?:[A-Z]{1,5}|[+-]\d{4}))?)"
)
_QUOTED: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_TO_QUOTE: Final = re.compile(rb"^(>*From )", re.MULTILINE)
_OWN: Final = re.compile(
    rb"X-Keywords:([^\n]*\n(?:[ \t][^\n]*\n)*)X-Status:[ \t]*([A-Z]*)\r?\nStatus:[ \t]*([A-Z]*)\r?\n"
)
_STORED: Final = frozenset(
    {b"status", b"x-status", b"x-keywords", b"x-uid", b"x-imap", b"x-imapbase", b"content-length"}
)
_ANY_STORED: Final = re.compile(
    rb"^(?:(?:x-)?status|x-keywords|x-uid|x-imap(?:base)?|content-length)[ \t]*:", re.I | re.M
)
_END_OF_HEADER: Final = re.compile(rb"^\r?\n", re.M)

_STATUS: Final = {"R": "\\Seen"}
_X_STATUS: Final = {"A": "\\Answered", "F": "\\Flagged", "D": "\\Deleted", "T": "\\Draft"}


@dataclass(frozen=True, slots=True)
class Begin:
    """A message begins; its bytes follow in blocks, with CRLF."""

    offset: int
    """Where its "From " line begins, in bytes of the file."""
    received: int | None
    """Milliseconds since 1970 UTC; None when the line has no date."""
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class End:
    """The message is whole; the next one, or the end of the file, is at `offset`."""

    offset: int


@dataclass(frozen=True, slots=True)
class Stray:
    """So many bytes that are not white space stand before the first "From " line."""

    size: int


@dataclass(frozen=True, slots=True)
class _From:
    line: bytes
    """Empty at the end of the file."""
    offset: int


Piece = Begin | bytes | End | Stray


def received(line: bytes) -> int | None:
    """When a message was received, as its "From " line says; None for a line without a date."""
    if len(line) > FROM_LINE or (found := _DATE.search(line, len(b"From "))) is None:
        return None
    return dates.parse(found[0])


def looks_like(start: bytes) -> bool:
    """Whether a file that begins like this is an mbox file."""
    return start.lstrip(b"\r\n").startswith(b"From ")


def read(blocks: Iterable[bytes], offset: int = 0) -> Iterator[Piece]:
    """The messages of a file from `offset` on, where `blocks` begin: 0, or what an `End` said."""
    message = _Message(None)
    for piece in _split(blocks, offset):
        if isinstance(piece, _From):
            yield from message.end(piece.offset)
            message = _Message(piece)
        else:
            yield from message.add(piece)


def _split(blocks: Iterable[bytes], offset: int) -> Iterator[_From | line_ends.Chunk]:
    blank = True
    for data, starts_line in line_ends.chunks(blocks):
        position = 0
        for found in _FROM.finditer(data):
            start = found.start()
            if data[start - 1] != 0x0A if start else not starts_line:
                continue
            blank = blank and not data[position:start].strip()
            # The first of a file is one, whatever it says.
            if not blank and received(found[0]) is None:
                continue
            if start > position:
                yield line_ends.Chunk(data[position:start], starts_line or position > 0)
            yield _From(found[0], offset + start)
            position, blank = found.end(), False
        if position < len(data):
            blank = blank and not data[position:].strip()
            yield line_ends.Chunk(data[position:], starts_line or position > 0)
        offset += len(data)
    yield _From(b"", offset)


class _Message:
    """One message while its chunks come; before the first "From " line, what is no message."""

    def __init__(self, begun: _From | None) -> None:
        self._begun = begun
        self._stray = 0
        self._header: bytes | None = b""
        self._held = b""  # a blank line that is the message's own only when more of it follows

    def add(self, chunk: line_ends.Chunk) -> Iterator[Piece]:
        if self._begun is None:
            self._stray += len(chunk.data.strip())
            return
        data, starts_line = self._held + chunk.data, bool(self._held) or chunk.starts_line
        self._held = _blank_end(data, starts_line)
        data = data[: len(data) - len(self._held)]
        if self._header is None:
            if data:
                yield _unquoted(data, starts_line)
            return
        looked_through = max(len(self._header) - 3, 0)
        self._header += data
        if len(self._header) > HEADER_BYTES or _END_OF_HEADER.search(self._header, looked_through):
            yield from self._begin(self._header)

    def end(self, offset: int) -> Iterator[Piece]:
        if self._begun is None:
            if self._stray:
                yield Stray(self._stray)
            return
        if self._header is not None:
            yield from self._begin(self._header)
        yield End(offset)

    def _begin(self, data: bytes) -> Iterator[Piece]:
        assert self._begun is not None  # noqa: S101
        self._header = None
        end = _END_OF_HEADER.search(data)
        stop = end.start() if end else len(data)
        fields, flags = _take_flags(data[:stop])
        yield Begin(self._begun.offset, received(self._begun.line), flags)
        if whole := fields + data[stop:]:
            yield _unquoted(whole, starts_line=True)


def _blank_end(data: bytes, starts_line: bool) -> bytes:
    """The blank line at the end of a chunk, if there is one."""
    if data.endswith(b"\n\n") or (data == b"\n" and starts_line):
        return b"\n"
    if data.endswith(b"\n\r\n") or (data == b"\r\n" and starts_line):
        return b"\r\n"
    return b""


def _unquoted(data: bytes, starts_line: bool) -> bytes:
    if b">From " in data:
        start = 0 if starts_line else data.find(b"\n") + 1 or len(data)
        data = data[:start] + _QUOTED.sub(rb"\1", data[start:])
    return line_ends.to_crlf(data)


def _take_flags(block: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The header without what mbox files keep in it, and the flags that this says."""
    if (own := _OWN.match(block)) is not None:
        return block[own.end() :], _flags(*own.groups())
    if not _ANY_STORED.search(block):
        return block, ()
    fields = header.parse(block).fields
    values = {field.key: field.body for field in reversed(fields) if field.key in _STORED}
    kept = b"".join(field.raw for field in fields if field.key not in _STORED)
    x_keywords = values.get(b"x-keywords", b"").replace(b",", b" ")  # others divide them like this
    return kept, _flags(x_keywords, values.get(b"x-status", b""), values.get(b"status", b""))


def _flags(x_keywords: bytes, x_status: bytes, status: bytes) -> tuple[str, ...]:
    found = [_STATUS[letter] for letter in status.decode("latin-1") if letter in _STATUS]
    found += [_X_STATUS[letter] for letter in x_status.decode("latin-1") if letter in _X_STATUS]
    found += [name for name in x_keywords.decode("latin-1").split() if keywords.is_keyword(name)]
    return tuple(dict.fromkeys(found))


def write(received_at: int, flags: Sequence[str], blocks: Iterable[bytes]) -> Iterator[bytes]:
    """A mail as a message of an mbox file, with LF; `received_at` is in milliseconds since 1970 UTC."""
    yield _head(received_at, flags)
    last = b"\n"
    for data, starts_line in line_ends.chunks(blocks):
        data = line_ends.to_lf(data)
        if b"From " in data:
            start = 0 if starts_line else data.find(b"\n") + 1 or len(data)
            data = data[:start] + _TO_QUOTE.sub(rb">\1", data[start:])
        last = data[-1:]
        yield data
    yield b"\n" if last == b"\n" else b"\n\n"


def _head(received_at: int, flags: Sequence[str]) -> bytes:
    seconds = min(max(received_at // 1000, _FIRST_YEAR), _LAST_YEAR)
    status = "".join(letter for letter, name in _STATUS.items() if name in flags) + "O"
    x_status = "".join(letter for letter, name in _X_STATUS.items() if name in flags)
    lines = [""]
    for name in flags:
        if name.startswith("\\"):
            continue
        if len(lines[-1]) + len(name) > _KEYWORDS_LINE:
            lines.append("")
        lines[-1] += " " + name
    head = f"From MAILER-DAEMON {time.asctime(time.gmtime(seconds))}\n"
    x_keywords = "\n".join(lines)
    # The last of them is never folded: the mail's own header may begin with white space.
    return f"{head}X-Keywords:{x_keywords}\nX-Status: {x_status}\nStatus: {status}\n".encode("ascii")
