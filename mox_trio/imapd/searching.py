"""From search keys to what the store looks for, and the search itself in the selected mailbox.

A search finds messages that are there and that the session knows: what came since it was told is not found, and neither is
what went, even where the session does not know that yet (RFC 9051 7.5.2 leaves it numbered, RFC 2180 4 lets it be found by
nothing). Sequence numbers in keys are those of the session's view. Results are arrays of UIDs.
"""

from array import array
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.imapd import named_filters, replies
from mox_trio.imapd.progress import Progress
from mox_trio.imapd.state import Session
from mox_trio.imapd.view import View
from mox_trio.mailstore import keywords, reading
from mox_trio.mailstore.search import filters, run
from mox_trio.mailstore.search.filters import Filter, Instant, Relation
from mox_trio.protocol.imap import numsets, search_keys
from mox_trio.protocol.imap.numsets import NumSet, Ranges, SequenceSet
from mox_trio.protocol.imap.responses import Status
from mox_trio.protocol.imap.search_keys import SearchKey
from storage_backends.index.api import MailboxId

Uids = Sequence[int]

_SYSTEM: Final = frozenset(name.lower() for name in keywords.FIXED)

NOTHING: Final = filters.Not(filters.All())
WINDOW: Final = 1000
"""Messages in which the last match is looked for first; twice as many each time."""
CHUNK: Final = 10_000
"""Messages that are counted before others have their turn."""
NOT_HERE: Final = Status(
    "BAD", "numbers of messages are those of the selected mailbox, and no other is searched by them"
)


class Translation:
    """Of the keys of one command."""

    def __init__(
        self, view: View | None, saved: Ranges, named: Mapping[str, SearchKey], highest: int = numsets.LARGEST
    ) -> None:
        """`view` is that of the selected mailbox where it is the one that is searched, else "*" is the UID `highest`; `named`
        are filters by their names.
        """
        self._view = view
        self._saved = saved
        self._named = named
        self._highest = highest
        self._left = filters.NODES
        self.names_highest = False
        """Whether "*" was met in a mailbox that is not selected."""

    def of(self, key: SearchKey, depth: int = 1) -> Filter:
        """What to look for. Refused; LIMIT: a filter that names others twice grows fast."""
        self._left -= 1
        if self._left < 0 or depth > filters.DEPTH:
            raise Failure(Kind.LIMIT, f"a search has at most {filters.NODES} conditions in {filters.DEPTH} levels")
        match key:
            case search_keys.AndKey(keys):
                return filters.And(tuple([self.of(each, depth + 1) for each in keys]))
            case search_keys.OrKey(first, second):
                return filters.Or((self.of(first, depth + 1), self.of(second, depth + 1)))
            case search_keys.NotKey(inner):
                return filters.Not(self.of(inner, depth + 1))
            case search_keys.Numbers(numbers, uid):
                return filters.UidIn(self._uids(numbers, uid=uid))
            case search_keys.FilterKey(name):
                return self.of(self._named[name.lower()], depth + 1)
            case search_keys.FlagKey(name):
                return _flag(name)
            case search_keys.HeaderKey(name, text):
                return _header(name, text)
            case _:
                return _of_message(key)

    def _uids(self, numbers: SequenceSet, *, uid: bool) -> Ranges:
        view = self._view
        if not isinstance(numbers, NumSet):
            if view is None:
                raise replies.Refused(NOT_HERE)
            return self._saved
        if view is None:
            if not uid:
                raise replies.Refused(NOT_HERE)
            self.names_highest |= any(numsets.STAR in ends for ends in numbers.ranges)
            return numsets.resolve(numbers, self._highest)
        if uid:
            return view.resolve(numbers, uid=True)
        uids = view.uids
        # Numbers that no message has are no error in a search: the set is what is looked for, not what is done something to.
        within = numsets.intersect(numsets.resolve(numbers, len(uids)), ((1, len(uids)),))
        return tuple([(uids[low - 1], uids[high - 1]) for low, high in within])


def _flag(name: str) -> Filter:
    if name.lower() not in _SYSTEM and not keywords.is_keyword(name):
        return NOTHING  # \Recent (RFC 9051 2.3.2), and what no message can have
    return filters.Flag(name)


def _header(name: str, text: str) -> Filter:
    # An encoded word that is looked for as it is written is only in the header itself.
    if name == "subject" and text and "=" not in text:
        return filters.Subject(text)
    return filters.Header(name, text)


def _of_message(key: SearchKey) -> Filter:
    """Keys that say something of a message, whatever mailbox it is in."""
    match key:
        case search_keys.SizeKey(larger, size):
            return filters.Larger(size) if larger else filters.Smaller(size)
        case search_keys.DateKey(instant, relation, day):
            return filters.Dated(_INSTANTS[instant], _RELATIONS[relation], day)
        case search_keys.WithinKey(older, seconds):
            return filters.Older(seconds) if older else filters.Younger(seconds)
        case search_keys.ModSeqKey(modseq):
            return filters.ModSeq(modseq)
        case search_keys.ObjectKey(thread, object_id):
            return filters.ThreadId(object_id) if thread else filters.EmailId(object_id)
        case search_keys.BodyKey(text):
            return filters.Body(text)
        case search_keys.TextKey(text):
            return filters.Text(text)
        case _:  # ALL, and SAVEDATESUPPORTED: every message has a save date (RFC 8514 4.3)
            return filters.All()


