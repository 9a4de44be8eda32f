"""What becomes of a message for each recipient: rules of users, the checks, and what is known of senders and words.

Recipients are decided one by one (`policy.verdict` has the order). Mail to an alias is judged for each member; where one
takes it, all get it. `Signals` is who knows about senders and content; without one nothing is known, and what the checks
let through is `no-bad-signals`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mox_trio.config.directory import ToAccount
from mox_trio.incoming.content import Content
from mox_trio.incoming.evidence import Evidence
from mox_trio.incoming.holders import Holder
from mox_trio.incoming.rates import Rates
from mox_trio.incoming.settings import Settings
from mox_trio.mailstore.spool import Spooled
from mox_trio.policy import rulesets, verdict
from mox_trio.policy.results import DkimStatus, SpfStatus
from mox_trio.policy.rulesets import Facts, Ruleset
from mox_trio.policy.verdict import Reason, Signal, Terms, Verdict
from mox_trio.protocol.smtp.envelope import Client, Envelope


@dataclass(frozen=True, slots=True)
class Subject:
    """A message that is to be judged."""

    client: Client
    envelope: Envelope
    message: Spooled
    content: Content
    evidence: Evidence | None
    """None from a trusted site."""
    facts: Facts
    remote: str
    """The client's address: written out once, because that is slow."""


class Signals(Protocol):
    """Reputation and content filtering: asked when the checks decided nothing."""

    async def look(self, subject: Subject, holder: Holder, to: ToAccount, rule: Ruleset | None) -> Signal | None:
        """What is known about the message for this recipient; None for nothing."""


class NoSignals:
    """Nothing is known of anybody."""

    async def look(self, subject: Subject, holder: Holder, to: ToAccount, rule: Ruleset | None) -> Signal | None:
        """Nothing."""
        return None


def facts_of(envelope: Envelope, content: Content, evidence: Evidence | None) -> Facts:
    """What rules ask about a message."""
    mail_from = "" if envelope.reverse_path.is_null else str(envelope.reverse_path)[1:-1]
    msg_from = str(content.author) if content.author is not None else ""
    if evidence is None:
        return Facts(mail_from, msg_from, fields=content.shown_fields)
    spf = evidence.spf
    passed = spf.domain if spf.status is SpfStatus.PASS else None
    return Facts(
        mail_from,
        msg_from,
        spf_mail_from=passed if spf.identity == "mailfrom" else None,
        spf_hello=passed if spf.identity == "helo" else None,
        dkim=tuple(each.domain for each in evidence.dkim if each.status is DkimStatus.PASS and each.domain is not None),
        fields=content.shown_fields,
    )


class Judge:
    """Judges messages of one listener."""

    def __init__(self, settings: Settings, rates: Rates, signals: Signals) -> None:
        self._settings = settings
        self._rates = rates
        self._signals = signals

    async def judge(self, subject: Subject, holder: Holder, to: ToAccount) -> Verdict:
        """The verdict for mail to one address of an account. Errors of the stores pass through."""
        destination = to.destination
        rules = holder.rules_for(str(to.address))
        rule = rulesets.choose(rules, subject.facts) if rules else None
        if subject.evidence is None:
            return verdict.trusted(destination.mailbox, rule)
        dmarc = subject.evidence.dmarc
        terms = Terms(
            mailbox=destination.mailbox,
            rule=rule,
            auth_required=destination.message_auth_required_smtp_error,
            quarantine_to_junk=self._settings.quarantine_to_junk,
        )
        client = subject.client
        rate = "" if client.exempt else self._rates.exceeded(to.account, client.address, subject.message.size)
        decided = verdict.early(terms, subject.facts, dmarc, rate)
        if decided is not None:
            return decided
        return verdict.late(terms, dmarc, await self._signals.look(subject, holder, to, rule))


def for_members(verdicts: Sequence[Verdict], mailboxes: Sequence[str]) -> list[Verdict]:
    """The verdicts of the members of an alias: where one takes the message, so do those that would refuse it, into the
    mailbox that the configuration names.
    """
    if all(each.refusal is not None for each in verdicts):
        return list(verdicts)
    taken = Verdict(Reason.ALIAS.value, detail="another member of the alias takes it")
    return [
        each if each.refusal is None else replace(taken, mailbox=mailbox)
        for each, mailbox in zip(verdicts, mailboxes, strict=True)
    ]
