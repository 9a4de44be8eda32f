"""What one look at the octets says is never wrong: of whole messages, and of columns of many together."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mox_trio.mailstore.search import filters, lowering, scanning, suspects
from mox_trio.mailstore.search.absence import Absence
from mox_trio.mailstore.search.judging import Found
from mox_trio.mailstore.search.suspects import Column
from mox_trio.mailstore.search.text import Fields, fold, needle
from mox_trio.protocol.mime import structure_codec
from mox_trio.protocol.mime.parser import Parser


def holds(message: bytes, text: str) -> bool:
    """By a proper look: the header, then everything that is text."""
    parser = Parser()
    parser.feed(message)
    root = parser.close()
    if Fields(message[: root.body_start]).hold(needle(text)):
        return True
    found = Found()
    scanning.look(message, scanning.spans(root, with_part_headers=True), [fold(text)], found)
    return fold(text) in found.in_body | found.in_parts


PLAIN = b"Subject: plain words\r\nFrom: ann@example.org\r\n\r\nA body of ASCII = and more?\r\n"
SURE = [
    PLAIN,
    b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nwords\r\n",
    b'Content-Type: text/plain; charset="US-ASCII"\r\ncontent-transfer-encoding: "8bit"\r\n\r\nwords\r\n',
    b"no header at all",
    b"",
]
UNSURE = [
    b"Subject: =?utf-8?q?n=65edle?=\r\n\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nn=65edle\r\n",
    b"Content-Transfer-Encoding:\r\n base64\r\n\r\nbmVlZGxl\r\n",
    b"Content-Transfer-Encoding: 7bit\r\n (really)\r\n\r\nwords\r\n",
    b"Content-Transfer-Encoding: (not) base64\r\n\r\nbmVlZGxl\r\n",
    b'Content-Transfer-Encoding: "base\\64"\r\n\r\nbmVlZGxl\r\n',
    b"Content-Type: text/plain; charset=utf-16\r\n\r\n\x00n\x00e\x00e\x00d\x00l\x00e",
    b"Content-Type: text/plain; charset*=us-ascii''hz\r\n\r\n~{;;~}\r\n",
    b"Content-Type: text/plain; charset=cp037\r\n\r\n\r\n",
    b"Subject: n\xc3\xa9\r\n\r\n",
]


@pytest.mark.parametrize("message", SURE)
def test_plain_messages_are_decided_at_once(message: bytes) -> None:
    assert Absence(["needle", "näh"]).is_sure(message)
    assert not Absence(["words", "needle", "no header", "body"]).is_sure(message) or not message


@pytest.mark.parametrize("message", UNSURE)
def test_what_may_say_something_else_than_its_octets_is_looked_at(message: bytes) -> None:
    assert not Absence(["needle"]).is_sure(message)


def test_a_text_over_a_fold_is_seen() -> None:
    folded = b"Subject: one\r\n two\r\n\tthree\r\n\r\nline one\r\nline two\r\n"
    for text in ("one two", "TWO three", "line one\r\nline"):
        assert not Absence([text]).is_sure(folded), text
    for text in ("one three", "four"):
        assert Absence([text]).is_sure(folded), text


pieces = st.sampled_from(
    [
        *(
            b"needle",
            b"n=65edle",
            b"=?utf-8?q?n=65?=",
            b"=?utf-8?b?bmVlZGxl?=",
            b"bmVlZGxl",
            b" ",
            b"\r\n ",
            b"\r\n\t",
            b"\r\n",
        ),
        *(
            b"\r\n\r\n",
            b"Subject: ",
            b"X: ",
            b"Content-Type: text/plain; charset=",
            b"utf-8",
            b"utf-16",
            b"us-ascii",
            b"hz",
        ),
        *(
            b"Content-Transfer-Encoding: ",
            b"base64",
            b"quoted-printable",
            b"7bit",
            b";",
            b'"',
            b"(c)",
            b"=",
            b"?",
            b"\x00",
            b"\xc3",
        ),
        *(
            b"\xa9",
            b"need",
            b"le",
            b"NEEDLE",
            b"Content-Type: multipart/mixed; boundary=b",
            b"\r\n--b\r\n",
            b"\r\n--b--",
        ),
        *(b"Content-Type: message/rfc822", b"*0=", b"~{", b"+AGE-", b"\x1b$B"),
    ]
)
texts = st.sampled_from(["needle", "e", "le n", "need", "é", "n\ufffd", "charset", "=?", "7bit", "edle\r\n", "ss"])


@settings(max_examples=1500, deadline=None)
@example([b"Subject: need", b"\r\n ", b"le"], "need le")
@given(st.lists(pieces, max_size=14), texts)
def test_what_is_surely_absent_is_not_found_by_a_proper_look(parts: list[bytes], text: str) -> None:
    message = b"".join(parts)
    if Absence([text]).is_sure(message):
        assert not holds(message, text)


TREES = [
    (b"Subject: x\r\n\r\nwords", True),
    (b"Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nwords", True),
    (b"Content-Type: text/html; charset=iso-8859-15\r\n\r\nwords", True),
    (b"Content-Type: text/plain; charset=utf-7; format=flowed\r\n\r\nwords", False),
    (b"Content-Type: text/plain; charset=utf-16\r\n\r\nwords", False),
    (b"Content-Transfer-Encoding: base64\r\n\r\nwords", False),
    (b"Content-Transfer-Encoding: x-unheard-of\r\n\r\nwords", False),
    (b"Content-Type: application/pdf\r\n\r\nwords", False),
    (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nwords\r\n--b--", False),
]


@pytest.mark.parametrize(("message", "is_one"), TREES)
def test_the_tree_of_one_plain_text_is_known_by_its_bytes(message: bytes, is_one: bool) -> None:
    parser = Parser()
    parser.feed(message)
    dumped = structure_codec.dump(parser.close())
    assert structure_codec.is_one_text(dumped) is is_one
    assert not structure_codec.is_one_text(dumped + b" ")


def test_a_known_tree_spares_looking_at_what_a_text_says_of_charsets() -> None:
    message = b"Subject: x\r\n\r\nContent-Transfer-Encoding: base64 is =?what? he wrote; charset=hz\r\n"
    assert not Absence(["needle"]).is_sure(message)
    assert Absence(["needle"]).is_sure(message, 14, is_one_text=True)
    assert not Absence(["base64"]).is_sure(message, 14, is_one_text=True)
    assert not Absence(["needle"]).is_sure(b"Subject: =?a?q?b?=\r\n\r\n", 20, is_one_text=True)


# -- columns of many

VALUES: Sequence[bytes | None] = (
    b"Alpha",
    b"bravo =?utf-8?q?x?=",
    None,
    b"",
    b"caf\xc3\xa9",
    b"alphabet",
    b"ALPHA alpha",
)


@pytest.mark.parametrize(
    ("octets", "folded", "places"),
    [
        (b"alpha", False, {0, 1, 2, 4, 5, 6}),
        (b"alpha", True, {2, 5, 6}),
        (b"nowhere", False, {1, 2, 4}),
        (b"nowhere", True, {2}),
        (None, False, {1, 2, 4}),
    ],
)
def test_values_that_hold_a_text_or_may_hold_it_are_suspects(
    octets: bytes | None, folded: bool, places: set[int]
) -> None:
    assert Column(VALUES, folded=folded).holding(octets) == places


@given(
    st.lists(st.binary(max_size=6).map(lambda each: each.replace(b"\0", b"")), max_size=8),
    st.binary(min_size=1, max_size=2),
)
def test_no_value_that_holds_a_text_is_missed(values: list[bytes], octets: bytes) -> None:
    wanted = octets.lower().replace(b"\0", b"x")
    holding = {at for at, value in enumerate(values) if wanted in value.lower()}
    found = Column(values, folded=False).holding(wanted)
    assert holding <= found
    assert all(at in holding or not values[at].isascii() or b"=?" in values[at] for at in found)
    lower = [value.lower() for value in values]
    assert Column(lower, folded=True).holding(wanted) == holding


NODES: list[tuple[lowering.Node, set[int] | None]] = [
    (filters.Subject("alpha"), {0, 1}),
    (filters.Subject(""), None),
    (lowering.Every((filters.Subject("alpha"), filters.Subject("bravo"))), {1}),
    (lowering.Every((filters.Subject("alpha"), filters.Text("anything"))), {0, 1}),
    (lowering.Some((filters.Subject("alpha"), filters.Subject("charlie"))), {0, 1, 2}),
    (lowering.Some((filters.Subject("alpha"), filters.Text("anything"))), None),
    (lowering.Some(()), None),
    (lowering.Every(()), None),
    (lowering.Opposite(filters.Subject("alpha")), None),
    (lowering.Constant(True), None),
    (filters.Header("from", "alpha"), None),
]


@pytest.mark.parametrize(("node", "places"), NODES)
def test_trees_say_who_is_left(node: lowering.Node, places: set[int] | None) -> None:
    column = Column([b"alpha", b"alpha bravo", b"charlie"], folded=True)
    told = suspects.by_subject(node)
    assert (None if told is None else told(column)) == places


def test_headers_tell_of_fields_and_subjects() -> None:
    column = Column([b"From: alpha\r\n", b"Subject: alpha\r\n", b"To: other\r\n"], folded=False)
    for node in (filters.Header("from", "Alpha"), filters.Subject("ALPHA"), filters.Header("x-any", "alpha")):
        told = suspects.by_header(node)
        assert told is not None
        assert told(column) == {0, 1}
    assert suspects.by_header(filters.Header("from", "two words")) is None
    assert suspects.by_header(filters.Header("from", "")) is None