_INSTANTS: Final = {"RECEIVED": Instant.RECEIVED, "SENT": Instant.SENT, "SAVED": Instant.SAVED}
_RELATIONS: Final = {"BEFORE": Relation.BEFORE, "ON": Relation.ON, "SINCE": Relation.SINCE}


async def translated(session: Session, key: SearchKey) -> Filter:
    """What a command's keys look for in the selected mailbox. Refused; LIMIT.

    Filters of the account are put in place of their names (RFC 5466).
    """
    named = await named_filters.named(session.store, session.require_account(), key)
    wanted = Translation(session.require_selected().view, session.saved, named).of(key)
    filters.check(wanted)
    return wanted


class Anywhere:
    """What keys look for in mailboxes that need not be selected."""

    def __init__(self, key: SearchKey, named: Mapping[str, SearchKey]) -> None:
        """Refused; LIMIT."""
        self._key = key
        self._named = named
        translation = Translation(None, (), named)
        self._wanted = translation.of(key)
        filters.check(self._wanted)
        self._names_highest = translation.names_highest

    async def within(self, session: Session, mailbox_id: MailboxId) -> Filter:
        """In one mailbox, whose highest UID is "*"."""
        if not self._names_highest:
            return self._wanted
        selected = session.selected
        if selected is not None and selected.box.id == mailbox_id:
            uids = selected.view.uids
            highest = uids[-1] if uids else 0
        else:
            highest = await reading.highest_uid(session.store, mailbox_id)
        return Translation(None, (), self._named, highest).of(self._key)


async def anywhere(session: Session, key: SearchKey) -> Anywhere:
    """The same in mailboxes of which none need be selected. Refused; LIMIT."""
    return Anywhere(key, await named_filters.named(session.store, session.require_account(), key))


async def found(session: Session, wanted: Filter, progress: Progress) -> "array[int]":
    """UIDs of the messages that match, ascending."""
    selected = session.require_selected()
    view, top = selected.view, selected.view.top
    uids = array("I")
    known = filters.And((filters.UidIn(((1, top),)), wanted))
    total = len(view)
    async with aclosing(run.pages(session.store, session.require_account(), [selected.box.id], known)) as pages:
        async for page in pages:
            uids.extend(page.uids)
            await progress.at(_done(view, page.last), total)
            await session.turn()
    return uids


async def first(session: Session, wanted: Filter, progress: Progress) -> "array[int]":
    """The first match alone, if there is one: nothing is looked at behind it."""
    selected = session.require_selected()
    view = selected.view
    known = filters.And((filters.UidIn(((1, view.top),)), wanted))
    async with aclosing(run.pages(session.store, session.require_account(), [selected.box.id], known)) as pages:
        async for page in pages:
            if page.uids:
                return array("I", page.uids[:1])
            await progress.at(_done(view, page.last), len(view))
    return array("I")


async def last(session: Session, wanted: Filter, progress: Progress) -> "array[int]":
    """The last match alone, looked for from behind."""
    selected = session.require_selected()
    uids = selected.view.uids
    stop, width = len(uids), WINDOW
    while stop:
        start = max(stop - width, 0)
        window = filters.And((filters.UidIn(((uids[start], uids[stop - 1]),)), wanted))
        matches = await run.uids(session.store, session.require_account(), selected.box.id, window)
        if matches:
            return array("I", matches[-1:])
        await progress.at(len(uids) - start, len(uids))
        stop, width = start, width * 2
    return array("I")


def _done(view: View, last_uid: int) -> int:
    slices = view.places(((1, last_uid),)) if last_uid else []
    return slices[-1][1] if slices else 0


async def numbers(session: Session, uids: Uids, *, uid: bool) -> Uids:
    """UIDs, in their order, as the client counts: as they are, or as sequence numbers of those that the view knows."""
    if uid:
        return uids
    number = session.require_selected().view.number
    counted = array("I")
    for start in range(0, len(uids), CHUNK):
        counted.extend([known for each in uids[start : start + CHUNK] if (known := number(each))])
        await session.turn()
    return counted


async def highest_modseq(session: Session, uids: Uids) -> int | None:
    """The highest modification sequence of some messages; None where there is none (RFC 7162 3.1.5)."""
    await session.require_feed().pull()  # what was found may have changed after the session last heard of changes
    snapshot = session.require_selected().view.snapshot
    highest = 0
    for start in range(0, len(uids), CHUNK):
        places = map(snapshot.index, uids[start : start + CHUNK])
        highest = max(highest, max((snapshot.modseqs[at] for at in places if at >= 0), default=0))
        await session.turn()
    return highest or None
