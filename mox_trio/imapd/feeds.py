"""What happens in the accounts that have sessions in this process: each account is watched once, and each change is asked for
once, however many sessions there are.

A feed waits with `changes.past`, pulls what is new in one read, and hands it on in one step: snapshots of selected
mailboxes advance, the views of their sessions absorb it, and who listens is told. A session that changed something calls
`reach` with the modseq of its change, so that when it answers its client every other session of the process can know of it.
While the index is away the feed waits; when the account is removed it says so (`gone`).
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import trio

from mox_trio.imapd.snapshot import Snapshot
from mox_trio.imapd.view import View
from mox_trio.mailstore import changes, keywords
from mox_trio.mailstore.changes import Changes, MailboxChanges
from mox_trio.mailstore.mailboxes import canonical, find
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.imap.fetch_response import Dates, FlagLists
from storage_backends.errors import NotFound, Unavailable
from storage_backends.index.api import AccountId, MailboxId, ModSeq, Row, Transaction
from storage_backends.index.tables import accounts, flags, messages
from storage_backends.index.tables.mailboxes import MailboxRow

logger = logging.getLogger(__name__)

MANY: Final = 2000
"""Changed messages whose snapshot is made in a thread."""
TURN: Final = 50
"""Listeners that hear of a change before others have their turn."""
TOGETHER: Final = 0.005
"""Seconds in which further changes wait for each other: each question costs as much as a third of a delivery."""
AWAY: Final = 1.0
"""Seconds until an index that is away is asked again."""

FLAG_NAMES: Final = tuple(
    {bit: name for name, bit in keywords.FIXED.items()}[1 << at] for at in range(len(keywords.FIXED))
)
"""Names of the bits of flags, from the lowest."""


class Listener(Protocol):
    """A session."""

    def heard(self, news: Changes) -> None:
        """Something changed in the account. Waits for nothing."""


@dataclass(eq=False, slots=True)
class Box:
    """A mailbox that sessions of this process have selected."""

    row: MailboxRow
    snapshot: Snapshot
    gone: bool = False
    """It was deleted."""
    views: set[View] = field(default_factory=set)
    is_opening: bool = False
    """A session is about to have it, and has no view yet."""

    @property
    def id(self) -> MailboxId:
        """Of the mailbox."""
        return self.row.id


class Feed:
    """Of one account."""

    def __init__(self, store: MailStore, account: Account) -> None:
        self.account = account
        self.modseq = ModSeq(0)
        """Everything up to here was handed on."""
        self.keywords: Mapping[int, str] = {}
        """The account's keywords by the number of their bit."""
        self.flag_lists = FlagLists(FLAG_NAMES, ())
        self.dates = Dates()
        self.gone = False
        """The account was removed."""
        self.boxes: dict[MailboxId, Box] = {}
        self.listeners: set[Listener] = set()
        self.users = 0
        self._store = store
        self._lock = trio.Lock()
        self._life = trio.CancelScope()

    @property
    def has_free_keywords(self) -> bool:
        """Whether a new keyword can be had."""
        return len(self.keywords) < flags.KEYWORD_BITS

    async def start(self) -> None:
        """Begin where the account is now."""
        async with self._lock:
            if self.modseq:
                return
            self.modseq, named = await self._store.index.read(self._begin)
            self._name(named)

    def _begin(self, tx: Transaction) -> tuple[ModSeq, Mapping[int, str]]:
        return accounts.by_id(tx, self.account.id).modseq, keywords.table(tx, self.account.id)

    def _name(self, more: Mapping[int, str]) -> None:
        if more.keys() - self.keywords.keys():
            self.keywords = {**self.keywords, **more}
            names = [self.keywords.get(bit) for bit in range(flags.KEYWORD_BITS)]
            self.flag_lists = FlagLists(FLAG_NAMES, names)

    async def select(self, name: str) -> Box:
        """The mailbox of this name, as it is now; the caller adds its view and calls `leave` later. Failure NOT_FOUND."""
        wanted = canonical(name)
        async with self._lock:
            boxes = dict(self.boxes)
            unit = partial(_opened, account=self.account, name=wanted, known=frozenset(boxes))
            row, rows, modseq, named = await self._store.index.read(unit)
            self._name(named)
            box = boxes.get(row.id)
            if box is None:
                given = (rows or (), modseq, row.uidnext, row.highest_modseq)
                if len(given[0]) > MANY:
                    snapshot = await trio.to_thread.run_sync(Snapshot.of, *given, limiter=self._store.computing)
                else:
                    snapshot = Snapshot.of(*given)
                box = self.boxes[row.id] = Box(row, snapshot)
                return box
            self.boxes[row.id] = box  # its last session may have left meanwhile
            box.is_opening = True
            try:
                await self._pull()
            finally:
                box.is_opening = False
                self._drop(box)
            self.boxes[row.id] = box
            return box

    def leave(self, box: Box, view: View) -> None:
        """A session has the mailbox no longer."""
        box.views.discard(view)
        self._drop(box)

    def _drop(self, box: Box) -> None:
        if not box.views and not box.is_opening and self.boxes.get(box.id) is box:
            del self.boxes[box.id]

    async def reach(self, modseq: int) -> None:
        """Hand on everything up to a modseq that a change of this process had."""
        if self.modseq < modseq:
            async with self._lock:
                if self.modseq < modseq:
                    await self._pull()

    async def pull(self) -> None:
        """Hand on everything that has happened, in other processes too."""
        async with self._lock:
            await self._pull()

    async def follow(self) -> None:
        """Hand on what happens as it happens, until `stop`."""
        with self._life:
            while not self.gone:
                try:
                    await self.start()
                    await self.reach(await changes.past(self._store, self.account, self.modseq))
                    await trio.sleep(TOGETHER)
                except NotFound:
                    self._end()
                except Unavailable as error:
                    logger.warning("changes are not heard", extra={"account": self.account.name, "reason": str(error)})
                    await trio.sleep(AWAY)

    def stop(self) -> None:
        """No session is left."""
        self._life.cancel()

    def _end(self) -> None:
        self.gone = True
        nothing = Changes(self.modseq, self.modseq, [], {}, [], [], [], [])
        for listener in list(self.listeners):
            listener.heard(nothing)

    async def _pull(self) -> None:
        news = await changes.since(self._store, self.account, self.modseq, within=self.boxes.keys())
        if news.modseq == self.modseq:
            return
        made: dict[MailboxId, tuple[Snapshot, tuple[int, ...]]] = {}
        for mailbox_id, inside in news.messages.items():
            box = self.boxes.get(mailbox_id)
            if box is not None:
                made[mailbox_id] = await self._advanced(box, news, inside)
        # From here on nothing waits: nobody sees half of it.
        self.modseq = news.modseq
        self._name({row.bit: row.name for row in news.keywords})
        for row in news.mailboxes:
            box = self.boxes.get(row.id)
            if box is None:
                continue
            if row.gone:
                box.gone = True
                continue
            box.row = row
            box.snapshot, gone = made.get(row.id, (box.snapshot, ()))
            for view in box.views:
                view.absorb(box.snapshot, gone)
        for number, listener in enumerate(list(self.listeners), 1):
            if listener in self.listeners:
                listener.heard(news)
            if number % TURN == 0:
                await trio.lowlevel.cancel_shielded_checkpoint()  # the others must hear of it all the same

    async def _advanced(self, box: Box, news: Changes, inside: MailboxChanges) -> tuple[Snapshot, tuple[int, ...]]:
        """The mailbox as it is now, and what went from it as it was: all views have to know that."""
        row = next(each for each in news.mailboxes if each.id == box.id)
        before = box.snapshot

        def work() -> tuple[Snapshot, tuple[int, ...]]:
            gone = before.held(inside.vanished)
            return before.advanced(inside.changed, gone, news.modseq, row.uidnext, row.highest_modseq), gone

        if len(inside.changed) + len(inside.vanished) > MANY:
            return await trio.to_thread.run_sync(work, limiter=self._store.computing)
        return work()


