"""Addresses, paths and literals: spelling, identity, limits, refusals."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.base.address import Address, InvalidAddress, Literal, Localpart, Path, format_localpart, parse_localpart
from mox_trio.base.domain import Domain


@pytest.mark.parametrize(
    ("text", "localpart", "written"),
    [
        ("mjl@mox.example", "mjl", "mjl@mox.example"),
        ("Mjl+Tag@MOX.example", "Mjl+Tag", "Mjl+Tag@mox.example"),
        ('"mjl"@mox.example', "mjl", "mjl@mox.example"),
        ('"m\\jl"@mox.example', "mjl", "mjl@mox.example"),
        ('"a b"@mox.example', "a b", '"a b"@mox.example'),
        ('"a@b"@mox.example', "a@b", '"a@b"@mox.example'),
        ('"a\\"b\\\\c"@mox.example', 'a"b\\c', '"a\\"b\\\\c"@mox.example'),
        ('""@mox.example', "", '""@mox.example'),
        ('".a."@mox.example', ".a.", '".a."@mox.example'),
        ("!#$%&'*+-/=?^_`{|}~@mox.example", "!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~@mox.example"),
        ("jose\u0301@mox.example", "jos\u00e9", "jos\u00e9@mox.example"),
        ("用户@例え.テスト", "用户", "用户@例え.テスト"),
    ],
)
def test_addresses_are_read_and_written(text: str, localpart: str, written: str) -> None:
    address = Address.parse(text)
    assert address.localpart == localpart
    assert str(address) == written


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no @"),
        ("mjl", "no @"),
        ("@mox.example", "localpart is missing"),
        ("mjl@", "domain is missing"),
        ("mjl@mox.example.", "dot at its end"),
        ("a..b@mox.example", "dot of the localpart"),
        (".a@mox.example", "dot of the localpart"),
        ("a.@mox.example", "dot of the localpart"),
        ("a b@mox.example", "needs quotes"),
        ("a@b@mox.example", "needs quotes"),
        ('"a@mox.example', "quotes of the localpart"),
        ('"a"b"@mox.example', "quotes of the localpart"),
        ('"a\\"@mox.example', "quotes of the localpart"),
        ("a\r\nb@mox.example", "U\\+000D"),
        ('"a\x00b"@mox.example', "U\\+0000"),
        ("a\u2028b@mox.example", "U\\+2028"),
        ("a\udc80b@mox.example", "U\\+DC80"),
        ("a" * 65 + "@mox.example", "64 octets"),
        ("é" * 33 + "@mox.example", "64 octets"),
        ("mjl@[192.0.2.1]", "character"),
        ("mjl@mox.example\n", "character"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidAddress, match=reason):
        Address.parse(text)


def test_quotes_are_not_part_of_identity_but_case_of_the_localpart_is() -> None:
    assert Address.parse('"a"@MÜNCHEN.example') == Address.parse("a@xn--mnchen-3ya.example")
    assert hash(Address.parse('"a"@x.example')) == hash(Address.parse("a@x.example"))
    assert Address.parse("A@x.example") != Address.parse("a@x.example")


def test_the_ascii_form_exists_unless_the_localpart_needs_utf8() -> None:
    assert Address.parse("a@münchen.example").ascii == "a@xn--mnchen-3ya.example"
    assert Path.parse("<a@münchen.example>").ascii == "<a@xn--mnchen-3ya.example>"
    assert Path.parse("<a@[192.0.2.1]>").ascii == "<a@[192.0.2.1]>"
    assert Path().ascii == "<>"
    for needy in (Address.parse("é@x.example"), Path.parse("<é@x.example>")):
        assert needy.needs_utf8
        with pytest.raises(InvalidAddress, match="no ASCII form"):
            _ = needy.ascii


def test_long_localparts_of_others_are_read_where_the_caller_allows_it() -> None:
    long = "bounce-" + "x" * 100 + "@mox.example"
    assert len(Address.parse(long, localpart_octets=128).localpart) == 107
    assert len(Path.parse(f"<{long}>", localpart_octets=128).localpart) == 107


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<>", "<>"),
        ("<a@x.example>", "<a@x.example>"),
        ('<"a> b"@x.example>', '<"a> b"@x.example>'),
        ("<@one.example,@two.example:a@x.example>", "<a@x.example>"),
        ("<a@[192.0.2.1]>", "<a@[192.0.2.1]>"),
        ("<a@[IPv6:2001:DB8::1]>", "<a@[IPv6:2001:db8::1]>"),
        ("<Postmaster>", "<Postmaster>"),
    ],
)
def test_paths_are_read_and_written(text: str, written: str) -> None:
    assert str(Path.parse(text)) == written


def test_a_path_knows_what_it_leads_to() -> None:
    assert Path.parse("<>").is_null
    assert not Path.parse('<""@x.example>').is_null
    assert not Path.parse("<postmaster>").is_null
    assert Path.parse("<postmaster>").address is None
    assert Path.parse("<a@[192.0.2.1]>").address is None
    assert Path.parse("<a@x.example>").address == Address.parse("a@x.example")
    assert Path.of(Address.parse("a@x.example")) == Path.parse("<a@x.example>")


def test_parameters_may_follow_the_prefix() -> None:
    path, stop = Path.parse_prefix("<a@x.example> SIZE=1")
    assert (str(path), stop) == ("<a@x.example>", 13)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "starts with <"),
        ("a@x.example", "starts with <"),
        ("<a@x.example", "does not end with >"),
        ("<a@x.example> ", "follows"),
        ("< a@x.example>", "localpart is missing"),
        ("<a@x.example >", "does not end"),
        ("<a>", "followed by @"),
        ("<@x.example>", "localpart is missing"),
        ("<a@>", "domain is missing"),
        ("<a@x.example.>", "dot at its end"),
        ("<a@[192.0.2]>", "no IPv4 or IPv6"),
        ("<a@[IPv6:fe80::1%eth0]>", "zone"),
        ("<a@[x-tag:something]>", "no IPv4 or IPv6"),
        ("<a@[" + "1" * 100 + "]>", "brackets"),
        ('<"a\r\nb"@x.example>', "U\\+000D"),
        ("<" + "a" * 60 + "@" + ".".join(["b" * 62] * 4) + ">", "256 octets|255 octets"),
        ("<" + "a" * 60 + "@" + ".".join(["b" * 60] * 3 + ["c" * 40]) + ">", "256 octets"),
    ],
)
def test_what_is_no_path_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidAddress, match=reason):
        Path.parse(text)


@pytest.mark.parametrize("text", ["[192.0.2.1]", "[IPv6:2001:db8::1]", "[IPv6:::1]"])
def test_literals_are_written_as_they_were(text: str) -> None:
    assert str(Literal.parse(text)) == text


@given(st.text(max_size=40))
def test_a_localpart_that_can_be_written_is_read_back(value: str) -> None:
    try:
        localpart = parse_localpart(format_localpart(Localpart(value)), 1000)
    except InvalidAddress:
        return
    assert localpart == unicodedata.normalize("NFC", value)
    assert parse_localpart(format_localpart(localpart), 1000) == localpart


@given(st.text(max_size=60) | st.from_regex(r'<?("[^"]*"|[a-zé.]+)@[a-zü.\[\]0-9:]+>?', fullmatch=True))
def test_an_address_or_a_refusal_is_all_that_comes_out(value: str) -> None:
    for parse in (Address.parse, Path.parse, Literal.parse):
        try:
            parsed = parse(value)
        except InvalidAddress:
            continue
        again = parse(str(parsed))
        assert again == parsed
        assert str(again) == str(parsed)


def test_hostile_addresses_are_refused_in_linear_time() -> None:
    before = time.process_time()
    hostiles = ("a." * 500_000, '"' + "\\a" * 500_000, "@" * 1_000_000, "<" + "@a," * 300_000, "<@a" + "@a," * 300_000)
    for hostile in hostiles:
        for parse in (Address.parse, Path.parse):
            with pytest.raises(InvalidAddress):
                parse(hostile)
    assert time.process_time() - before < 2


def test_domains_come_as_values() -> None:
    assert Address.parse("a@x.example").domain == Domain.parse("x.example")
