"""Sets of numbers: what clients write, what they mean, and writing them."""

import itertools
import re
import time
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.imap import numsets
from mox_trio.protocol.imap.numsets import LARGEST, STAR, NumSet

ENDS = st.integers(1, 60)
RANGES = st.lists(st.tuples(ENDS, ENDS), max_size=12)


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        (b"1", ((1, 1),)),
        (b"*", ((STAR, STAR),)),
        (b"1:*", ((1, STAR),)),
        (b"*:4", ((STAR, 4),)),
        (b"*:*", ((STAR, STAR),)),
        (b"2,4:7,9,12:*", ((2, 2), (4, 7), (9, 9), (12, STAR))),  # RFC 9051 9
        (b"5:3,1", ((5, 3), (1, 1))),
        (b"4294967295", ((LARGEST, LARGEST),)),
    ],
)
def test_a_set_is_what_the_client_wrote_and_is_written_again(text: bytes, ranges: tuple[tuple[int, int], ...]) -> None:
    parsed = numsets.parse(text)
    assert parsed == NumSet(ranges)
    assert numsets.parse(numsets.encode(parsed.ranges)) == parsed


@pytest.mark.parametrize(
    "text",
    [b"", b"0", b"01", b"1:", b":1", b"1,,2", b",1", b"1,", b"1:2:3", b"a", b"1 2", b"-1", b"4294967296",
     b"1:4294967296", b"99999999999", b"**", b"$", b"1\n", b"\xb2"],
)  # fmt: skip
def test_anything_else_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="number"):
        numsets.parse(text)


def test_the_number_of_ranges_is_limited() -> None:
    assert len(numsets.parse(b"1,2,3", most=3).ranges) == 3
    with pytest.raises(ValueError, match="at most 3 ranges"):
        numsets.parse(b"1,2,3,4", most=3)


@pytest.mark.parametrize(
    ("text", "highest", "expected"),
    [
        (b"2,4:7,9,12:*", 15, ((2, 2), (4, 7), (9, 9), (12, 15))),
        (b"*:4,5:7", 10, ((4, 10),)),
        (b"559:*", 3, ((3, 559),)),
        (b"*", 8, ((8, 8),)),
        (b"1:5,2:3,6", 9, ((1, 6),)),
        (b"9", 3, ((9, 9),)),
        (b"1:*", 0, ()),
        (b"5", 0, ()),
    ],
)
def test_star_is_the_highest_number(text: bytes, highest: int, expected: numsets.Ranges) -> None:
    assert numsets.resolve(numsets.parse(text), highest) == expected


def members(ranges: list[tuple[int, int]] | numsets.Ranges) -> set[int]:
    return {number for one, other in ranges for number in range(min(one, other), max(one, other) + 1)}


@given(RANGES)
def test_normalised_ranges_hold_the_same_numbers_once(ranges: list[tuple[int, int]]) -> None:
    normal = numsets.normalise(ranges)
    assert list(numsets.numbers_of(normal)) == sorted(members(ranges))
    assert all(low <= high for low, high in normal)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(normal))
    assert numsets.count(normal) == len(members(ranges))


@given(RANGES, RANGES)
def test_sets_are_joined_crossed_and_subtracted(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    first, second = numsets.normalise(one), numsets.normalise(other)
    for made, expected in [
        (numsets.union(first, second), members(one) | members(other)),
        (numsets.intersect(first, second), members(one) & members(other)),
        (numsets.subtract(first, second), members(one) - members(other)),
    ]:
        assert made == numsets.of(sorted(expected))


@given(RANGES, st.sets(ENDS), st.integers(0, 70))
def test_members_are_found_by_bisection(ranges: list[tuple[int, int]], uids: set[int], number: int) -> None:
    normal, ascending = numsets.normalise(ranges), array("I", sorted(uids))
    found = [uid for start, stop in numsets.slices(normal, ascending) for uid in ascending[start:stop]]
    assert found == sorted(uids & members(ranges))
    assert numsets.contains(normal, number) == (number in members(ranges))


@given(st.lists(ENDS, unique=True))
def test_numbers_in_any_order_keep_it(numbers: list[int]) -> None:
    written = numsets.encode_numbers(numbers)
    ranges = numsets.parse(written).ranges if numbers else ()
    assert [number for low, high in ranges for number in range(low, high + 1)] == numbers
    assert numsets.encode_numbers(sorted(numbers)) == numsets.encode(numsets.of(sorted(numbers)))


def test_long_sets_are_cut_between_ranges() -> None:
    ranges = tuple((LARGEST - 4 * at - 1, LARGEST - 4 * at) for at in range(99, -1, -1))
    written = list(numsets.pieces(ranges, 100))
    assert max(map(len, written)) <= 100
    assert b",".join(written) == numsets.encode(ranges)
    assert list(numsets.pieces((), 100)) == []
    assert re.fullmatch(rb"[0-9:]+", next(numsets.pieces(ranges, 1)))


def test_a_hundred_thousand_numbers_take_milliseconds() -> None:
    all_of_them = array("I", range(1, 100_001))
    every_other = array("I", range(1, 200_001, 2))
    began = time.process_time()
    for _ in range(1000):
        assert numsets.slices(numsets.resolve(numsets.parse(b"1:*"), 100_000), all_of_them) == [(0, 100_000)]
        assert numsets.of(all_of_them) == ((1, 100_000),)
    few = time.process_time() - began
    began = time.process_time()
    assert len(numsets.slices(numsets.of(every_other), every_other)) == 1
    assert len(numsets.encode_numbers(every_other).split(b",")) == 100_000
    many = time.process_time() - began
    assert few < 5
    assert many < 5
