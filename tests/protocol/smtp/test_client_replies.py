"""Replies of other servers, however they arrive."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.protocol.smtp.client_replies import BadReply, ReplyReader
from mox_trio.protocol.smtp.reply import Reply
from tests.kit import three_ways


def drain(reader: ReplyReader) -> list[Reply]:
    return list(iter(reader.next, None))


def read(pieces: Iterable[bytes]) -> list[Reply]:
    reader, found = ReplyReader(), list[Reply]()
    for piece in pieces:
        reader.feed(piece)
        found += drain(reader)
    return found


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"250 ok\r\n", Reply(250, "", ("ok",))),
        (b"250\r\n", Reply(250, "", ("",))),
        (b"250 \r\n", Reply(250, "", ("",))),
        (b"220 mail.example ESMTP\n", Reply(220, "", ("mail.example ESMTP",))),
        (b"250 2.1.0 fine\r\n", Reply(250, "2.1.0", ("fine",))),
        (b"250 2.1.0\r\n", Reply(250, "2.1.0", ("",))),
        (b"550-5.7.1 no\r\n550 5.7.1 never\r\n", Reply(550, "5.7.1", ("no", "never"))),
        (b"550-5.7.1 no\r\n550-\r\n550 really\r\n", Reply(550, "5.7.1", ("no", "", "really"))),
        (b"550 4.7.1 the classes differ\r\n", Reply(550, "", ("4.7.1 the classes differ",))),
        (b"354 2.0.0 go\r\n", Reply(354, "", ("2.0.0 go",))),
        (b"250 2.1.0x no code\r\n", Reply(250, "", ("2.1.0x no code",))),
        (b"250 2.1234.0 no code\r\n", Reply(250, "", ("2.1234.0 no code",))),
        ("550 5.1.1 gibt es nicht: grüße\r\n".encode(), Reply(550, "5.1.1", ("gibt es nicht: grüße",))),
        (b"250 \xff\r\n", Reply(250, "", ("\ufffd",))),
        (b"250 a\x00b\rc\x1b[2J\r\n", Reply(250, "", ("a b c [2J",))),
    ],
)
def test_a_reply_is_read(sent: bytes, reply: Reply) -> None:
    three_ways.check(read, sent, [reply], (b"421 bye\r\n", [Reply(421, "", ("bye",))]))
    three_ways.nothing_before_the_last_byte(read, sent, lambda found: not found)


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n",
        b"ok\r\n",
        b"25\r\n",
        b"150 wait\r\n",
        b"650 what\r\n",
        b"250+ok\r\n",
        b"2500 ok\r\n",
        b"250-one\r\n251 two\r\n",
        b"250-one\r\nHTTP/1.1 400 Bad Request\r\n",
        b" 250 ok\r\n",
        b"250 " + b"x" * 5000,
        b"250-x\r\n" * 200,
    ],
)
def test_what_is_no_reply_is_refused_and_stays_refused(sent: bytes) -> None:
    with pytest.raises(BadReply):
        read([sent])
    with pytest.raises(BadReply):
        read(bytes((octet,)) for octet in sent)
    reader = ReplyReader()
    reader.feed(sent)
    for _ in range(2):
        with pytest.raises(BadReply):
            drain(reader)
        reader.feed(b"\r\n250 ok\r\n")


def test_the_limits_are_those_of_the_caller() -> None:
    reader = ReplyReader(line_octets=12, lines=2)
    reader.feed(b"250-12345\r\n250 12345\r\n")
    assert reader.next() == Reply(250, "", ("12345", "12345"))
    reader.feed(b"250 1234567\r\n")
    with pytest.raises(BadReply, match="12 octets"):
        reader.next()


def test_what_is_left_over_is_known() -> None:
    reader, empty = ReplyReader(), []
    for piece in (b"", b"220 go\r\n", b"2", b"50-more\r\n", b"250 end\r\n"):
        reader.feed(piece)
        drain(reader)
        empty.append(reader.is_empty)
    assert empty == [True, True, False, False, True]


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=60)


@settings(max_examples=60)
@given(st.integers(200, 599), st.lists(TEXTS, min_size=1, max_size=5), st.lists(st.integers(1, 30), max_size=10))
def test_replies_come_through_whatever_their_text_and_cuts(code: int, texts: list[str], cuts: list[int]) -> None:
    lines = [f"{code}{'-' if number < len(texts) else ' '}{text}" for number, text in enumerate(texts, 1)]
    sent = "".join(f"{line}\r\n" for line in lines).encode()
    pieces = []
    for cut in cuts:
        pieces.append(sent[:cut])
        sent = sent[cut:]
    (reply,) = read([*pieces, sent])
    assert reply.code == code
    assert len(reply.lines) == len(texts)
    if not reply.enhanced:
        assert list(reply.lines) == texts


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_nothing_else_than_badreply_comes_of_any_bytes(sent: bytes) -> None:
    try:
        replies = read([sent])
    except BadReply:
        return
    assert all(200 <= each.code < 600 for each in replies)
