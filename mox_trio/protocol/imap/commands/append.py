"""APPEND and REPLACE (RFC 9051 6.3.12, RFC 3502, 4469, 8508): messages whose octets are never joined.

Such a command is not one value but a row of events: `Append` or `Replace`; then for each message `Message`, the `Block`s of
its octets and `MessageEnd`; and `AppendEnd` when the line is over. A message by CATENATE has, between `Message` and
`MessageEnd`, `TextPart` with its blocks and `UrlPart`s in their order.
"""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mox_trio.protocol.imap import search_program
from mox_trio.protocol.imap.lexer import Lexer, Malformed
from mox_trio.protocol.imap.numsets import STAR


@dataclass(frozen=True, slots=True)
class Append:
    """APPEND begins."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Replace:
    """REPLACE or UID REPLACE begins: one message follows, and the old one goes."""

    old: int
    """A sequence number, or a UID where `uid` says so; `numsets.STAR` for "*"."""
    mailbox: str
    uid: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message begins. Its octets are announced before the client sends them: see `ServerConnection.go_on`."""

    flags: tuple[str, ...]
    received: int | None
    """INTERNALDATE in milliseconds since 1970 UTC; None is now."""
    size: int
    """Octets of the literal; 0 for CATENATE, whose parts say theirs."""
    is_binary: bool = False
    """literal8 (RFC 3516): NUL is allowed."""
    is_utf8: bool = False
    """UTF8 (~{...}) of RFC 6855 4."""
    is_catenate: bool = False
    must_ask: bool = False
    """A synchronising literal: the client waits for `go_on`."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """TEXT of CATENATE: blocks follow, then `TextEnd`."""

    size: int
    is_binary: bool
    must_ask: bool


@dataclass(frozen=True, slots=True)
class UrlPart:
    """URL of CATENATE (RFC 4469, RFC 5092): as the client wrote it."""

    url: str


@dataclass(frozen=True, slots=True)
class TextEnd:
    """The blocks of a `TextPart` are over."""


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """The octets of a message are over."""


@dataclass(frozen=True, slots=True)
class AppendEnd:
    """The command is over: it is to be answered."""


Part = Message | TextPart | UrlPart | MessageEnd | AppendEnd
"""What `Messages.read` finds."""

_DATE_TIME: Final = re.compile(
    rb'"([ 0-9]?[0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-2][0-9]):([0-5][0-9]):([0-6][0-9]) ([+-])([0-9]{2})([0-5][0-9])"'
).match
_LITERAL: Final = re.compile(rb"(~?)\{([0-9]+)(\+?)\}\r\n").match
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_SECOND: Final = datetime.timedelta(seconds=1)


def parse_append(lexer: Lexer) -> Append:
    """A mailbox. What stands behind it is for `Messages`."""
    lexer.space()
    return Append(lexer.mailbox())


def parse_replace(lexer: Lexer, *, uid: bool) -> Replace:
    """The message that goes, and a mailbox (RFC 8508 5). What stands behind it is for `Messages`."""
    lexer.space()
    old = STAR if lexer.maybe(b"*") else lexer.number(smallest=1)
    lexer.space()
    return Replace(old, lexer.mailbox(), uid)


def date_time(lexer: Lexer) -> int:
    """A date-time (RFC 9051 9) in milliseconds since 1970 UTC. The day may lack its leading space."""
    match = _DATE_TIME(lexer.text, lexer.at)
    month = search_program.MONTHS.get(match[2].lower()) if match else None
    if match is None or month is None:
        raise Malformed('a time is like " 1-Feb-2024 03:04:05 +0000"')
    day, year, hour, minute, second = (int(match[place]) for place in (1, 3, 4, 5, 6))
    offset = datetime.timedelta(hours=int(match[8]), minutes=int(match[9]))
    try:
        # A leap second is the one before it.
        local = datetime.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=datetime.UTC)
        since = local - _EPOCH
    except ValueError:
        raise Malformed("there is no such time") from None
    lexer.at = match.end()
    since = since + offset if match[7] == b"-" else since - offset
    return since // _SECOND * 1000


class Messages:
    """Reads what stands behind the mailbox, between octets of messages: one thing after the other, each whole or not at all."""

    __slots__ = ("_is_replace", "_messages", "_parts", "_read", "octets")

    def __init__(self, *, is_replace: bool) -> None:
        self._is_replace = is_replace
        self._messages = 0
        self._parts = 0
        self._read: Callable[[Messages, Lexer], Part | None] = Messages._message
        self.octets: int | None = None
        """So many octets follow what was read last; they end with `end_of_octets`."""

    def read(self, lexer: Lexer) -> Part | None:
        """The next thing; None for one that is not told. Malformed, NeedLiteral: nothing was taken."""
        return self._read(self, lexer)

    def end_of_octets(self) -> MessageEnd | TextEnd:
        """The octets are over."""
        self.octets = None
        return TextEnd() if self._read is Messages._after_part else MessageEnd()

    def _message(self, lexer: Lexer) -> Message:
        self._messages += 1
        if self._messages > lexer.bounds.messages:
            raise Malformed("too many messages", code=b"LIMIT")
        lexer.space()
        flags: tuple[str, ...] = ()
        if lexer.starts(b"("):
            flags = tuple(dict.fromkeys(lexer.members(lexer.settable_flag, may_be_empty=True)))
            lexer.space()
        received: int | None = None
        if lexer.starts(b'"'):
            received = date_time(lexer)
            lexer.space()
        self._read = Messages._after_message
        if lexer.maybe_word("CATENATE"):
            lexer.space()
            lexer.require(b"(")
            self._parts, self._read = 0, Messages._part
            return Message(flags, received, 0, is_catenate=True)
        is_utf8 = lexer.maybe_word("UTF8")
        if is_utf8:
            lexer.space()
            lexer.require(b"(")
            self._read = Messages._after_utf8
        octets, binary, waits = self._announced(lexer)
        if is_utf8 and not binary:  # RFC 6855 4
            raise Malformed("UTF8 stands with a literal8")
        return Message(flags, received, octets, binary, is_utf8, must_ask=waits)

    def _after_utf8(self, lexer: Lexer) -> None:
        lexer.require(b")")
        self._read = Messages._after_message

    def _after_message(self, lexer: Lexer) -> Message | AppendEnd:
        if lexer.is_at_end():
            lexer.end()
            return AppendEnd()
        if self._is_replace:
            raise Malformed("REPLACE takes one message")
        return self._message(lexer)

    def _part(self, lexer: Lexer) -> TextPart | UrlPart:
        self._parts += 1
        if self._parts > lexer.bounds.parts:
            raise Malformed("too many parts", code=b"LIMIT")
        if lexer.maybe_word("URL"):
            lexer.space()
            url = lexer.text_string()
            self._read = Messages._after_part
            return UrlPart(url)
        if not lexer.maybe_word("TEXT"):
            raise Malformed("a part is URL or TEXT")
        lexer.space()
        octets, binary, waits = self._announced(lexer)
        self._read = Messages._after_part
        return TextPart(octets, binary, waits)

    def _after_part(self, lexer: Lexer) -> MessageEnd | None:
        if lexer.maybe(b")"):
            self._read = Messages._after_message
            return MessageEnd()
        lexer.space()
        self._read = Messages._part
        return None

    def _announced(self, lexer: Lexer) -> tuple[int, bool, bool]:
        """Octets, whether they are binary, whether they have to be asked for."""
        match = _LITERAL(lexer.text, lexer.at)
        if match is None or lexer.at != lexer.announced:
            raise Malformed("the message is a literal")
        lexer.at = match.end()
        self.octets = int(match[2])
        return self.octets, bool(match[1]), not match[3]
