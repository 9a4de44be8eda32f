"""Decides what of the queue is delivered now, and sees to it: a loop in each process, any number of which share the queue.

    arrivals of this process, or a look into the index  ->  ready, by way  ->  claim  ->  a task a group  ->  settled

- It is woken by what this process enqueues and changes, by deliveries that end, when the next row is due, and every few
  seconds, to see what other processes did. A look is a few reads; nothing is written while nothing is due.
- At most `queue.concurrency` groups are in delivery, of them `queue.per_destination` to one domain or by one transport; the
  urgent first, then the oldest, each way in its turn.
- Rows are claimed with a lease that is renewed while they are in delivery. A process that dies leaves them to others, which
  take them when the lease ends; one that is overtaken cancels its attempt. When the loop is cancelled it gives its rows back.
- While the index is away it waits; what was claimed goes on.

An error of the program in one delivery is logged and ends that delivery alone: its rows wait for their lease to end, which
counts as an attempt.
"""

import heapq
import logging
import os
import socket
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from mox_trio.ledger import sent, suppressions
from mox_trio.mailqueue import managing, records
from mox_trio.mailqueue.queue import Claim
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import attempt, group
from mox_trio.outgoing.group import Group
from mox_trio.outgoing.parts import Deliverer, Parts
from mox_trio.outgoing.settle import Overtaken
from storage_backends.errors import NotFound, Unavailable
from storage_backends.index.tables.queue import Candidate, Claimed, QueuedId

logger = logging.getLogger(__name__)

LEASE: Final = 1200.0
"""Seconds: renewed at a third of it, so that there is always more left than the 10 minutes that another host may take for its
last reply (RFC 5321 4.5.3.2.6).
"""
LOOK: Final = 5.0
"""Seconds until a change that another process made is seen at the latest."""
READY: Final = 2000
"""Rows that are kept ready; of one way at most `READY_OF_WAY`, so that others have room."""
READY_OF_WAY: Final = 200
PAUSE: Final = 1.0
"""Seconds to wait while the index is away."""
HOUR: Final = 3600.0
ALL: Final = ""


@dataclass(slots=True, eq=False)
class _Way:
    """What goes to one domain, or by one transport."""

    ready: list[tuple[int, int, int, Candidate]] = field(default_factory=list)
    """A heap by urgency, time and id."""
    running: int = 0


@dataclass(slots=True, eq=False)
class _Running:
    """A group in delivery."""

    group: Group
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    is_cut_off: bool = True
    """Neither settled nor failed: to be given back."""


