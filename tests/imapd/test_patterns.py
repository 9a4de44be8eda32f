"""Patterns of LIST against names."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.imapd import patterns
from mox_trio.imapd.patterns import Patterns


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("%/%", "a/b", True),
        ("%/%", "a", False),
        ("a*c", "abc", True),
        ("a*c", "a/b/c", True),
        ("a%c", "a/c", False),
        ("*%", "a/b", True),
        ("%*", "a/b", True),
        ("**", "a", True),
        ("%%", "a/b", False),
        ("a", "A", False),
        ("", "a", False),
        ("a*", "a", True),
        ("%a%/%", "xay/z", True),
        ("*a%", "a/b", False),
        ("*b", "a/bc", False),
        ("Cafe\u0301", "Caf\u00e9", True),
    ],
)
def test_a_name_fits_or_does_not(pattern: str, name: str, *, fits: bool) -> None:
    assert Patterns("", [pattern]).has(name) is fits


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("INBOX", "Inbox", True),
        ("inbox", "Inbox", True),
        ("iNb%", "Inbox", True),
        ("INBOX/*", "Inbox/Lists", True),
        ("inbox/lists", "Inbox/Lists", False),
        ("INBOXES", "Inboxes", False),
        ("a/inbox", "a/Inbox", False),
    ],
)
def test_inbox_is_the_same_in_any_case(pattern: str, name: str, *, fits: bool) -> None:
    assert Patterns("", [pattern]).has(name) is fits


def test_a_reference_stands_in_front_of_each_pattern() -> None:
    fitting = Patterns("a/", ["%", "x/y"])
    assert [name for name in ("a", "a/b", "a/b/c", "a/x/y", "x/y") if fitting.has(name)] == ["a/b", "a/x/y"]


def test_several_patterns_do_not_run_into_each_other() -> None:
    fitting = Patterns("", ["ab", "cd", "*x", "%"])
    assert [name for name in ("ab", "abcd", "b/cd", "a/x", "a/y") if fitting.has(name)] == ["ab", "abcd", "a/x"]


def _expression(pattern: str) -> str:
    return "".join({"*": ".*", "%": "[^/]*"}.get(sign, re.escape(sign)) for sign in pattern)


@given(st.lists(st.text("ab/*%", max_size=8), min_size=1, max_size=4), st.lists(st.text("ab/", max_size=8)))
def test_patterns_are_what_regular_expressions_say(wanted: list[str], names: list[str]) -> None:
    fitting = Patterns("", wanted)
    for name in names:
        assert fitting.has(name) == any(re.fullmatch(_expression(each), name) for each in wanted)


def test_patterns_that_are_too_long_are_refused() -> None:
    assert Patterns("", ["x" * 100], most=101).has("x" * 100)
    with pytest.raises(patterns.TooLong):
        Patterns("", ["x" * 100, "y"], most=101)
    with pytest.raises(patterns.TooLong):
        Patterns("x" * 100_000, ["y" * 100_000])
    with pytest.raises(patterns.TooLong):
        Patterns("x" * 100, [str(number) for number in range(1000)])


def test_what_is_meant_to_be_slow_is_not() -> None:
    fitting = Patterns("", ["*a" * 4000, "%a" * 200 + "b", "*" * 10_000 + "c"])
    began = time.process_time()
    for number in range(50):
        assert not fitting.has("a" * 500 + str(number))
    assert time.process_time() - began < 2


def test_states_that_are_kept_have_a_number() -> None:
    fitting = Patterns("", ["*z"])
    for number in range(3000):
        assert not fitting.has(chr(0x4E00 + number))
    assert fitting.has("\u4e00z")
