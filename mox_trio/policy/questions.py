"""Questions to DNS as values, so that who decides needs no network."""

import enum
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Kind(enum.Enum):
    """The record types that are asked for."""

    __hash__ = object.__hash__  # members are themselves and nothing else; that of Enum is slow, and questions are keys

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    NS = "NS"
    PTR = "PTR"
    SOA = "SOA"
    TLSA = "TLSA"
    TXT = "TXT"


class Question(NamedTuple):
    """A name (A-labels, no dot at its end, lower case) and a record type."""

    name: str
    kind: Kind


class Status(enum.Enum):
    """How a look-up ended."""

    FOUND = "found"
    NO_DATA = "no-data"
    """The name exists, without records of this type."""
    NO_NAME = "no-name"
    """NXDOMAIN."""
    TROUBLE = "trouble"
    """SERVFAIL, a timeout, a bogus signature: nobody knows. Never a pass."""


@dataclass(frozen=True, slots=True)
class Mx:
    """A mail host. `host` is "" for a null MX (RFC 7505)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Tlsa:
    """RFC 6698 2."""

    usage: int
    selector: int
    matching: int
    data: bytes


Record = str | bytes | Mx | Tlsa
"""A and AAAA: the address as text. CNAME, NS, PTR: the name without the last dot. TXT: the strings of the record joined, as
bytes. MX and TLSA: as above.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a look-up found; CNAMEs on the way were followed."""

    status: Status
    records: tuple[Record, ...] = ()
    authentic: bool = False
    """Signed with DNSSEC and verified by a resolver that is trusted: also of the absence of records."""
    canonical_name: str = ""
    """Where CNAMEs led; empty when there were none."""
    ttl: int = 0
    """Seconds it may be kept."""
    detail: str = ""
    """What the trouble was, for logs and reports."""


Asking = Generator[Question, Answer, T]
"""A decision that asks DNS on its way to a T."""
