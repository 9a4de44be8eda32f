"""The checks that tell who a message is from, side by side under one deadline, by DNS.

These are the name of the client's address (iprev), SPF, each DKIM signature, the ARC chain; then DMARC from what those found.
What they ask is asked together as far as the resolver answers at once, with the record of DMARC, which is needed in any
case; a check that waits longer is a task of its own. What is not there at the deadline is `temperror`, as is what DNS had no
answer for: never a pass, and no refusal. Signatures are checked on the bytes as they were received, in one pass over the
body, which for a message that is not small is read in a thread.

Results are remembered for a moment (`remembered`): iprev by address, SPF by address and domain, DMARC by domain and by what
it rests on. What stands in a record with macros, or was decided by chance, is not.
"""

import random
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Self

import trio

from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.base.metrics import Metrics
from mox_trio.incoming.content import Content
from mox_trio.incoming.evidence import Evidence
from mox_trio.incoming.remembered import Remembered
from mox_trio.mailstore.spool import INLINE, Spooled
from mox_trio.mailstore.store import MailStore
from mox_trio.policy import arc, iprev, public_suffix, sender_domain, spf
from mox_trio.policy.dkim import verify
from mox_trio.policy.dkim.body import BodyHashes, Canonical
from mox_trio.policy.dkim.verify import Examined
from mox_trio.policy.dmarc import evaluate, find
from mox_trio.policy.questions import Answer, Question
from mox_trio.policy.results import (
    Arc,
    ArcStatus,
    DkimSignature,
    DkimStatus,
    Dmarc,
    DmarcPolicy,
    DmarcStatus,
    Iprev,
    IprevStatus,
    Spf,
    SpfStatus,
)
from mox_trio.policy.sender_domain import Receives
from mox_trio.protocol.smtp.envelope import Client, Envelope
from mox_trio.transport import ask
from mox_trio.transport.resolver import Known, Resolver

FIRST: Final = 45.0
"""Seconds for iprev, SPF, DKIM and ARC."""
ALL: Final = 60.0
"""Seconds for these and DMARC; the client waits for its reply meanwhile (RFC 5321 4.5.3.2.6: ten minutes)."""
LATE: Final = "not answered in time"

_SIGNED: Final = (b"dkim-signature", b"arc-seal", b"arc-message-signature", b"arc-authentication-results")


_Task = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Found:
    """What was found so far; at the beginning what is said at the deadline."""

    iprev: Iprev
    spf: Spf
    dkim: list[DkimSignature]
    arc: Arc

    @classmethod
    def nothing(cls, path: Path) -> Self:
        return cls(Iprev(IprevStatus.TEMPERROR, detail=LATE), _late_spf(path), [], Arc(ArcStatus.NONE))


@dataclass(frozen=True, slots=True)
class _Check:
    """A decision under way, and what its result is for."""

    decision: ask.Decision[Any]
    settle: Callable[[Any, Sequence[Answer]], None]

    def ends(self, known: Known) -> bool:
        """Whether what is known is enough: then the check is made."""
        if not self.decision.advance(known):
            return False
        self.settle(self.decision.result, self.decision.answers)
        return True

    async def make(self) -> None:
        self.settle(await self.decision.finish(), self.decision.answers)


