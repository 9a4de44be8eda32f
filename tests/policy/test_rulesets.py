"""Rulesets: the first that fits decides."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from mox_trio.base.domain import Domain
from mox_trio.policy import rulesets
from mox_trio.policy.patterns import Pattern, Work
from mox_trio.policy.rulesets import Facts, Ruleset


def d(name: str) -> Domain:
    return Domain.parse(name)


FACTS = Facts(
    mail_from="bounce+7@lists.example.org",
    msg_from="ann@shop.example",
    spf_mail_from=d("lists.example.org"),
    dkim=(d("shop.example"), d("mail.news.example")),
    fields=lambda: [("Subject", " Hello "), ("List-Id", "Trio <trio.lists.example.org>")],
)


def rule(mailbox: str = "There", **conditions: Any) -> Ruleset:
    return Ruleset(mailbox, **conditions)


@pytest.mark.parametrize(
    "fitting",
    [
        rule(mail_from=Pattern(r"^bounce\+\d+@lists\.example\.org$")),
        rule(msg_from=Pattern("@SHOP")),
        rule(verified_domain=d("lists.example.org")),
        rule(verified_domain=d("example.org")),
        rule(verified_domain=d("news.example")),
        rule(headers=((Pattern("^list-id$"), Pattern(r"<trio\.lists\.example\.org>$")),)),
        rule(headers=((Pattern("^subject$"), Pattern("^hello$")), (Pattern("list"), Pattern("trio")))),
        rule(msg_from=Pattern("ann"), verified_domain=d("shop.example"), headers=((Pattern("subject"), Pattern("")),)),
    ],
)
def test_a_rule_fits(fitting: Ruleset) -> None:
    assert rulesets.choose([fitting], FACTS) is fitting


@pytest.mark.parametrize(
    "other",
    [
        rule(),
        rule(list_allow_domain=d("lists.example.org")),
        rule(mail_from=Pattern("^ann@")),
        rule(msg_from=Pattern("^bounce")),
        rule(verified_domain=d("sub.lists.example.org")),
        rule(verified_domain=d("ists.example.org")),
        rule(headers=((Pattern("^subject$"), Pattern("trio")),)),
        rule(headers=((Pattern("subject"), Pattern("hello")), (Pattern("^x-"), Pattern("")))),
        rule(msg_from=Pattern("ann"), verified_domain=d("elsewhere.example")),
    ],
)
def test_a_rule_does_not_fit(other: Ruleset) -> None:
    assert rulesets.choose([other], FACTS) is None


def test_the_first_that_fits_is_chosen() -> None:
    rules = [rule("a", msg_from=Pattern("bob")), rule("b", msg_from=Pattern("ann")), rule("c", msg_from=Pattern("ann"))]
    found = rulesets.choose(rules, FACTS)
    assert found is not None
    assert found.mailbox == "b"


def test_spf_of_ehlo_verifies_a_domain_but_no_list() -> None:
    facts = Facts(spf_hello=d("mx.example.org"))
    assert facts.is_verified(d("example.org"))
    assert not facts.is_list(d("mx.example.org"))


def test_a_list_is_the_domain_itself_by_spf_or_dkim() -> None:
    assert FACTS.is_list(d("lists.example.org"))
    assert FACTS.is_list(d("shop.example"))
    assert not FACTS.is_list(d("example.org"))


def test_fields_are_asked_once_and_only_where_a_rule_needs_them() -> None:
    asked = []

    def fields() -> Iterator[tuple[str, str]]:
        asked.append(1)
        yield "Subject", "x"

    facts = Facts(msg_from="a@x.example", fields=fields)
    rulesets.choose([rule(msg_from=Pattern("x"), headers=())], facts)
    assert asked == []
    rulesets.choose([rule(headers=((Pattern("y"), Pattern("")),)), rule(headers=((Pattern("z"), Pattern("")),))], facts)
    assert asked == [1]


def test_a_rule_that_asks_for_too_much_work_does_not_fit() -> None:
    slow, plain = rule("slow", msg_from=Pattern("(a|b)*a(a|b){50}")), rule("plain", verified_domain=d("x.example"))
    facts = Facts(msg_from="abba" * 250, spf_mail_from=d("x.example"))
    assert rulesets.choose([slow, plain], facts, Work(100)) is plain


def test_a_header_without_end_and_many_rules_cost_little() -> None:
    facts = Facts(fields=lambda: ((f"X-{number}", "value " * 100) for number in range(1_000_000)))
    rules = [rule(headers=((Pattern("x-"), Pattern(f"nothing{number}")),)) for number in range(200)]
    began = time.process_time()
    assert rulesets.choose(rules, facts) is None
    assert time.process_time() - began < 5  # a fortieth of it, on a machine that does nothing else
    assert len(facts.shown_fields) == rulesets.MOST_FIELDS
