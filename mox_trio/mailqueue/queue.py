"""The queue of one server, as rows of the index that its processes share.

- `enqueue`: the message, its recipients and what the caller adds are one unit: all or nothing. Its body is durable before,
  so a failure leaves an orphan body at most.
- `claim`: of several processes one gets a row. It holds it until its lease ends by the database's clock, or `renew`
  makes it longer; a process that dies loses its rows to others when their leases end.
- settling is in the caller's unit (`storage_backends.index.tables.queue`: `retry`, `take_out`), by the number of the claim.

Who waits for work in this process hears of it at once (`arrived`, `changed`); other processes look every few seconds.
Errors of the index pass through.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

import trio

from storage_backends.index.api import NO_ACCOUNT, Index, Transaction
from storage_backends.index.tables import queue as rows
from storage_backends.index.tables import queue_admin
from storage_backends.index.tables.queue import (
    Candidate,
    Claimed,
    Message,
    NewRecipient,
    OutgoingId,
    OutgoingRow,
    QueuedId,
)

PAGE: Final = 1000
ARRIVED: Final = 5000
"""Rows that are kept in memory for whoever waits; beyond it, it must look."""

Also = Callable[[Transaction], Callable[[], None]]
"""A unit in the transaction of `enqueue`: it asks, and what it returns decides and writes. It may raise, and then nothing
happens.
"""


Then = Callable[[Transaction, "Enqueued"], None]
"""A unit in the same transaction, when the rows are there. It may raise, and then nothing happens."""


class Enqueued(NamedTuple):
    """What is in the queue now."""

    outgoing_id: OutgoingId
    ids: tuple[QueuedId, ...]
    held: int


class Look(NamedTuple):
    """What there is to do: rows that are due, when the next one will be, and milliseconds until the first lease ends."""

    due: list[Candidate]
    more: bool
    """There were more than were read."""
    next_due: int | None
    lease_left: int | None


@dataclass(slots=True)
class Claim:
    """Rows that this process delivers now."""

    number: int
    ends: float
    """When the lease ends at the earliest, on trio's clock; later when it is renewed."""
    rows: list[Claimed]
    messages: Mapping[OutgoingId, Message]

    def time_left(self) -> float:
        """Seconds of the lease that are left."""
        return self.ends - trio.current_time()


@dataclass(slots=True)
class Arrivals:
    """What came while nobody looked."""

    rows: list[Candidate] = field(default_factory=list)
    more: bool = False
    """Not all of it is in `rows`: look into the index."""


