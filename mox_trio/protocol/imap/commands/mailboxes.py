"""Mailboxes by their names: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS. Names are decoded."""

from dataclasses import dataclass


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
