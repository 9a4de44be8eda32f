"""FETCH, joined from ready bytes."""

import datetime
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.imap import fetch_response
from mox_trio.protocol.imap.fetch_items import Binary, BinarySize, Section


def test_a_line_is_joined_from_items() -> None:
    items = [fetch_response.uid(7), b"FLAGS (\\Seen)", fetch_response.modseq(99), fetch_response.size(5)]
    assert fetch_response.line(3, items) == b"* 3 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (99) RFC822.SIZE 5)\r\n"
    assert fetch_response.line(7, items[1:2], uid_only=True) == b"* 7 UIDFETCH (FLAGS (\\Seen))\r\n"
    assert fetch_response.flag_lines((1, 2), (5, 9), (b"FLAGS ()", b"FLAGS (\\Seen)")) == (
        b"* 1 FETCH (UID 5 FLAGS ())\r\n* 2 FETCH (UID 9 FLAGS (\\Seen))\r\n"
    )


def test_a_line_with_a_body_is_written_in_pieces() -> None:
    pieces = [fetch_response.opening(3), b"UID 7", b" ", fetch_response.literal(b"BODY[]", 5), b"hello"]
    assert b"".join([*pieces, fetch_response.CLOSING]) == b"* 3 FETCH (UID 7 BODY[] {5}\r\nhello)\r\n"
    assert fetch_response.opening(7, uid_only=True) == b"* 7 UIDFETCH ("
    assert fetch_response.literal(b"BINARY[1]", 2, binary=True) == b"BINARY[1] ~{2}\r\n"
    assert fetch_response.nil(b"BODY[9]") == b"BODY[9] NIL"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (Section(label=b"BODY[]"), b"BODY[]"),
        (Section((1,), "MIME", partial=(0, 5), label=b"BODY[1.MIME]"), b"BODY[1.MIME]<0>"),
        (Section(text="TEXT", label=b"RFC822.TEXT"), b"RFC822.TEXT"),
        (Binary((1, 2)), b"BINARY[1.2]"),
        (Binary((1,), (512, 10), peek=True), b"BINARY[1]<512>"),
        (BinarySize((2,)), b"BINARY.SIZE[2]"),
        (BinarySize(()), b"BINARY.SIZE[]"),
    ],
)
def test_a_section_is_named_as_it_was_asked_for(item: Section | Binary | BinarySize, expected: bytes) -> None:
    assert fetch_response.label(item) == expected


def test_object_ids_and_previews() -> None:
    assert fetch_response.email_id("M6d99ac3275bb4e") == b"EMAILID (M6d99ac3275bb4e)"
    assert fetch_response.thread_id("T1") == b"THREADID (T1)"
    assert fetch_response.thread_id(None) == b"THREADID NIL"
    assert fetch_response.preview("Preview text!", utf8=False) == b'PREVIEW "Preview text!"'
    assert fetch_response.preview("ü", utf8=False) == b"PREVIEW {2}\r\n\xc3\xbc"
    assert fetch_response.preview("ü", utf8=True) == b'PREVIEW "\xc3\xbc"'
    assert fetch_response.preview(None, utf8=True) == b"PREVIEW NIL"


@given(st.integers(0, 4_000_000_000_000))
def test_a_date_is_written_in_utc(milliseconds: int) -> None:
    dates = fetch_response.Dates()
    then = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.UTC)
    expected = f"{then.day:2d}-{then:%b-%Y %H:%M:%S} +0000"
    assert dates.date_time(milliseconds) == dates.date_time(milliseconds) == b'"%b"' % expected.encode()


def test_dates_have_names() -> None:
    dates = fetch_response.Dates()
    assert dates.internal_date(1_045_000_000_000) == b'INTERNALDATE "11-Feb-2003 21:46:40 +0000"'
    assert dates.internal_date(-1) == b'INTERNALDATE "31-Dec-1969 23:59:59 +0000"'
    assert dates.save_date(0) == b'SAVEDATE " 1-Jan-1970 00:00:00 +0000"'
    assert dates.save_date(None) == b"SAVEDATE NIL"
    for day in range(20_000):
        dates.date_time(day * 86_400_000)
    assert dates.date_time(0) == b'" 1-Jan-1970 00:00:00 +0000"'


def test_flags_are_rendered_from_bits() -> None:
    lists = fetch_response.FlagLists(("\\Seen", None, "$Junk"), ("work", "later"))
    assert lists.item(0, 0) == b"FLAGS ()"
    assert lists.item(0b101, 0b10) == b"FLAGS (\\Seen $Junk later)"
    assert lists.item(0b10, 0b11) == b"FLAGS (work later)"
    assert lists.item(0b101, 0b10) is lists.item(0b101, 0b10)
    for bits in range(10_000):
        lists.item(bits, 0)
    assert lists.item(0b101, 0b10) == b"FLAGS (\\Seen $Junk later)"


def test_a_line_costs_microseconds() -> None:
    lists, dates = fetch_response.FlagLists(("\\Seen",), ()), fetch_response.Dates()
    began = time.process_time()
    for uid in range(1, 20_001):
        items = (fetch_response.uid(uid), lists.item(uid & 1, 0), dates.internal_date(uid * 100_000))
        fetch_response.line(uid, items)
    assert time.process_time() - began < 5
