"""Makes calls: those that are due, one at a time for each URL, at most WORKERS URLs at a time.

- A URL is claimed by a lease of the index, so that of several processes one calls it; a process that dies leaves it to others
  when the lease ends. Settling goes by the lease: who was stopped for longer settles nothing.
- An attempt is counted before it is made. Should the process die in it, it is made again when it is due next, so a receiver may
  hear of an event twice, by the same id.
- Status 200 is success. Anything else is tried again by `policy.webhook_schedule`, and at last given up.
- A call to a URL that the account no longer has is not made.
While the index is away the loop waits.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Final

import trio

from mox_trio.base import limits
from mox_trio.base.metrics import Metrics
from mox_trio.policy import webhook_schedule
from mox_trio.protocol.webapi import hooks as protocol
from mox_trio.transport.http_client import CallFailed, Client, Refused
from mox_trio.webhooks.room import Room, payload_place
from mox_trio.webhooks.targets import Direction, Target, Targets
from storage_backends.errors import Conflict, Corrupt, NotFound, Unavailable
from storage_backends.index.api import NO_ACCOUNT, Transaction
from storage_backends.index.tables import hooks as rows
from storage_backends.index.tables import leases
from storage_backends.index.tables.hooks import HookRow, Settling
from storage_backends.index.tables.leases import Claim

logger = logging.getLogger(__name__)

WORKERS: Final = 10
TIMEOUT: Final = 60.0
"""Seconds that a call may take."""
LEASE: Final = 120_000
"""Milliseconds: longer than a call and what is around it."""
LOOK: Final = 5.0
"""Seconds until what other processes wrote is seen at the latest."""
PAUSE: Final = 1.0
"""Seconds to wait while the index is away."""
HOUR: Final = 3600.0
RESULTS: Final = 20
"""Attempts whose results are kept: the last ones."""
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt went."""

    start: int
    """Milliseconds since 1970 UTC."""
    duration: int
    """Milliseconds."""
    url: str
    code: int = 0
    error: str = ""
    response: str = ""

    @property
    def success(self) -> bool:
        """Whether the receiver has it."""
        return self.code == OK and not self.error

    def dumped(self) -> list[object]:
        """As it is stored."""
        return [self.start, self.duration, self.url, self.code, self.error, self.response]


def results(stored: str) -> list[Result]:
    """The results of a row."""
    return [Result(*each) for each in json.loads(stored)] if stored else []


