"""SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 6.3.2, 6.3.3, 6.4.1, 6.4.2; RFC 7162 3.1.8, 3.2.5)."""

from dataclasses import dataclass

from mox_trio.protocol.imap.numsets import NumSet


@dataclass(frozen=True, slots=True)
class QResync:
    """What the client knows of the mailbox (RFC 7162 3.2.5)."""

    uidvalidity: int
    modseq: int
    known_uids: NumSet | None = None
    match: tuple[NumSet, NumSet] | None = None
    """Sequence numbers and the UIDs that they had."""


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, or EXAMINE where it is read-only."""

    mailbox: str
    read_only: bool = False
    condstore: bool = False
    qresync: QResync | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """CLOSE, which expunges, or UNSELECT, which does not."""

    expunge: bool
