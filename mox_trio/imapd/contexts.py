"""Contexts (RFC 5267): searches and sorts whose results a client is kept up to date of, as long as the mailbox is selected.

A context holds the UIDs of its results. When the session is told of changes, what went is removed by the numbers that it
still has, before EXPUNGE; then messages that are new or changed are looked at again, behind EXISTS, the session's own
changes among them. Results of a search have no position (0), those of a sort have the one that the criteria give them.
"""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mox_trio.imapd import replies
from mox_trio.imapd.state import Session
from mox_trio.imapd.view import Updates
from mox_trio.mailstore.search import filters, run, sorting
from mox_trio.mailstore.search.filters import Filter
from mox_trio.protocol.imap import encoding, numsets
from mox_trio.protocol.imap.commands.search import Returns
from mox_trio.protocol.imap.responses import Results, Status
from storage_backends.index.api import Uid

MOST: Final = 20
"""Contexts of a session."""
SORTED: Final = 10_000
"""Results of a sort that is kept up to date: each addition sorts them again."""
REUSED: Final = Status("BAD", "a context that is kept up to date has this tag already")  # RFC 5267 4.3

Pairs = list[tuple[int, Sequence[int]]]
"""Positions, and UIDs that come there or go from there, to be done in this order."""


@dataclass(eq=False, slots=True)
class Context:
    """One search or sort."""

    tag: str
    uid: bool
    wanted: Filter
    results: "array[int]"
    """UIDs: ascending for a search, in their order for a sort."""
    modseq: int
    """Changes up to here have been looked at."""
    keys: tuple[sorting.Key, ...] | None = None
    """Of a sort."""

    def remove(self, uids: Iterable[int]) -> Pairs:
        """Take UIDs out; where they were, from the end, so that no position moves before it is used."""
        places = sorted(self._places(uids))
        pairs: Pairs = []
        if self.keys is None:
            if places:
                pairs.append((0, [self.results[at] for at in places]))
        else:
            pairs += [
                (first + 1, self.results[first : last + 1].tolist()) for first, last in reversed(numsets.of(places))
            ]
        for first, last in reversed(numsets.of(places)):
            del self.results[first : last + 1]
        return pairs

    def _places(self, uids: Iterable[int]) -> list[int]:
        if self.keys is not None:
            wanted = set(uids)
            return [at for at, uid in enumerate(self.results) if uid in wanted]
        found: list[int] = []
        for uid in uids:
            at = bisect_left(self.results, uid)
            if at < len(self.results) and self.results[at] == uid:
                found.append(at)
        return found

    def add(self, uids: Sequence[int], order: Sequence[int]) -> Pairs:
        """Put UIDs in; `order` is how all results stand then."""
        self.results = array("I", order)
        if self.keys is None:
            return [(0, uids)] if uids else []
        added = set(uids)
        places = [at for at, uid in enumerate(order) if uid in added]
        return [(first + 1, list(order[first : last + 1])) for first, last in numsets.of(places)]


@dataclass(eq=False, slots=True)
class Contexts:
    """Of one selected mailbox."""

    by_tag: dict[str, Context] = field(default_factory=dict)

    def forewarn(self, session: Session, updates: Updates) -> None:
        """Say what goes while its numbers hold: called before EXPUNGE (RFC 5267 4.3.4)."""
        if not updates.expunged:
            return
        numbers = dict(zip(updates.expunged, updates.numbers, strict=True))
        for context in self.by_tag.values():
            pairs = context.remove(updates.expunged)
            if pairs:
                counted = pairs if context.uid else [(at, [numbers[uid] for uid in uids]) for at, uids in pairs]
                session.say(Results(context.tag, context.uid, removed=counted))

    async def tell(self, session: Session, updates: Updates) -> None:
        """Say what has changed in the results: called after everything else was said."""
        for context in list(self.by_tag.values()):
            await _look(session, context)


async def _look(session: Session, context: Context) -> None:
    """Look again at what changed since the last time."""
    selected = session.require_selected()
    view, snapshot = selected.view, selected.view.snapshot
    changed = [uid for uid in snapshot.changed_since(context.modseq) if uid <= view.top]
    context.modseq = snapshot.modseq
    if not changed:
        return
    account = session.require_account()
    again = filters.And((filters.UidIn(numsets.of(changed)), context.wanted))
    matching = set(await run.uids(session.store, account, selected.box.id, again))
    known = set(context.results)
    removed = context.remove([uid for uid in changed if uid in known and uid not in matching])
    if removed:
        session.say(Results(context.tag, context.uid, removed=_counted(session, context, removed)))
    added = sorted(matching - known)
    if not added:
        return
    order: Sequence[int] = sorted([*context.results, *added])
    if context.keys is not None:
        uids = [Uid(uid) for uid in order]
        order = await sorting.order(session.store, account, selected.box.id, uids, context.keys)
        there = set(order)
        order = _with_gone(order, context.results, there)
        added = [uid for uid in added if uid in there]
    pairs = context.add(added, order)
    if pairs:
        session.say(Results(context.tag, context.uid, added=_counted(session, context, pairs)))


def _with_gone(order: Sequence[int], before: Sequence[int], there: Collection[int]) -> list[int]:
    """Messages that went, and of which the client is not told yet, stay behind those that they were behind."""
    behind: dict[int, list[int]] = {}
    previous = 0
    for uid in before:
        if uid in there:
            previous = uid
        else:
            behind.setdefault(previous, []).append(uid)
    merged = behind.get(0, [])
    for uid in order:
        merged += [uid, *behind.get(uid, ())]
    return merged


def _counted(session: Session, context: Context, pairs: Pairs) -> Pairs:
    if context.uid:
        return pairs
    number = session.require_selected().view.number
    return [(at, [number(uid) for uid in uids]) for at, uids in pairs]


def refuse_reuse(session: Session, returns: Returns | None) -> None:
    """No two contexts have one tag (RFC 5267 4.3). Refused."""
    selected = session.require_selected()
    if returns is not None and "UPDATE" in returns.options:
        known = selected.contexts
        if isinstance(known, Contexts) and session.tag in known.by_tag:
            raise replies.Refused(REUSED)


def begin(
    session: Session, found: "array[int]", wanted: Filter, *, uid: bool, keys: tuple[sorting.Key, ...] | None = None
) -> None:
    """Keep results up to date from now on, or say that they are not (RFC 5267 4.3.1)."""
    selected = session.require_selected()
    known = selected.contexts
    if not isinstance(known, Contexts):
        known = selected.contexts = Contexts()
    tag = session.tag
    if len(known.by_tag) >= MOST or (keys is not None and len(found) > SORTED):
        code = b"NOUPDATE " + encoding.string(tag.encode(), utf8=False)
        session.say(Status("NO", "too much to keep up to date", code))
        return
    known.by_tag[tag] = Context(tag, uid, wanted, array("I", found), selected.view.told, keys)


def cancel(session: Session, tags: Iterable[str]) -> bool:
    """End contexts; whether all of them were there."""
    known = session.require_selected().contexts
    ended = [known.by_tag.pop(tag, None) for tag in tags] if isinstance(known, Contexts) else [None]
    if isinstance(known, Contexts) and not known.by_tag:
        session.require_selected().contexts = None
    return None not in ended