@dataclass(eq=False)
class Calls:
    """The loop of one process."""

    room: Room
    targets: Targets
    client: Client
    metrics: Metrics
    holder: str
    version: str
    wall: Callable[[], float]
    """Seconds since 1970 UTC."""
    look: float = LOOK
    _woken: trio.Event = field(default_factory=trio.Event)
    _running: set[str] = field(default_factory=set)
    _load_at: float = 0.0
    _elsewhere: dict[str, float] = field(default_factory=dict)
    """URLs that other processes call now, and until when they are left to them."""

    def wake(self) -> None:
        """There may be something to do: rows were written."""
        self._woken.set()
        self._woken = trio.Event()

    async def run(self) -> None:
        """Make calls until cancelled."""
        async with self.client, trio.open_nursery() as nursery:
            nursery.start_soon(self._tidy)
            while True:
                woken = self._woken
                try:
                    wait = await self._fill(nursery)
                except Unavailable as error:
                    logger.warning("webhook calls cannot be read, waiting", extra={"detail": str(error)})
                    wait = PAUSE
                with trio.move_on_after(wait):
                    await woken.wait()

    async def _fill(self, nursery: trio.Nursery) -> float:
        """Begin what can begin; seconds until there may be more."""
        now, clock = self.room.now(), trio.current_time()
        if clock >= self._load_at:
            await self.targets.load()
            self._load_at = clock + self.look
        self._elsewhere = {url: until for url, until in self._elsewhere.items() if until > clock}
        busy = self._running | self._elsewhere.keys()
        most = WORKERS * 4 + len(busy)
        for url in await self.room.index.read(partial(rows.due_urls, now=now, most=most)):
            if len(self._running) >= WORKERS:
                break
            if url not in busy:
                self._running.add(url)
                nursery.start_soon(self._work, url)
        due = await self.room.index.read(rows.next_due)
        if due is None or due <= now:  # what is due now is in work, here or elsewhere
            return self.look
        return min(max((due - now) / 1000, 0.01), self.look)

    async def _work(self, url: str) -> None:
        try:
            await self._call_all(url)
        except (Unavailable, Conflict) as error:
            logger.warning("webhook call not settled", extra={"url": url, "detail": str(error)})
            await trio.sleep(PAUSE)
        except Exception:  # the guard of calls: an error in one ends no other
            self.metrics.count("panic_total", pkg="webhooks")
            logger.exception("webhook call failed by an error of the program", extra={"url": url})
            await trio.sleep(PAUSE)
        finally:
            self._running.discard(url)
            self.wake()

    async def _call_all(self, url: str) -> None:
        """Everything that is due for a URL, one after the other."""
        name = lease_of(url)
        claim = await self.room.index.write(
            NO_ACCOUNT, partial(leases.claim, name=name, holder=self.holder, milliseconds=LEASE)
        )
        if claim is None:
            self._elsewhere[url] = trio.current_time() + self.look
            return
        try:
            while (row := await self._begin(url, name, claim)) is not None:
                await self._make(row, name, claim)
        finally:
            with trio.move_on_after(PAUSE, shield=True):
                await self.room.index.write(NO_ACCOUNT, partial(leases.release, name=name, mine=claim))

    async def _begin(self, url: str, name: str, claim: Claim) -> HookRow | None:
        """The next call to make, counted; None when there is none now. Conflict when the lease ran out."""
        now = self.room.now()

        def unit(tx: Transaction) -> HookRow | None:
            leases.renew(tx, name, claim, LEASE)
            row = rows.first_due(tx, url, now)
            if row is None:
                return None
            wait = webhook_schedule.wait(row.attempts + 1) or webhook_schedule.WAITS[-1]
            rows.begin(tx, row.id, now + int(wait * 1000))
            return row._replace(attempts=row.attempts + 1)

        return await self.room.index.write(NO_ACCOUNT, unit)

    async def _make(self, row: HookRow, name: str, claim: Claim) -> None:
        target = self.targets.maybe_of(row.account_id, _direction(row.direction))
        try:
            owner = await self.room.owner(row.account_id)
        except NotFound:
            return  # the account went, and the rows with it
        why = "the URL is no longer the account's"
        try:
            payload = owner.codec.open(payload_place(row.object_id), row.payload)
        except Corrupt as error:
            logger.error("a webhook call cannot be read", extra={"hook": row.id, "detail": str(error)})
            payload, target, why = b"", None, "what was to be told cannot be read"
        if target is None or target.url != row.url:
            result, target = Result(self.room.now(), 0, row.url, error=why), None
        else:
            result = await self.call(target, payload, {protocol.ID: str(row.id), protocol.ATTEMPT: str(row.attempts)})
        settling = self._settling(row, result, self.room.kept(owner.name), is_over=target is None)

        def unit(tx: Transaction) -> None:
            leases.settle(tx, name, claim)
            rows.settle(tx, row.id, settling)

        await self.room.index.write(NO_ACCOUNT, unit)
        logger.info(
            "webhook called",
            extra={
                "hook": row.id,
                "account": owner.name,
                "event": row.event,
                "url": row.url,
                "attempt": row.attempts,
                "code": result.code,
                "error": result.error,
                "state": settling.state,
            },
        )

    def _settling(self, row: HookRow, result: Result, kept: int, *, is_over: bool) -> Settling:
        now = self.room.now()
        stored = json.dumps([each.dumped() for each in (*results(row.results), result)[-RESULTS:]], ensure_ascii=False)
        wait = webhook_schedule.wait(row.attempts, self.room.random())
        if result.success or is_over or wait is None:
            state = rows.DELIVERED if result.success else rows.CANCELED if is_over else rows.FAILED
            return Settling(state, row.next_attempt, stored, now, now + max(kept, 1))
        return Settling(rows.WAITING, now + int(wait * 1000), stored)

    async def call(self, target: Target, payload: bytes, more: Mapping[str, str]) -> Result:
        """Make one call now; never raises for what goes wrong with it."""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"mox-trio/{self.version} (webhook)",
            **more,
        }
        if target.authorization:
            headers["Authorization"] = target.authorization
        if target.secret:
            headers[protocol.SIGNATURE] = protocol.signature(target.secret, int(self.wall()), payload)
        began, start = trio.current_time(), self.room.now()
        code, error, response = 0, "", ""
        try:
            answered = await self.client.post(
                target.url, payload, headers, timeout=TIMEOUT, most=limits.HOOK_ANSWER_BYTES
            )
            code, response = answered.status, answered.body.decode("utf-8", "replace").replace("\0", "")
            error = "" if code == OK else f"the status is {code}, not {OK}"
        except (CallFailed, Refused) as failure:
            error = str(failure)
        seconds = trio.current_time() - began
        result = "ok" if not error else "error"
        self.metrics.count("webhook_results_total", direction=target.direction, result=result)
        self.metrics.observe("webhook_duration_seconds", seconds, direction=target.direction)
        return Result(start, int(seconds * 1000), target.url, code, error, response)

    async def _tidy(self) -> None:
        """Once an hour, forget records whose time is over."""
        while True:
            try:
                while await self.room.index.write(NO_ACCOUNT, partial(rows.prune, now=self.room.now())) == rows.PAGE:
                    pass
            except Unavailable as error:
                logger.warning("records of webhook calls not pruned", extra={"detail": str(error)})
            await trio.sleep(HOUR)


def lease_of(url: str) -> str:
    """The name of the lease on a URL."""
    return f"webhook {blake2b(url.encode(), digest_size=16).hexdigest()}"


def _direction(stored: str) -> Direction:
    return "outgoing" if stored == "outgoing" else "incoming"
