"""Dates: RFC 5322 with its appendix, obsolete forms, the world's, and IMAP's."""

import datetime
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import dates

YEARS_1_TO_9999 = st.integers(-62_135_510_400, 253_402_214_400)


def _ms(*parts: int, zone: int = 0) -> int:
    at = datetime.datetime(*parts, tzinfo=datetime.UTC)  # type: ignore[arg-type, misc]
    return int(at.timestamp() - zone * 60) * 1000


@pytest.mark.parametrize(
    ("body", "expected", "zone"),
    [
        (b"Fri, 21 Nov 1997 09:55:06 -0600", (1997, 11, 21, 9, 55, 6), -360),  # RFC 5322 A.1.1
        (b"Tue, 1 Jul 2003 10:52:37 +0200", (2003, 7, 1, 10, 52, 37), 120),
        (b"Thu, 13 Feb 1969 23:32:54 -0330", (1969, 2, 13, 23, 32, 54), -210),
        (b"Thu,\t13\t Feb\t 1969\t 23:32\t -0330 (Newfoundland Time)", (1969, 2, 13, 23, 32, 0), -210),  # A.5
        (b"21 Nov 97 09:55:06 GMT", (1997, 11, 21, 9, 55, 6), 0),  # A.6.2
        (b"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", (1997, 11, 21, 9, 55, 6), -360),  # A.6.3
        (b"21 Nov 03 09:55:06 EST", (2003, 11, 21, 9, 55, 6), -300),
        (b"21 Nov 49 09:55", (2049, 11, 21, 9, 55, 0), 0),  # RFC 5322 4.3
        (b"21 Nov 50 09:55", (1950, 11, 21, 9, 55, 0), 0),
        (b"21 Nov 103 09:55:06 PDT", (2003, 11, 21, 9, 55, 6), -420),
        (b"21 Nov 1997 09:55:06 Z", (1997, 11, 21, 9, 55, 6), 0),
        (b"21 Nov 1997 09:55:06 A", (1997, 11, 21, 9, 55, 6), 0),
        (b"21 Nov 1997 09:55:06", (1997, 11, 21, 9, 55, 6), 0),
        (b"21 Nov 1997 09:55", (1997, 11, 21, 9, 55, 0), 0),
        (b"21 Nov 1997", (1997, 11, 21, 0, 0, 0), 0),
        (b"friday, 21-nov-97 9:5:6 gmt", (1997, 11, 21, 9, 5, 6), 0),
        (b"Fri, 21 November 1997 09:55:06 +0100 (CET)", (1997, 11, 21, 9, 55, 6), 60),
        (b"Fri (a (nested \\) one)), 21 Nov 1997 09:55:06 +0000", (1997, 11, 21, 9, 55, 6), 0),
        (b"Fri Nov 21 09:55:06 1997", (1997, 11, 21, 9, 55, 6), 0),
        (b"Fri Nov 21 09:55:06 CET 1997", (1997, 11, 21, 9, 55, 6), 60),
        (b"Fri Nov 21 09:55:06 1997 -0100", (1997, 11, 21, 9, 55, 6), -60),
        (b"1997-11-21T09:55:06.123Z", (1997, 11, 21, 9, 55, 6), 0),
        (b"1997-11-21 09:55:06 +01:00", (1997, 11, 21, 9, 55, 6), 60),
        (b"Fri, 21 Nov 1997 24:00:60 +0000", (1997, 11, 21, 23, 0, 59), 0),
        (b"Fri, 21 Nov 1997 09:55:06 +9900", (1997, 11, 21, 9, 55, 6), 0),
    ],
)
def test_dates_are_read(body: bytes, expected: tuple[int, ...], zone: int) -> None:
    assert dates.parse_zoned(body) == (_ms(*expected, zone=zone), zone)
    assert dates.parse(body) == _ms(*expected, zone=zone)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"yesterday",
        b"30 Feb 2020 00:00:00 +0000",
        b"1 Foo 2020 00:00:00",
        b"0 Jan 2020",
        b"1 Jan 99999",
        b"<HR>",
        b"(21 Nov 1997",
    ],
)
def test_what_is_no_date_is_none(body: bytes) -> None:
    assert dates.parse(body) is None


@given(
    st.binary(max_size=80) | st.from_regex(rb"([A-Z][a-z]{2}, )?\d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,5} [0-9:+ -]{0,20}")
)
def test_any_octets_give_a_time_or_none(body: bytes) -> None:
    found = dates.parse(body)
    assert found is None or isinstance(found, int)
    dates.parse_imap(body)


@given(YEARS_1_TO_9999, st.integers(-23 * 60, 23 * 60))
def test_what_is_written_is_read_back(seconds: int, zone: int) -> None:
    ms = seconds * 1000
    assert dates.parse_zoned(dates.format_rfc5322(ms, zone).encode()) == (ms, zone)
    assert dates.parse_imap(dates.format_imap(ms, zone)[1:-1].encode()) == ms


def test_the_written_forms() -> None:
    assert dates.format_rfc5322(880127706000, -360) == "Fri, 21 Nov 1997 09:55:06 -0600"
    assert dates.format_rfc5322(0) == "Thu, 1 Jan 1970 00:00:00 +0000"
    assert dates.format_imap(837596665000, -420) == '"17-Jul-1996 02:44:25 -0700"'
    assert dates.format_imap(0, 330) == '" 1-Jan-1970 05:30:00 +0530"'


@pytest.mark.parametrize("value", [b"17-Jul-1996", b"17-Jul-1996 24:00:00 +0000", b"31-Feb-1996 00:00:00 +0000", b"x"])
def test_what_is_no_imap_date_time_is_none(value: bytes) -> None:
    assert dates.parse_imap(value) is None


@pytest.mark.parametrize("unit", [b"(", b"()", b"\\", b"1 ", b" ", b"Fri, ", b"1 Jan ", b"1:"])
def test_hostile_dates_take_no_time(unit: bytes) -> None:
    before = time.process_time()
    dates.parse(unit * (1_000_000 // len(unit)))
    dates.parse(b"1 Jan 2020 " + unit * (1_000_000 // len(unit)))
    assert time.process_time() - before < 1