class DnsChecks:
    """Makes the checks of a server."""

    def __init__(
        self,
        resolver: Resolver,
        store: MailStore,
        metrics: Metrics,
        hostname: Domain,
        *,
        tree_walk: bool = False,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`now` gives seconds since 1970; `chance` a number from 0 up to and without 1, for DMARC's pct."""
        self._resolver = resolver
        self._store = store
        self._metrics = metrics
        self._hostname = hostname
        self._tree_walk = tree_walk
        self._now = now
        self._chance = chance
        self._receives: Remembered[Receives] = Remembered(trio.current_time)
        self._iprevs: Remembered[Iprev] = Remembered(trio.current_time)
        self._spfs: Remembered[Spf] = Remembered(trio.current_time)
        self._dmarcs: Remembered[Dmarc] = Remembered(trio.current_time)
        public_suffix.is_public(hostname)  # reads the list now: a tenth of a second, while nobody waits

    async def receives(self, domain: Domain, client: Client | None = None) -> Receives:
        """As in Checks. What the message of a `client` will need to be known is asked at the same time."""
        known = self._receives.maybe(domain.ascii)
        if known is not None:
            return known
        result = Receives.UNKNOWN

        def settle(found: Receives, answers: Sequence[Answer]) -> None:
            nonlocal result
            result = found
            self._receives.keep(domain.ascii, found, answers)

        check = _Check(ask.Decision(self._resolver, sender_domain.receives(domain)), settle)
        checks = [check]
        foreseen: list[Question] = []
        if client is not None:
            foreseen = [spf.question(domain), find.question(domain)]
            if self._iprevs.maybe(client.address) is None:
                checks.append(self._of_iprev(client, _Found.nothing(Path())))
        if check in await self._fetched(checks, foreseen):
            with trio.move_on_after(FIRST):
                await check.make()
        return result

    async def spf(self, client: Client, reverse_path: Path) -> Spf:
        """SPF alone, before the message is there."""
        found = _Found.nothing(reverse_path)
        with trio.move_on_after(FIRST):
            await self._of_spf(client, reverse_path, found).make()
        return found.spf

    async def gather(
        self, client: Client, envelope: Envelope, message: Spooled, content: Content, spf: Spf | None
    ) -> Evidence:
        """All checks of a message; `spf` where it was made already."""
        deadline = trio.current_time() + ALL
        path = envelope.reverse_path
        found = _Found.nothing(path)
        iprev, spf = self._iprevs.maybe(client.address), spf or self._spfs.maybe(_spf_key(client, path))
        checks: list[_Check] = []
        if iprev is None:
            checks.append(self._of_iprev(client, found))
        if spf is None:
            checks.append(self._of_spf(client, path, found))
        found.iprev, found.spf = iprev or found.iprev, spf or found.spf
        is_signed = any(key in content.header for key in _SIGNED)
        foreseen = [find.question(content.author.domain)] if content.author is not None else []
        if is_signed:
            with trio.move_on_after(FIRST):
                later = await self._signatures(message, checks, found)
                await self._make(checks, foreseen, later)
        elif checks and (waiting := await self._fetched(checks, foreseen)):
            with trio.move_on_after(FIRST):
                await _side_by_side([each.make for each in waiting])
        dmarc = await self._dmarc(content, found, deadline)
        return Evidence(found.iprev, found.spf, tuple(found.dkim), found.arc, dmarc)

    async def _make(self, checks: Sequence[_Check], foreseen: Sequence[Question], later: _Task | None) -> None:
        """Make checks at the same time, and beside them what needs a task in any case."""
        if later is not None:
            await _side_by_side([*(each.make for each in checks), later])
            return
        await _side_by_side([each.make for each in await self._fetched(checks, foreseen)])

    async def _fetched(self, checks: Sequence[_Check], foreseen: Sequence[Question]) -> Sequence[_Check]:
        """Make the checks that can be made with what the resolver answers at once; the others."""
        waiting = checks

        def wanted(known: Known) -> list[Question]:
            nonlocal waiting
            waiting = [each for each in waiting if not each.ends(known)]
            questions = [each.decision.question for each in waiting if each.decision.question is not None]
            return [*questions, *foreseen] if questions else []

        await self._resolver.fetch(wanted)
        return waiting

    def _of_iprev(self, client: Client, found: _Found) -> _Check:
        began = trio.current_time()

        def settle(result: Iprev, answers: Sequence[Answer]) -> None:
            found.iprev = result
            self._iprevs.keep(client.address, result, answers)
            self._metrics.observe("iprev_lookup_total", trio.current_time() - began, status=result.status.value)

        return _Check(ask.Decision(self._resolver, iprev.check(client.address)), settle)

    def _of_spf(self, client: Client, path: Path, found: _Found) -> _Check:
        began = trio.current_time()

        def settle(result: Spf, answers: Sequence[Answer]) -> None:
            found.spf = result
            if not spf.has_macros(answers):
                self._spfs.keep(_spf_key(client, path), result, answers)
            elapsed = trio.current_time() - began
            self._metrics.observe("spf_verify_duration_seconds", elapsed, status=result.status.value)

        asking = spf.check(client.address, path, client.hello, receiver=self._hostname.ascii, now=self._now())
        return _Check(ask.Decision(self._resolver, asking), settle)

    async def _signatures(self, message: Spooled, checks: list[_Check], found: _Found) -> _Task | None:
        """Add the checks of signatures, or give what makes them where the body is read in a thread first."""
        examined = verify.examine(message.root.header)
        chain = arc.examine(examined.fields)
        found.dkim = [
            each.result if each.is_decided else replace(each.result, status=DkimStatus.TEMPERROR, detail=LATE)
            for each in examined.signatures
        ]
        if chain.sets:
            found.arc = Arc(ArcStatus.TEMPERROR, detail=LATE)
        wanted = examined.wanted | chain.wanted
        if wanted and (message.scratch is not None or message.size > INLINE):
            return partial(self._find_signatures, message, examined, chain, found)
        hashes = BodyHashes(wanted, message.root.body_start)
        if wanted:
            hashes.update(message.memory or b"")
        checks += self._of_signatures(examined, chain, hashes.digests(), found)
        return None

    async def _find_signatures(self, message: Spooled, examined: Examined, chain: arc.Chain, found: _Found) -> None:
        hashes = BodyHashes(examined.wanted | chain.wanted, message.root.body_start)
        await trio.to_thread.run_sync(_hash, message, hashes, limiter=self._store.computing)
        await self._make(self._of_signatures(examined, chain, hashes.digests(), found), (), None)

    def _of_signatures(
        self, examined: Examined, chain: arc.Chain, digests: Mapping[Canonical, bytes], found: _Found
    ) -> list[_Check]:
        checks = [self._of_signature(examined, number, digests, found) for number in range(len(examined.signatures))]
        if chain.sets or chain.fault:
            checks.append(self._of_chain(chain, digests, found))
        return checks

    def _of_signature(
        self, examined: Examined, number: int, digests: Mapping[Canonical, bytes], found: _Found
    ) -> _Check:
        began = trio.current_time()

        def settle(result: DkimSignature, answers: Sequence[Answer]) -> None:
            found.dkim[number] = result
            labels = {"algorithm": result.algorithm or "unknown", "status": result.status.value}
            self._metrics.observe("dkim_verify_duration_seconds", trio.current_time() - began, **labels)

        asking = verify.check(examined, examined.signatures[number], digests, self._now())
        return _Check(ask.Decision(self._resolver, asking), settle)

    def _of_chain(self, chain: arc.Chain, digests: Mapping[Canonical, bytes], found: _Found) -> _Check:
        began = trio.current_time()

        def settle(result: Arc, answers: Sequence[Answer]) -> None:
            found.arc = result
            if result.status is not ArcStatus.NONE:
                elapsed = trio.current_time() - began
                self._metrics.observe("arc_verify_duration_seconds", elapsed, status=result.status.value)

        return _Check(ask.Decision(self._resolver, arc.check(chain, digests)), settle)

    async def _dmarc(self, content: Content, found: _Found, deadline: float) -> Dmarc:
        if content.author is None:
            return Dmarc(DmarcStatus.NONE)
        author = content.author.domain
        key = (author, found.spf.domain, found.spf.status, *((each.domain, each.status) for each in found.dkim))
        known = self._dmarcs.maybe(key)
        if known is not None:
            return known
        began = trio.current_time()
        asking = evaluate.evaluate(author, found.spf, found.dkim, chance=self._chance(), tree_walk=self._tree_walk)
        decision = ask.Decision(self._resolver, asking)
        if not decision.advance():
            with trio.CancelScope(deadline=deadline) as scope:
                await decision.finish()
            if scope.cancelled_caught:
                return Dmarc(DmarcStatus.TEMPERROR, detail=LATE)
        result = decision.result
        if result.status is not DmarcStatus.FAIL or result.policy is DmarcPolicy.NONE:  # else chance may have decided
            self._dmarcs.keep(key, result, decision.answers)
        labels = {
            "status": result.status.value,
            "reject": "yes" if result.status is DmarcStatus.FAIL and result.applied else "no",
            "use": "yes" if result.applied else "no",
        }
        self._metrics.observe("dmarc_verify_duration_seconds", trio.current_time() - began, **labels)
        return result


async def _side_by_side(tasks: Sequence[_Task]) -> None:
    """One alone needs no task."""
    if len(tasks) < 2:
        for each in tasks:
            await each()
        return
    async with trio.open_nursery() as nursery:
        for each in tasks:
            nursery.start_soon(each)


def _spf_key(client: Client, path: Path) -> Hashable:
    """What SPF depends on where records have no macros: the address and the domain."""
    if path.is_null:
        return client.address, None, client.hello
    return client.address, path.host


def _hash(message: Spooled, hashes: BodyHashes) -> None:
    """In a thread; gives up between two blocks when the caller is cancelled."""
    for block in message.blocks():
        trio.from_thread.check_cancelled()
        hashes.update(block)


def _late_spf(path: Path) -> Spf:
    domain = path.host if isinstance(path.host, Domain) else None
    return Spf(SpfStatus.TEMPERROR, "helo" if path.is_null else "mailfrom", domain, detail=LATE)
