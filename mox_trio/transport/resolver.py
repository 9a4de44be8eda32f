"""Who answers questions about names. No other code asks DNS.

`DnsResolver` is a stub resolver: it asks the resolvers of the configuration or of /etc/resolv.conf, remembers answers as long as
they may be kept, also that something does not exist (RFC 2308), and asks what several tasks want to know at once only once.

When something fails: a resolver that is silent, refuses or says SERVFAIL is passed over for the next one; when none answers
within the time, the answer is trouble, which is remembered for a few seconds, so that a dead domain or resolver is not asked
for each message. Packets that do not belong to the question are not looked at. A task that is cancelled while others wait
for the same answer leaves the question to one of them.
"""

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import trio

from mox_trio.base import limits
from mox_trio.base.metrics import Metrics
from mox_trio.policy.questions import Answer, Question, Status
from mox_trio.transport import dns_exchange
from mox_trio.transport.dns_settings import DnsSettings, Server

TROUBLE_SECONDS: Final = 5
"""How long trouble is remembered (RFC 2308 7: at most five minutes)."""
LONGEST_TTL: Final = 24 * 60 * 60
LONGEST_NEGATIVE_TTL: Final = 60 * 60
"""Seconds; RFC 2308 5 lets a resolver choose, and a domain that appears shall be seen the same day."""
FIRST_TRY: Final = 2.0
"""Seconds that a resolver has in the first round: a packet may be lost, a server away."""
SILENCE: Final = "no resolver answered in time"
_POOL: Final = 512
"""Random bytes that are drawn at once."""


class Resolver(Protocol):
    """Answers questions; shared by all tasks."""

    async def look_up(self, question: Question) -> Answer:
        """The answer, with CNAMEs followed. Trouble is an answer (`Status.TROUBLE`); only cancellation is raised."""


@dataclass(slots=True)
class _Flight:
    """A look-up under way."""

    landed: trio.Event
    answer: Answer | None = None


class DnsResolver:
    """A resolver with a cache. `clock` gives seconds that never go back, such as trio.current_time."""

    def __init__(
        self,
        settings: DnsSettings,
        clock: Callable[[], float],
        metrics: Metrics,
        *,
        entries: int = limits.DNS_CACHE_ENTRIES,
        lookups: int = limits.DNS_LOOKUPS,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._entries = entries
        self._limiter = trio.CapacityLimiter(lookups)
        self._cache: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()
        """Until when, and what; the one that was asked for last is the last."""
        self._flights: dict[Question, _Flight] = {}
        self._preferred = 0
        """The server that answered last."""
        self._entropy = b""

    async def look_up(self, question: Question) -> Answer:
        """As in Resolver. What is remembered is answered without giving way to other tasks."""
        while (answer := self._maybe_cached(question)) is None:
            flight = self._flights.get(question)
            if flight is None:
                return await self._fly(question)
            await flight.landed.wait()
            if flight.answer is not None:
                return flight.answer
        return answer

    def forget(self) -> None:
        """Drop everything that is remembered."""
        self._cache.clear()

    def _maybe_cached(self, question: Question) -> Answer | None:
        held = self._cache.get(question)
        if held is None:
            return None
        left = held[0] - self._clock()
        if left <= 0:
            del self._cache[question]
            return None
        self._cache.move_to_end(question)
        known = held[1]  # and not `replace`, which takes five times as long
        return Answer(known.status, known.records, known.authentic, known.canonical_name, int(left), known.detail)

    async def _fly(self, question: Question) -> Answer:
        flight = self._flights[question] = _Flight(trio.Event())
        started = self._clock()
        try:
            flight.answer = answer = await self._asked(question)
        finally:
            del self._flights[question]
            flight.landed.set()
        self._metrics.observe(
            "dns_lookup_duration_seconds",
            self._clock() - started,
            pkg="dns",
            type=question.kind.value,
            result=answer.status.value,
        )
        self._remember(question, answer)
        return answer

    def _remember(self, question: Question, answer: Answer) -> None:
        if answer.ttl <= 0:
            return
        self._cache[question] = (self._clock() + answer.ttl, answer)
        self._cache.move_to_end(question)
        if len(self._cache) > self._entries:
            self._cache.popitem(last=False)

    async def _asked(self, question: Question) -> Answer:
        """Ask the servers, at most `lookups` questions at a time."""
        wire = dns_exchange.maybe_query(question, self._identifier())
        if wire is None:
            return Answer(Status.NO_NAME, detail="not a name that DNS can hold")
        await trio.lowlevel.checkpoint_if_cancelled()
        deadline = trio.current_time() + self._settings.timeout
        try:
            self._limiter.acquire_nowait()
        except trio.WouldBlock:
            with trio.CancelScope(deadline=deadline) as scope:
                await self._limiter.acquire()
            if scope.cancelled_caught:
                return Answer(Status.TROUBLE, ttl=TROUBLE_SECONDS, detail=SILENCE)
        try:
            return await self._asked_in_rounds(question, wire, deadline)
        finally:
            self._limiter.release()

    async def _asked_in_rounds(self, question: Question, wire: bytes, deadline: float) -> Answer:
        """Ask the servers in two rounds, the one that answered last first."""
        detail = SILENCE
        count = len(self._settings.servers)
        for patience in (min(FIRST_TRY, self._settings.timeout / (2 * count)), self._settings.timeout / count):
            silent = False
            for index in range(self._preferred, self._preferred + count):
                server = self._settings.servers[index % count]
                answer = None
                with trio.CancelScope(deadline=min(deadline, trio.current_time() + patience)):
                    answer = await self._asked_of(server, question, wire)
                if answer is None:
                    silent = True
                elif answer.status is Status.TROUBLE:
                    detail = answer.detail
                else:
                    self._preferred = index % count
                    return answer
            if not silent:
                break  # all said that they do not know
        return Answer(Status.TROUBLE, ttl=TROUBLE_SECONDS, detail=detail)

    async def _asked_of(self, server: Server, question: Question, wire: bytes) -> Answer:
        try:
            answer = await dns_exchange.ask(server.address, server.port, question, wire)
        except OSError as error:
            return Answer(Status.TROUBLE, detail=f"{server.address}: {error.strerror or type(error).__name__}")
        longest = LONGEST_TTL if answer.status is Status.FOUND else LONGEST_NEGATIVE_TTL
        if answer.ttl > longest or (answer.authentic and not server.trusted):
            answer = replace(answer, authentic=answer.authentic and server.trusted, ttl=min(answer.ttl, longest))
        return answer

    def _identifier(self) -> int:
        # Drawn for many at once: asking the kernel lets go of the interpreter.
        if not self._entropy:
            self._entropy = os.urandom(_POOL)
        taken, self._entropy = self._entropy[:2], self._entropy[2:]
        return int.from_bytes(taken, "big")
