"""Lines, octets, and what announces a literal."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.imap.framing import Announcement, CommandText, Incoming, LineError, announcement
from tests.kit import three_ways


def found(pieces: Iterable[bytes]) -> Sequence[bytes]:
    incoming, all_found = Incoming(), []
    for piece in pieces:
        incoming.feed(piece)
        while (line := incoming.maybe_line(20)) is not None:
            all_found.append(line)
    return all_found


@pytest.mark.parametrize("line", [b"", b"a1 NOOP", b"a b\tc", b"\xff", b"x" * 18])
def test_a_line_ends_with_crlf(line: bytes) -> None:
    three_ways.check(found, line + b"\r\n", [line], (b"next\r\nx", [b"next"]))
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
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))], [data + b"more\r\n"]):
        with pytest.raises(LineError) as caught:
            found(pieces)
        assert caught.value.reason == reason


@given(st.lists(st.binary(max_size=9)), st.lists(st.integers(0, 12)))
def test_octets_come_as_they_were_sent(pieces: list[bytes], takes: list[int]) -> None:
    incoming = Incoming()
    taken = b""
    for at, piece in enumerate(pieces):
        incoming.feed(piece)
        if at < len(takes):
            taken += incoming.take(takes[at])
    assert len(incoming) == len(b"".join(pieces)) - len(taken)
    assert taken + incoming.take(len(incoming)) == b"".join(pieces)


@given(st.lists(st.sampled_from([b"a", b"bc\r\n", b"\r\n", b"\r", b"\n", b"123"]), max_size=20), st.integers(0, 3))
def test_lines_and_octets_may_alternate(pieces: list[bytes], octets: int) -> None:
    def read(chunks: Iterable[bytes]) -> list[bytes]:
        incoming, out = Incoming(), []
        left = 0
        for chunk in chunks:
            incoming.feed(chunk)
            try:
                while True:
                    if left:
                        taken = incoming.take(left)
                        left -= len(taken)
                        out.append(taken)
                    if left or (line := incoming.maybe_line(15)) is None:
                        break
                    out.append(line + b"\r\n")
                    left = octets
            except LineError as error:
                return [b"".join(out), error.reason.encode()]
        return [b"".join(out), b""]

    data = b"".join(pieces)
    assert read(pieces) == read([data]) == read([data[at : at + 1] for at in range(len(data))])


def test_octets_are_handed_on_without_a_copy() -> None:
    incoming, data = Incoming(), b"x" * 70_000
    incoming.feed(data)
    assert incoming.take(100_000) is data


def test_whether_a_line_is_there() -> None:
    incoming = Incoming()
    assert not incoming.has_line()
    incoming.feed(b"a")
    assert not incoming.has_line()
    incoming.feed(b"\r\nb\r\n")
    assert incoming.has_line()
    assert incoming.maybe_line(20) == b"a"
    assert incoming.has_line()
    assert incoming.maybe_line(20) == b"b"
    assert not incoming.has_line()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a LOGIN {5}", Announcement(5, waits=True, binary=False, at=8)),
        (b"{0+}", Announcement(0, waits=False, binary=False, at=0)),
        (b"x ~{12+}", Announcement(12, waits=False, binary=True, at=2)),
        (b"x {9999999999999999999}", Announcement(9999999999999999999, waits=True, binary=False, at=2)),
        (b"x {5} ", None),
        (b"x {}", None),
        (b"x {-5}", None),
        (b"x {5-}", None),
        (b"x {99999999999999999999}", None),
        (b"x", None),
        (b"", None),
    ],
)
def test_a_literal_is_announced_at_the_end_of_a_line(line: bytes, expected: Announcement | None) -> None:
    assert announcement(line) == expected


def test_a_text_keeps_literals_by_their_places() -> None:
    text = CommandText()
    text.add_line(b"a b {3}", announcement(b"a b {3}"))
    assert text.announced == 4
    text.add_literal(b"xyz")
    text.add_line(b" {1}", announcement(b" {1}"))
    assert (text.joined(), text.literals, text.announced, text.size) == (b"a b {3}\r\n {1}\r\n", {4: b"xyz"}, 10, 18)
    text.cut(4)
    assert (text.joined(), text.literals, text.announced) == (b"{3}\r\n {1}\r\n", {0: b"xyz"}, 6)
    text.add_literal(b"!")
    text.add_line(b"", None)
    text.cut(5)
    assert (text.joined(), text.literals, text.announced, text.size) == (b" {1}\r\n", {1: b"!"}, -1, 19)
