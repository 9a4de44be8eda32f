"""Orderings of mailboxes that are looked at, shared by all sessions of this process that look at them, and kept for a while.

An ordering is brought up to date when somebody asks for it: what changed since is read by watermark. Too many changes at once
make a new one, whose log is empty, so that everybody begins anew.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import trio

from mox_trio.mailstore import changes, listing
from mox_trio.mailstore.store import Account, MailStore
from webui.mail.ordering import Ordering

KEPT: Final = 200
"""Orderings that nobody looks at, or somebody; the last used ones."""
MOST_MESSAGES: Final = 2_000_000
"""Messages of all kept orderings: about 40 octets each."""
LAST: Final = 400
"""Messages of which the first look at a large mailbox is made."""
BULK: Final = 500
"""Changes at once beyond which a mailbox is read anew."""


@dataclass(slots=True)
class Entry:
    """An ordering with its watermark."""

    account: Account
    mailbox_id: int
    threaded: bool
    ordering: Ordering
    modseq: int
    lock: trio.Lock = field(default_factory=trio.Lock)
    generation: int = 0
    """How often it was made anew."""


class Lists:
    """Those of one process."""

    def __init__(self, store: MailStore) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[int, int, bool], Entry] = OrderedDict()
        self._making = trio.Lock()

    async def get(self, account: Account, mailbox_id: int, *, threaded: bool) -> Entry:
        """An ordering as it is now. NOT_FOUND."""
        key = (account.id, mailbox_id, threaded)
        entry = self._kept.get(key)
        if entry is None:
            async with self._making:
                entry = self._kept.get(key)
                if entry is None:
                    entry = await self._make(account, mailbox_id, threaded)
                    self._kept[key] = entry
                    self._shrink()
                    return entry
        self._kept.move_to_end(key)
        await self.follow(entry)
        return entry

    def has(self, account: Account, mailbox_id: int, *, threaded: bool) -> bool:
        """Whether `get` need not read the whole mailbox."""
        return (account.id, mailbox_id, threaded) in self._kept

    async def last(self, account: Account, mailbox_id: int, *, threaded: bool) -> Ordering | None:
        """An ordering of the last messages alone, for a first look while the whole is read, if they are the newest. NOT_FOUND."""
        order = await listing.last(self._store, account, listing.mailbox_id(mailbox_id), LAST)
        return None if order is None else Ordering(order, threaded=threaded)

    async def follow(self, entry: Entry, upto: int = 0) -> None:
        """Bring it up to date; the account is known to have come to the modseq `upto`. NOT_FOUND when the mailbox is gone."""
        async with entry.lock:
            box_id = listing.mailbox_id(entry.mailbox_id)
            found = await changes.in_mailbox(self._store, box_id, listing.modseq(entry.modseq))
            if len(found.changed) + len(found.vanished) > BULK:
                fresh = await self._make(entry.account, entry.mailbox_id, entry.threaded)
                entry.ordering, entry.modseq = fresh.ordering, fresh.modseq
                entry.generation += 1
                return
            new = [row.uid for row in found.changed if not entry.ordering.has(row.uid)]
            for uid in found.vanished:
                entry.ordering.remove(uid)
            for row in found.changed:
                entry.ordering.touch(row.uid)
            for placed in await listing.placed(self._store, box_id, new) if new else ():
                entry.ordering.add(placed)
            entry.modseq = max([entry.modseq, upto, *(row.modseq for row in found.changed)])

    async def _make(self, account: Account, mailbox_id: int, threaded: bool) -> Entry:
        order = await listing.order(self._store, account, listing.mailbox_id(mailbox_id))

        def make() -> Ordering:
            return Ordering(order, threaded=threaded)

        if len(order.keys) <= listing.FEW:
            ordering = make()
        else:
            ordering = await trio.to_thread.run_sync(make, limiter=self._store.computing)
        return Entry(account, mailbox_id, threaded, ordering, order.modseq)

    def _shrink(self) -> None:
        total = sum(each.ordering.messages for each in self._kept.values())
        while len(self._kept) > 1 and (len(self._kept) > KEPT or total > MOST_MESSAGES):
            _, gone = self._kept.popitem(last=False)
            total -= gone.ordering.messages
