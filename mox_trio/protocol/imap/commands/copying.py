"""COPY, MOVE and EXPUNGE with their UID forms (RFC 9051 6.4.3, 6.4.7, 6.4.8, 6.4.9)."""

from dataclasses import dataclass

from mox_trio.protocol.imap.commands import mailboxes
from mox_trio.protocol.imap.lexer import Lexer
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


def parse_copy(lexer: Lexer, *, uid: bool, move: bool) -> Copy:
    """A set and a mailbox."""
    lexer.space()
    numbers = lexer.sequence_set()
    return Copy(uid, numbers, mailboxes.only_mailbox(lexer), move)


def parse_expunge(lexer: Lexer) -> Expunge:
    """Nothing behind it."""
    lexer.end()
    return Expunge()


def parse_uid_expunge(lexer: Lexer) -> Expunge:
    """A set of UIDs (RFC 4315 2.1)."""
    lexer.space()
    uids = lexer.sequence_set()
    lexer.end()
    return Expunge(uids)
