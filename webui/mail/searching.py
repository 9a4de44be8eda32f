"""A page that searches: what is found is sent as it is found, the newest first, and then follows what changes.

All messages of the mailboxes in question are put into the order of their dates (narrow rows only), and looked at in that order,
`CHUNK` at a time. Conditions on attachments are asked of those that passed the rest. Found messages are remembered by place;
beyond `MOST` the search stops and says so.
"""

import datetime
from array import array
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import listing, mailboxes, reading
from mox_trio.mailstore.changes import Changes
from mox_trio.mailstore.search import filters, run
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime.part import Part, walk
from webui.mail import attachments, rows
from webui.mail import query as queries
from webui.mail.protocol import MOST_ROWS
from webui.mail.query import Query

CHUNK: Final = 2000
FIRST_CHUNK: Final = 200
MOST: Final = 20_000
"""Messages that are found at most."""
HIDDEN: Final = ("trash", "junk", "rejects")
NO_REPLY: Final = "nothing is known of the mailbox {!r}"

Message = dict[str, Any]


class Place(NamedTuple):
    """A message; ascending is by date."""

    key: int
    mailbox_id: int


class SearchView:
    """One search of a session."""

    def __init__(self, view: int, store: MailStore, account: Account, text: str) -> None:
        self.view = view
        self._store = store
        self._account = account
        today = datetime.datetime.fromtimestamp(store.now() / 1000, datetime.UTC).date()
        self.query: Query = queries.parse(text, today)
        self._mailboxes: set[int] = set()
        self._found: list[Place] = []
        self._start = self._stop = 0
        self._is_complete = False
        self._looked = 0
        self._of = 0

    def show(self, start: int, stop: int) -> None:
        """The rows that are looked at from now on."""
        self._start, self._stop = start, min(stop, start + MOST_ROWS)

    async def shown(self) -> Message:
        """What was found in the window."""
        total = len(self._found)
        wanted = list(reversed(self._found[max(total - self._stop, 0) : max(total - self._start, 0)]))
        places = [(listing.mailbox_id(each.mailbox_id), listing.uid_of(each.key)) for each in wanted]
        shown = await listing.shown(self._store, self._account, places)
        by_id = {(each.mailbox_id, each.row.uid): rows.of_message(each) for each in shown}
        return {
            "t": "list",
            "view": self.view,
            "total": total,
            "start": min(self._start, total),
            "rows": [by_id.get(place) for place in places],
        }

    def told(self) -> Message:
        """How far it has come."""
        return {
            "t": "found",
            "view": self.view,
            "total": len(self._found),
            "complete": self._is_complete,
            "scanned": self._looked,
            "of": self._of,
            "words": self.query.words,
            "problems": self.query.problems,
        }

    async def run(self, say: Callable[[Sequence[Message]], Any]) -> None:
        """Search to the end; `say` is awaited with what to tell after each step."""
        every = await self._places()
        self._of = len(every)
        stop, size, told = len(every), FIRST_CHUNK, 0
        while stop > 0 and len(self._found) < MOST:
            chunk = every[max(stop - size, 0) : stop]
            found = await self._matching(chunk)
            self._found = [*found, *self._found]
            stop -= len(chunk)
            self._looked = len(every) - stop
            size = CHUNK
            if found and (told < self._stop or len(self._found) - told > CHUNK):
                told = len(self._found)
                await say([await self.shown(), self.told()])
            else:
                await say([self.told()])
        self._is_complete = stop <= 0
        await say([await self.shown(), self.told()])

    async def follow(self, changes: Changes) -> list[Message]:
        """What a change of the account means here: messages in question are looked at again."""
        touched: list[Place] = []
        for mailbox_id, inside in changes.messages.items():
            if mailbox_id in self._mailboxes:
                gone = set(inside.vanished)
                self._found = [
                    each
                    for each in self._found
                    if each.mailbox_id != mailbox_id or listing.uid_of(each.key) not in gone
                ]
                touched += [Place(listing.key(row.received, row.uid), mailbox_id) for row in inside.changed]
                if gone:
                    touched.append(Place(-1, mailbox_id))
        if not touched:
            return []
        there = sorted(each for each in touched if each.key >= 0)
        matching = set(await self._matching(there))
        for place in there:
            index = bisect_left(self._found, place)
            is_in = index < len(self._found) and self._found[index] == place
            if place in matching and not is_in:
                insort(self._found, place)
            elif is_in and place not in matching:
                del self._found[index]
        return [{**await self.shown(), "anew": True}, self.told()]

    async def _places(self) -> list[Place]:
        boxes = await mailboxes.listed(self._store, self._account)
        wanted = self._chosen([(box.id, box.name, box.special_use) for box in boxes])
        self._mailboxes = set(wanted)
        every: list[tuple[int, array[int]]] = []
        for mailbox_id in wanted:
            keys: array[int] = await listing.keys(self._store, listing.mailbox_id(mailbox_id))
            every.append((mailbox_id, keys))
        return await trio.to_thread.run_sync(_by_date, every, limiter=self._store.computing)

    def _chosen(self, boxes: Sequence[tuple[int, str, int]]) -> list[int]:
        if not self.query.mailboxes:
            return [
                number
                for number, name, use in boxes
                if not use & listing.HIDDEN_USE and name.partition("/")[0].lower() not in HIDDEN
            ]
        found: dict[int, None] = {}
        for wanted, below in self.query.mailboxes:
            named = [
                number
                for number, name, _ in boxes
                if not wanted
                or name.lower() == wanted.lower()
                or (below and name.lower().startswith(wanted.lower() + "/"))
            ]
            if not named:
                self.query.problems.append(NO_REPLY.format(wanted))
            found.update(dict.fromkeys(named))
        return list(found)

    async def _matching(self, chunk: Sequence[Place]) -> list[Place]:
        """Those of the chunk that match, ascending."""
        by_mailbox: dict[int, list[int]] = {}
        for each in chunk:
            by_mailbox.setdefault(each.mailbox_id, []).append(listing.uid_of(each.key))
        found: set[tuple[int, int]] = set()
        for mailbox_id, uids in by_mailbox.items():
            found |= {(mailbox_id, uid) for uid in await self._in_mailbox(mailbox_id, uids)}
        return [each for each in chunk if (each.mailbox_id, listing.uid_of(each.key)) in found]

    async def _in_mailbox(self, mailbox_id: int, uids: list[int]) -> list[int]:
        ranges = listing.ranges(uids)
        wanted = filters.And((filters.UidIn(ranges), self.query.filter))
        box = listing.mailbox_id(mailbox_id)
        matching: list[int] = []
        try:
            pages: AsyncIterator[run.Page] = run.pages(self._store, self._account, [box], wanted)
            async with aclosing(pages) as every:  # type: ignore[type-var]
                async for page in every:
                    matching += page.uids
        except Failure as failure:
            if failure.kind is not Kind.NOT_FOUND:
                raise
        if not self.query.attachments or not matching:
            return matching
        trees = await reading.parts(self._store, self._account, box, listing.ranges(matching))

        def having() -> list[int]:
            return [uid for uid, tree in zip(matching, trees, strict=False) if self._has_attachments(tree)]

        return await trio.to_thread.run_sync(having, limiter=self._store.computing)

    def _has_attachments(self, tree: Part) -> bool:
        files = [part for part in walk(tree) if listing.is_attachment(part)]
        kinds = {attachments.kind(part) for part in files}
        for kind, wanted in self.query.attachments:
            is_so = not files if kind == "none" else bool(files) if kind == "any" else kind in kinds
            if is_so != wanted:
                return False
        return True


def _by_date(every: Sequence[tuple[int, "array[int]"]]) -> list[Place]:
    return sorted(Place(key, mailbox_id) for mailbox_id, keys in every for key in keys)
