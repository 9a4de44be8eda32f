"""SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 6.3.2, 6.3.3, 6.4.1, 6.4.2; RFC 7162 3.1.8, 3.2.5)."""

from dataclasses import dataclass

from mox_trio.protocol.imap.lexer import NUMBER_63, Lexer, Malformed
from mox_trio.protocol.imap.numsets import STAR, NumSet


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


def parse_select(lexer: Lexer, *, read_only: bool) -> Select:
    """A mailbox, and parameters (RFC 4466 2.4)."""
    lexer.space()
    mailbox = lexer.mailbox()
    condstore, qresync = False, None
    if lexer.maybe_space():
        for each in lexer.members(lambda: _parameter(lexer)):
            condstore = condstore or each is None
            qresync = qresync or each
    lexer.end()
    return Select(mailbox, read_only, condstore, qresync)


def parse_close(lexer: Lexer, *, expunge: bool) -> Close:
    """Nothing behind it."""
    lexer.end()
    return Close(expunge)


def _parameter(lexer: Lexer) -> QResync | None:
    name = lexer.word()
    if name == "CONDSTORE":
        return None
    if name != "QRESYNC":
        raise Malformed("the parameters are CONDSTORE and QRESYNC")
    lexer.space()
    lexer.require(b"(")
    uidvalidity = lexer.number(smallest=1)
    lexer.space()
    modseq = lexer.number(NUMBER_63)  # RFC 7162 7 has it from 1; 0 asks for everything
    known: NumSet | None = None
    match: tuple[NumSet, NumSet] | None = None
    if lexer.maybe_space():
        if not lexer.starts(b"("):
            known = _known(lexer)
            if lexer.maybe_space():
                match = _match(lexer)
        else:
            match = _match(lexer)
    lexer.require(b")")
    return QResync(uidvalidity, modseq, known, match)


def _match(lexer: Lexer) -> tuple[NumSet, NumSet]:
    if lexer.uid_only:  # RFC 9586 3
        raise Malformed("sequence numbers are not used with UIDONLY", code=b"UIDREQUIRED")
    lexer.require(b"(")
    numbers = _known(lexer)
    lexer.space()
    uids = _known(lexer)
    lexer.require(b")")
    return numbers, uids


def _known(lexer: Lexer) -> NumSet:
    numbers = lexer.numset()
    if any(STAR in each for each in numbers.ranges):  # RFC 7162 7, known-uids
        raise Malformed("what the client knows has no *")
    return numbers
