"""Which mailboxes a specifier means (RFC 5465 6), for NOTIFY and for searches in several mailboxes. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mox_trio.base.failure import Failure
from mox_trio.imapd.patterns import DELIMITER
from mox_trio.mailstore import mailboxes
from mox_trio.protocol.imap.commands.search import Source
from storage_backends.index.tables.mailboxes import MailboxRow


@dataclass(frozen=True, slots=True)
class Places:
    """What sources are resolved against."""

    rows: Mapping[str, MailboxRow]
    """All mailboxes by their names."""
    subscribed: Collection[str]
    inboxes: Collection[str]
    """Mailboxes that mail is delivered to."""
    selected: str = ""
    """Name of the selected mailbox; empty for none."""


def names(places: Places, source: Source) -> set[str]:
    """The names that are meant; some may be no mailboxes."""
    match source.kind:
        case "selected" | "selected-delayed":
            return {places.selected}
        case "inboxes":
            return set(places.inboxes)
        case "personal":
            return set(places.rows)
        case "subscribed":
            return set(places.subscribed)
        case _:
            named = _named(source)
            if source.kind == "mailboxes":
                return named
            return {name for name in places.rows if _is_below(name, named, deep=source.kind == "subtree")}


def is_meant(places: Places, source: Source, name: str) -> bool:
    """Whether one name is among them, whether it is a mailbox or not any more."""
    match source.kind:
        case "selected" | "selected-delayed":
            return name == places.selected
        case "inboxes":
            return name in places.inboxes
        case "personal":
            return True
        case "subscribed":
            return name in places.subscribed
        case "mailboxes":
            return name in _named(source)
        case _:
            return _is_below(name, _named(source), deep=source.kind == "subtree")


def _named(source: Source) -> set[str]:
    return {name for each in source.mailboxes if (name := _canonical(each))}


def _canonical(name: str) -> str:
    try:
        return mailboxes.canonical(name)
    except Failure:
        return ""


def _is_below(name: str, tops: set[str], *, deep: bool) -> bool:
    """Whether a mailbox is one of `tops`, or below one: next below it, or anywhere where it is `deep`."""
    if name in tops:
        return True
    parent = name.rpartition(DELIMITER)[0]
    while parent:
        if parent in tops:
            return True
        parent = parent.rpartition(DELIMITER)[0] if deep else ""
    return False
