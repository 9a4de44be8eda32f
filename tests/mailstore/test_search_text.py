"""Comparing text: the form that is compared, needles in streams, and the decoded text of headers."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mox_trio.mailstore.search import scanning
from mox_trio.mailstore.search.judging import Found
from mox_trio.mailstore.search.text import Fields, Matcher, fold, needle
from mox_trio.protocol.mime import parser

# Letters that change when they are folded or composed, next to some that do not.
LETTERS = "aAeEsSßẞé\u0301\u0308\u0345İıσςΣKſﬁǰΐ한\u1112\u1161\u11abか\u3099ब\u09be\u09c7 \r\n"
texts = st.text(st.sampled_from(LETTERS) | st.characters(codec="utf-8"), max_size=60)


@given(texts)
def test_the_form_of_the_form_is_the_form(written: str) -> None:
    assert fold(fold(written)) == fold(written)


@given(texts)
def test_composed_and_decomposed_text_have_one_form(written: str) -> None:
    assert fold(unicodedata.normalize("NFD", written)) == fold(unicodedata.normalize("NFC", written))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("É", "e\u0301"),
        ("\u212b", "å"),
        ("ﬁn", "FIN"),
        ("각", "\u1100\u1161\u11a8"),
    ],
)
def test_texts_that_differ_in_case_or_composition_only_are_equal(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@given(st.lists(texts, max_size=8), st.data())
@example(["e", "\u0301"], None)
@example(["\u1100", "\u1161", "\u11a8"], None)
@example(["x" * 70 + "\u0301" * 70, "\u0301"], None)
def test_a_stream_holds_what_the_whole_text_holds_however_it_is_cut(
    pieces: list[str], data: st.DataObject | None
) -> None:
    whole = fold("".join(pieces))
    wanted = {"e", "é", "s", "\u1100", "가", "각", "aa"}
    if data is not None and whole:
        for _ in range(3):
            start = data.draw(st.integers(0, len(whole) - 1))
            wanted.add(whole[start : start + data.draw(st.integers(1, 12))])
    matcher = Matcher(wanted)
    for piece in pieces:
        matcher.feed(piece)
    matcher.finish()
    assert matcher.found == {each for each in wanted if each in whole}


def test_a_stream_keeps_no_more_than_its_needles_need() -> None:
    matcher = Matcher({"needle"})
    for _ in range(100):
        matcher.feed("hay" * 1000)
    assert max(len(value) for name in Matcher.__slots__ if isinstance(value := getattr(matcher, name), str)) < 100


# -- headers

BLOCK = (
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= and\r\n\tmore\r\nTo: a@example.org,\r\n b@example.org\r\nTO: Third <c@x.example>\r\n"
    b"Date: Tue, 14 Nov\r\n 2023 10:00 +0100\r\nX-Date: never\r\n\r\n"
)


@pytest.mark.parametrize(
    ("key", "wanted", "held"),
    [
        (b"subject", "GRÜSSE AND", True),
        (b"subject", "=?utf-8", True),  # as it is written, too
        (b"subject", "and more", True),  # the tab of the fold is a space
        (b"to", "third", True),
        (b"to", "org, b@", True),
        (b"to", "example.org third", False),
        (b"x-missing", "", False),
        (b"x-date", "", True),
    ],
)
def test_a_field_is_looked_at_unfolded_and_decoded(key: bytes, wanted: str, held: bool) -> None:
    assert Fields(BLOCK).field_holds(key, needle(wanted)) is held


def test_a_needle_is_not_found_across_two_fields() -> None:
    assert Fields(BLOCK).hold(needle("x-date: never"))
    assert not Fields(b"A: one\r\nB: two\r\n\r\n").hold(needle("oneB"))
    assert not Fields(b"A: one\r\nB: two\r\n\r\n").hold(needle("one\r\nB"))


def test_the_date_is_that_of_the_first_date_field() -> None:
    assert Fields(BLOCK).date == b"Tue, 14 Nov 2023 10:00 +0100"
    assert Fields(b"X-Date: a\r\n date: no\r\ndate : yes\r\nDate: second\r\n\r\n").date == b"yes"
    assert Fields(b"Subject: Date: no\r\n\r\n").date is None


@given(
    st.lists(
        st.sampled_from([b"A", b"Subject", b": ", b"x", b"=?", b"?q?", b"\xc3\xbc", b"\t", b"\r\n", b"\r\n ", b"\n"]),
        max_size=30,
    )
)
def test_the_short_way_through_a_header_finds_what_the_long_way_finds(pieces: list[bytes]) -> None:
    block = b"".join(pieces)
    for wanted in ("a", "x", "subject: x", "ax", "x x", "=?"):
        short, long = Fields(block), Fields(block)
        long._is_plain = False
        assert short.hold(needle(wanted)) == long.hold(needle(wanted))
        assert short.field_holds(b"subject", needle(wanted)) == long.field_holds(b"subject", needle(wanted))


# -- spans

MIXED = (
    b"Subject: mixed\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-16le\r\n\r\n"
    + "wide text".encode("utf-16le")
    + b"\r\n--b\r\nContent-Type: image/png; name=needle.png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b\r\n"
    b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>quoted =\r\nprintable</b>\r\n--b--\r\n"
)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_a_message_is_looked_through_however_its_octets_come(sizes: list[int]) -> None:
    found = Found()
    wanted = {"wide text", "quoted printable", "needle.png", "image", "subject"}
    for run in scanning.runs(scanning.spans(parser.parse(MIXED), with_part_headers=True)):
        scan = scanning.Scan(run, wanted, found)
        position, stop = run[0].start, run[-1].stop
        for number in range(stop):
            if position >= stop:
                break
            piece = MIXED[position : min(position + sizes[number % len(sizes)], stop)]
            scan.feed(piece)
            position += len(piece)
        scan.close()
    assert found.in_body == {"wide text", "quoted printable"}
    assert found.in_parts == {"needle.png", "image"}


def test_only_what_is_text_is_read() -> None:
    root = parser.parse(MIXED)
    slices = [MIXED[span.start : span.stop] for span in scanning.spans(root, with_part_headers=False)]
    assert slices == ["wide text".encode("utf-16le"), b"<b>quoted =\r\nprintable</b>"]


def test_spans_that_lie_far_apart_are_read_apart() -> None:
    near = scanning.Span(0, 10, None), scanning.Span(20, 30, None)
    far = scanning.Span(10**6, 10**6 + 1, None)
    assert scanning.runs([*near, far]) == [[*near], [far]]
