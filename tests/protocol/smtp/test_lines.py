"""Lines of commands."""

from collections.abc import Iterable, Sequence

import pytest

from mox_trio.protocol.smtp.lines import LineError, Lines
from tests.kit import three_ways


def found(pieces: Iterable[bytes]) -> Sequence[bytes]:
    lines, all_found = Lines(), []
    for piece in pieces:
        lines.feed(piece)
        while (line := lines.maybe_line(20)) is not None:
            all_found.append(line)
    return all_found


@pytest.mark.parametrize("line", [b"", b"NOOP", b"a b\tc", b"\xff", b"x" * 18])
def test_a_line_ends_with_crlf(line: bytes) -> None:
    three_ways.check(found, line + b"\r\n", [line], (b"next\r\n", [b"next"]))
    three_ways.nothing_before_the_last_byte(found, line + b"\r\n", lambda lines: not lines)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a\n", "bare-lf"),
        (b"\n", "bare-lf"),
        (b"a\nb\r\n", "bare-lf"),
        (b"a\rb\r\n", "bare-cr"),
        (b"a\r\r\n", "bare-cr"),
        (b"x" * 20, "line-too-long"),
        (b"x" * 19 + b"\r\n", "line-too-long"),
    ],
)
def test_anything_else_is_an_error(data: bytes, reason: str) -> None:
    with pytest.raises(LineError) as caught:
        found([data])
    assert caught.value.reason == reason


def test_raw_bytes_are_taken_as_they_are() -> None:
    lines = Lines()
    lines.feed(b"ab\r\ncd")
    assert lines.maybe_line(20) == b"ab"
    assert (lines.take(1), lines.take(), lines.take(), len(lines)) == (b"c", b"d", b"", 0)
