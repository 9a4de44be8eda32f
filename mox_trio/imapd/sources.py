"""Which mailboxes a specifier means (RFC 5465 6), for NOTIFY and for searches in several mailboxes. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

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
            named = named_in(source)
            if source.kind == "mailboxes":
                return named
            return {name for name in places.rows if _is_below(name, named, deep=source.kind == "subtree")}


def merged(sources: Iterable[Source]) -> list[Source]:
    """The same mailboxes by as few sources as there are kinds: each is looked up in all mailboxes."""
    by_kind: dict[str, tuple[Source, list[str]]] = {}
    for each in sources:
        by_kind.setdefault(each.kind, (each, []))[1].extend(each.mailboxes)
    return [replace(first, mailboxes=tuple(found)) for first, found in by_kind.values()]


def named_in(source: Source) -> set[str]:
    """The names that a source spells out, in their normal form."""
    return {name for each in source.mailboxes if (name := _canonical(each))}


def _canonical(name: str) -> str:
    try:
        return mailboxes.canonical(name)
    except Failure:
        return ""


def _is_below(name: str, tops: Collection[str], *, deep: bool) -> bool:
    """Whether a mailbox is one of `tops`, or below one: next below it, or anywhere where it is `deep`."""
    if name in tops:
        return True
    parent = name.rpartition(DELIMITER)[0]
    while parent:
        if parent in tops:
            return True
        parent = parent.rpartition(DELIMITER)[0] if deep else ""
    return False
