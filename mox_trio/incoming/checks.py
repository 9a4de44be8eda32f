"""The checks that tell who a message is from, side by side under one deadline, by DNS.

Each is a task of its own: the name of the client's address (iprev), SPF, each DKIM signature, the ARC chain; then DMARC from
what those found. What is not there at the deadline is `temperror`, as is what DNS had no answer for: never a pass, and no
refusal. Signatures are checked on the bytes as they were received, in one pass over the body, which for a message that is
not small is read in a thread.

Results are remembered for a moment (`remembered`): iprev by address, SPF by address and domain, DMARC by domain and by what
it rests on. What stands in a record with macros, or was decided by chance, is not.
"""

import random
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

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
from mox_trio.policy.dkim.verify import Examined, Signature
from mox_trio.policy.dmarc import evaluate
from mox_trio.policy.questions import Answer
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
from mox_trio.transport.resolver import Resolver

FIRST: Final = 45.0
"""Seconds for iprev, SPF, DKIM and ARC."""
ALL: Final = 60.0
"""Seconds for these and DMARC; the client waits for its reply meanwhile (RFC 5321 4.5.3.2.6: ten minutes)."""
LATE: Final = "not answered in time"

_SIGNED: Final = (b"dkim-signature", b"arc-seal", b"arc-message-signature", b"arc-authentication-results")