class Mailqueue:
    """The queue, and who waits for it in this process."""

    def __init__(self, index: Index, now: Callable[[], int]) -> None:
        """`now` is the clock of due times, in milliseconds since 1970 UTC."""
        self.index = index
        self.now = now
        self.changed = trio.Event()
        """Set, and replaced, when there may be something to do."""
        self._arrivals = Arrivals()

    async def enqueue(
        self,
        row: OutgoingRow,
        recipients: Sequence[NewRecipient],
        also: Sequence[Also] = (),
        then: Sequence[Then] = (),
    ) -> Enqueued:
        """Put a message with at least one recipient into the queue. What is returned is durable.

        NotFound when the account is gone; what `also` and `then` raise.
        """
        unit = partial(_enqueue, row=row, recipients=recipients, also=also, then=then)
        enqueued, stored = await self.index.write([row.account_id], unit)
        due = [
            Candidate(
                each_id, row.account_id, enqueued.outgoing_id, each.destination, each.sender, 0, each.transport,
                each.urgency, each.next_attempt,
            )
            for each_id, each in zip(enqueued.ids, stored, strict=True)
            if not each.held
        ]  # fmt: skip
        self._arrived(due)
        return enqueued

    def _arrived(self, due: list[Candidate]) -> None:
        waiting = self._arrivals
        if len(waiting.rows) + len(due) > ARRIVED:
            waiting.more = True
        else:
            waiting.rows += due
        self.wake()

    def take_arrivals(self) -> Arrivals:
        """What was enqueued by this process since the last call; some of it may not be due yet."""
        taken, self._arrivals = self._arrivals, Arrivals()
        return taken

    def wake(self) -> None:
        """Let who waits look into the index: rows were changed by hand."""
        self.changed.set()
        self.changed = trio.Event()

    def look_again(self) -> None:
        """As `wake`, and say that what is due is not among the arrivals."""
        self._arrivals.more = True
        self.wake()

    async def look(self, most: int, wanted: Callable[[Candidate], bool] = lambda row: True) -> Look:
        """Read what is due, the urgent and then the oldest first: at most `most` rows among those that are wanted."""
        found: list[Candidate] = []
        now = self.now()
        more = False
        for urgency in rows.URGENCIES:
            after = (-1, 0)
            while len(found) < most:
                page = await self.index.read(partial(rows.due, urgency=urgency, now=now, after=after, most=PAGE))
                found += filter(wanted, page)
                if len(page) < PAGE:
                    break
                after = (page[-1].next_attempt, page[-1].id)
            more = more or len(found) >= most
        next_due, lease_left = await self.index.read(partial(_times, now=now))
        return Look(found[:most], more, next_due, lease_left)

    async def claim(self, ids: Sequence[QueuedId], holder: str, lease: float) -> Claim:
        """Claim rows for `lease` seconds: those of `ids` that wait and are due still, perhaps none."""
        number = _number()
        ends = trio.current_time() + lease
        unit = partial(rows.claim, ids=ids, mine=number, holder=holder, now=self.now(), milliseconds=int(lease * 1000))
        found, messages = await self.index.write(NO_ACCOUNT, unit)
        return Claim(number, ends, found, {each.id: each for each in messages})

    async def claim_any(self, ids: Sequence[QueuedId], holder: str, lease: float) -> Claim:
        """As `claim` for somebody who takes rows out by hand: also held ones, and without counting an attempt."""
        number = _number()
        ends = trio.current_time() + lease
        unit = partial(rows.claim_any, ids=ids, mine=number, holder=holder, milliseconds=int(lease * 1000))
        found, messages = await self.index.write(NO_ACCOUNT, unit)
        return Claim(number, ends, found, {each.id: each for each in messages})

    async def renew(self, claims: Sequence[tuple[Claim, Sequence[QueuedId]]], lease: float) -> set[QueuedId]:
        """Hold rows from now for `lease` seconds; return those that are still held. Those of a claim in which none was lost
        have the new time in `Claim.ends`.
        """
        ends = trio.current_time() + lease
        ids = [each for _, held in claims for each in held]
        unit = partial(
            rows.renew, ids=ids, claims=[claim.number for claim, _ in claims], milliseconds=int(lease * 1000)
        )
        still: set[QueuedId] = await self.index.write(NO_ACCOUNT, unit)
        for claim, held in claims:
            if still.issuperset(held):
                claim.ends = ends
        return still

    async def give_back(self, claim: Claim, ids: Sequence[QueuedId], attempts: int = 1) -> None:
        """Let rows wait again with which nothing was done: so many attempts do not count."""
        await self.index.write(NO_ACCOUNT, partial(rows.give_back, ids=ids, mine=claim.number, attempts=attempts))

    async def end_leases(self) -> list[tuple[QueuedId, str]]:
        """Let rows of dead processes wait again; return them with who held them."""
        return await self.index.write(NO_ACCOUNT, rows.end_leases)

    async def end_leases_of(self, holder: str) -> list[tuple[QueuedId, str]]:
        """The same for all rows of a process that is known to be dead."""
        return await self.index.write(NO_ACCOUNT, partial(rows.end_leases_of, holder=holder))


def _number() -> int:
    """Of a claim: nobody else draws the same."""
    return secrets.randbits(62) + 1


def _times(tx: Transaction, *, now: int) -> tuple[int | None, int | None]:
    return rows.next_due(tx, now), rows.leases_left(tx)


def _enqueue(
    tx: Transaction,
    *,
    row: OutgoingRow,
    recipients: Sequence[NewRecipient],
    also: Sequence[Also],
    then: Sequence[Then],
) -> tuple[Enqueued, list[NewRecipient]]:
    asked = queue_admin.rules(tx)
    deciding = [unit(tx) for unit in also]
    for decide in deciding:
        decide()
    rules = asked()
    stored = (
        [each._replace(held=1) if _is_held(rules, row, each) else each for each in recipients] if rules else recipients
    )
    outgoing_id, ids = rows.add(tx, row, stored)()
    enqueued = Enqueued(outgoing_id, tuple(ids), sum(each.held for each in stored))
    for write in then:
        write(tx, enqueued)
    return enqueued, list(stored)


def _is_held(rules: Sequence[queue_admin.HoldRule], row: OutgoingRow, recipient: NewRecipient) -> bool:
    sender = recipient.sender.rpartition("@")[2].removesuffix(">")
    return any(
        rule.account_id in (None, row.account_id)
        and rule.sender_domain in ("", sender)
        and rule.recipient_domain in ("", recipient.destination)
        for rule in rules
    )
