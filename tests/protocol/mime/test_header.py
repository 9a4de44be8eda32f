"""Header blocks: what is a field, what it says, and that nothing of it is lost."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import header

LINES = st.lists(
    st.sampled_from(
        [b"A: b", b"a :", b" c", b"\td\t", b"x", b":", b"\r\n", b"\n", b"\r", b"From x 1:2", b"\xff: \xe4", b" "]
    )
)


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        (b"", []),
        (b"\r\n", []),
        (b"A: b\r\n\r\n", [(b"A", b"b")]),
        (b"A: b", [(b"A", b"b")]),
        (b"A:b\nC:  d \n\n", [(b"A", b"b"), (b"C", b"d")]),
        (b"A: b\r\n c\r\n\td\r\nE: f\r\n", [(b"A", b"b c\td"), (b"E", b"f")]),
        (b"A:\r\n b\r\n", [(b"A", b"b")]),
        (b"A:\r\n", [(b"A", b"")]),
        (b"A \t: b\r\n", [(b"A", b"b")]),
        (b"A: b:c\r\n", [(b"A", b"b:c")]),
        (b"no field\r\nA: b\r\n", [(b"", b"no field"), (b"A", b"b")]),
        (b" folded: nothing\r\nA: b\r\n", [(b"", b"folded: nothing"), (b"A", b"b")]),
        (b"no field\r\n : b\r\n", [(b"", b"no field : b")]),
        (b": b\r\n", [(b"", b": b")]),
        (b"From a@b Mon Jan 1 10:00:00\r\nA: b\r\n", [(b"", b"From a@b Mon Jan 1 10:00:00"), (b"A", b"b")]),
        (b"From: a\r\n", [(b"From", b"a")]),
        (b"From : a\r\n", [(b"From", b"a")]),
        (b"A: \xe4\r\n", [(b"A", b"\xe4")]),
        (b"A: b\r\n \r\n c\r\n\r\n", [(b"A", b"b  c")]),
        (b"A: b\rc\r\n", [(b"A", b"b\rc")]),
    ],
)
def test_fields_have_a_name_and_an_unfolded_body(block: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    parsed = header.parse(block)
    assert [(field.name, field.body) for field in parsed.fields] == fields


@given(LINES.map(b"".join))
def test_raw_fields_and_the_end_are_the_block(block: bytes) -> None:
    parsed = header.parse(block)
    assert b"".join(field.raw for field in parsed.fields) + parsed.end == block


@given(LINES.map(b"".join) | st.binary())
def test_every_named_field_is_found_by_its_key(block: bytes) -> None:
    parsed = header.parse(block)
    for field in parsed.fields:
        if field.name:
            same = [other.body for other in parsed.fields if other.name and other.key == field.key]
            assert parsed.all(field.key) == same
            assert parsed.get(field.key) == same[0]
            assert field.key in parsed
            assert parsed.starting_with(field.key[:3])[field.key] == same[0]


def test_what_follows_the_blank_line_is_no_header() -> None:
    parsed = header.parse(b"A: b\r\n\r\nC: d\r\n")
    assert parsed.get(b"c") is None
    assert parsed.end == b"\r\nC: d\r\n"


@pytest.mark.parametrize("blank", [b"\r\n", b"\n"])
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_the_first_blank_line_ends_the_header_whatever_its_form(line_end: bytes, blank: bytes) -> None:
    parsed = header.parse(b"A: b" + line_end + blank + b"C: d\n\nE: f\r\n\r\n")
    assert [field.name for field in parsed.fields] == [b"A"]


def test_a_name_is_compared_without_case() -> None:
    parsed = header.parse(b"SuBject: a\r\nsubject: b\r\n")
    assert parsed.all(b"subject") == [b"a", b"b"]
    assert parsed.fields[0].name == b"SuBject"


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_a_field_that_is_not_there_has_no_body(line_end: bytes) -> None:
    parsed = header.parse(line_end.join([b"no field", b": c", b"A: b", b""]))
    assert parsed.get(b"") is None
    assert parsed.all(b"no field") == []
    assert b"b" not in parsed


def test_starting_with_gives_the_first_of_each_key() -> None:
    parsed = header.parse(b"X-A: 1\r\nY: 2\r\nx-b : 3\r\nX-A: 4\r\nX-no field\r\n")
    assert parsed.starting_with(b"x-") == {b"x-a": b"1", b"x-b": b"3"}


@pytest.mark.parametrize(
    "piece", [b"a: b\r\n", b" c\r\n", b"a\n", b"x-a: b\n c\n", b"x-", b":", b"\r", b"From x\n", b" "]
)
def test_reading_a_header_is_linear(piece: bytes) -> None:
    def cost(count: int) -> float:
        return min(_seconds(b"x-a: b\r\n" + piece * count) for _ in range(3))

    assert cost(20_000) <= 60 * cost(1250) + 0.02  # 16 times as much; quadratic is 256 times


def _seconds(block: bytes) -> float:
    start = time.process_time()
    parsed = header.parse(block)
    parsed.get(b"a")
    parsed.all(b"x-a")
    parsed.starting_with(b"x-")
    assert all(field.raw for field in parsed.fields)
    return time.process_time() - start
