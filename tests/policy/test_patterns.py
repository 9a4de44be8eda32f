"""Patterns of users: they find what Python's re finds, in time that nobody can make long."""

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.policy import patterns
from mox_trio.policy.patterns import InvalidPattern, OutOfWork, Pattern, Work


def found(pattern: str, text: str) -> bool:
    return Pattern(pattern).is_in(text, Work())


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("list", "<list.python.org>"),
        (r"<.*\.python\.org>$", "Trio <trio.python.org>"),
        ("^a", "Abc"),
        ("^$", ""),
        ("", "anything"),
        ("a{2,3}b", "xaab"),
        ("(ab|cd)+$", "xabcd"),
        ("[^@]+@example[.]org", "who@EXAMPLE.org"),
        (r"\d{4}-\d\d", "on 2026-01"),
        ("[]x]", "]"),
        ("[a-]", "-"),
        ("[A-Z]+!", "abc!"),
        ("colou??r", "color"),
        ("(?i)(?:straße|weg)", "STRASSE Straße"),
        ("é", "CAFÉ"),
        (r"\[x\]", "[x]"),
        ("(a*)*b", "aaab"),
        ("x|", "y"),
    ],
)
def test_a_pattern_is_found(pattern: str, text: str) -> None:
    assert found(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("list", "lis t"),
        ("^b", "ab"),
        ("a$", "ab"),
        ("^$", "x"),
        ("a{2,3}b", "ab"),
        ("^a{2}$", "aaa"),
        ("a.b", "a\nb"),
        ("[^a]", "A"),
        (r"\D", "123"),
        ("x^", "x"),
    ],
)
def test_a_pattern_is_not_found(pattern: str, text: str) -> None:
    assert not found(pattern, text)


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "a)", "[", "[a", "*a", "a|*", "a{2", "a{3,2}", "a{1000}", "(?=a)", "(?P<x>a)", r"\1", r"\b", "\\"),
        *("[z-a]", r"[\D]", "^*", "a" * (patterns.LONGEST + 1), "(" * 30 + ")" * 30, "((a{100}){100}){100}"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        Pattern(pattern)


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "1", r"\.", "^", "$"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda each: "(" + "|".join(each) + ")")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?"])).map(
            lambda each: f"(?:x{each[0]}){each[1]}"
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(PATTERNS, st.lists(st.text("abx1.\n", max_size=12), max_size=4))
def test_it_finds_what_re_finds(pattern: str, texts: list[str]) -> None:
    ours, theirs = Pattern(pattern), re.compile(pattern.replace("$", r"\Z"))
    for text in texts:
        assert ours.is_in(text, Work()) == (theirs.search(text) is not None)


@settings(max_examples=100)
@given(st.text("ab()[]{}*+?|\\^$-.1,", max_size=20), st.text("ab", max_size=10))
def test_any_text_is_a_pattern_or_refused(pattern: str, text: str) -> None:
    try:
        made = Pattern(pattern)
    except InvalidPattern:
        return
    made.is_in(text, Work())


def test_work_bounds_what_a_hostile_pattern_costs() -> None:
    hostile = Pattern("(a|b)*a(a|b){150}c")
    text = "".join(random.Random(1).choices("ab", k=10_000))
    began = time.process_time()
    with pytest.raises(OutOfWork):
        hostile.is_in(text, Work())
    assert time.process_time() - began < 2


def test_what_is_kept_of_a_pattern_is_bounded() -> None:
    pattern = Pattern("(a|b)*a(a|b){12}c")
    text = "".join("ab"[number >> bit & 1] for number in range(600) for bit in range(10))
    pattern.is_in(text + "".join(map(chr, range(1000, 9000))), Work(10**9))
    assert len(pattern._states) <= patterns.MOST_STATES
    assert sum(len(state.steps) for state in pattern._states.values()) <= patterns.MOST_STEPS


def test_a_text_is_read_once_for_a_pattern_that_backtracks_elsewhere() -> None:
    assert not found("(a+)+$", "a" * 5000 + "b")
    assert not found("(x+x+)+y", "x" * 5000)