def _opened(
    tx: Transaction, *, account: Account, name: str, known: Collection[MailboxId]
) -> tuple[MailboxRow, list[Row] | None, ModSeq, Mapping[int, str]]:
    row = find(tx, account.id, name)
    rows = None if row.id in known else messages.flags(tx, row.id)
    return row, rows, accounts.by_id(tx, account.id).modseq, keywords.table(tx, account.id)


class Feeds:
    """Of one process."""

    def __init__(self, store: MailStore) -> None:
        self._store = store
        self._open: dict[AccountId, Feed] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Follow every account that has sessions, for ever."""
        async with trio.open_nursery() as self._nursery:
            for feed in self._open.values():
                self._nursery.start_soon(feed.follow)
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    async def open(self, account: Account) -> Feed:
        """The feed of an account; the caller closes it. NotFound when the account is gone, Unavailable."""
        feed = self._open.get(account.id)
        if feed is None or feed.gone:
            feed = self._open[account.id] = Feed(self._store, account)
            if self._nursery is not None:
                self._nursery.start_soon(feed.follow)
        feed.users += 1
        is_started = False
        try:
            await feed.start()
            is_started = True
        finally:
            if not is_started:
                self.close(feed)
        return feed

    def close(self, feed: Feed) -> None:
        """A session of the account is over."""
        feed.users -= 1
        if not feed.users:
            feed.stop()
            if self._open.get(feed.account.id) is feed:
                del self._open[feed.account.id]
