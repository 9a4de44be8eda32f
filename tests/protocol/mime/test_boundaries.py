"""Which lines are delimiters, and of which multipart."""

import pytest

from mox_trio.protocol.mime.boundaries import LONGEST, Boundaries, Delimiter


def stack(*names: bytes) -> Boundaries:
    boundaries = Boundaries()
    for name in names:
        boundaries.push(name)
    return boundaries


@pytest.mark.parametrize(
    ("names", "line", "expected"),
    [
        ([b"a"], b"--a", Delimiter(0, False)),
        ([b"a"], b"--a--", Delimiter(0, True)),
        ([b"a"], b"--a \t\r", Delimiter(0, False)),
        ([b"a"], b"--a-- \r", Delimiter(0, True)),
        ([b"a"], b"--ab", Delimiter(0, False)),
        ([b"a"], b"--a--b", Delimiter(0, True)),
        ([b"a"], b"--a-", Delimiter(0, False)),
        ([b"a"], b"-- a", None),
        ([b"a"], b"--", None),
        ([b"a"], b"a", None),
        ([b"a", b"b"], b"--a", Delimiter(0, False)),
        ([b"a", b"a"], b"--a", Delimiter(1, False)),
        ([b"a", b"ab"], b"--abc", Delimiter(1, False)),
        ([b"ab", b"a"], b"--abc", Delimiter(0, False)),
        ([b"ab", b"a"], b"--ab", Delimiter(0, False)),
        ([b"a", b"a--"], b"--a--", Delimiter(1, False)),
        ([b"a--", b"a"], b"--a--", Delimiter(1, True)),
        ([b"a", b"ab", b"a"], b"--a c", Delimiter(2, False)),
    ],
)
def test_the_whole_line_then_the_longest_then_the_innermost_boundary_counts(
    names: list[bytes], line: bytes, expected: Delimiter | None
) -> None:
    assert stack(*names).match(line) == expected


def test_boundaries_that_are_closed_no_longer_count() -> None:
    boundaries = stack(b"a", b"b", b"c")
    boundaries.keep(1)
    assert len(boundaries) == 1
    assert boundaries.match(b"--b") is None
    assert boundaries.match(b"--a") == Delimiter(0, False)


def test_without_boundaries_no_line_is_a_delimiter() -> None:
    assert stack().match(b"--") is None


def test_only_the_beginning_of_a_long_boundary_is_compared() -> None:
    boundaries = stack(b"a" * 1000)
    assert boundaries.match(b"--" + b"a" * LONGEST) == Delimiter(0, False)
    assert boundaries.match(b"--" + b"a" * (LONGEST - 1)) is None
