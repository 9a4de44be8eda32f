"""Annotations of mailboxes and of the account (RFC 5464)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """GETMETADATA; an empty mailbox is the server. Entries in lower case."""

    mailbox: str
    entries: tuple[str, ...]
    depth: int | None = 0
    """None for infinity."""
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """SETMETADATA: entries in lower case and their values; None takes an entry away."""

    mailbox: str
    values: tuple[tuple[str, bytes | None], ...]
