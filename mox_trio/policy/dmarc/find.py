"""Which record counts for a domain, and what its organisational domain is: by the public suffix list (RFC 7489 6.6.3), or by
walking up the tree (RFC 9989 4.10).

Several records at one name are as good as none. Trouble with DNS raises Trouble: nobody knows what a domain asks for.
"""

from dataclasses import dataclass, field
from typing import Final

from mox_trio.base.domain import Domain
from mox_trio.policy import public_suffix
from mox_trio.policy.dmarc import record
from mox_trio.policy.questions import Answer, Asking, Kind, Question, Status

LABELS: Final = 8
"""RFC 9989 4.10: of a longer name only the last seven labels are walked."""


class Trouble(Exception):
    """DNS did not answer."""


@dataclass(slots=True)
class Asked:
    """What was asked on the way to one decision."""

    answers: list[Answer] = field(default_factory=list)

    @property
    def authentic(self) -> bool:
        return bool(self.answers) and all(answer.authentic for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a domain's record is."""

    org_domain: Domain
    domain: Domain | None = None
    """Where the record was found; None where there is none."""
    text: str = ""


def question(domain: Domain) -> Question:
    """Where a domain says what it wants done: the first that is asked about it."""
    return Question(f"_dmarc.{domain.ascii}", Kind.TXT)


def by_list(domain: Domain, asked: Asked) -> Asking[Found]:
    """The record of the domain, else of its organisational domain. Raises Trouble."""
    org = public_suffix.organizational_domain(domain)
    for candidate in dict.fromkeys((domain, org)):
        texts = yield from _records(candidate, asked)
        if texts:
            return Found(org, candidate, texts[0]) if len(texts) == 1 else Found(org)
    return Found(org)


def by_walk(domain: Domain, asked: Asked) -> Asking[Found]:
    """The same by the tree walk. Raises Trouble."""
    found: dict[Domain, str] = {}
    org = domain
    suffix: Domain | None = None
    for candidate in _path(domain):
        texts = yield from _records(candidate, asked)
        if len(texts) != 1:
            continue
        found[candidate] = texts[0]
        says = _maybe_suffix(texts[0])
        if says == "y" and candidate != domain:
            suffix, org = candidate, _child(candidate, domain)
            break
        org = candidate
        if says != "u":
            break
    for place in (domain, org, suffix):  # RFC 9989 4.10.1
        if place is not None and place in found:
            return Found(org, place, found[place])
    return Found(org)


def _path(domain: Domain) -> list[Domain]:
    """The domain, and what is above it."""
    labels = domain.labels
    first = max(1, len(labels) - LABELS + 1) if len(labels) >= LABELS else 1
    above = (labels[at:] for at in range(first, len(labels)))
    return [domain, *(_named(each) for each in above)]


def _child(parent: Domain, domain: Domain) -> Domain:
    """The domain one label below the parent, on the way to the domain."""
    return _named(domain.labels[-len(parent.labels) - 1 :])


def _named(labels: tuple[str, ...]) -> Domain:
    """A part of a domain is one as well, also where it is but one label."""
    return Domain.parse(".".join(labels), underscore=True)


def _maybe_suffix(text: str) -> str:
    try:
        return record.parse(text).public_suffix
    except record.BadRecord:
        return "u"


def _records(domain: Domain, asked: Asked) -> Asking[list[str]]:
    """The DMARC records at a domain. Raises Trouble."""
    answer = yield question(domain)
    if answer.status is Status.TROUBLE:
        raise Trouble(answer.detail)
    asked.answers.append(answer)
    texts = [each.decode("ascii", "replace") for each in answer.records if isinstance(each, bytes)]
    return [text for text in texts if record.is_record(text)]
