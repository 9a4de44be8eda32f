"""mbox files: where messages begin, quoting, flags, dates, line ends; what is written reads back the same."""

import calendar
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.mailstore import line_ends, mbox

DATE = "Mon Jan  2 15:04:05 2006"
WHEN = calendar.timegm((2006, 1, 2, 15, 4, 5)) * 1000
FROM = f"From a@b {DATE}\n".encode()


class Message:
    def __init__(self, begin: mbox.Begin) -> None:
        self.received, self.flags, self.offset = begin.received, begin.flags, begin.offset
        self.data = b""
        self.stop = -1


def messages(blocks: Iterable[bytes], offset: int = 0) -> list[Message]:
    found: list[Message] = []
    for piece in mbox.read(blocks, offset):
        if isinstance(piece, mbox.Begin):
            assert not found or found[-1].stop >= 0
            found.append(Message(piece))
        elif isinstance(piece, mbox.End):
            found[-1].stop = piece.offset
        elif isinstance(piece, bytes):
            assert found[-1].stop < 0
            found[-1].data += piece
    return found


def bodies(data: bytes) -> list[bytes]:
    return [each.data for each in messages([data])]


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def test_an_empty_file_has_no_message() -> None:
    assert messages([]) == []
    assert messages([b""]) == []


def test_messages_are_divided_and_their_lines_end_in_crlf() -> None:
    data = FROM + b"Subject: 1\n\none\n\n" + FROM + b"Subject: 2\r\n\r\ntwo\r\n\r\n" + FROM + b"Subject: 3\n\nno end"
    assert bodies(data) == [
        b"Subject: 1\r\n\r\none\r\n",
        b"Subject: 2\r\n\r\ntwo\r\n",
        b"Subject: 3\r\n\r\nno end",
    ]


def test_a_message_without_the_blank_line_in_front_keeps_all_its_lines() -> None:
    assert bodies(FROM + b"A: 1\n\none\n" + FROM + b"B: 2\n\ntwo\n") == [b"A: 1\r\n\r\none\r\n", b"B: 2\r\n\r\ntwo\r\n"]


def test_a_from_line_without_a_date_is_text() -> None:
    data = FROM + b"A: 1\n\nFrom here on it is text\nFrom: so is this\n\nFrom a@b Mon Foo 99\n"
    (body,) = bodies(data)
    assert body == b"A: 1\r\n\r\nFrom here on it is text\r\nFrom: so is this\r\n\r\nFrom a@b Mon Foo 99\r\n"


def test_the_first_from_line_of_a_file_needs_no_date() -> None:
    (message,) = messages([b"\n\nFrom nobody\nA: 1\n\nx\n"])
    assert message.received is None
    assert message.data == b"A: 1\r\n\r\nx\r\n"


def test_text_in_front_of_the_first_message_is_told() -> None:
    pieces = list(mbox.read([b"hello\n" + FROM + b"A: 1\n\n"]))
    assert pieces[0] == mbox.Stray(5)
    assert isinstance(pieces[1], mbox.Begin)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Mon Jan  2 15:04:05 2006", WHEN),
        ("Mon Jan 02 15:04:05 2006", WHEN),
        ("Mon Jan  2 15:04 2006", WHEN - 5000),
        ("Mon Jan  2 15:04:05 EST 2006", WHEN + 5 * 3_600_000),
        ("Mon Jan 02 15:04:05 -0700 2006", WHEN + 7 * 3_600_000),
        ("Mon Jan  2 15:04:05 2006 +0100", WHEN - 3_600_000),
        ("Mon Jan  2 15:04:05 2006 remote from there", WHEN),
        ("Mon, 2 Jan 2006 15:04:05 +0000", WHEN),
        ("Sat Jan 01 00:00:00 +0000 2011", calendar.timegm((2011, 1, 1, 0, 0, 0)) * 1000),
        ("Mon Feb 30 15:04:05 2006", None),
        ("yesterday", None),
    ],
)
@pytest.mark.parametrize("sender", ["a@b", "-", '"a b"@c', "1234567890@xxx"])
def test_the_usual_dates_give_when_it_was_received(line: str, expected: int | None, sender: str) -> None:
    assert mbox.received(f"From {sender} {line}\n".encode()) == expected


def test_one_sign_is_taken_from_a_quoted_from_line() -> None:
    assert bodies(FROM + b"A: 1\n\n>From x\n>>From y\n >From z\n>from w\n") == [
        b"A: 1\r\n\r\nFrom x\r\n>From y\r\n >From z\r\n>from w\r\n"
    ]


