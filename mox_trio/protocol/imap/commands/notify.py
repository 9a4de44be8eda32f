"""NOTIFY (RFC 5465)."""

from dataclasses import dataclass
from typing import Final

from mox_trio.protocol.imap import fetch_items
from mox_trio.protocol.imap.commands import search
from mox_trio.protocol.imap.commands.search import Source
from mox_trio.protocol.imap.fetch_items import Item
from mox_trio.protocol.imap.lexer import Lexer, Malformed


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


_OF_SELECTED: Final = ("selected", "selected-delayed")
_OF_MAILBOXES: Final = frozenset({"mailboxname", "subscriptionchange", "mailboxmetadatachange", "servermetadatachange"})
_OF_FLAGS: Final = frozenset({"flagchange", "annotationchange"})
_OF_MESSAGES: Final = frozenset({"messagenew", "messageexpunge"})


def parse_notify(lexer: Lexer) -> Notify:
    """NONE, or SET with groups (RFC 5465 8)."""
    lexer.space()
    if lexer.maybe_word("NONE"):
        lexer.end()
        return Notify()
    if not lexer.maybe_word("SET"):
        raise Malformed("NOTIFY has SET or NONE")
    lexer.space()
    status = lexer.maybe_word("STATUS")
    if status:
        lexer.space()
    groups = [_group(lexer)]
    while lexer.maybe_space():
        groups.append(_group(lexer))
        if len(groups) > lexer.bounds.members:
            raise Malformed("too many groups")
    lexer.end()
    return Notify(tuple(groups), status)


def _group(lexer: Lexer) -> EventGroup:
    lexer.require(b"(")
    source = search.source(lexer)
    lexer.space()
    if lexer.maybe_word("NONE"):
        lexer.require(b")")
        return EventGroup(source)
    read = lexer.members(lambda: _event(lexer))
    lexer.require(b")")
    events = frozenset(name for name, _ in read)
    fetch = tuple(dict.fromkeys(item for _, items in read for item in items))
    # RFC 5465 5: new and expunged messages are told together, and changes of flags only beside them.
    messages = events & _OF_MESSAGES
    if len(messages) == 1 or (events & _OF_FLAGS and not messages):
        raise Malformed("MessageNew and MessageExpunge stand together, FlagChange beside them")
    if source.kind in _OF_SELECTED and events & _OF_MAILBOXES:  # RFC 5465 6.1
        raise Malformed("of the selected mailbox only events of messages are told")
    if fetch and source.kind not in _OF_SELECTED:  # RFC 5465 5.2
        raise Malformed("what is fetched of new messages is of the selected mailbox")
    return EventGroup(source, events, fetch)


def _event(lexer: Lexer) -> tuple[str, tuple[Item, ...]]:
    name = lexer.atom().lower()
    if name == "messagenew" and lexer.starts(b" ("):
        lexer.space()
        return name, tuple(lexer.members(lambda: fetch_items.parse(lexer)))
    return name, ()
