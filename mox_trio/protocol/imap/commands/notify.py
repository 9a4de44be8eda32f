"""NOTIFY (RFC 5465)."""

from dataclasses import dataclass

from mox_trio.protocol.imap.commands.search import Source
from mox_trio.protocol.imap.fetch_items import Item


@dataclass(frozen=True, slots=True)
class EventGroup:
    """What is told of some mailboxes; no events means none."""

    source: Source
    events: frozenset[str] = frozenset()
    """In lower case: messagenew, messageexpunge, flagchange, annotationchange, mailboxname, subscriptionchange,
    mailboxmetadatachange, servermetadatachange, and unknown ones as they came.
    """
    fetch: tuple[Item, ...] = ()
    """Of new messages."""


@dataclass(frozen=True, slots=True)
class Notify:
    """NOTIFY SET, or NOTIFY NONE where there are no groups and `status` is not set."""

    groups: tuple[EventGroup, ...] = ()
    status: bool = False
