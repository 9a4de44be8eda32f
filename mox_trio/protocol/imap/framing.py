"""Lines and literals (RFC 9051 2.2, 4.3; RFC 7888; RFC 3516): where one ends and what announces the other.

A line ends with CRLF and nothing else: a peer that sees lines where we see none may be led to smuggle commands. Bytes are
looked at once, however small the pieces are that they come in, and octets of literals are handed on as they came.
"""

import re
from dataclasses import dataclass
from typing import Final

_ANNOUNCEMENT: Final = re.compile(rb"(~?)\{([0-9]{1,19})(\+?)\}\Z").search
_LONGEST_ANNOUNCEMENT: Final = 24


class LineError(Exception):
    """These bytes are not lines; `reason` is a word for the log."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Announcement:
    """A literal follows a line."""

    octets: int
    waits: bool
    """It is sent when it was asked for."""
    binary: bool
    """literal8."""
    at: int
    """Where in the line it is announced."""


def announcement(line: bytes) -> Announcement | None:
    """What the end of a line announces."""
    match = _ANNOUNCEMENT(line, max(0, len(line) - _LONGEST_ANNOUNCEMENT))
    if match is None:
        return None
    return Announcement(int(match[2]), waits=not match[3], binary=bool(match[1]), at=match.start())


class Incoming:
    """Takes bytes and gives lines, or octets."""

    __slots__ = ("_buffer", "_scanned", "_whole")

    def __init__(self) -> None:
        self._whole = b""
        """What came last, while nothing of it has been taken: it is handed on without being copied."""
        self._buffer = bytearray()
        self._scanned = 0
        """So many bytes of the buffer hold no LF."""

    def __len__(self) -> int:
        return len(self._whole) or len(self._buffer)

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        if self._whole:
            self._buffer += self._whole
            self._whole = b""
        if self._buffer:
            self._buffer += data
        else:
            self._whole = data

    def maybe_line(self, most: int) -> bytes | None:
        """The next line without its CRLF, of at most `most` octets with it; None while it is not whole. LineError."""
        whole = self._whole
        if whole:
            end = whole.find(b"\n")
            if end == len(whole) - 1 and end < most:  # one line is what most often comes
                self._whole = b""
                return _checked(whole)
            self._buffer += whole
            self._whole = b""
        buffer = self._buffer
        end = buffer.find(b"\n", self._scanned, most)
        if end < 0:
            self._scanned = len(buffer)
            if len(buffer) >= most:
                raise LineError("line-too-long", "the line is too long")
            return None
        self._scanned = 0
        line = bytes(buffer[: end + 1])
        del buffer[: end + 1]
        return _checked(line)

    def has_line(self) -> bool:
        """Whether a line is there."""
        return b"\n" in (self._whole or self._buffer)

    def take(self, most: int) -> bytes:
        """Up to `most` octets that are there."""
        whole = self._whole
        if whole:
            if len(whole) <= most:
                self._whole = b""
                return whole
            self._buffer += memoryview(whole)[most:]
            self._whole = b""
            return whole[:most]
        buffer = self._buffer
        self._scanned = 0
        if len(buffer) <= most:
            taken = bytes(buffer)
            buffer.clear()
        else:
            taken = bytes(buffer[:most])
            del buffer[:most]
        return taken


def _checked(line: bytes) -> bytes:
    if not line.endswith(b"\r\n"):
        raise LineError("bare-lf", "a line ends with CR LF")
    line = line[:-2]
    if b"\r" in line:
        raise LineError("bare-cr", "a line ends with CR LF")
    return line


class CommandText:
    """The lines and literals of one command, as `lexer.Lexer` takes them."""

    __slots__ = ("_lines", "_octets", "announced", "literals", "size")

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._octets = 0
        self.literals: dict[int, bytes] = {}
        self.announced = -1
        """The place of the literal whose octets are not there yet."""
        self.size = 0
        """Octets of lines and literals."""

    def add_line(self, line: bytes, announced: Announcement | None) -> None:
        """The next line, and what it announces."""
        if announced is not None:
            self.announced = self._octets + announced.at
            line += b"\r\n"
        else:
            self.announced = -1
        self._lines.append(line)
        self._octets += len(line)
        self.size += len(line)

    def add_literal(self, octets: bytes) -> None:
        """What was announced."""
        self.literals[self.announced] = octets
        self.announced = -1
        self.size += len(octets)

    def joined(self) -> bytes:
        """The text."""
        if len(self._lines) > 1:
            self._lines = [b"".join(self._lines)]
        return self._lines[0] if self._lines else b""

    def cut(self, at: int) -> None:
        """Forget what stands before this place. `size` goes on counting it."""
        text = self.joined()[at:]
        self._lines = [text]
        self._octets = len(text)
        self.literals = {place - at: octets for place, octets in self.literals.items() if place >= at}
        if self.announced >= 0:
            self.announced -= at
