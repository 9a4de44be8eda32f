"""Encoded words: the examples of RFC 2047, what the world writes, and round trips."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # RFC 2047 8
        (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
        (b"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>", "Keld Jørn Simonsen <keld@dkuug.dk>"),
        (b"=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
        (
            b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
            "If you can read this you understand the example.",
        ),
        (b"=?ISO-8859-1?Q?Olle_J=E4rnefors?=", "Olle Järnefors"),
        (b"=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=", "םולש ןב ילטפנ"),
        (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
        (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a?=\t=?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        (b"=?utf-8?q?a?= and =?utf-8?q?b?=", "a and b"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=c", "abc"),
        # a language (RFC 2231 5)
        (b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        # one character cut into two words
        (b"=?utf-8?B?w6?= =?utf-8?B?qQ==?=", "é"),
        (b"=?utf-8?Q?=E2=82?= =?UTF-8?Q?=AC?=", "€"),
        (b"=?gb2312?B?xOO6ww==?=", "你好"),
        (b"=?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=", "テスト"),
        # broken ones stay, what can be read is read
        (b"=?utf-8?Q?open", "=?utf-8?Q?open"),
        (b"=?utf-8?X?what?=", "=?utf-8?X?what?="),
        (b"=?utf-8?B?A?= =?utf-8?Q?b?=", "=?utf-8?B?A?= b"),
        (b"=?utf-8?Q?=ZZ=C3=A9?=", "=ZZé"),
        (b"=?utf-8?Q?with space?=", "with space"),
        (b"=?nonsense?Q?=C3=A9?=", "é"),
        (b"=?utf-8?Q?=FF?=", "\ufffd"),
        (b"=?utf-8?q??=", ""),
        # octets outside words
        ("é".encode(), "é"),
        (b"caf\xe9", "café"),
        ("é =?utf-8?Q?=C3=A9?=".encode(), "é é"),
        # what must not get out
        (b"=?utf-8?Q?a=0D=0ABcc:_b=00=07?=", "a  Bcc: b\ufffd\ufffd"),
        (b"a\tb\x00", "a b\ufffd"),
    ],
)
def test_fields_are_decoded(value: bytes, text: str) -> None:
    assert words.decode(value) == text


@given(
    st.binary(max_size=200) | st.from_regex(rb"(=\?[a-z0-9-]{0,9}\?[qbQB]\?[A-Za-z0-9=_+/ ]{0,20}\?=[ \t]{0,2}){0,4}")
)
def test_any_octets_give_one_storable_line(value: bytes) -> None:
    text = words.decode(value)
    assert not set(text) & {chr(code) for code in (*range(32), 127)}
    text.encode()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_encoded_text_is_decoded_to_itself(text: str) -> None:
    encoded = words.encode(text)
    assert words.decode(b" ".join(encoded)) == text
    assert words.decode(b"\t".join(encoded)) == text
    for word in encoded:
        assert word.isascii()
        assert len(word) <= 75
        assert b" " not in word


def test_the_shorter_encoding_is_taken() -> None:
    assert words.encode("Jörg") == [b"=?utf-8?b?SsO2cmc=?="]
    assert words.encode("Grüsse aus der Stadt") == [b"=?utf-8?q?Gr=C3=BCsse_aus_der_Stadt?="]
    assert words.encode("你好")[0].startswith(b"=?utf-8?b?")


def test_words_never_cut_a_character() -> None:
    for word in words.encode("€" * 200):
        assert set(words.decode(word)) == {"€"}


@pytest.mark.parametrize(
    "unit",
    [b"=?", b"=?a?q?", b"=?a?q?b", b"=?a?b?A?=", b"=?a?q?b?= ", b"=?utf-8?q?=", b"=?a*", b"=?a?q?\xff?= x ", b"?="],
)
def test_hostile_fields_take_linear_time(unit: bytes) -> None:
    value = unit * (100_000 // len(unit))
    before = time.process_time()
    words.decode(value)
    assert time.process_time() - before < 2
