"""Mailboxes by their names: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS. Names are decoded."""

from dataclasses import dataclass
from typing import Final

from mox_trio.protocol.imap.lexer import Lexer, Malformed

STATUS_ITEMS: Final = frozenset(
    {
        "MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE",  # RFC 9051 7.3.4, RFC 8438
        "RECENT",  # RFC 3501 6.3.10
        "HIGHESTMODSEQ",  # RFC 7162 3.1.7
        "APPENDLIMIT",  # RFC 7889 3.2
        "MAILBOXID",  # RFC 8474 4.3
        "DELETED-STORAGE",  # RFC 9208 5.2
    }
)  # fmt: skip
"""What STATUS and LIST with STATUS can ask for."""


@dataclass(frozen=True, slots=True)
class Create:
    """CREATE (RFC 9051 6.3.4), with the special uses of RFC 6154 3 as the client wrote them, such as \\Archive."""

    mailbox: str
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE (RFC 9051 6.3.5)."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    """RENAME (RFC 9051 6.3.6)."""

    mailbox: str
    new: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """SUBSCRIBE and UNSUBSCRIBE (RFC 9051 6.3.7, 6.3.8)."""

    mailbox: str
    subscribed: bool


@dataclass(frozen=True, slots=True)
class Status:
    """STATUS (RFC 9051 6.3.11): items in upper case, of those that are known (`STATUS_ITEMS`), in the client's order."""

    mailbox: str
    items: tuple[str, ...]


def parse_create(lexer: Lexer) -> Create:
    """A name, and USE with what it is for (RFC 6154 3)."""
    lexer.space()
    mailbox = lexer.mailbox()
    uses: list[str] = []
    if lexer.maybe_space():
        for each in lexer.members(lambda: _create_parameter(lexer)):
            uses += each
    lexer.end()
    return Create(mailbox, tuple(dict.fromkeys(uses)))


def _create_parameter(lexer: Lexer) -> list[str]:
    if not lexer.maybe_word("USE"):
        raise Malformed("CREATE knows USE only")
    lexer.space()
    return lexer.members(lexer.flag, may_be_empty=True)


def parse_delete(lexer: Lexer) -> Delete:
    """A name."""
    return Delete(only_mailbox(lexer))


def parse_rename(lexer: Lexer) -> Rename:
    """Two names."""
    lexer.space()
    mailbox = lexer.mailbox()
    return Rename(mailbox, only_mailbox(lexer))


def parse_subscribe(lexer: Lexer) -> Subscribe:
    """A name."""
    return Subscribe(only_mailbox(lexer), subscribed=True)


def parse_unsubscribe(lexer: Lexer) -> Subscribe:
    """A name."""
    return Subscribe(only_mailbox(lexer), subscribed=False)


def parse_status(lexer: Lexer) -> Status:
    """A name and what is asked about it."""
    lexer.space()
    mailbox = lexer.mailbox()
    lexer.space()
    items = status_items(lexer)
    lexer.end()
    return Status(mailbox, items)


def status_items(lexer: Lexer) -> tuple[str, ...]:
    """A list of items, each once."""
    return tuple(dict.fromkeys(lexer.members(lambda: _status_item(lexer))))


def only_mailbox(lexer: Lexer) -> str:
    """A space, a name and nothing more."""
    lexer.space()
    mailbox = lexer.mailbox()
    lexer.end()
    return mailbox


def _status_item(lexer: Lexer) -> str:
    item = lexer.word()
    if item not in STATUS_ITEMS:
        raise Malformed("STATUS does not know this item")
    return item
