"""What SEARCH and its kin ask of a message: a tree of keys (RFC 9051 6.4.4, 3501, 5032, 7162, 8474, 8514, 5466).

Flags and keywords are names (\\Seen, $Junk); texts are decoded. The parser bounds depth and number.
"""

import datetime
from dataclasses import dataclass
from typing import Literal

from mox_trio.protocol.imap.numsets import SequenceSet

Relation = Literal["BEFORE", "ON", "SINCE"]
Instant = Literal["RECEIVED", "SENT", "SAVED"]


@dataclass(frozen=True, slots=True)
class AllKey:
    """ALL."""


@dataclass(frozen=True, slots=True)
class AndKey:
    """Keys in a row or in parentheses."""

    keys: tuple["SearchKey", ...]


@dataclass(frozen=True, slots=True)
class OrKey:
    """OR."""

    first: "SearchKey"
    second: "SearchKey"


@dataclass(frozen=True, slots=True)
class NotKey:
    """NOT, and the keys that begin with UN."""

    key: "SearchKey"


@dataclass(frozen=True, slots=True)
class FlagKey:
    """SEEN, KEYWORD and so on. NEW, OLD and RECENT of RFC 3501 are made of \\Recent, which no message has."""

    name: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """A sequence set, or UID with a set."""

    numbers: SequenceSet
    uid: bool


@dataclass(frozen=True, slots=True)
class SizeKey:
    """LARGER or SMALLER."""

    larger: bool
    size: int


@dataclass(frozen=True, slots=True)
class DateKey:
    """BEFORE, SENTON, SAVEDSINCE and so on."""

    instant: Instant
    relation: Relation
    day: datetime.date


@dataclass(frozen=True, slots=True)
class SaveDateSupported:
    """SAVEDATESUPPORTED (RFC 8514)."""


@dataclass(frozen=True, slots=True)
class WithinKey:
    """OLDER or YOUNGER, in seconds (RFC 5032)."""

    older: bool
    seconds: int


@dataclass(frozen=True, slots=True)
class ModSeqKey:
    """MODSEQ (RFC 7162 3.1.5); an entry name in front of the number makes no difference here."""

    modseq: int


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """EMAILID or THREADID (RFC 8474)."""

    thread: bool
    object_id: str


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """HEADER, and BCC, CC, FROM, TO. SUBJECT is the name "subject"."""

    name: str
    """In lower case."""
    text: str


@dataclass(frozen=True, slots=True)
class BodyKey:
    """BODY."""

    text: str


@dataclass(frozen=True, slots=True)
class TextKey:
    """TEXT."""

    text: str


@dataclass(frozen=True, slots=True)
class FilterKey:
    """FILTER (RFC 5466): a named filter of the account."""

    name: str


SearchKey = (
    AllKey
    | AndKey
    | OrKey
    | NotKey
    | FlagKey
    | Numbers
    | SizeKey
    | DateKey
    | SaveDateSupported
    | WithinKey
    | ModSeqKey
    | ObjectKey
    | HeaderKey
    | BodyKey
    | TextKey
    | FilterKey
)
