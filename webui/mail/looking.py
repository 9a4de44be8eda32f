"""A page that looks at a mailbox: the rows of its window, and every change as it happens."""

from typing import Any, Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.changes import Changes
from mox_trio.mailstore.store import Account, MailStore
from webui.mail import rows
from webui.mail.lists import Entry, Lists
from webui.mail.ordering import Op, Ordering
from webui.mail.protocol import MOST_ROWS, Look

AROUND: Final = 20
"""Rows around the window that changes bring too."""
MOST_OPS: Final = 300
"""Changes at once beyond which the window is sent anew."""

Message = dict[str, Any]


async def first_look(store: MailStore, account: Account, ordering: Ordering, look: Look) -> Message:
    """The newest rows of a mailbox as an ordering of its last messages has them; how many there are is not known yet."""
    keys = ordering.window(look.start, min(look.stop, MOST_ROWS))
    found = await rows.of_keys(store, account, look.mailbox, ordering.members_of(keys))
    shown = [found.get(key) for key in keys]
    return {"t": "list", "view": look.view, "total": len(keys), "start": 0, "rows": shown}


class MailboxView:
    """One view of a session."""

    def __init__(self, view: int, store: MailStore, account: Account, lists: Lists, entry: Entry) -> None:
        self.view = view
        self._store = store
        self._account = account
        self._lists = lists
        self._entry = entry
        self._generation = entry.generation
        self._version = entry.ordering.version
        self._start = self._stop = 0

    async def window(self, start: int, stop: int) -> list[Message]:
        """Show these rows from now on; what changed meanwhile comes first."""
        messages = await self._ops()
        self._start, self._stop = start, min(stop, start + MOST_ROWS)
        return [*messages, await self._list()]

    async def follow(self, changes: Changes) -> list[Message]:
        """What a change of the account means here."""
        if self._entry.mailbox_id not in changes.messages and self._is_current():
            return []
        try:
            await self._lists.follow(self._entry, changes.modseq)
        except Failure as failure:
            if failure.kind is not Kind.NOT_FOUND:
                raise
            return []
        return await self._ops()

    def _is_current(self) -> bool:
        entry = self._entry
        return self._generation == entry.generation and self._version == entry.ordering.version

    async def _list(self) -> Message:
        entry, start = self._entry, self._start
        ordering = entry.ordering
        keys = ordering.window(start, self._stop)
        self._generation, self._version = entry.generation, ordering.version
        total = len(ordering)
        found = await rows.of_keys(self._store, self._account, entry.mailbox_id, ordering.members_of(keys))
        return {
            "t": "list",
            "view": self.view,
            "total": total,
            "start": min(start, total),
            "rows": [found.get(key) for key in keys],
        }

    async def _ops(self) -> list[Message]:
        entry, ordering = self._entry, self._entry.ordering
        if self._is_current():
            return []
        changed = ordering.since(self._version) if self._generation == entry.generation else None
        if changed is None or len(changed) > MOST_OPS:
            return [{**await self._list(), "anew": True}]
        self._version = ordering.version
        total = len(ordering)
        near = [op for op in changed if op.kind != "-" and self._is_near(op)]
        there = list({op.key: None for op in near if ordering.position(op.key) is not None})
        found = await rows.of_keys(self._store, self._account, entry.mailbox_id, ordering.members_of(there))
        shown = {id(op): found.get(op.key) for op in near}
        ops = [
            [op.kind, op.position] if op.kind == "-" else [op.kind, op.position, shown.get(id(op))] for op in changed
        ]
        return [{"t": "ops", "view": self.view, "total": total, "ops": ops}]

    def _is_near(self, op: Op) -> bool:
        return self._start - AROUND <= op.position < max(self._stop, self._start + 1) + AROUND
