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
from collections.abc import Callable, Sequence
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
MOST_TOGETHER: Final = 32
"""Questions that are asked from one port: it shall be as hard to guess as it can be."""
SILENCE: Final = "no resolver answered in time"
_POOL: Final = 512
"""Random bytes that are drawn at once."""


Known = Callable[[Question], Answer | None]
Wanted = Callable[[Known], Sequence[Question]]


class Resolver(Protocol):
    """Answers questions; shared by all tasks."""

    async def look_up(self, question: Question) -> Answer:
        """The answer, with CNAMEs followed. Trouble is an answer (`Status.TROUBLE`); only cancellation is raised."""

    def maybe_known(self, question: Question) -> Answer | None:
        """The answer, if it is remembered."""
        return None

    async def fetch(self, wanted: Wanted) -> None:
        """Ask for what is about to be looked up, together, which costs less than one after another. `wanted` says what that is,
        at first and after each answer, from what is known by then. Waits for answers, but not long for those that are late, and
        promises nothing; only cancellation is raised.
        """
        await trio.lowlevel.checkpoint_if_cancelled()


@dataclass(slots=True)
class _Flight:
    """A look-up under way."""

    landed: trio.Event
    started: float
    answer: Answer | None = None


class DnsResolver(Resolver):
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
        self._patience = min(FIRST_TRY, settings.timeout / (2 * len(settings.servers)))

    async def look_up(self, question: Question) -> Answer:
        """As in Resolver. What is remembered is answered without giving way to other tasks."""
        while (answer := self.maybe_known(question)) is None:
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

    def maybe_known(self, question: Question) -> Answer | None:
        """As in Resolver; trouble is remembered too, for a moment."""
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

    async def fetch(self, wanted: Wanted) -> None:
        """As in Resolver: what the resolver that answered last does not answer at once is left to `look_up`."""
        found: dict[Question, Answer] = {}  # also what may not be kept

        def known(question: Question) -> Answer | None:
            return found.get(question) or self.maybe_known(question)

        questions = wanted(known)
        if all(map(known, questions)):
            return
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self._limiter.acquire_nowait()
        except trio.WouldBlock:
            return
        flights: dict[Question, _Flight] = {}
        try:
            await self._fetched(questions, wanted, flights, found, known)
        except OSError:
            pass  # look_up says what it was
        finally:
            self._limiter.release()
            for question, flight in flights.items():
                if self._flights.get(question) is flight:
                    del self._flights[question]
                    flight.landed.set()

    async def _fetched(
        self,
        questions: Sequence[Question],
        wanted: Wanted,
        flights: dict[Question, _Flight],
        found: dict[Question, Answer],
        known: Known,
    ) -> None:
        server = self._settings.servers[self._preferred]
        deadline = trio.current_time() + self._patience
        with trio.CancelScope(deadline=deadline), dns_exchange.Port(server.address, server.port) as port:
            while True:
                for question in questions:
                    if question not in self._flights and question not in flights and known(question) is None:
                        wire = dns_exchange.maybe_query(question, self._identifier())
                        if wire is not None and len(flights) < MOST_TOGETHER:
                            port.send(question, wire)
                            self._flights[question] = flights[question] = _Flight(trio.Event(), self._clock())
                if not port.is_waiting:
                    return
                question, answer = await port.receive()
                flight = flights[question]
                del self._flights[question]
                if answer is not None:
                    flight.answer = found[question] = _bounded(answer, server)
                    self._landed(question, found[question], flight.started)
                flight.landed.set()
                questions = wanted(known)

    async def _fly(self, question: Question) -> Answer:
        flight = self._flights[question] = _Flight(trio.Event(), self._clock())
        try:
            flight.answer = answer = await self._asked(question)
        finally:
            del self._flights[question]
            flight.landed.set()
        self._landed(question, answer, flight.started)
        return answer

    def _landed(self, question: Question, answer: Answer, started: float) -> None:
        self._metrics.observe(
            "dns_lookup_duration_seconds",
            self._clock() - started,
            pkg="dns",
            type=question.kind.value,
            result=answer.status.value,
        )
        self._remember(question, answer)

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
        for patience in (self._patience, self._settings.timeout / count):
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
        return _bounded(answer, server)

    def _identifier(self) -> bytes:
        # Drawn for many at once: asking the kernel lets go of the interpreter.
        if not self._entropy:
            self._entropy = os.urandom(_POOL)
        taken, self._entropy = self._entropy[:2], self._entropy[2:]
        return taken


def _bounded(answer: Answer, server: Server) -> Answer:
    """What is believed of an answer: no bit of a server that is not trusted, and no time beyond all reason."""
    longest = LONGEST_TTL if answer.status is Status.FOUND else LONGEST_NEGATIVE_TTL
    if answer.ttl > longest or (answer.authentic and not server.trusted):
        return replace(answer, authentic=answer.authentic and server.trusted, ttl=min(answer.ttl, longest))
    return answer
