"""What to look for: a tree of conditions on one message, as IMAP and others build it (RFC 9051 6.4.4).

Text is compared without case and in normal form C, as a substring of decoded text: encoded words in header fields,
transfer encodings and charsets in bodies. Days are those of the calendar, whatever time and zone. FROM, TO, CC and
BCC are `Header`s of that name. The order of parts does not matter: the search asks the cheap questions first.
"""

import datetime
import enum
from dataclasses import dataclass
from typing import Final

from mox_trio.base.failure import Failure, Kind
from storage_backends.index.tables.messages import Ranges

DEPTH: Final = 50
"""Levels of a filter."""
NODES: Final = 1000
"""Conditions of a filter in all."""
NEEDLE: Final = 1000
"""Characters of a text that is looked for."""


class Instant(enum.Enum):
    """The dates of a message."""

    RECEIVED = "received"
    """INTERNALDATE; its day is that in UTC."""
    SAVED = "saved"
    """When it came into this mailbox (RFC 8514); its day is that in UTC."""
    SENT = "sent"
    """The Date field; its day is the one written there. Without one, no condition on it is met."""


class Relation(enum.Enum):
    """How a date lies to a day."""

    BEFORE = "before"
    ON = "on"
    SINCE = "since"


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the parts holds."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class Flag:
    """The flag or keyword of this name is set; names as in `keywords.FIXED`, compared without case."""

    name: str


@dataclass(frozen=True, slots=True)
class UidIn:
    """The UID lies in one of these inclusive ranges."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Larger:
    """It has more octets."""

    size: int


@dataclass(frozen=True, slots=True)
class Smaller:
    """It has fewer octets."""

    size: int


@dataclass(frozen=True, slots=True)
class Dated:
    """One of its dates is before, on, or on or after a day."""

    instant: Instant
    relation: Relation
    day: datetime.date


@dataclass(frozen=True, slots=True)
class Older:
    """It was received at least so many seconds ago (RFC 5032 3)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Younger:
    """It was received at most so many seconds ago (RFC 5032 3)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class ModSeq:
    """It changed at this modification sequence or later (RFC 7162 3.1.5)."""

    modseq: int


@dataclass(frozen=True, slots=True)
class MessageId:
    """Its Message-ID is exactly this one, angle brackets or not; looked up, not searched."""

    message_id: str


@dataclass(frozen=True, slots=True)
class EmailId:
    """Its EMAILID is this one (RFC 8474)."""

    object_id: str


@dataclass(frozen=True, slots=True)
class ThreadId:
    """Its THREADID is this one (RFC 8474)."""

    thread_id: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The first Subject field holds this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header field of this name holds this text; with an empty text, there is such a field."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """A text part, or the header of a message within the message, holds this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """The header, the header of a part, or what `Body` looks at holds this text."""

    text: str


Filter = (
    All | And | Or | Not | Flag | UidIn | Larger | Smaller | Dated | Older | Younger | ModSeq | MessageId | EmailId
    | ThreadId | Subject | Header | Body | Text
)  # fmt: skip


def check(wanted: Filter) -> None:
    """LIMIT for a filter that is too deep, too large, or looks for too long a text."""
    nodes = 0
    waiting = [(wanted, 1)]
    while waiting:
        each, depth = waiting.pop()
        nodes += 1
        if depth > DEPTH or nodes > NODES:
            raise Failure(Kind.LIMIT, f"a search has at most {NODES} conditions in {DEPTH} levels")
        match each:
            case And(parts) | Or(parts):
                waiting += [(part, depth + 1) for part in parts]
            case Not(part):
                waiting.append((part, depth + 1))
            case Subject(text) | Header(_, text) | Body(text) | Text(text):
                if len(text) > NEEDLE:
                    raise Failure(Kind.LIMIT, f"a text to search for has at most {NEEDLE} characters")
