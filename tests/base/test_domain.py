"""Domains: both forms, mapping, limits, and what is refused."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.base.domain import Domain, InvalidAddress


@pytest.mark.parametrize(
    ("text", "ascii_form", "unicode_form"),
    [
        ("example.org", "example.org", "example.org"),
        ("Example.ORG.", "example.org", "example.org"),
        ("localhost", "localhost", "localhost"),
        ("3com.example", "3com.example", "3com.example"),
        ("r3---sn-4g5e6nez.example", "r3---sn-4g5e6nez.example", "r3---sn-4g5e6nez.example"),
        ("münchen.example", "xn--mnchen-3ya.example", "münchen.example"),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example", "münchen.example"),
        ("mu\u0308nchen.example", "xn--mnchen-3ya.example", "münchen.example"),
        ("XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example", "münchen.example"),
        ("straße.example", "xn--strae-oqa.example", "straße.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah", "例え.テスト"),
        ("ｅｘａｍｐｌｅ．org", "example.org", "example.org"),
        ("xn--i-7iq.ws", "xn--i-7iq.ws", "xn--i-7iq.ws"),
        ("a" * 63 + ".example", "a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_both_forms_are_known(text: str, ascii_form: str, unicode_form: str) -> None:
    domain = Domain.parse(text)
    assert (domain.ascii, domain.unicode, str(domain)) == (ascii_form, unicode_form, unicode_form)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing"),
        (".", "missing"),
        ("a..example", "empty label"),
        (".example", "empty label"),
        ("-a.example", "hyphen"),
        ("a-.example", "hyphen"),
        ("a b.example", "character"),
        ("a_b.example", "character"),
        ("a\nb.example", "character"),
        ("example.org\n", "character"),
        ("192.0.2.1", "ends in a number"),
        ("a" * 64 + ".example", "63"),
        (".".join(["a" * 50] * 5), "255"),
        ("ü" * 60 + ".example", "combination"),
        ("ü" * 300, "255"),
        ("a\u200db.example", "combination"),
        ("☕.example", "combination"),
        ("\udc80.example", "combination"),
    ],
)
def test_what_is_no_domain_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidAddress, match=reason):
        Domain.parse(text)


def test_underscores_are_for_names_in_the_dns_only_where_allowed() -> None:
    assert Domain.parse("_dmarc.münchen.example", underscore=True).ascii == "_dmarc.xn--mnchen-3ya.example"
    with pytest.raises(InvalidAddress):
        Domain.parse("_dmarc.example")


def test_domains_are_equal_by_their_a_labels() -> None:
    assert Domain.parse("MÜNCHEN.example") == Domain.parse("xn--mnchen-3ya.EXAMPLE")
    assert len({Domain.parse("MÜNCHEN.example"), Domain.parse("xn--mnchen-3ya.EXAMPLE")}) == 1
    assert sorted([Domain.parse("b.example"), Domain.parse("a.example")])[0].labels == ("a", "example")


@given(st.text(max_size=80))
def test_a_domain_or_a_refusal_is_all_that_comes_out(text: str) -> None:
    try:
        domain = Domain.parse(text)
    except InvalidAddress:
        return
    assert domain.ascii.isascii()
    assert domain.ascii == domain.ascii.lower()
    assert Domain.parse(domain.unicode) == domain
    assert Domain.parse(domain.ascii) == domain


def test_refusing_a_megabyte_takes_no_time() -> None:
    before = time.process_time()
    for hostile in ("a" * 1_000_000, "a-" * 500_000, "." * 1_000_000, "ü" * 1_000_000, "a-" * 100 + "_"):
        with pytest.raises(InvalidAddress):
            Domain.parse(hostile)
    assert time.process_time() - before < 1
