"""What is typed into the search field."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.mailstore.search import filters
from mox_trio.mailstore.search.filters import (
    And,
    Body,
    Dated,
    Flag,
    Header,
    Instant,
    Larger,
    Not,
    Or,
    Relation,
    Subject,
    Text,
)
from webui.mail import query

TODAY = datetime.date(2026, 11, 28)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", filters.All()),
        ("hello", Text("hello")),
        ('"two words" -other', And((Text("two words"), Not(Text("other"))))),
        ("from:ann", Header("from", "ann")),
        ("f:ann", Header("from", "ann")),
        ("to:bob", Or((Header("to", "bob"), Header("cc", "bob"), Header("bcc", "bob")))),
        ('subject:"a ""b"""', Subject('a "b"')),
        ("-s:x", Not(Subject("x"))),
        ("body:x", Body("x")),
        ("label:work", Flag("work")),
        ("is:unread", Not(Flag("\\Seen"))),
        ("-is:flagged", Not(Flag("\\Flagged"))),
        ("header:list-id:weekly", Header("list-id", "weekly")),
        ("start:2026-01-31", Dated(Instant.RECEIVED, Relation.SINCE, datetime.date(2026, 1, 31))),
        ("end:2026-01-31", Dated(Instant.RECEIVED, Relation.BEFORE, datetime.date(2026, 2, 1))),
        ("start:7d", Dated(Instant.RECEIVED, Relation.SINCE, datetime.date(2026, 11, 21))),
        ("minsize:2mb", Larger(2 * 1024 * 1024 - 1)),
        ("https://a.example", Text("https://a.example")),
        ('unfinished:"quote', Text("unfinished:quote")),
    ],
)
def test_tokens_mean_filters(text: str, meant: filters.Filter) -> None:
    assert query.parse(text, TODAY).filter == meant


def test_mailboxes_and_attachments_are_kept_beside_the_filter() -> None:
    found = query.parse('mailbox:"A b" submb:C has:attachment -a:pdf in:', TODAY)
    assert found.mailboxes == [("A b", False), ("C", True), ("", False)]
    assert found.attachments == [("any", True), ("pdf", False)]


def test_words_are_those_that_can_be_shown() -> None:
    assert query.parse("one -two from:ann is:read", TODAY).words == ["one", "ann"]


@pytest.mark.parametrize("text", ["is:nonsense", "start:yesterday", "end:2026-13-40", "minsize:big", "a:nothing"])
def test_what_makes_no_sense_is_said(text: str) -> None:
    found = query.parse(text, TODAY)
    assert found.problems
    assert found.filter == filters.All()


@given(st.text(max_size=300))
def test_any_text_is_a_query_within_the_limits(text: str) -> None:
    filters.check(query.parse(text, TODAY).filter)
