"""Which events NOTIFY wants to hear of a mailbox (RFC 5465 6): the groups of a command, looked up and not gone through. Pure.

Of all groups that a mailbox is in, the events are told, up to the first group that says NONE. Where a specifier stands in several
groups it only matters in which of them each event comes first, so that a mailbox costs as many look-ups as its name has
levels, however many groups there are.
"""

from collections.abc import Collection, Iterator, Sequence

from mox_trio.imapd import sources
from mox_trio.imapd.patterns import DELIMITER
from mox_trio.protocol.imap.commands.notify import EventGroup

_NONE = ""
"""Stands among events for no more of them."""


class Wishes:
    """Of one NOTIFY."""

    def __init__(self, groups: Sequence[EventGroup], inboxes: Collection[str], subscribed: Collection[str]) -> None:
        """`subscribed` may change later."""
        self._inboxes = inboxes
        self._subscribed = subscribed
        self._first: dict[tuple[str, str], dict[str, int]] = {}
        """In which group each event comes first, by kind and name of the specifier."""
        for place, group in enumerate(groups):
            for name in sources.named_in(group.source) if group.source.mailboxes else ("",):
                first = self._first.setdefault((group.source.kind, name), {})
                for event in group.events or (_NONE,):
                    first.setdefault(event, place)

    def of(self, name: str) -> frozenset[str]:
        """What is told of a mailbox."""
        found = [first for key in self._keys(name) if (first := self._first.get(key)) is not None]
        end = min([first[_NONE] for first in found if _NONE in first], default=None)
        return frozenset(
            [event for first in found for event, place in first.items() if event and (end is None or place < end)]
        )

    def _keys(self, name: str) -> Iterator[tuple[str, str]]:
        yield "personal", ""
        if name in self._inboxes:
            yield "inboxes", ""
        if name in self._subscribed:
            yield "subscribed", ""
        yield "mailboxes", name
        yield "subtree-one", name
        yield "subtree-one", name.rpartition(DELIMITER)[0]
        above = name
        while above:
            yield "subtree", above
            above = above.rpartition(DELIMITER)[0]
