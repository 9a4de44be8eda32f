"""FETCH and UIDFETCH (RFC 9051 7.5.2, RFC 9586 3.3), joined from ready bytes: most of what a server says is this.

A line is `line(number, items)` where every item is bytes already: `uid`, `FlagLists.item`, `internal_date` and so on, or
what the index keeps rendered (ENVELOPE, BODYSTRUCTURE). Where a body is streamed, the line is written in pieces:
`opening`, items with a space between two, `literal` in front of the octets, and `CLOSING`.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Final

from mox_trio.protocol.imap import encoding
from mox_trio.protocol.imap.fetch_items import Binary, BinarySize, Section

CLOSING: Final = b")\r\n"
_MONTHS: Final = (b"", b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_DAY: Final = 86_400
# Formatting numbers is most of what a date would cost, and there are few of them.
_MINUTES: Final = tuple([b" %02d:%02d" % divmod(minute, 60) for minute in range(1440)])
_SECONDS: Final = tuple([b':%02d +0000"' % second for second in range(60)])
_MOST_LISTS: Final = 4096
_MOST_DAYS: Final = 4096


def line(number: int, items: Iterable[bytes], *, uid_only: bool = False) -> bytes:
    """A whole response: of a sequence number, or of a UID where `uid_only`."""
    return (b"* %d UIDFETCH (%b)\r\n" if uid_only else b"* %d FETCH (%b)\r\n") % (number, b" ".join(items))


def flag_lines(numbers: Sequence[int], uids: Sequence[int], flags: Sequence[bytes]) -> bytes:
    """Responses with UID and FLAGS for many messages: `flags` as `FlagLists.item` gives them."""
    return b"".join([b"* %d FETCH (UID %d %b)\r\n" % each for each in zip(numbers, uids, flags, strict=True)])


def opening(number: int, *, uid_only: bool = False) -> bytes:
    """The beginning of a response that is written in pieces."""
    return (b"* %d UIDFETCH (" if uid_only else b"* %d FETCH (") % number


def literal(label: bytes, octets: int, *, binary: bool = False) -> bytes:
    """What stands in front of so many octets: BODY[] {5} and CRLF; `binary` octets may hold NUL (RFC 3516 4.2)."""
    return (b"%b ~{%d}\r\n" if binary else b"%b {%d}\r\n") % (label, octets)


def nil(label: bytes) -> bytes:
    """An item that the message does not have."""
    return label + b" NIL"


def label(item: Section | Binary | BinarySize) -> bytes:
    """How a response names what was asked for, with <offset> where a part of it was (RFC 9051 7.5.2)."""
    if isinstance(item, Section):
        name, partial = item.label, item.partial
    else:
        kind = b"BINARY.SIZE" if isinstance(item, BinarySize) else b"BINARY"
        name = b"%b[%b]" % (kind, b".".join([b"%d" % each for each in item.part]))
        partial = None if isinstance(item, BinarySize) else item.partial
    return name if partial is None else b"%b<%d>" % (name, partial[0])


def uid(number: int) -> bytes:
    """UID."""
    return b"UID %d" % number


def size(octets: int) -> bytes:
    """RFC822.SIZE."""
    return b"RFC822.SIZE %d" % octets


def modseq(number: int) -> bytes:
    """MODSEQ (RFC 7162 3.1.4.2)."""
    return b"MODSEQ (%d)" % number


def email_id(object_id: str) -> bytes:
    """EMAILID (RFC 8474 5.3)."""
    return b"EMAILID (%b)" % object_id.encode("ascii")


def thread_id(object_id: str | None) -> bytes:
    """THREADID (RFC 8474 5.3)."""
    return b"THREADID NIL" if object_id is None else b"THREADID (%b)" % object_id.encode("ascii")


def preview(words: str | None, *, utf8: bool) -> bytes:
    """PREVIEW (RFC 8970 4): always UTF-8, as a literal where quoted strings cannot hold it."""
    return b"PREVIEW " + encoding.nstring(None if words is None else words.encode(), utf8=utf8)


class Dates:
    """Renders times; days that came before are not worked out again."""

    __slots__ = ("_days",)

    def __init__(self) -> None:
        self._days: dict[int, bytes] = {}

    def date_time(self, milliseconds: int) -> bytes:
        """A date-time with its quotes, in UTC, from milliseconds since 1970 UTC."""
        day, second = divmod(milliseconds // 1000, _DAY)
        minute, second = divmod(second, 60)
        return b"%b%b%b" % (self._days.get(day) or self._day(day), _MINUTES[minute], _SECONDS[second])

    def internal_date(self, milliseconds: int) -> bytes:
        """INTERNALDATE."""
        return b"INTERNALDATE " + self.date_time(milliseconds)

    def save_date(self, milliseconds: int | None) -> bytes:
        """SAVEDATE (RFC 8514 4.2)."""
        return b"SAVEDATE NIL" if milliseconds is None else b"SAVEDATE " + self.date_time(milliseconds)

    def _day(self, day: int) -> bytes:
        then = time.gmtime(day * _DAY)
        # RFC 9051 9, date-day-fixed: a space or two digits.
        written = b'"%2d-%b-%04d' % (then.tm_mday, _MONTHS[then.tm_mon], then.tm_year)
        if len(self._days) >= _MOST_DAYS:
            self._days.clear()
        self._days[day] = written
        return written


class FlagLists:
    """Renders flags that are bits, as the index keeps them; each combination once.

    `flags` and `keywords` name the bits from the lowest; a bit whose name is None is not said. Make another one when a
    name is added.
    """

    __slots__ = ("_flags", "_keywords", "_rendered")

    def __init__(self, flags: Sequence[str | None], keywords: Sequence[str | None]) -> None:
        self._flags = tuple(flags)
        self._keywords = tuple(keywords)
        self._rendered: dict[tuple[int, int], bytes] = {}

    def item(self, flags: int, keywords: int) -> bytes:
        """FLAGS with its list."""
        rendered = self._rendered.get((flags, keywords))
        if rendered is None:
            names = [name for bits, known in ((flags, self._flags), (keywords, self._keywords))
                     for at, name in enumerate(known) if bits >> at & 1 and name is not None]  # fmt: skip
            rendered = b"FLAGS (%b)" % " ".join(names).encode("ascii")
            if len(self._rendered) >= _MOST_LISTS:
                self._rendered.clear()
            self._rendered[flags, keywords] = rendered
        return rendered