@dataclass(slots=True)
class _Found:
    """What the tasks found so far; at the beginning what is said at the deadline."""

    iprev: Iprev
    spf: Spf
    dkim: list[DkimSignature]
    arc: Arc


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

    async def receives(self, domain: Domain) -> Receives:
        """Whether the domain of a sender takes mail."""
        known = self._receives.maybe(domain.ascii)
        if known is not None:
            return known
        answers: list[Answer] = []
        with trio.move_on_after(FIRST):
            result = await ask.run(self._resolver, sender_domain.receives(domain), answers)
            self._receives.keep(domain.ascii, result, answers)
            return result
        return Receives.UNKNOWN

    async def spf(self, client: Client, reverse_path: Path) -> Spf:
        """SPF alone, before the message is there."""
        with trio.move_on_after(FIRST):
            return await self._spf(client, reverse_path)
        return _late_spf(reverse_path)

    async def gather(
        self, client: Client, envelope: Envelope, message: Spooled, content: Content, spf: Spf | None
    ) -> Evidence:
        """All checks of a message; `spf` where it was made already."""
        deadline = trio.current_time() + ALL
        path = envelope.reverse_path
        known = self._iprevs.maybe(client.address)
        spf = spf or self._spfs.maybe(_spf_key(client, path))
        late = Iprev(IprevStatus.TEMPERROR, detail=LATE)
        found = _Found(known or late, spf or _late_spf(path), [], Arc(ArcStatus.NONE))
        todo = []
        if known is None:
            todo.append(partial(self._find_iprev, client, found))
        if spf is None:
            todo.append(partial(self._find_spf, client, path, found))
        waiting = [each for each in todo if not await _ends_at_once(each)]
        if any(key in content.header for key in _SIGNED):
            waiting.append(partial(self._find_signatures, message, found))
        if waiting:
            with trio.move_on_after(FIRST):
                await _side_by_side(waiting)
        dmarc = await self._dmarc(content, found, deadline)
        return Evidence(found.iprev, found.spf, tuple(found.dkim), found.arc, dmarc)

    async def _find_iprev(self, client: Client, found: _Found) -> None:
        began = trio.current_time()
        answers: list[Answer] = []
        found.iprev = await ask.run(self._resolver, iprev.check(client.address), answers)
        self._iprevs.keep(client.address, found.iprev, answers)
        self._metrics.observe("iprev_lookup_total", trio.current_time() - began, status=found.iprev.status.value)

    async def _find_spf(self, client: Client, path: Path, found: _Found) -> None:
        found.spf = await self._spf(client, path)

    async def _spf(self, client: Client, path: Path) -> Spf:
        began = trio.current_time()
        answers: list[Answer] = []
        asking = spf.check(client.address, path, client.hello, receiver=self._hostname.ascii, now=self._now())
        result = await ask.run(self._resolver, asking, answers)
        if not spf.has_macros(answers):
            self._spfs.keep(_spf_key(client, path), result, answers)
        self._metrics.observe("spf_verify_duration_seconds", trio.current_time() - began, status=result.status.value)
        return result

    async def _find_signatures(self, message: Spooled, found: _Found) -> None:
        examined = verify.examine(message.root.header)
        chain = arc.examine(examined.fields)
        found.dkim = [
            each.result if each.is_decided else replace(each.result, status=DkimStatus.TEMPERROR, detail=LATE)
            for each in examined.signatures
        ]
        if chain.sets:
            found.arc = Arc(ArcStatus.TEMPERROR, detail=LATE)
        digests = await self._digests(message, examined.wanted | chain.wanted)
        if len(examined.signatures) == 1 and not chain.sets and not chain.fault:
            await self._find_dkim(examined, (0, examined.signatures[0]), digests, found)
            return
        async with trio.open_nursery() as nursery:
            for number, signature in enumerate(examined.signatures):
                nursery.start_soon(self._find_dkim, examined, (number, signature), digests, found)
            nursery.start_soon(self._find_arc, chain, digests, found)

    async def _find_dkim(
        self, examined: Examined, what: tuple[int, Signature], digests: Mapping[Canonical, bytes], found: _Found
    ) -> None:
        began = trio.current_time()
        number, signature = what
        result = await ask.run(self._resolver, verify.check(examined, signature, digests, self._now()))
        found.dkim[number] = result
        labels = {"algorithm": result.algorithm or "unknown", "status": result.status.value}
        self._metrics.observe("dkim_verify_duration_seconds", trio.current_time() - began, **labels)

    async def _find_arc(self, chain: arc.Chain, digests: Mapping[Canonical, bytes], found: _Found) -> None:
        began = trio.current_time()
        found.arc = await ask.run(self._resolver, arc.check(chain, digests))
        if found.arc.status is not ArcStatus.NONE:
            elapsed = trio.current_time() - began
            self._metrics.observe("arc_verify_duration_seconds", elapsed, status=found.arc.status.value)

    async def _digests(self, message: Spooled, wanted: frozenset[Canonical]) -> Mapping[Canonical, bytes]:
        if not wanted:
            return {}
        hashes = BodyHashes(wanted, message.root.body_start)
        if message.scratch is None and message.size <= INLINE:
            hashes.update(message.memory or b"")
        else:
            await trio.to_thread.run_sync(_hash, message, hashes, limiter=self._store.computing)
        return hashes.digests()

    async def _dmarc(self, content: Content, found: _Found, deadline: float) -> Dmarc:
        if content.author is None:
            return Dmarc(DmarcStatus.NONE)
        author = content.author.domain
        key = (author, found.spf.domain, found.spf.status, *((each.domain, each.status) for each in found.dkim))
        known = self._dmarcs.maybe(key)
        if known is not None:
            return known
        began = trio.current_time()
        answers: list[Answer] = []
        asking = evaluate.evaluate(author, found.spf, found.dkim, chance=self._chance(), tree_walk=self._tree_walk)
        with trio.CancelScope(deadline=deadline) as scope:
            result = await ask.run(self._resolver, asking, answers)
        if scope.cancelled_caught:
            return Dmarc(DmarcStatus.TEMPERROR, detail=LATE)
        if result.status is not DmarcStatus.FAIL or result.policy is DmarcPolicy.NONE:  # else chance may have decided
            self._dmarcs.keep(key, result, answers)
        labels = {
            "status": result.status.value,
            "reject": "yes" if result.status is DmarcStatus.FAIL and result.applied else "no",
            "use": "yes" if result.applied else "no",
        }
        self._metrics.observe("dmarc_verify_duration_seconds", trio.current_time() - began, **labels)
        return result


async def _ends_at_once(check: Callable[[], Awaitable[None]]) -> bool:
    """Make a check if all that it asks is remembered, and say whether it was: a task of its own costs more than most do."""
    with trio.CancelScope() as scope:
        scope.cancel()  # whatever waits is cancelled, before it has asked anybody
        await check()
        return True
    return False


async def _side_by_side(checks: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Make checks at the same time; one alone needs no task."""
    if len(checks) == 1:
        await checks[0]()
        return
    async with trio.open_nursery() as nursery:
        for each in checks:
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
