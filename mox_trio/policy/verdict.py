"""What becomes of a message for one recipient: decided from what the checks found, with a named reason.

The order is fixed; the first rule that says something decides:

1. `high-rate`: too much mail for the account from there: refused, temporarily;
2. `list-allow`: a mailing list that a rule of the user allows: taken;
3. `dmarc-policy`, `dmarc-quarantine`: the domain of From asks for it, and no rule says that the mail was forwarded. A check
   that could not be made is neither;
4. `msg-auth-required`: the address takes only mail whose From is verified;
5. what is known of the sender and of the words in the message (`Signal`), where somebody knows something;
6. `no-bad-signals`: taken, after a wait where the sender is new.

A refusal that a rule of the user wants to see becomes mail in a mailbox for it, but not one of rule 1. Mail of a trusted
site (LMTP) is judged there: `trusted-site`. Pure.
"""

import enum
from dataclasses import dataclass, replace
from typing import Final

from mox_trio.policy.results import Alignment, Dmarc, DmarcPolicy, DmarcStatus
from mox_trio.policy.rulesets import Facts, Ruleset
from mox_trio.protocol.smtp.reply import Reply

SEEN: Final = "\\Seen"


class Reason(enum.Enum):
    """Why a message was taken or not: in logs, metrics, the row and a header field. Reasons of signals are their own."""

    HIGH_RATE = "high-rate"
    LIST_ALLOW = "list-allow"
    DMARC_POLICY = "dmarc-policy"
    DMARC_QUARANTINE = "dmarc-quarantine"
    MSG_AUTH_REQUIRED = "msg-auth-required"
    NO_BAD_SIGNALS = "no-bad-signals"
    TRUSTED_SITE = "trusted-site"
    ALIAS = "alias"
    """The message came to an alias, of which another member takes it."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What reputation or content says: take it, put it into Junk, or refuse it with `refusal`."""

    reason: str
    junk: bool = False
    refusal: Reply | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the message for one recipient."""

    reason: str
    refusal: Reply | None = None
    """None: taken."""
    mailbox: str = ""
    """Where it goes; empty where `junk` says it."""
    junk: bool = False
    """Into the mailbox for junk."""
    flags: tuple[str, ...] = ()
    is_reject: bool = False
    is_forward: bool = False
    is_mailing_list: bool = False
    wait: bool = False
    """The sender is new: let him wait before it is taken."""
    override: str = ""
    """Why DMARC was not enforced (RFC 7489 appendix C): mailing_list, forwarded."""
    detail: str = ""
    """One line for the header and the log."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the address and the server want."""

    mailbox: str
    rule: Ruleset | None = None
    auth_required: str = ""
    """The text for mail whose From is not verified; empty: it is taken."""
    quarantine_to_junk: bool = False


def early(terms: Terms, facts: Facts, dmarc: Dmarc, rate_exceeded: str) -> Verdict | None:
    """Rules 1 to 4: what needs nothing but the checks. `rate_exceeded` says which rate is, empty for none."""
    if rate_exceeded:
        reply = Reply.of(452, "4.2.2", "too much mail for this mailbox in a short time, try again later")
        return Verdict(Reason.HIGH_RATE.value, reply, detail=rate_exceeded)
    rule = terms.rule
    mailbox = (rule and rule.mailbox) or terms.mailbox
    if rule is not None and rule.list_allow_domain is not None and facts.is_list(rule.list_allow_domain):
        detail = f"mailing list of {rule.list_allow_domain.ascii}"
        taken = Verdict(Reason.LIST_ALLOW.value, mailbox=mailbox, is_mailing_list=True, detail=detail)
        return replace(taken, override="mailing_list" if _fails(dmarc) else "")
    is_forward = rule is not None and rule.is_forward
    if _fails(dmarc) and not is_forward:
        return _rejected(_dmarc(terms, dmarc), terms)
    if terms.auth_required and not _is_authentic(dmarc):
        return _rejected(_unauthenticated(terms, dmarc), terms)
    return None


def late(terms: Terms, dmarc: Dmarc, signal: Signal | None) -> Verdict:
    """Rules 5 and 6, when `early` decided nothing."""
    rule = terms.rule
    is_forward = rule is not None and rule.is_forward
    taken = Verdict(
        Reason.NO_BAD_SIGNALS.value,
        mailbox=(rule and rule.mailbox) or terms.mailbox,
        is_forward=is_forward,
        wait=not is_forward,
        override="forwarded" if is_forward and _fails(dmarc) else "",
    )
    if signal is None:
        return taken
    taken = replace(taken, reason=signal.reason, wait=False, junk=signal.junk, detail=signal.detail)
    if signal.refusal is None:
        return taken
    return _rejected(replace(taken, refusal=signal.refusal), terms)


def trusted(mailbox: str, rule: Ruleset | None) -> Verdict:
    """What a server of the same site hands over."""
    return Verdict(Reason.TRUSTED_SITE.value, mailbox=(rule and rule.mailbox) or mailbox)


def _fails(dmarc: Dmarc) -> bool:
    """Whether the domain of From asks not to take it as it is."""
    return dmarc.status is DmarcStatus.FAIL and dmarc.applied and dmarc.policy is not DmarcPolicy.NONE


def _is_authentic(dmarc: Dmarc) -> bool:
    return dmarc.status is DmarcStatus.PASS or dmarc.aligned is not Alignment.NONE


def _dmarc(terms: Terms, dmarc: Dmarc) -> Verdict:
    detail = f"policy {dmarc.policy.value} of {dmarc.domain.ascii if dmarc.domain else 'the domain of From'}"
    if dmarc.policy is DmarcPolicy.QUARANTINE and terms.quarantine_to_junk:
        return Verdict(Reason.DMARC_QUARANTINE.value, junk=True, detail=detail)
    reply = Reply.of(550, "5.7.26", "rejecting by the DMARC policy of the domain in From")  # RFC 7372 3.1
    return Verdict(Reason.DMARC_POLICY.value, reply, detail=detail)


def _unauthenticated(terms: Terms, dmarc: Dmarc) -> Verdict:
    reason = Reason.MSG_AUTH_REQUIRED.value
    if dmarc.status is DmarcStatus.TEMPERROR:
        text = "the sender in From cannot be verified at the moment, try again later"
        return Verdict(reason, Reply.of(451, "4.7.0", text), detail="temporary trouble with DNS")
    return Verdict(reason, Reply.of(550, "5.7.26", terms.auth_required), detail="From is not verified")


def _rejected(verdict: Verdict, terms: Terms) -> Verdict:
    """The verdict, or what a rule of the user makes of a refusal."""
    if verdict.refusal is None or terms.rule is None or not terms.rule.accept_rejects_to_mailbox:
        return verdict
    mailbox = terms.rule.accept_rejects_to_mailbox
    return replace(verdict, refusal=None, mailbox=mailbox, junk=False, is_reject=True, flags=(SEEN,), wait=False)
