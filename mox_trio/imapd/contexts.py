"""Contexts (RFC 5267): searches and sorts whose results a client is kept up to date of, as long as the mailbox is selected.

A context holds the UIDs of its results. When the session is told of changes, what went is removed by the numbers that it
still has, before EXPUNGE; then messages that are new or changed are looked at again, behind EXISTS, the session's own
changes among them. Results of a search have no position (0), those of a sort have the one that the criteria give them. What
UPDATE wants to hear of new messages (RFC 5465 7) is told behind EXISTS and before what came into the results. Large changes
are worked out in a thread.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

import trio

from mox_trio.imapd import answering, replies
from mox_trio.imapd.state import Session
from mox_trio.imapd.view import Updates
from mox_trio.mailstore.search import filters, run, sorting
from mox_trio.mailstore.search.filters import Filter
from mox_trio.protocol.imap import encoding, numsets
from mox_trio.protocol.imap.commands.search import Returns
from mox_trio.protocol.imap.fetch_items import Item
from mox_trio.protocol.imap.responses import Results, Status
from storage_backends.index.api import Uid

T = TypeVar("T")

MOST: Final = 20
"""Contexts of a session."""
SORTED: Final = 10_000
"""Results of a sort that is kept up to date: each addition sorts them again."""
MANY: Final = 2000
"""Changed messages whose part in the results is worked out in a thread."""
FEW: Final = 100
"""Messages that are looked up one by one in results; of more, all results are looked at once."""
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
    fetch: tuple[Item, ...] = ()
    """What is told of new messages that come into the results."""

    def remove(self, uids: Collection[int]) -> Pairs:
        """Take UIDs out; where they were, from the end, so that no position moves before it is used."""
        if self.keys is None and len(uids) <= FEW:
            return self._remove_few(uids)
        gone = frozenset(uids)
        places = [at for at, uid in enumerate(self.results) if uid in gone]
        if not places:
            return []
        before = self.results
        self.results = array("I", [uid for uid in before if uid not in gone])
        if self.keys is None:
            return [(0, [before[at] for at in places])]
        return [(first + 1, before[first : last + 1].tolist()) for first, last in reversed(numsets.of(places))]

    def _remove_few(self, uids: Iterable[int]) -> Pairs:
        found: list[int] = []
        for uid in sorted(uids):
            at = bisect_left(self.results, uid)
            if at < len(self.results) and self.results[at] == uid:
                found.append(uid)
                del self.results[at]
        return [(0, found)] if found else []

    def put(self, uids: Sequence[int]) -> Pairs:
        """Put UIDs into the results of a search."""
        if len(uids) <= FEW:
            for uid in uids:
                self.results.insert(bisect_left(self.results, uid), uid)
        else:
            self.results = array("I", sorted([*self.results, *uids]))
        return [(0, uids)]

    def arrange(self, uids: Sequence[int], order: Sequence[int]) -> Pairs:
        """Put UIDs into the results of a sort; `order` is how all of them stand then."""
        self.results = array("I", order)
        added = set(uids)
        places = [at for at, uid in enumerate(order) if uid in added]
        return [(first + 1, list(order[first : last + 1])) for first, last in numsets.of(places)]

    def look(self, changed: Sequence[int], matching: Sequence[int]) -> tuple[Pairs, list[int]]:
        """Of changed messages `matching` are among the results now: take out those that are not any more, and tell which
        come in, ascending.
        """
        fits = frozenset(matching)
        out = self.remove([uid for uid in changed if uid not in fits])
        known = frozenset(self.results) if len(fits) > FEW or self.keys is not None else None
        if known is None:
            return out, [uid for uid in sorted(fits) if not self._has(uid)]
        return out, sorted(fits - known)

    def _has(self, uid: int) -> bool:
        at = bisect_left(self.results, uid)
        return at < len(self.results) and self.results[at] == uid


@dataclass(eq=False, slots=True)
class Contexts:
    """Of one selected mailbox."""

    by_tag: dict[str, Context] = field(default_factory=dict)
    _answers: list[Results | Status] = field(default_factory=list)
    """What was found and is not said."""

    async def forewarn(self, session: Session, updates: Updates) -> None:
        """Say what goes while its numbers hold: called before EXPUNGE (RFC 5267 4.3.4)."""
        gone = updates.expunged
        if not gone:
            return
        for context in self.by_tag.values():
            removed = await _work(session, len(gone), partial(context.remove, gone))
            if removed:
                numbers = partial(_numbers, there=gone, numbers=updates.numbers)
                await _say(
                    session,
                    Results(context.tag, context.uid, removed=await _counted(session, context, removed, numbers)),
                )

    async def look(self, session: Session, updates: Updates) -> Mapping[int, Sequence[Item]]:
        """Look again at what has changed, after EXISTS and flags were said; what is to be told of new messages, by their UIDs."""
        wanted: dict[int, list[Item]] = {}
        new = frozenset(updates.new) if any(context.fetch for context in self.by_tag.values()) else frozenset()
        for context in list(self.by_tag.values()):
            for uid in await self._look(session, context):
                if context.fetch and uid in new:  # RFC 5465 7: not of those whose flags have changed
                    wanted.setdefault(uid, []).extend(context.fetch)
        return wanted

    async def tell(self, session: Session) -> None:
        """Say what has changed in the results."""
        answers, self._answers = self._answers, []
        for answer in answers:
            await _say(session, answer)

    async def _look(self, session: Session, context: Context) -> Sequence[int]:
        """Look again at what changed since the last time; what came in."""
        selected = session.require_selected()
        view, snapshot = selected.view, selected.view.snapshot
        changed = [uid for uid in snapshot.changed_since(context.modseq) if uid <= view.top]
        context.modseq = snapshot.modseq
        if not changed:
            return ()
        account = session.require_account()
        again = filters.And((filters.UidIn(numsets.of(changed)), context.wanted))
        matching = await run.uids(session.store, account, selected.box.id, again)
        removed, added = await _work(session, len(changed), partial(context.look, changed, matching))
        numbers = partial(_numbers, there=view.uids)
        if removed:
            pairs = await _counted(session, context, removed, numbers)
            self._answers.append(Results(context.tag, context.uid, removed=pairs))
        if not added:
            return ()
        if context.keys is not None and len(context.results) + len(added) > SORTED:
            del self.by_tag[context.tag]
            self._answers.append(too_much(context.tag))
            return ()
        if context.keys is None:
            pairs = await _work(session, len(added), partial(context.put, added))
        else:
            uids = [Uid(uid) for uid in sorted([*context.results, *added])]
            order = await sorting.order(session.store, account, selected.box.id, uids, context.keys)
            there = set(order)
            added = [uid for uid in added if uid in there]
            pairs = context.arrange(added, _with_gone(order, context.results, there))
        if pairs:
            pairs = await _counted(session, context, pairs, numbers)
            self._answers.append(Results(context.tag, context.uid, added=pairs))
        return added


async def _work(session: Session, size: int, work: Callable[[], T]) -> T:
    """What is done with so many messages: in a thread where they are many."""
    if size > MANY:
        return await trio.to_thread.run_sync(work, limiter=session.store.computing)
    return work()


async def _say(session: Session, answer: Results | Status) -> None:
    if isinstance(answer, Status):
        session.say(answer)
        return
    count = sum(len(uids) for _, uids in (*answer.removed, *answer.added))
    await answering.say_large(session, answer, count)


async def _counted(
    session: Session, context: Context, pairs: Pairs, numbers: Callable[[Sequence[int]], list[int]]
) -> Pairs:
    """The same, as the client counts."""
    if context.uid:
        return pairs
    size = sum(len(uids) for _, uids in pairs)
    return await _work(session, size, lambda: [(at, numbers(uids)) for at, uids in pairs])


def _numbers(uids: Sequence[int], *, there: Sequence[int], numbers: Sequence[int] | None = None) -> list[int]:
    """Sequence numbers of messages that are all `there`: their `numbers`, or their places."""
    places = [bisect_left(there, uid) for uid in uids]
    return [at + 1 for at in places] if numbers is None else [numbers[at] for at in places]


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


def refuse_reuse(session: Session, returns: Returns | None) -> None:
    """No two contexts have one tag (RFC 5267 4.3). Refused."""
    selected = session.require_selected()
    if returns is not None and "UPDATE" in returns.options:
        known = selected.contexts
        if isinstance(known, Contexts) and session.tag in known.by_tag:
            raise replies.Refused(REUSED)


def begin(
    session: Session, found: "array[int]", wanted: Filter, returns: Returns, *, uid: bool,
    keys: tuple[sorting.Key, ...] | None = None,
) -> None:  # fmt: skip
    """Keep results up to date from now on where UPDATE asks for it, or say that they are not (RFC 5267 4.3.1)."""
    if "UPDATE" not in returns.options:
        return
    selected = session.require_selected()
    known = selected.contexts
    if not isinstance(known, Contexts):
        known = selected.contexts = Contexts()
    tag = session.tag
    if len(known.by_tag) >= MOST or (keys is not None and len(found) > SORTED):
        session.say(too_much(tag))
        return
    known.by_tag[tag] = Context(tag, uid, wanted, array("I", found), selected.view.told, keys, returns.fetch)


def too_much(tag: str) -> Status:
    """The results of a command are not kept up to date, or not any more."""
    return Status("NO", "too much to keep up to date", b"NOUPDATE " + encoding.string(tag.encode(), utf8=False))


def cancel(session: Session, tags: Iterable[str]) -> bool:
    """End contexts; whether all of them were there."""
    known = session.require_selected().contexts
    ended = [known.by_tag.pop(tag, None) for tag in tags] if isinstance(known, Contexts) else [None]
    if isinstance(known, Contexts) and not known.by_tag:
        session.require_selected().contexts = None
    return None not in ended
