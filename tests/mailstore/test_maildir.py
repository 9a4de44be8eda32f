"""Names of messages and keywords in maildirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.mailstore import maildir


@pytest.mark.parametrize(
    ("name", "unique", "letters", "received"),
    [
        ("1700000000.M123456P99.host:2,FS", "1700000000.M123456P99.host", "FS", 1_700_000_000_123),
        ("1700000000.99_1.host,S=123:2,Sa", "1700000000.99_1.host,S=123", "Sa", 1_700_000_000_000),
        ("1700000000.V801I2M5P3.host", "1700000000.V801I2M5P3.host", "", 1_700_000_000_000),
        ("1700000000.x;2,R", "1700000000.x", "R", 1_700_000_000_000),
        ("1700000000.x!2,", "1700000000.x", "", 1_700_000_000_000),
        ("message.eml", "message.eml", "", None),
        ("12.x:2,S", "12.x", "S", None),
        ("99999999999999.x:1,old", "99999999999999.x:1,old", "", None),
        ("", "", "", None),
    ],
)
def test_a_name_says_time_and_flags(name: str, unique: str, letters: str, received: int | None) -> None:
    parsed = maildir.parse(name)
    assert (parsed.unique, parsed.letters, parsed.received) == (unique, letters, received)


@given(st.integers(-(10**13), 10**14), st.integers(1, 2**32 - 1), st.sampled_from(["", "DFab", "S"]))
def test_a_written_name_reads_back(received: int, number: int, letters: str) -> None:
    parsed = maildir.parse(maildir.file_name(received, number, letters))
    assert (parsed.received, parsed.number, parsed.letters) == (received, number, letters)


def test_names_are_in_the_order_of_arrival() -> None:
    names = [maildir.file_name(time, number, "") for time, number in ((1_700_000_000_001, 10), (1_700_000_000_001, 9))]
    names.append("1699999999.x")
    assert sorted(names, key=lambda name: maildir.parse(name).order) == [names[2], names[1], names[0]]


@given(st.text(max_size=50))
def test_any_name_says_something(name: str) -> None:
    parsed = maildir.parse(name)
    assert name.startswith(parsed.unique)
    assert isinstance(parsed.order, tuple)


def test_a_keywords_file_may_have_gaps_and_nonsense() -> None:
    table = maildir.parse_keywords(
        b"0 $Junk\n2 two\n\nx y\n26 late\n-1 minus\n3 (bad)\n4\n25 last\r\n5  wide\n\xff\xfe\n"
    )
    assert table == {"a": "$Junk", "c": "two", "z": "last", "f": "wide"}
    assert maildir.flags("FSabcz?", table) == ("\\Flagged", "\\Seen", "$Junk", "two", "last")


@given(st.lists(st.sampled_from([*maildir.FLAGS.values(), *(f"k{number}" for number in range(30))]), unique=True))
def test_flags_come_back_from_their_letters(names: list[str]) -> None:
    table = maildir.letter_table(names)
    assert maildir.parse_keywords(maildir.format_keywords(table)) == table
    written, left_out = maildir.letters(names, table)
    assert set(maildir.flags(written, table)) == set(names) - set(left_out)
    assert len(left_out) == max(0, sum(name.startswith("k") for name in names) - 26)
    assert written == "".join(sorted(written))
