"""Which names LIST and LSUB answer with, and what they say of each (RFC 5258, RFC 9051 6.3.9, RFC 6154, RFC 3501 6.3.9). Pure.

A name is told where it fits a pattern and either meets the selection, or with RECURSIVEMATCH has something below it that
meets the selection and is not told itself (RFC 5258 3.3). Parents of mailboxes are mailboxes here; only names that are
subscribed can be missing, and the levels above those.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mox_trio.imapd import patterns, special_use
from mox_trio.imapd.patterns import DELIMITER, Patterns
from mox_trio.protocol.imap.commands.listing import List, Lsub
from mox_trio.protocol.imap.responses import ListEntry
from storage_backends.index.tables.mailboxes import MailboxRow


@dataclass(frozen=True, slots=True)
class Names:
    """What there is in an account."""

    mailboxes: Mapping[str, MailboxRow]
    """By their names, in order."""
    subscribed: Collection[str]
    parents: Collection[str]
    """Mailboxes with others below them."""

    @classmethod
    def of(cls, rows: Iterable[MailboxRow], subscribed: Collection[str]) -> "Names":
        """From what is stored."""
        named = {row.name: row for row in rows}
        return cls(named, subscribed, above(named))


def above(names: Iterable[str]) -> set[str]:
    """All levels above some names."""
    found: set[str] = set()
    for name in names:
        parent = name.rpartition(DELIMITER)[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition(DELIMITER)[0]
    return found


def entries(names: Names, command: List, fitting: Patterns) -> Iterator[ListEntry]:
    """What LIST says, in the order of the names."""
    criteria = command.selection & {"SUBSCRIBED", "SPECIAL-USE"}
    with_subscribed = "SUBSCRIBED" in command.selection | command.returns
    if not criteria:
        for name in names.mailboxes:
            if fitting.has(name):
                yield ListEntry(attributes(names, name, with_subscribed=with_subscribed), name)
        return
    meeting = {name for name in _candidates(names, criteria) if _meets(names, name, criteria)}
    told = {name for name in meeting if fitting.has(name)}
    holding: set[str] = set()
    if "RECURSIVEMATCH" in command.selection:
        holding = above(meeting)
        told |= {name for name in above(meeting - told) - told if fitting.has(name)}
    info = tuple(sorted(criteria, reverse=True))
    for name in sorted(told):
        said = attributes(names, name, with_subscribed=with_subscribed)
        yield ListEntry(said, name, child_info=info if name in holding else ())


def _candidates(names: Names, criteria: Collection[str]) -> Iterable[str]:
    return names.subscribed if "SUBSCRIBED" in criteria else names.mailboxes


def _meets(names: Names, name: str, criteria: Collection[str]) -> bool:
    row = names.mailboxes.get(name)
    return "SPECIAL-USE" not in criteria or (row is not None and bool(row.special_use))


def attributes(names: Names, name: str, *, with_subscribed: bool) -> tuple[str, ...]:
    """What LIST says of one name."""
    row = names.mailboxes.get(name)
    found = ["\\HasChildren" if name in names.parents else "\\HasNoChildren"]
    if row is None:
        found.insert(0, "\\NonExistent")
    elif row.special_use:
        found += special_use.names(row.special_use)
    if with_subscribed and name in names.subscribed:
        found.append("\\Subscribed")
    return tuple(found)


def lsub_entries(names: Names, command: Lsub, fitting: Patterns) -> Iterator[ListEntry]:
    """What LSUB says. With "%" a level that is not subscribed but has something subscribed below it is told as \\NoSelect."""
    told = {name: attributes(names, name, with_subscribed=False) for name in names.subscribed if fitting.has(name)}
    if patterns.has_level_wildcard(command.pattern):
        for name in above(names.subscribed):
            if name not in told and fitting.has(name):
                told[name] = ("\\NoSelect", "\\HasChildren")
    for name in sorted(told):
        said = tuple([each for each in told[name] if each != "\\NonExistent"])
        yield ListEntry(said, name, is_lsub=True)
