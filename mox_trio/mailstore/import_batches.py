"""From the events of a source to batches of messages whose bodies are durable: the middle of an import.

A batch goes into one mailbox, in one unit of the index, and knows the position behind its last message. Its size is
bounded, so that memory is, and so that others get at the index in between. What cannot be taken is noted and left out.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Final

from mox_trio.base import text
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import deliver, mailboxes
from mox_trio.mailstore.deliver import Incoming, Prepared
from mox_trio.mailstore.folder_names import Mapping
from mox_trio.mailstore.mail_source import Begin, End, Event, Mailbox, Position
from mox_trio.mailstore.members import Trouble
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import Transaction
from storage_backends.index.tables import emails

MESSAGES: Final = 50
BYTES: Final = 1024 * 1024
"""After so many messages or bytes a batch is full."""
NOTED: Final = 1000
"""Troubles that are kept; the others are counted."""


@dataclass(slots=True)
class Notes:
    """What a report will say besides the messages."""

    total: int = 0
    bad: list[tuple[str, str]] = field(default_factory=list)
    duplicates: int = 0
    renamed: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, reason: str) -> None:
        """Note what was not imported, or not in full, and why."""
        self.total += 1
        if len(self.bad) < NOTED:
            self.bad.append((text.without_controls(name), text.without_controls(reason)))


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that are ready to be placed; none where all were duplicates, or bad."""

    mailbox: str
    names: list[str]
    prepared: list[Prepared]
    position: Position


class _Waiting:
    """Spooled messages of a batch to be."""

    def __init__(self, mailbox: str) -> None:
        self.mailbox = mailbox
        self.names: list[str] = []
        self.incoming: list[Incoming] = []
        self.position: Position | None = None
        self.size = 0
        self.spools = AsyncExitStack()

    @property
    def full(self) -> bool:
        """Whether nothing more is to be added."""
        return len(self.incoming) >= MESSAGES or self.size >= BYTES


class Filler:
    """Takes events, gives batches. Failures: UNAVAILABLE when there is no room to spool."""

    def __init__(
        self, store: MailStore, account: Account, mapping: Mapping, notes: Notes, *, skip_duplicates: bool
    ) -> None:
        self._store = store
        self._account = account
        self._mapping = mapping
        self._notes = notes
        self._skip_duplicates = skip_duplicates
        self._begun: Begin | None = None
        self._spool: Spool | None = None
        self._waiting = _Waiting("")
        self._known: set[str] | None = None
        self._refused: set[str] = set()
        self._underway: set[bytes] = set()

    async def take(self, event: Event) -> Batch | None:
        """Take the next event; give the batch that was full before or is now."""
        if isinstance(event, bytes):
            await self._add(event)
        elif isinstance(event, End):
            return await self._end(event.position)
        elif isinstance(event, Begin):
            return await self._begin(event)
        elif isinstance(event, Mailbox):
            await self._ensure(self._name(event.levels))
        elif isinstance(event, Trouble):
            self._spool = self._begun = None
            self._notes.add(event.name, event.reason)
        return None

    async def finish(self) -> Batch | None:
        """Give what is left."""
        return await self._flush(_Waiting(""))

    async def aclose(self) -> None:
        """Let go of what is spooled."""
        await self._waiting.spools.aclose()

    def placed(self, batch: Batch) -> None:
        """The index knows the batch now: its messages are found there."""
        self._underway.difference_update(each.incoming.spooled.digest for each in batch.prepared)

    def _name(self, levels: tuple[str, ...]) -> str:
        name, repaired = self._mapping.mailbox(levels)
        if repaired and len(self._notes.renamed) < NOTED:
            self._notes.renamed[text.without_controls("/".join(levels))] = name
        return name

    async def _ensure(self, name: str) -> None:
        if self._known is None:
            self._known = {row.name for row in await mailboxes.listed(self._store, self._account)}
        if name in self._known or name in self._refused:
            return
        try:
            await mailboxes.create(self._store, self._account, name)
        except Failure as failure:
            if failure.kind is Kind.LIMIT:
                self._refused.add(name)
                return
            if failure.kind is not Kind.EXISTS:
                raise
        self._known.add(name)

    async def _begin(self, event: Begin) -> Batch | None:
        name = self._name(event.levels)
        await self._ensure(name)
        batch = await self._flush(_Waiting(name)) if name != self._waiting.mailbox else None
        self._begun = event
        if name in self._refused:
            self._notes.add(event.name, f"its mailbox {name!r} cannot be made: the account has too many")
        else:
            self._spool = await self._waiting.spools.enter_async_context(Spool(self._store))
        return batch

    async def _add(self, block: bytes) -> None:
        if self._spool is None or self._begun is None:
            return
        try:
            await self._spool.write(block)
        except Failure as failure:
            if failure.kind is not Kind.LIMIT:
                raise
            self._spool = None
            self._notes.add(self._begun.name, failure.public)

    async def _end(self, position: Position) -> Batch | None:
        spool, begun, self._spool = self._spool, self._begun, None
        self._waiting.position = position
        if spool is None or begun is None:
            return None
        spooled = await spool.finish()
        self._waiting.incoming.append(Incoming(spooled, flags=begun.flags, received=begun.received))
        self._waiting.names.append(begun.name)
        self._waiting.size += spooled.size
        return await self._flush(_Waiting(self._waiting.mailbox)) if self._waiting.full else None

    async def _flush(self, following: _Waiting) -> Batch | None:
        ready, self._waiting = self._waiting, following
        async with ready.spools:
            if self._skip_duplicates:
                await self._drop_duplicates(ready)
            if ready.position is None:
                return None
            prepared = await deliver.prepare(self._store, self._account, ready.incoming)
        return Batch(ready.mailbox, ready.names, [_dated(each) for each in prepared], ready.position)

    async def _drop_duplicates(self, ready: _Waiting) -> None:
        codec = self._account.codec
        wanted = [(codec.key("content", each.spooled.digest), each.spooled.size) for each in ready.incoming]

        def unit(tx: Transaction) -> list[bool]:
            return [emails.has_content(tx, self._account.id, key, size) for key, size in wanted]

        # Noted before reading: what is placed between the two is found in either.
        seen = set(self._underway)
        known = await self._store.index.read(unit) if wanted else []
        kept: list[int] = []
        for number, each in enumerate(ready.incoming):
            if known[number] or each.spooled.digest in seen:
                self._notes.duplicates += 1
            else:
                seen.add(each.spooled.digest)
                kept.append(number)
        self._underway.update(ready.incoming[number].spooled.digest for number in kept)
        ready.incoming = [ready.incoming[number] for number in kept]
        ready.names = [ready.names[number] for number in kept]


def _dated(prepared: Prepared) -> Prepared:
    """A message of which nothing says when it was received counts as received when it was sent."""
    if prepared.incoming.received is not None or prepared.rendered.sent is None:
        return prepared
    return replace(prepared, received=prepared.rendered.sent)
