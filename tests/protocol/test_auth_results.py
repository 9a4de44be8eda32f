"""Authentication-Results: what is written can be read by others, and what claims to be ours is recognised."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base.domain import Domain
from mox_trio.protocol import auth_results
from mox_trio.protocol.auth_results import Result
from mox_trio.protocol.mime import header, header_writer

OURS = Domain.parse("mail.example.org")
INTERNATIONAL = Domain.parse("mail.münchen.example")


def field(*results: Result, name: Domain = OURS) -> bytes:
    return bytes(auth_results.written(name, results))


def test_each_result_stands_on_a_line_of_its_own() -> None:
    results = [
        Result("iprev", "pass", (("policy.iprev", "192.0.2.1"),), comment="without dnssec"),
        Result("dkim", "fail", (("header.d", "x.example"), ("header.b", "ab/+cd=")), reason="changed"),
    ]
    assert field(*results) == (
        b"Authentication-Results: mail.example.org;\r\n"
        b"\tiprev=pass (without dnssec) policy.iprev=192.0.2.1;\r\n"
        b'\tdkim=fail reason="changed" header.d=x.example header.b="ab/+cd="\r\n'
    )


def test_without_results_it_says_none() -> None:
    assert field() == b"Authentication-Results: mail.example.org;\r\n\tnone\r\n"


def test_an_international_name_is_written_in_ascii() -> None:
    assert b" mail.xn--mnchen-3ya.example;" in field(name=INTERNATIONAL)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a@x.example", "a@x.example"),
        ("@x.example", "@x.example"),
        ("2001:db8::1", '"2001:db8::1"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("", '""'),
        ("two words", '"two words"'),
        ("jörg@x.example", '"jörg@x.example"'),
        ("a\r\nX: y", '"a X: y"'),
    ],
)
def test_values_are_quoted_where_they_must_be(value: str, shown: str) -> None:
    written = field(Result("spf", "pass", (("smtp.mailfrom", value),)))
    assert f"\tspf=pass smtp.mailfrom={shown}\r\n".encode() in written


def test_a_comment_cannot_be_left() -> None:
    written = field(Result("spf", "fail", comment=") ; dmarc=pass ("))
    assert rb"(\) ; dmarc=pass \()" in written


@settings(max_examples=100)
@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=400))
def test_whatever_the_values_are_it_is_one_field_that_is_ours(value: str, comment: str, reason: str) -> None:
    written = field(*[Result("dkim", "pass", (("header.i", value),), comment, reason)] * 2)
    assert header_writer.is_written(written)
    (found,) = header.parse(written).fields
    assert auth_results.claims(found.body, {OURS})
    assert all(len(line) <= 998 for line in written.split(b"\r\n"))


@pytest.mark.parametrize(
    "body",
    [
        b"mail.example.org; spf=pass",
        b"mail.example.org 1; spf=pass",
        b"mail.example.org",
        b"MAIL.Example.ORG; none",
        b"mail.example.org.; none",
        b'"mail.example.org"; none',
        b'"mail.\\example.org" 1; none',
        b"(a (nested) comment \\) ) mail.example.org; none",
        b" \t (one) (two)mail.example.org(three); none",
        b"(not closed mail.example.org; none",
        b'"not closed mail.example.org; none',
        b"; mail.example.org; none",
        b"(" * 3000 + b" mail.example.org; none",
        b" " * 3000 + b" mail.example.org; none",
    ],
)
def test_fields_in_our_name_are_recognised(body: bytes) -> None:
    assert auth_results.claims(body, {OURS})


@pytest.mark.parametrize("name", ["mail.münchen.example", "MAIL.MÜNCHEN.EXAMPLE", "mail.xn--mnchen-3ya.example"])
def test_a_name_is_recognised_in_every_form(name: str) -> None:
    assert auth_results.claims(f"{name}; none".encode(), {INTERNATIONAL})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"mx.example.net; spf=pass smtp.mailfrom=mail.example.org",
        b"(mail.example.org) mx.example.net; none",
        b"xmail.example.org; none",
        b"example.org; none",
        b"mail.example.org.evil.example; none",
        b"\xff\xfe; none",
    ],
)
def test_fields_of_others_are_left_alone(body: bytes) -> None:
    assert not auth_results.claims(body, {OURS})


@settings(max_examples=100)
@given(st.binary(max_size=100))
def test_anything_can_be_asked(body: bytes) -> None:
    auth_results.claims(body, {OURS, INTERNATIONAL})


def test_beyond_the_most_that_are_read_all_count_as_forged() -> None:
    others = [b"mx%d.example; none" % number for number in range(50)]
    assert auth_results.forged([*others, b"mail.example.org; none"], {OURS}, most=60) == (*[False] * 50, True)
    assert auth_results.forged(others * 200, {OURS}) == (*[False] * 50, *[True] * 9950)
    assert auth_results.forged([], {OURS}) == ()