def test_flags_of_other_programs_are_taken_out_of_the_header() -> None:
    data = FROM + (
        b"Subject: x\nStatus: RO\nX-Status: AFTD\nX-Keywords: one, $Forwarded\n two   (bad\nX-UID: 7\n"
        b"Content-Length: 99999\nX-IMAPbase: 1 2\nTo: y\n\nStatus: text\n"
    )
    (message,) = messages([data])
    assert message.data == b"Subject: x\r\nTo: y\r\n\r\nStatus: text\r\n"
    assert message.flags == ("\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "one", "$Forwarded", "two")


def test_a_header_without_a_body_keeps_its_flags() -> None:
    (message,) = messages([FROM + b"Subject: x\nStatus: R\n\n"])
    assert (message.data, message.flags) == (b"Subject: x\r\n", ("\\Seen",))


def test_a_mails_own_status_fields_stay_when_ours_stand_first() -> None:
    mail = b" odd\r\nStatus: pending\r\nX-Status: 7\r\nX-Keywords: mine\r\n\r\nx\r\n"
    data = b"".join(mbox.write(WHEN, ["\\Flagged", "a,b"], [mail]))
    (message,) = messages([data])
    assert message.data == mail
    assert message.flags == ("\\Flagged", "a,b")


def test_a_file_is_read_on_from_where_a_message_ended() -> None:
    data = b"".join(FROM + b"A: %d\n\n%d\n\n" % (number, number) for number in range(5))
    whole = messages(cut(data, 7))
    for number, message in enumerate(whole):
        assert message.stop == (whole[number + 1].offset if number < 4 else len(data))
        rest = messages([data[message.stop :]], message.stop)
        assert [each.offset for each in rest] == [each.offset for each in whole[number + 1 :]]
        assert [each.data for each in rest] == [each.data for each in whole[number + 1 :]]


def test_a_large_message_passes_in_small_pieces() -> None:
    def blocks() -> Iterator[bytes]:
        yield FROM + b"A: 1\n\n"
        for _ in range(400):
            yield b"x" * 262_144

    sizes = [len(piece) for piece in mbox.read(blocks()) if isinstance(piece, bytes)]
    assert sum(sizes) == 400 * 262_144 + len(b"A: 1\r\n\r\n")
    assert max(sizes) <= 262_144 + line_ends.LONGEST_LINE


def test_a_header_without_end_is_not_kept_waiting() -> None:
    line = b"X: " + b"y" * 1000 + b"\n"
    sizes = [len(piece) for piece in mbox.read([FROM, *([line * 100] * 50)]) if isinstance(piece, bytes)]
    assert len(sizes) > 10
    assert max(sizes) <= mbox.HEADER_BYTES + 200_000


PARTS = st.sampled_from(
    [
        b"From ",
        b">",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        FROM,
        b"Status: R",
        b"A: 1",
        b" ",
        b"x",
        b"\0",
        b"\xff",
        b"From",
    ]
)
SOUP = st.lists(PARTS, max_size=40).map(b"".join)


@given(SOUP, st.integers(1, 9))
def test_how_a_file_is_cut_into_blocks_never_shows(data: bytes, size: int) -> None:
    whole = [(each.offset, each.stop, each.flags, each.received, each.data) for each in messages([data])]
    assert whole == [
        (each.offset, each.stop, each.flags, each.received, each.data) for each in messages(cut(data, size))
    ]


MAILS = st.lists(PARTS, max_size=30).map(lambda parts: line_ends.to_crlf(b"".join(parts)) + b"\r\n")
FLAGS = st.lists(st.sampled_from(["\\Seen", "\\Flagged", "\\Deleted", "\\Draft", "\\Answered", "a", "$Junk", "b,c"]))


@given(st.lists(st.tuples(MAILS | st.just(b""), FLAGS, st.integers(-(2**40), 2**41))), st.integers(1, 50))
def test_what_is_written_reads_back_the_same(mails: list[tuple[bytes, list[str], int]], size: int) -> None:
    data = b"".join(b"".join(mbox.write(when, flags, cut(mail, size))) for mail, flags, when in mails)
    back = messages(cut(data, size))
    assert [each.data for each in back] == [mail for mail, _, _ in mails]
    assert [set(each.flags) for each in back] == [set(flags) for _, flags, _ in mails]
    assert [each.received for each in back] == [when // 1000 * 1000 for _, _, when in mails]


def test_many_keywords_are_folded_and_read_back() -> None:
    names = [f"keyword-number-{number:060}" for number in range(63)]
    data = b"".join(mbox.write(WHEN, names, [b"A: 1\r\n\r\n"]))
    assert max(len(line) for line in data.split(b"\n")) < 998
    assert messages([data])[0].flags == tuple(names)


@pytest.mark.parametrize("length", [65_530, 65_536, 65_540, 200_000])
def test_a_run_of_signs_longer_than_a_block_is_quoted_like_any_other(length: int) -> None:
    mail = b"A: 1\r\n\r\n" + b">" * length + b"From x\r\n"
    data = b"".join(mbox.write(WHEN, [], cut(mail, 4096)))
    assert b">" * (length + 1) + b"From x" in data
    assert messages(cut(data, 5000))[0].data == mail


@given(SOUP, st.integers(1, 9))
def test_line_ends_do_not_depend_on_blocks(data: bytes, size: int) -> None:
    assert b"".join(line_ends.crlf(cut(data, size))) == line_ends.to_crlf(data)
    assert b"".join(line_ends.lf(cut(data, size))) == line_ends.to_lf(data)


@given(SOUP)
def test_mail_survives_a_file_with_lf(data: bytes) -> None:
    mail = line_ends.to_crlf(data)
    assert line_ends.to_crlf(line_ends.to_lf(mail)) == mail
    assert mail.replace(b"\r\n", b"").count(b"\n") == 0
    assert mail.replace(b"\r\n", b"\n").replace(b"\r", b"") == data.replace(b"\r\n", b"\n").replace(b"\r", b"")
