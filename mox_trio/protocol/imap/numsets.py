"""Sets of message numbers: what clients write as 1:5,9,* (RFC 9051 9, sequence-set), and writing them.

A `NumSet` is what a client wrote; `Ranges` is what it means once "*" is known: ascending, disjoint, not adjacent. All work
on ranges and on ascending lists of numbers is done by bisection and slices, so that 1:* over 100,000 messages costs as
much as one number. The only error is ValueError, of `parse`.
"""

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits

STAR: Final = 0
"""Stands for "*", the highest number in use, within a range."""

LARGEST: Final = 2**32 - 1
"""RFC 9051 9: a number has 32 bits."""


@dataclass(frozen=True, slots=True)
class NumSet:
    """Ranges as the client wrote them: in any order, overlapping, either end `STAR`."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SavedResult:
    """ "$": what the last SEARCH with SAVE found (RFC 9051 6.4.4.1)."""


SequenceSet = NumSet | SavedResult

Ranges = tuple[tuple[int, int], ...]
"""First and last of each range, both inclusive: ascending, disjoint, not adjacent."""

_SET: Final = re.compile(
    rb"(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?(?:,(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?)*"
)


def parse(text: bytes, *, most: int = limits.IMAP_SET_RANGES) -> NumSet:
    """A sequence-set of at most `most` ranges. ValueError where it is none, or longer."""
    if text.isdigit() and len(text) <= 10 and text[0] != 0x30:  # most sets are one number
        number = int(text)
        if number <= LARGEST:
            return NumSet(((number, number),))
    if _SET.fullmatch(text) is None:
        raise ValueError("a set of numbers is like 1:5,9,*")
    if text.count(b",") >= most:
        raise ValueError(f"a set has at most {most} ranges")
    ranges: list[tuple[int, int]] = []
    for each in text.replace(b"*", b"0").split(b","):
        first, _, last = each.partition(b":")
        low = int(first)
        high = int(last) if last else low
        if low > LARGEST or high > LARGEST:
            raise ValueError("a number has 32 bits")
        ranges.append((low, high))
    return NumSet(tuple(ranges))


def resolve(numbers: NumSet, highest: int) -> Ranges:
    """What a set means where "*" is `highest`; nothing where `highest` is 0, for then there are no messages.

    Numbers beyond `highest` stay: whether they are an error is for the caller to say. 9:* with a highest of 5 is 5:9
    (RFC 9051 9, seq-range).
    """
    if highest <= 0:
        return ()
    if len(numbers.ranges) == 1:
        low, high = numbers.ranges[0]
        low, high = low or highest, high or highest
        return ((low, high),) if low <= high else ((high, low),)
    return normalise((low or highest, high or highest) for low, high in numbers.ranges)


def normalise(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Ranges in any order, either end first, as `Ranges`."""
    out: list[tuple[int, int]] = []
    for low, high in sorted([(low, high) if low <= high else (high, low) for low, high in ranges]):
        if out and low <= out[-1][1] + 1:
            if high > out[-1][1]:
                out[-1] = (out[-1][0], high)
        else:
            out.append((low, high))
    return tuple(out)


def of(numbers: Sequence[int]) -> Ranges:
    """The ranges of strictly ascending numbers."""
    size = len(numbers)
    if not size:
        return ()
    if numbers[-1] - numbers[0] == size - 1:
        return ((numbers[0], numbers[-1]),)
    out: list[tuple[int, int]] = []
    first = previous = numbers[0]
    for number in numbers:
        if number > previous + 1:
            out.append((first, previous))
            first = number
        previous = number
    out.append((first, previous))
    return tuple(out)


def count(ranges: Ranges) -> int:
    """How many numbers are in them."""
    return sum([high - low + 1 for low, high in ranges])


def contains(ranges: Ranges, number: int) -> bool:
    """Whether a number is in them."""
    at = bisect.bisect_right(ranges, (number, LARGEST + 1))
    return at > 0 and ranges[at - 1][1] >= number


def numbers_of(ranges: Ranges) -> Iterator[int]:
    """Every number, ascending. Only for ranges that are known to be of messages that there are: 1:4294967295 is long."""
    for low, high in ranges:
        yield from range(low, high + 1)


def slices(ranges: Ranges, numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Where the members of `ranges` stand in ascending `numbers`: start and stop of each slice, none empty."""
    out: list[tuple[int, int]] = []
    start, size = 0, len(numbers)
    for low, high in ranges:
        start = bisect.bisect_left(numbers, low, start)
        if start == size:
            break
        stop = bisect.bisect_right(numbers, high, start)
        if stop > start:
            if out and out[-1][1] == start:
                out[-1] = (out[-1][0], stop)
            else:
                out.append((start, stop))
            start = stop
    return out


def union(first: Ranges, second: Ranges) -> Ranges:
    """What is in either."""
    if not first or not second:
        return first or second
    return normalise((*first, *second))


def intersect(first: Ranges, second: Ranges) -> Ranges:
    """What is in both."""
    out: list[tuple[int, int]] = []
    here = there = 0
    while here < len(first) and there < len(second):
        low = max(first[here][0], second[there][0])
        high = min(first[here][1], second[there][1])
        if low <= high:
            out.append((low, high))
        if first[here][1] < second[there][1]:
            here += 1
        else:
            there += 1
    return tuple(out)


def subtract(first: Ranges, second: Ranges) -> Ranges:
    """What is in the first and not in the second."""
    out: list[tuple[int, int]] = []
    there = 0
    for low, high in first:
        while there < len(second) and second[there][1] < low:
            there += 1
        at = there
        while at < len(second) and second[at][0] <= high:
            if second[at][0] > low:
                out.append((low, second[at][0] - 1))
            low = second[at][1] + 1
            at += 1
        if low <= high:
            out.append((low, high))
    return tuple(out)


def encode(ranges: Iterable[tuple[int, int]]) -> bytes:
    """A sequence-set as it is sent; `STAR` as "*"."""
    return b",".join([_range(low, high) for low, high in ranges])


def encode_numbers(numbers: Sequence[int]) -> bytes:
    """Numbers in this order, runs of ascending ones as ranges: right for the order of a sort as well (RFC 5267 3)."""
    return encode(runs(numbers))


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """As `of`, for numbers in any order: only those that follow each other, one by one, are a range."""
    out: list[tuple[int, int]] = []
    if not numbers:
        return out
    first = previous = numbers[0]
    for number in numbers[1:]:
        if number != previous + 1:
            out.append((first, previous))
            first = number
        previous = number
    out.append((first, previous))
    return out


def pieces(ranges: Sequence[tuple[int, int]], octets: int) -> Iterator[bytes]:
    """A set as several that are written in at most `octets` each, for lines that do not grow without end."""
    most = max(1, octets // (2 * len(str(LARGEST)) + 2))
    start = 0
    while start < len(ranges):
        yield encode(ranges[start : start + most])
        start += most


def _range(low: int, high: int) -> bytes:
    if low == high:
        return b"%d" % low if low else b"*"
    return b"%b:%b" % (b"%d" % low if low else b"*", b"%d" % high if high else b"*")
