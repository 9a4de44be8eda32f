"""Whether a message passes DMARC, and what its domain wants done if not (RFC 7489 6.6).

A pass needs SPF or DKIM to have passed for a domain that is near enough to that of From. Trouble, of the record or of a check
that might have passed for such a domain, is TEMPERROR and nothing is applied; a check in trouble for any other domain changes
nothing, else who forges would only have to break his own DNS. A record that cannot be used is PERMERROR, not applied.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.base.domain import Domain
from mox_trio.policy import public_suffix
from mox_trio.policy.dmarc import find, record
from mox_trio.policy.dmarc.find import Asked, Found
from mox_trio.policy.dmarc.record import Record
from mox_trio.policy.questions import Answer, Asking, Kind, Question, Status
from mox_trio.policy.results import (
    Alignment,
    DkimSignature,
    DkimStatus,
    Dmarc,
    DmarcPolicy,
    DmarcStatus,
    Spf,
    SpfStatus,
)

_LOWER: Final = {DmarcPolicy.REJECT: DmarcPolicy.QUARANTINE, DmarcPolicy.QUARANTINE: DmarcPolicy.NONE}


@dataclass(frozen=True, slots=True)
class _Identity:
    """What SPF or a signature says for some domain, where it passed or might have."""

    passed: bool
    is_dkim: bool
    aligned: Alignment


def evaluate(
    author: Domain, spf: Spf, dkim: Sequence[DkimSignature], *, chance: float, tree_walk: bool = False
) -> Asking[Dmarc]:
    """Check the domain of From, `author`. `chance` is a random number from 0 up to and without 1, for pct=.

    With `tree_walk`, records are found and read as RFC 9989 says, else as RFC 7489 does.
    """
    asked = Asked()
    try:
        found = yield from (find.by_walk if tree_walk else find.by_list)(author, asked)
        identities = yield from _identities(found, author, spf, dkim, tree_walk)
    except find.Trouble as trouble:
        detail = f"the record could not be looked up: {trouble}"
        return Dmarc(DmarcStatus.TEMPERROR, aligned=_equal(author, spf, dkim), detail=detail)
    best = _best(each.aligned for each in identities if each.passed)
    if found.domain is None:
        return Dmarc(DmarcStatus.NONE, org_domain=found.org_domain, aligned=best, authentic=asked.authentic)
    try:
        wants = record.parse(found.text)
    except record.BadRecord as fault:
        status, policy, detail = DmarcStatus.PERMERROR, DmarcPolicy.NONE, str(fault)
        applied = False
    else:
        policy = yield from _policy(found, wants, author, asked, tree_walk)
        status, detail = _status(identities, wants), ""
        # RFC 7489 6.6.4; RFC 9989 knows no pct= any more
        applied = (
            status is DmarcStatus.FAIL
            and policy is not DmarcPolicy.NONE
            and (tree_walk or chance * 100 < wants.percent)
        )
    return Dmarc(status, policy, applied, found.domain, found.org_domain, best, found.text, asked.authentic, detail)


def _status(identities: Sequence[_Identity], wants: Record) -> DmarcStatus:
    near = [each for each in identities if _is_near_enough(each, wants)]
    if any(each.passed for each in near):
        return DmarcStatus.PASS
    return DmarcStatus.TEMPERROR if near else DmarcStatus.FAIL


def _is_near_enough(identity: _Identity, wants: Record) -> bool:
    strict = wants.dkim_strict if identity.is_dkim else wants.spf_strict
    return identity.aligned is Alignment.STRICT or (identity.aligned is Alignment.RELAXED and not strict)


def _identities(
    found: Found, author: Domain, spf: Spf, dkim: Sequence[DkimSignature], tree_walk: bool
) -> Asking[list[_Identity]]:
    """What SPF and DKIM say, with how near it is to the author."""
    candidates = [(spf.domain, spf.status is SpfStatus.PASS, spf.status is SpfStatus.TEMPERROR, False)]
    candidates += [
        (each.domain, each.status is DkimStatus.PASS, each.status is DkimStatus.TEMPERROR, True) for each in dkim
    ]
    identities = []
    for domain, passed, trouble, is_dkim in candidates:
        if domain is not None and (passed or trouble):
            try:
                aligned = yield from _alignment(found, author, domain, tree_walk)
            except find.Trouble:  # it may be near, then it counts for nothing but doubt
                passed, aligned = False, Alignment.RELAXED
            identities.append(_Identity(passed, is_dkim, aligned))
    return identities


def _alignment(found: Found, author: Domain, domain: Domain, tree_walk: bool) -> Asking[Alignment]:
    """RFC 7489 3.1. Raises Trouble."""
    if domain == author:
        return Alignment.STRICT
    org = found.org_domain
    if domain != org and not domain.ascii.endswith("." + org.ascii):
        return Alignment.NONE  # whatever its organisational domain is, it is another one
    other = public_suffix.organizational_domain(domain)
    if tree_walk:
        other = (yield from find.by_walk(domain, Asked())).org_domain
    return Alignment.RELAXED if other == org else Alignment.NONE


def _policy(found: Found, wants: Record, author: Domain, asked: Asked, tree_walk: bool) -> Asking[DmarcPolicy]:
    if found.domain == author:
        policy = wants.policy
    elif tree_walk and wants.for_nonexistent is not wants.for_subdomains and not (yield from _exists(author, asked)):
        policy = wants.for_nonexistent
    else:
        policy = wants.for_subdomains
    return _LOWER.get(policy, policy) if tree_walk and wants.testing else policy  # RFC 9989 4.7, t=


def _exists(domain: Domain, asked: Asked) -> Asking[bool]:
    """RFC 9989 3.2.13: whether it has addresses or takes mail; where nobody knows, it does."""
    for kind in (Kind.A, Kind.AAAA, Kind.MX):
        answer: Answer = yield Question(domain.ascii, kind)
        asked.answers.append(answer)
        if answer.status in (Status.FOUND, Status.TROUBLE):
            return True
    return False


def _equal(author: Domain, spf: Spf, dkim: Sequence[DkimSignature]) -> Alignment:
    """The alignment that needs no DNS."""
    passed = [each.domain for each in dkim if each.status is DkimStatus.PASS]
    if spf.status is SpfStatus.PASS:
        passed.append(spf.domain)
    return Alignment.STRICT if author in passed else Alignment.NONE


def _best(alignments: Iterator[Alignment]) -> Alignment:
    found = set(alignments)
    return next((each for each in (Alignment.STRICT, Alignment.RELAXED) if each in found), Alignment.NONE)
