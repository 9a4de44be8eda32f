"""Replies of another server, read as they come in: `feed` bytes, take whole replies with `next`.

A line ends with LF, with or without CR before it: there is no content to be confused with. What is not a reply, mixes codes
within one reply or exceeds the limits raises `BadReply`; after that the connection is of no use, and every further call raises
it again. Text is decoded as UTF-8 (RFC 6531 3.7.4.2), what cannot be is replaced, and so is what could end a line of a log.
"""

import re
from typing import Final

from mox_trio.base import limits, text
from mox_trio.protocol.smtp.reply import Reply

_LINE: Final = re.compile(rb"([2-5][0-9]{2})([ -]?)(.*)", re.DOTALL)  # RFC 5321 4.2: 1yz is not used
_ENHANCED: Final = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?: +|$)")  # RFC 2034 4, RFC 3463 2


class BadReply(Exception):
    """The other host does not speak SMTP, or breaks its rules. The text says how, without repeating what it sent."""


class ReplyReader:
    """Takes bytes, gives replies."""

    def __init__(
        self, *, line_octets: int = limits.SMTP_REPLY_LINE_OCTETS, lines: int = limits.SMTP_REPLY_LINES
    ) -> None:
        """`line_octets` bounds a line with its end, `lines` a reply."""
        self._line_octets = line_octets
        self._most_lines = lines
        self._buffer = bytearray()
        self._code = b""
        self._lines: list[str] = []
        self._fault: BadReply | None = None

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        self._buffer += data

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left over, not even a part of a reply."""
        return not self._buffer and not self._lines

    def next(self) -> Reply | None:
        """The next whole reply, or None. Raises BadReply."""
        if self._fault is not None:
            raise self._fault
        try:
            return self._next()
        except BadReply as fault:
            self._fault = fault
            raise

    def _next(self) -> Reply | None:
        while (stop := self._buffer.find(b"\n", 0, self._line_octets)) >= 0:
            line = bytes(self._buffer[:stop]).removesuffix(b"\r")
            del self._buffer[: stop + 1]
            if self._take(line):
                reply = _reply(int(self._code), self._lines)
                self._lines = []
                return reply
        if len(self._buffer) >= self._line_octets:
            raise BadReply(f"a line of a reply is longer than {self._line_octets} octets")
        return None

    def _take(self, line: bytes) -> bool:
        """Whether the line is the last of its reply."""
        match = _LINE.fullmatch(line)
        if match is None or (not match[2] and match[3]):
            raise BadReply("a line of a reply does not begin with a code")
        if self._lines and match[1] != self._code:  # RFC 5321 4.2.1
            raise BadReply("the lines of a reply have different codes")
        if len(self._lines) >= self._most_lines:
            raise BadReply(f"a reply has more than {self._most_lines} lines")
        self._code = match[1]
        self._lines.append(text.without_controls(match[3].decode(errors="replace")))
        return match[2] != b"-"


def _reply(code: int, lines: list[str]) -> Reply:
    """The reply with its enhanced code taken out of the text, if it has one that fits the code."""
    match = _ENHANCED.match(lines[0])
    if match is None or int(match[1]) != code // 100:  # RFC 2034 4: the classes agree
        return Reply(code, "", tuple(lines))
    enhanced = ".".join(match.groups())
    return Reply(code, enhanced, tuple(_without(line, enhanced) for line in lines))


def _without(line: str, enhanced: str) -> str:
    rest = line.removeprefix(enhanced)
    return rest.lstrip(" ") if rest is not line and (not rest or rest[0] == " ") else line
