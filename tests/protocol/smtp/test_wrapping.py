"""Replies as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.smtp import wrapping
from mox_trio.protocol.smtp.reply import LINE_OCTETS, Reply


@pytest.mark.parametrize(
    ("reply", "written"),
    [
        (Reply.of(250, "2.0.0", "OK"), b"250 2.0.0 OK\r\n"),
        (Reply.of(354, "", "go on"), b"354 go on\r\n"),
        (Reply(250, "", ("mx.example", "SIZE 10", "DSN")), b"250-mx.example\r\n250-SIZE 10\r\n250 DSN\r\n"),
        (Reply(550, "5.1.1", ("no", "never")), b"550-5.1.1 no\r\n550 5.1.1 never\r\n"),
        (Reply(250, "2.0.0", ()), b"250 2.0.0 \r\n"),
        (Reply.of(550, "5.0.0", "a\r\n250 OK"), b"550-5.0.0 a \r\n550 5.0.0 250 OK\r\n"),
        (Reply.of(550, "", "na\u00efve \x85"), b"550 na?ve  \r\n"),
    ],
)
def test_a_reply_is_written(reply: Reply, written: bytes) -> None:
    assert wrapping.encode(reply) == written


def test_utf8_is_written_where_it_is_allowed() -> None:
    assert wrapping.encode(Reply.of(550, "", "naïve"), utf8=True) == "550 naïve\r\n".encode()


def test_a_long_line_is_broken_at_a_space() -> None:
    written = wrapping.encode(Reply.of(550, "5.0.0", "word " * 200))
    assert all(len(line) <= LINE_OCTETS for line in written.splitlines(keepends=True))
    assert b"".join(line[10:] + b" " for line in written.splitlines()).split() == [b"word"] * 200


@given(st.integers(200, 599), st.text(max_size=1500), st.booleans())
def test_every_line_has_the_code_and_its_length(code: int, text: str, utf8: bool) -> None:
    written = wrapping.encode(Reply.of(code, "2.0.0", text), utf8=utf8)
    lines = written.split(b"\r\n")
    assert lines.pop() == b""
    assert all(line.startswith(b"%d-2.0.0 " % code) for line in lines[:-1])
    assert lines[-1].startswith(b"%d 2.0.0 " % code)
    assert all(len(line) + 2 <= LINE_OCTETS and b"\r" not in line and b"\n" not in line for line in lines)
    assert written.decode("utf-8" if utf8 else "ascii")
