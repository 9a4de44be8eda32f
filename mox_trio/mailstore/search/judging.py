"""Three-valued answers: does a message meet a condition, as far as is known of it?

A condition is compiled once into a function of `Facts`, which become more while a search goes on: the row first, then
columns of the mail, then its text. The function answers True, False, or None for "not known yet", and asks cheap
questions before expensive ones, so that most messages are decided before their text is looked at.
"""

import enum
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mox_trio.mailstore.reading import Located
from mox_trio.mailstore.search import filters, lowering
from mox_trio.mailstore.search.lowering import Node
from mox_trio.mailstore.search.text import Fields, fold, needle
from mox_trio.protocol.mime import dates
from storage_backends.index.api import EmailId, Row, Uid
from storage_backends.index.tables.finding import Candidate

_DAY: Final = 86_400_000
_UID: Final = Candidate._fields.index("uid")
_EMAIL_ID: Final = Candidate._fields.index("email_id")


class Stage(enum.IntEnum):
    """What has to be known to decide a condition; each is more work than the one before."""

    ROW = 0
    SUMMARY = 1
    HEADER = 2
    TEXT = 3


@dataclass(slots=True)
class Found:
    """What a look at the text of a message found: folded texts, and whether it is at its end."""

    in_body: set[str] = field(default_factory=set)
    in_parts: set[str] = field(default_factory=set)
    """In headers of parts, which belong to TEXT only."""
    done: bool = False
    nowhere: bool = False
    """Whether nothing that is looked for is in the message, its own header included."""


@dataclass(slots=True)
class Facts:
    """What is known of one message."""

    row: Row
    """A `Candidate`, as a plain tuple."""
    summary: bytes | None = None
    """The opened column; with it, `sent` is known."""
    sent: int | None = None
    fields: Fields | None = None
    """The whole header."""
    header_size: int = 0
    parts: bytes = b""
    """The column, as it is stored."""
    located: Located | None = None
    """Where its octets are."""
    text: Found | None = None

    @property
    def uid(self) -> Uid:
        """Its UID."""
        uid: Uid = self.row[_UID]
        return uid

    @property
    def email_id(self) -> EmailId:
        """The row of the mail."""
        email_id: EmailId = self.row[_EMAIL_ID]
        return email_id


Judge = Callable[[Facts], bool | None]


def stages(node: Node) -> frozenset[Stage]:
    """What has to be known for the conditions in a tree."""
    match node:
        case lowering.Every(parts) | lowering.Some(parts):
            return frozenset().union(*map(stages, parts))
        case lowering.Opposite(part):
            return stages(part)
        case lowering.SentOn():
            return frozenset({Stage.SUMMARY, Stage.HEADER})
        case filters.Subject():
            return frozenset({Stage.SUMMARY})
        case filters.Header():
            return frozenset({Stage.HEADER})
        case filters.Text() | filters.Body():
            return frozenset({Stage.TEXT})
        case _:
            return frozenset({Stage.ROW})


def texts(node: Node) -> frozenset[str]:
    """The folded texts that are looked for in the texts of messages."""
    match node:
        case lowering.Every(parts) | lowering.Some(parts):
            return frozenset().union(*map(texts, parts))
        case lowering.Opposite(part):
            return texts(part)
        case filters.Text(text) | filters.Body(text):
            return frozenset({fold(text)})
        case _:
            return frozenset()


def looks_at_part_headers(node: Node) -> bool:
    """Whether headers of parts matter: those belong to TEXT only."""
    match node:
        case lowering.Every(parts) | lowering.Some(parts):
            return any(map(looks_at_part_headers, parts))
        case lowering.Opposite(part):
            return looks_at_part_headers(part)
        case _:
            return isinstance(node, filters.Text)


def judge(node: Node) -> Judge:
    """Compile a tree."""
    match node:
        case lowering.Every(parts):
            return _every(_by_cost(parts))
        case lowering.Some(parts):
            return _some(_by_cost(parts))
        case lowering.Opposite(part):
            return _opposite(judge(part))
        case lowering.Constant(value):
            return lambda facts: value
        case filters.Subject(text):
            return _subject(text)
        case filters.Header(name, text):
            return _header(name, text)
        case filters.Text(text):
            return _text(text)
        case filters.Body(text):
            return _body(text)
        case lowering.SentOn(first, last):
            return _sent_on(first, last)
        case _:
            return _row(node)


