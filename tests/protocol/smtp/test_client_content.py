"""What is sent of a message: no bare CR or LF, and one end."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.protocol.smtp.client_content import Content


def sent(pieces: list[bytes], *, dots: bool) -> bytes:
    content = Content(dots=dots)
    return b"".join([*map(content.feed, pieces), content.finish()])


@pytest.mark.parametrize(
    ("message", "by_data", "by_chunks"),
    [
        (b"", b".\r\n", b""),
        (b"a", b"a\r\n.\r\n", b"a\r\n"),
        (b"a\r\n", b"a\r\n.\r\n", b"a\r\n"),
        (b"a\n", b"a\r\n.\r\n", b"a\r\n"),
        (b"a\r", b"a\r\n.\r\n", b"a\r\n"),
        (b"a\rb\nc\r\nd", b"a\r\nb\r\nc\r\nd\r\n.\r\n", b"a\r\nb\r\nc\r\nd\r\n"),
        (b"a\r\r\n\nb", b"a\r\n\r\n\r\nb\r\n.\r\n", b"a\r\n\r\n\r\nb\r\n"),
        (b".", b"..\r\n.\r\n", b".\r\n"),
        (b".\r\n", b"..\r\n.\r\n", b".\r\n"),
        (b"a\r\n.\r\n.b\r\nc.\r\n", b"a\r\n..\r\n..b\r\nc.\r\n.\r\n", b"a\r\n.\r\n.b\r\nc.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n", b"a\r\n.\r\nb\r\n"),
        (b"a\r.\rb", b"a\r\n..\r\nb\r\n.\r\n", b"a\r\n.\r\nb\r\n"),
        (b"a\r\n.\rMAIL FROM:<x>", b"a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n", b"a\r\n.\r\nMAIL FROM:<x>\r\n"),
    ],
)
def test_every_line_ends_with_crlf_however_the_message_is_cut(message: bytes, by_data: bytes, by_chunks: bytes) -> None:
    octets = [message[index : index + 1] for index in range(len(message))]
    for pieces in ([message], octets, [b"", *octets, b""]):
        assert sent(pieces, dots=True) == by_data
        assert sent(pieces, dots=False) == by_chunks


PIECES = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n.", b".\r\n", b"\n.\n", b"x" * 20]), max_size=30
)


@settings(max_examples=100)
@given(PIECES)
def test_a_server_reads_the_message_and_nothing_behind_it(pieces: list[bytes]) -> None:
    data = sent(pieces, dots=True)
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", data) is None
    ends = [match.start() for match in re.finditer(rb"(?:\A|(?<=\r\n))\.\r\n", data)]
    assert ends == [len(data) - 3]  # RFC 5321 4.1.1.4: the first end is the end
    lines = data[:-3].split(b"\r\n")
    unstuffed = b"\r\n".join(line.removeprefix(b".") for line in lines)
    assert unstuffed == sent(pieces, dots=False)
    whole = b"".join(pieces)
    assert re.split(rb"\r\n|\r|\n", whole) in (unstuffed.split(b"\r\n"), unstuffed.split(b"\r\n")[:-1])
