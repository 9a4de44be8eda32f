"""The rules of a user about one of his addresses: the first that fits a message says into which mailbox it goes and what its
sender may be trusted with. Pure; a hostile pattern costs a bounded amount of work and then fits nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Final

from mox_trio.base.domain import Domain
from mox_trio.policy.patterns import OutOfWork, Pattern, Work

LONGEST_VALUE: Final = 1000
"""Characters of an address or the value of a header field that patterns are held against."""
MOST_FIELDS: Final = 1000
"""Fields of a header that patterns are held against; an honest message has a tenth of them."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One rule. All conditions that are given must hold; at least one is given."""

    mailbox: str
    """Where the message goes; empty: where the configuration says."""
    mail_from: Pattern | None = None
    """Held against the address of MAIL FROM."""
    msg_from: Pattern | None = None
    """Held against the address of From."""
    verified_domain: Domain | None = None
    """It, or a domain below it, is what SPF (of MAIL FROM or EHLO) or DKIM verified."""
    headers: tuple[tuple[Pattern, Pattern], ...] = ()
    """For each pair there is a field whose name holds the first and whose decoded value holds the second."""
    list_allow_domain: Domain | None = None
    """A mailing list: what SPF of MAIL FROM or DKIM verified to be of this domain is taken whatever else is known of it."""
    is_forward: bool = False
    """Mail that another server forwards on the user's wish: DMARC is not enforced, the forwarder is not judged."""
    accept_rejects_to_mailbox: str = ""
    """Take what would be refused into this mailbox, read already."""
    comment: str = ""

    @property
    def has_condition(self) -> bool:
        """Whether anything says what it fits."""
        return bool(self.mail_from or self.msg_from or self.verified_domain or self.headers)


@dataclass(frozen=True)
class Facts:
    """What rules ask about a message. Domains are verified ones."""

    mail_from: str = ""
    msg_from: str = ""
    spf_mail_from: Domain | None = None
    """SPF passed for MAIL FROM."""
    spf_hello: Domain | None = None
    """SPF passed for EHLO."""
    dkim: tuple[Domain, ...] = ()
    """d= of the signatures that passed."""
    fields: Callable[[], Iterable[tuple[str, str]]] = field(default=tuple)
    """Names and decoded values of the header; asked at most once, and only if a rule needs them."""

    @cached_property
    def shown_fields(self) -> Sequence[tuple[str, str]]:
        """The fields as patterns see them."""
        first = islice(self.fields(), MOST_FIELDS)
        return [(name.strip()[:LONGEST_VALUE], value.strip()[:LONGEST_VALUE]) for name, value in first]

    def is_list(self, domain: Domain) -> bool:
        """Whether a mailing list of this domain is verified to have sent it."""
        return domain == self.spf_mail_from or domain in self.dkim

    def is_verified(self, domain: Domain) -> bool:
        """Whether something is verified to come from this domain or one below it."""
        suffix = "." + domain.ascii
        found = (self.spf_mail_from, self.spf_hello, *self.dkim)
        return any(each is not None and (each == domain or each.ascii.endswith(suffix)) for each in found)


Rules = Mapping[str, Sequence[Ruleset]]
"""Rules of an account by the address they are about, as the configuration writes it canonically; "" is about all."""


def choose(rules: Sequence[Ruleset], facts: Facts, work: Work | None = None) -> Ruleset | None:
    """The first rule that fits. One whose patterns ask for more work than there is does not fit, nor do those after it that
    have patterns.
    """
    work = work or Work()
    return next((rule for rule in rules if _fits(rule, facts, work)), None)


def _fits(rule: Ruleset, facts: Facts, work: Work) -> bool:
    if not rule.has_condition or (rule.verified_domain is not None and not facts.is_verified(rule.verified_domain)):
        return False
    try:
        return (
            _is_in(rule.mail_from, facts.mail_from, work)
            and _is_in(rule.msg_from, facts.msg_from, work)
            and all(
                any(name.is_in(each, work) and value.is_in(written, work) for each, written in facts.shown_fields)
                for name, value in rule.headers
            )
        )
    except OutOfWork:
        return False


def _is_in(pattern: Pattern | None, text: str, work: Work) -> bool:
    return pattern is None or pattern.is_in(text[:LONGEST_VALUE], work)
