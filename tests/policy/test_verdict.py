"""Verdicts: the order of the rules, and the reason of each."""

from dataclasses import replace

import pytest

from mox_trio.base.domain import Domain
from mox_trio.policy import verdict
from mox_trio.policy.patterns import Pattern
from mox_trio.policy.results import Alignment, Dmarc, DmarcPolicy, DmarcStatus
from mox_trio.policy.rulesets import Facts, Ruleset
from mox_trio.policy.verdict import Signal, Terms, Verdict
from mox_trio.protocol.smtp.reply import Reply

X = Domain.parse("x.example")
NONE = Dmarc(DmarcStatus.NONE)
PASS = Dmarc(DmarcStatus.PASS, DmarcPolicy.REJECT, aligned=Alignment.STRICT, domain=X)
FAIL = Dmarc(DmarcStatus.FAIL, DmarcPolicy.REJECT, applied=True, domain=X)
QUARANTINE = replace(FAIL, policy=DmarcPolicy.QUARANTINE)
TERMS = Terms("Inbox")
LIST = Ruleset("Lists", msg_from=Pattern("x"), list_allow_domain=X)
FORWARD = Ruleset("", verified_domain=X, is_forward=True)
REJECTS = Ruleset("", msg_from=Pattern("x"), accept_rejects_to_mailbox="Rejects")
NOTHING = Facts()
LISTED = Facts(spf_mail_from=X)


def judged(
    terms: Terms, dmarc: Dmarc, facts: Facts = NOTHING, *, rate: str = "", signal: Signal | None = None
) -> Verdict:
    return verdict.early(terms, facts, dmarc, rate) or verdict.late(terms, dmarc, signal)


def code(judgement: Verdict) -> str:
    return "" if judgement.refusal is None else f"{judgement.refusal.code} {judgement.refusal.enhanced}"


@pytest.mark.parametrize("dmarc", [NONE, PASS, replace(FAIL, applied=False), replace(FAIL, policy=DmarcPolicy.NONE)])
def test_without_bad_signals_it_is_taken_after_a_wait(dmarc: Dmarc) -> None:
    assert judged(TERMS, dmarc) == Verdict("no-bad-signals", mailbox="Inbox", wait=True)


@pytest.mark.parametrize("status", [DmarcStatus.TEMPERROR, DmarcStatus.PERMERROR])
def test_a_check_that_could_not_be_made_is_neither_reject_nor_quarantine(status: DmarcStatus) -> None:
    assert code(judged(TERMS, replace(FAIL, status=status))) == ""


@pytest.mark.parametrize("dmarc", [FAIL, QUARANTINE])
def test_dmarc_refuses(dmarc: Dmarc) -> None:
    judgement = judged(TERMS, dmarc)
    assert (code(judgement), judgement.reason) == ("550 5.7.26", "dmarc-policy")
    assert judgement.detail == f"policy {dmarc.policy.value} of x.example"


def test_quarantine_goes_to_junk_where_the_server_says_so() -> None:
    judgement = judged(replace(TERMS, quarantine_to_junk=True), QUARANTINE)
    assert (code(judgement), judgement.reason, judgement.junk) == ("", "dmarc-quarantine", True)
    assert code(judged(replace(TERMS, quarantine_to_junk=True), FAIL)) == "550 5.7.26"


def test_a_rate_comes_before_everything() -> None:
    judgement = judged(replace(TERMS, rule=LIST), FAIL, LISTED, rate="500 messages a minute")
    assert (code(judgement), judgement.reason) == ("452 4.2.2", "high-rate")
    assert code(judged(replace(TERMS, rule=REJECTS), NONE, rate="many")) == "452 4.2.2"


def test_a_verified_list_is_taken_against_dmarc() -> None:
    judgement = judged(replace(TERMS, rule=LIST), FAIL, LISTED)
    assert (code(judgement), judgement.reason, judgement.mailbox) == ("", "list-allow", "Lists")
    assert judgement.is_mailing_list
    assert not judgement.wait
    assert judgement.override == "mailing_list"
    assert judged(replace(TERMS, rule=LIST), NONE, LISTED).override == ""


def test_a_list_that_is_not_verified_is_judged_like_others() -> None:
    assert code(judged(replace(TERMS, rule=LIST), FAIL)) == "550 5.7.26"
    assert judged(replace(TERMS, rule=LIST), NONE).mailbox == "Lists"


def test_forwarded_mail_is_not_held_against_dmarc_and_does_not_wait() -> None:
    judgement = judged(replace(TERMS, rule=FORWARD), FAIL)
    assert (code(judgement), judgement.mailbox, judgement.override) == ("", "Inbox", "forwarded")
    assert judgement.is_forward
    assert not judgement.wait
    assert judged(replace(TERMS, rule=FORWARD), PASS).override == ""


@pytest.mark.parametrize(
    ("dmarc", "expected"),
    [
        (NONE, "550 5.7.26"),
        (replace(NONE, aligned=Alignment.RELAXED), ""),
        (PASS, ""),
        (Dmarc(DmarcStatus.TEMPERROR), "451 4.7.0"),
        (Dmarc(DmarcStatus.PERMERROR), "550 5.7.26"),
    ],
)
def test_an_address_may_require_that_from_is_verified(dmarc: Dmarc, expected: str) -> None:
    judgement = judged(replace(TERMS, auth_required="sign your mail"), dmarc)
    assert code(judgement) == expected
    if expected.startswith("550"):
        assert judgement.refusal is not None
        assert judgement.refusal.text == "sign your mail"
        assert judgement.reason == "msg-auth-required"


def test_signals_decide_after_the_checks() -> None:
    good = judged(TERMS, NONE, signal=Signal("msgfromfull"))
    assert (good.reason, good.wait, code(good)) == ("msgfromfull", False, "")
    assert judged(TERMS, NONE, signal=Signal("junk-content", junk=True)).junk
    bad = Signal("ip1", refusal=Reply.of(451, "4.3.0", "error processing"))
    assert (code(judged(TERMS, NONE, signal=bad)), judged(TERMS, NONE, signal=bad).reason) == ("451 4.3.0", "ip1")
    assert code(judged(TERMS, FAIL, signal=Signal("msgfromfull"))) == "550 5.7.26"


@pytest.mark.parametrize("signal", [None, Signal("ip1", refusal=Reply.of(451, "4.3.0", "error processing"))])
def test_rejects_are_taken_into_a_mailbox_where_a_rule_wants_them(signal: Signal | None) -> None:
    judgement = judged(replace(TERMS, rule=REJECTS), NONE if signal else FAIL, signal=signal)
    assert (code(judgement), judgement.mailbox, judgement.flags) == ("", "Rejects", ("\\Seen",))
    assert judgement.is_reject
    assert judgement.reason == ("ip1" if signal else "dmarc-policy")


def test_mail_of_a_trusted_site_goes_where_rules_say() -> None:
    assert verdict.trusted("Inbox", None) == Verdict("trusted-site", mailbox="Inbox")
    assert verdict.trusted("Inbox", LIST).mailbox == "Lists"