def _by_cost(parts: Sequence[Node]) -> list[Judge]:
    return [judge(part) for part in sorted(parts, key=lambda part: max(stages(part), default=Stage.ROW))]


def _every(judges: Sequence[Judge]) -> Judge:
    def every(facts: Facts) -> bool | None:
        answer: bool | None = True
        for each in judges:
            one = each(facts)
            if one is False:
                return False
            if one is None:
                answer = None
        return answer

    return every


def _some(judges: Sequence[Judge]) -> Judge:
    def some(facts: Facts) -> bool | None:
        answer: bool | None = False
        for each in judges:
            one = each(facts)
            if one:
                return True
            if one is None:
                answer = None
        return answer

    return some


def _opposite(part: Judge) -> Judge:
    def opposite(facts: Facts) -> bool | None:
        answer = part(facts)
        return None if answer is None else not answer

    return opposite


def _row(node: lowering.Bits | lowering.Between | lowering.Ranges | lowering.OneOf) -> Judge:
    match node:
        case lowering.Bits(column, mask):
            place = Candidate._fields.index(column)
            return lambda facts: facts.row[place] & mask == mask
        case lowering.Between(column, first, last):
            place = Candidate._fields.index(column)
            return lambda facts: first <= facts.row[place] <= last
        case lowering.Ranges(firsts, lasts):
            return lambda facts: _is_in(facts.row[_UID], firsts, lasts)
        case lowering.OneOf(emails):
            return lambda facts: facts.row[_EMAIL_ID] in emails


def _is_in(uid: int, firsts: Sequence[int], lasts: Sequence[int]) -> bool:
    place = bisect_right(firsts, uid) - 1
    return place >= 0 and uid <= lasts[place]


def _subject(text: str) -> Judge:
    wanted = needle(text)
    if not wanted.text:
        return lambda facts: True

    def subject(facts: Facts) -> bool | None:
        summary = facts.summary
        if summary is None:
            return None
        # What the ASCII octets of all values do not hold, the subject does not hold: most are decided by this.
        if summary.isascii() and (wanted.json is None or wanted.json not in summary.lower()):
            return False
        return wanted.text in fold(json.loads(summary)[0])

    return subject


def _header(name: str, text: str) -> Judge:
    key, wanted = name.lower().encode("utf-8", "replace"), needle(text)
    return lambda facts: None if facts.fields is None else facts.fields.field_holds(key, wanted)


def _text(text: str) -> Judge:
    wanted = needle(text)
    if not wanted.text:
        return lambda facts: True

    def anywhere(facts: Facts) -> bool | None:
        text = facts.text
        if text is not None:
            if text.nowhere:
                return False
            if wanted.text in text.in_body or wanted.text in text.in_parts:
                return True
        if facts.fields is not None and facts.fields.hold(wanted):
            return True
        return False if text is not None and text.done and facts.fields is not None else None

    return anywhere


def _body(text: str) -> Judge:
    wanted = fold(text)
    if not wanted:
        return lambda facts: True

    def body(facts: Facts) -> bool | None:
        if facts.text is None:
            return None
        return True if wanted in facts.text.in_body else False if facts.text.done else None

    return body


def _sent_on(first: int, last: int) -> Judge:
    def sent_on(facts: Facts) -> bool | None:
        if facts.fields is not None:
            return _written_on(facts.fields.date, first, last)
        if facts.summary is None:
            return None
        if facts.sent is None:
            return False
        # No zone is a whole day from UTC: most dates are far enough from both ends to be decided without theirs.
        earliest, latest = (facts.sent - _DAY) // _DAY, (facts.sent + _DAY) // _DAY
        if first <= earliest and latest <= last:
            return True
        return False if latest < first or earliest > last else None

    return sent_on


def _written_on(date: bytes | None, first: int, last: int) -> bool:
    zoned = None if date is None else dates.parse_zoned(date)
    if zoned is None:
        return False
    instant, minutes_east = zoned
    return first <= (instant + minutes_east * 60_000) // _DAY <= last