class Scheduler:
    """The loop of one process."""

    def __init__(
        self, parts: Parts, deliverer: Deliverer, *, holder: str = "", lease: float = LEASE, look: float = LOOK
    ) -> None:
        """`holder` is a name that no other running process has: what an earlier process of this name has left in delivery
        is taken over at once. Without one it waits for the end of its lease.
        """
        self._parts = parts
        self._deliverer = deliverer
        self._lease = lease
        self._look_every = look
        self._succeeds = bool(holder)
        self._holder = holder or f"{socket.gethostname()} process {os.getpid()}"
        self._ways: OrderedDict[str, _Way] = OrderedDict()
        self._ready: set[QueuedId] = set()
        self._running: set[_Running] = set()
        self._left_out: set[str] = set()
        """Ways for which the index knows of more that is due than is ready; ALL is of any way."""
        self._look_at = 0.0
        """When to look, on trio's clock."""

    @property
    def deliveries(self) -> int:
        """Groups in delivery."""
        return len(self._running)

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._renew)
            nursery.start_soon(self._tidy)
            nursery.start_soon(self._parts.leftovers.run)
            while True:
                changed = self._parts.queue.changed
                try:
                    await self._fill(nursery)
                except Unavailable as error:
                    logger.warning("the queue cannot be read, waiting", extra={"detail": str(error)})
                    self._look_at = trio.current_time()
                    await trio.sleep(PAUSE)
                    continue
                with trio.move_on_at(self._look_at):
                    await changed.wait()

    # -- what to do next

    async def _succeed(self) -> None:
        """Take over from the process before this one."""
        for row, _ in await self._parts.queue.end_leases_of(self._holder):
            logger.warning("delivery taken over", extra={"queue_id": row, "holder": self._holder})
        self._succeeds = False

    async def _fill(self, nursery: trio.Nursery) -> None:
        if self._succeeds:
            await self._succeed()
        arrivals = self._parts.queue.take_arrivals()
        await self._add(arrivals.rows)
        if arrivals.more or trio.current_time() >= self._look_at:
            await self._look()
        has_looked = False
        while True:
            picked = self._pick()
            if picked:
                await self._begin(picked, nursery)
            elif self._free() > 0 and self._is_short() and not has_looked:
                has_looked = True
                await self._look()
            else:
                return

    def _free(self) -> int:
        return self._parts.config.current.static.queue.concurrency - len(self._running)

    async def _add(self, rows: Sequence[Candidate]) -> None:
        """Make rows ready, but for those that are not due yet and those that there is no room for."""
        now = self._parts.store.now()
        for row in rows:
            if row.next_attempt > now:
                self._look_at = min(self._look_at, trio.current_time() + (row.next_attempt - now) / 1000)
                continue
            if row.id in self._ready:
                continue
            try:
                name = self._name(row, await self._parts.account(row.account_id), row.attempts)
            except NotFound:
                continue  # the account went, and the row with it
            way = self._ways.setdefault(name, _Way())
            if len(self._ready) >= READY or len(way.ready) >= READY_OF_WAY:
                self._left_out.add(name if len(way.ready) >= READY_OF_WAY else ALL)
                continue
            self._ready.add(row.id)
            heapq.heappush(way.ready, (row.urgency, row.next_attempt, row.id, row))

    def _name(self, row: Candidate | Claimed, account: Account, attempts: int) -> str:
        transport = group.transport_name(self._parts.config.current, account.name, row, attempts)
        return f"transport {transport}" if transport else row.destination

    def _is_short(self) -> bool:
        """Whether so little is ready of what there is more of that it is worth a look."""
        return any(
            len(self._ready) <= READY // 2
            if name == ALL
            else name not in self._ways or len(self._ways[name].ready) <= READY_OF_WAY // 2
            for name in self._left_out
        )

    async def _look(self) -> None:
        """Read what is due beyond what is ready, and when to look again."""
        queue = self._parts.queue
        for name in [name for name, way in self._ways.items() if not way.ready and not way.running]:
            del self._ways[name]
        full = {name for name, way in self._ways.items() if len(way.ready) >= READY_OF_WAY}
        self._left_out = set(full)
        look = await queue.look(READY, lambda row: self._is_wanted(row, full))
        if look.lease_left is not None and look.lease_left <= 0:
            for row, holder in await queue.end_leases():
                logger.warning("delivery taken over", extra={"queue_id": row, "holder": holder})
            look = await queue.look(READY, lambda row: self._is_wanted(row, full))
        waits = [self._look_every]
        if look.next_due is not None:
            waits.append((look.next_due - self._parts.store.now()) / 1000)
        if look.lease_left is not None:
            waits.append(look.lease_left / 1000)
        self._look_at = trio.current_time() + max(min(waits), 0.0)
        if look.more:
            self._left_out.add(ALL)
        await self._add(look.due)

    def _is_wanted(self, row: Candidate, full: Collection[str]) -> bool:
        if row.id in self._ready:
            return False
        account = self._parts.handles.get(row.account_id)
        return not full or account is None or self._name(row, account, row.attempts) not in full

    def _pick(self) -> list[Candidate]:
        """Rows to claim, as many groups as may begin now: each way in its turn."""
        picked: list[Candidate] = []
        free, most = self._free(), self._parts.config.current.static.queue.per_destination
        begun: dict[str, int] = {}
        while free > 0:
            chosen = next(
                (name for name, way in self._ways.items() if way.ready and way.running + begun.get(name, 0) < most),
                None,
            )
            if chosen is None:
                break
            picked += self._pop_group(self._ways[chosen])
            self._ways.move_to_end(chosen)
            begun[chosen] = begun.get(chosen, 0) + 1
            free -= 1
        return picked

    def _pop_group(self, way: _Way) -> list[Candidate]:
        """The first row and those of the same message behind it."""
        found: list[Candidate] = []
        while way.ready and len(found) < group.MOST:
            row = way.ready[0][3]
            if found and (row.outgoing_id, row.destination) != (found[0].outgoing_id, found[0].destination):
                break
            heapq.heappop(way.ready)
            self._ready.discard(row.id)
            found.append(row)
        return found

    # -- deliveries

    async def _begin(self, picked: Sequence[Candidate], nursery: trio.Nursery) -> None:
        claim = await self._parts.queue.claim([row.id for row in picked], self._holder, self._lease)
        waiting = list(group.split(claim))
        try:
            suppressed = await self._suppressed(claim)
            while waiting:
                await self._start(claim, (waiting[-1], suppressed), nursery)
                waiting.pop()
        finally:
            # Cut off by the server's end, or by an index that went away: nobody has these.
            if ids := [row.id for rows in waiting for row in rows]:
                with trio.move_on_after(attempt.SETTLING, shield=True):
                    await self._give_back(claim, ids)

    async def _suppressed(self, claim: Claim) -> frozenset[QueuedId]:
        """Rows whose recipients get nothing more from their accounts. Notices are not sent on anybody's wish."""
        wanted = [row for row in claim.rows if not group.path_of(row.sender).is_null]
        asked = {(row.account_id, group.path_of(row.recipient)) for row in wanted}
        listed = await suppressions.suppressed(self._parts.queue.index, asked) if asked else set()
        return frozenset(row.id for row in wanted if (row.account_id, group.path_of(row.recipient)) in listed)

    async def _start(
        self, claim: Claim, what: tuple[Sequence[Claimed], frozenset[QueuedId]], nursery: trio.Nursery
    ) -> None:
        rows, suppressed = what
        first = rows[0]
        snapshot = self._parts.config.current
        try:
            account = await self._parts.account(first.account_id)
        except NotFound:
            return  # it went, and the rows with it
        transport = group.transport_name(snapshot, account.name, first, first.attempts - 1)
        name = self._name(first, account, first.attempts - 1)
        way = self._ways.setdefault(name, _Way())
        message = claim.messages[first.outgoing_id]
        running = _Running(Group(claim, tuple(rows), message, account, snapshot, transport, suppressed))
        self._running.add(running)
        way.running += 1
        nursery.start_soon(self._deliver, running, way)

    async def _deliver(self, running: _Running, way: _Way) -> None:
        try:
            with running.scope:
                await self._guarded(running)
        finally:
            way.running -= 1
            self._running.discard(running)
            self._parts.queue.wake()
            if running.is_cut_off:
                with trio.move_on_after(attempt.SETTLING, shield=True):
                    await self._give_back(running.group.claim, running.group.ids)

    async def _guarded(self, running: _Running) -> None:
        ids = {"queue_ids": list(running.group.ids), "account": running.group.account.name}
        try:
            await attempt.run(self._parts, self._deliverer, running.group)
            running.is_cut_off = False
        except Overtaken as error:
            running.is_cut_off = False
            logger.warning("delivery overtaken", extra={**ids, "detail": error.private})
        except Unavailable as error:
            logger.warning("delivery put off", extra={**ids, "detail": str(error)})
            await trio.sleep(PAUSE)
        except Exception:  # the guard of deliveries: an error in one ends no other
            running.is_cut_off = False
            self._parts.metrics.count("panic_total", pkg="queue")
            logger.exception("delivery failed by an error of the program", extra=ids)

    async def _give_back(self, claim: Claim, ids: Sequence[QueuedId]) -> None:
        try:
            await self._parts.queue.give_back(claim, ids)
        except Unavailable as error:
            # They wait until the lease ends.
            logger.warning("delivery not given back", extra={"detail": str(error)})

    # -- beside it

    async def _renew(self) -> None:
        while True:
            await trio.sleep(self._lease / 3)
            renewing = list(self._running)
            if not renewing:
                continue
            try:
                by_claim = [(each.group.claim, each.group.ids) for each in renewing]
                still = await self._parts.queue.renew(by_claim, self._lease)
            except Unavailable as error:
                logger.warning("leases not renewed", extra={"detail": str(error)})
                continue
            for each in renewing:
                if each in self._running and still.isdisjoint(each.group.ids):
                    each.is_cut_off = False
                    each.scope.cancel()

    async def _tidy(self) -> None:
        """Once an hour, forget what nobody asks for any more."""
        while True:
            try:
                await records.prune(self._parts.queue)
                await sent.prune(self._parts.queue.index, self._parts.store.now())
                self._parts.metrics.set("queue_hold", (await managing.counts(self._parts.queue))[1])
            except Unavailable as error:
                logger.warning("records not pruned", extra={"detail": str(error)})
            await trio.sleep(HOUR)
