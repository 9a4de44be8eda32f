"""Content: where it ends, what is kept of it, and what is refused."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.smtp.data import ChunkReader, DataReader, Fault
from tests.kit import three_ways

LIMIT = 10_000
Found = tuple[bytes, Fault | None]


def messages(pieces: Iterable[bytes]) -> Sequence[Found]:
    """The messages in a stream of DATA contents, one behind the other."""
    found: list[Found] = []
    reader, content = DataReader(LIMIT), b""
    for piece in pieces:
        rest: bytes | None = piece
        while rest:
            block, rest = reader.feed(rest)
            content += block
            if rest is not None:
                found.append((content if reader.fault is None else b"", reader.fault))
                reader, content = DataReader(LIMIT), b""
    return found


NEXT = b"next\r\n.\r\n"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n"),
        (b"a\nb\r\n.\r\n", b"a\r\nb\r\n"),
        (b"\na\r\n.\r\n", b"\r\na\r\n"),
        (b"\n\n\r\n.\r\n", b"\r\n\r\n\r\n"),
        (b"a\n.b\r\n.\r\n", b"a\r\n.b\r\n"),
        (b"a\n..\r\n.\r\n", b"a\r\n..\r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
        (b"\xff\x80\r\n.\r\n", b"\xff\x80\r\n"),
        (b"x" * 5000 + b"\r\n.\r\n", b"x" * 5000 + b"\r\n"),
    ],
)
def test_what_is_kept(sent: bytes, kept: bytes) -> None:
    three_ways.check(messages, sent, [(kept, None)], (NEXT, [(b"next\r\n", None)]))


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (b"a\n.\n", Fault.SMUGGLING),
        (b"a\n.\r\n", Fault.SMUGGLING),
        (b"a\r\n.\n", Fault.SMUGGLING),
        (b".\n", Fault.SMUGGLING),
        (b"\n.\n", Fault.SMUGGLING),
        (b"\n.\r\n", Fault.SMUGGLING),
        (b"a\n.\nb\n.\n", Fault.SMUGGLING),
        (b"a\r.\r", Fault.BARE_CR),
        (b"a\r.\r\n", Fault.BARE_CR),
        (b"a\r\n.\r", Fault.BARE_CR),
        (b"a\r\n\r.\r\n", Fault.BARE_CR),
        (b"a\rb", Fault.BARE_CR),
        (b"\ra", Fault.BARE_CR),
        (b"a\r", Fault.BARE_CR),
        (b"a\r\r\n", Fault.BARE_CR),
        (b"a\0b", Fault.NUL),
        (b"\0", Fault.NUL),
        (b"x" * (LIMIT - 1), Fault.TOO_LARGE),
    ],
)
def test_what_is_refused_is_read_to_its_real_end(sent: bytes, fault: Fault) -> None:
    three_ways.check(messages, sent + b"\r\n.\r\n", [(b"", fault)], (NEXT, [(b"next\r\n", None)]))


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n"])
def test_nothing_else_ends_a_message(end: bytes) -> None:
    assert messages([b"a" + end]) == []
    assert messages([b"a", end, b"MAIL FROM:<x@y.example>\r\n"]) == []


def test_a_message_of_exactly_the_limit_is_taken() -> None:
    content = b"x" * (LIMIT - 2) + b"\r\n"
    assert messages([content + b".\r\n"]) == [(content, None)]


ODD = st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"a", b"\0", b"\r\n.\r", b"x" * 20]), max_size=12).map(
    b"".join
)


def slowly(stream: bytes) -> list[Found]:
    """The same by the rules as they are written, an octet at a time."""
    seen = b"\r\n"
    for position, octet in enumerate(stream):
        seen += bytes((octet,))
        if seen.endswith(b"\r\n.\r\n"):
            return [judged(seen[2:-3]), *slowly(stream[position + 1 :])]
    return []


def judged(content: bytes) -> Found:
    begun = b"\r\n" + content
    if b"\n.\n" in begun or b"\n.\r\n" in begun:
        return b"", Fault.SMUGGLING
    if b"\r" in content.replace(b"\r\n", b""):
        return b"", Fault.BARE_CR
    if b"\0" in content:
        return b"", Fault.NUL
    lines = begun.split(b"\r\n")[1:]
    return b"\r\n".join(line.removeprefix(b".") for line in lines).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), None


@given(ODD, st.lists(st.integers(1, 30), max_size=10))
def test_the_blocks_do_not_matter(stream: bytes, cuts: list[int]) -> None:
    stream += b"\r\n.\r\n"
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(stream[at : at + cut])
        at += cut
    found = messages([*filter(None, pieces), stream[at:]] if stream[at:] else [*filter(None, pieces)])
    expected = slowly(stream)
    assert [content for content, _ in found] == [content for content, _ in expected]
    assert [fault is None for _, fault in found] == [fault is None for _, fault in expected]


def chunked(pieces: Sequence[bytes], *, binary: bool = False, limit: int = LIMIT) -> Found:
    reader = ChunkReader(limit, binary=binary)
    content = b"".join(map(reader.feed, pieces))
    reader.finish()
    return (content if reader.fault is None else b""), reader.fault


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"a\r\n"], (b"a\r\n", None)),
        ([b"a\r", b"\nb\n", b".\r\n"], (b"a\r\nb\r\n.\r\n", None)),
        ([b"a\n", b"\r\n"], (b"a\r\n\r\n", None)),
        ([b"no line end"], (b"no line end", None)),
        ([b"a\r", b"b"], (b"", Fault.BARE_CR)),
        ([b"a\r"], (b"", Fault.BARE_CR)),
        ([b"a\0"], (b"", Fault.NUL)),
        ([b"\r\n.\r\n"], (b"\r\n.\r\n", None)),
        ([], (b"", None)),
    ],
)
def test_chunks_are_made_of_lines(pieces: list[bytes], expected: Found) -> None:
    assert chunked(pieces) == expected


def test_binarymime_is_kept_as_it_is() -> None:
    content = bytes(range(256)) + b"\r\r\n\n"
    assert chunked([content[:100], content[100:]], binary=True) == (content, None)


def test_chunks_are_limited_together() -> None:
    assert chunked([b"x" * 6, b"x" * 4], limit=10) == (b"x" * 10, None)
    assert chunked([b"x" * 6, b"x" * 5], limit=10) == (b"", Fault.TOO_LARGE)
    assert chunked([b"x" * 6, b"x" * 5], limit=10, binary=True) == (b"", Fault.TOO_LARGE)
