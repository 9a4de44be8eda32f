"""COPY, MOVE and EXPUNGE with their UID forms (RFC 9051 6.4.3, 6.4.7, 6.4.8, 6.4.9)."""

from dataclasses import dataclass

from mox_trio.protocol.imap.numsets import SequenceSet


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY, or MOVE where the source goes."""

    uid: bool
    numbers: SequenceSet
    mailbox: str
    move: bool


@dataclass(frozen=True, slots=True)
class Expunge:
    """EXPUNGE; with a set it is UID EXPUNGE."""

    uids: SequenceSet | None = None
