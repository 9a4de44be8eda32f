"""Search keys."""

import datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.imap import search_keys
from mox_trio.protocol.imap.bounds import Bounds
from mox_trio.protocol.imap.commands.search import Search
from mox_trio.protocol.imap.events import Command, State, Wrong
from mox_trio.protocol.imap.numsets import NumSet, SavedResult
from mox_trio.protocol.imap.search_keys import (
    AllKey,
    AndKey,
    BodyKey,
    DateKey,
    FilterKey,
    FlagKey,
    HeaderKey,
    ModSeqKey,
    NotKey,
    Numbers,
    ObjectKey,
    OrKey,
    SaveDateSupported,
    SearchKey,
    SizeKey,
    TextKey,
    WithinKey,
)
from tests.protocol.imap.driving import Happened, Session, happened, refusal

FIRST = datetime.date(1994, 2, 1)
SEEN = FlagKey("\\Seen")

CASES: list[tuple[bytes, SearchKey]] = [
    (b"ALL", AllKey()),
    (b"ANSWERED", FlagKey("\\Answered")),
    (b"seen", SEEN),
    (b"UNSEEN", NotKey(SEEN)),
    (b"DELETED", FlagKey("\\Deleted")),
    (b"UNDELETED", NotKey(FlagKey("\\Deleted"))),
    (b"DRAFT", FlagKey("\\Draft")),
    (b"UNDRAFT", NotKey(FlagKey("\\Draft"))),
    (b"FLAGGED", FlagKey("\\Flagged")),
    (b"UNFLAGGED", NotKey(FlagKey("\\Flagged"))),
    (b"UNANSWERED", NotKey(FlagKey("\\Answered"))),
    (b"KEYWORD $Junk", FlagKey("$Junk")),
    (b"UNKEYWORD a]b", NotKey(FlagKey("a]b"))),
    (b"RECENT", FlagKey("\\Recent")),
    (b"OLD", NotKey(FlagKey("\\Recent"))),
    (b"NEW", AndKey((FlagKey("\\Recent"), NotKey(SEEN)))),
    (b"1:5,*", Numbers(NumSet(((1, 5), (0, 0))), uid=False)),
    (b"*", Numbers(NumSet(((0, 0),)), uid=False)),
    (b"UID 7", Numbers(NumSet(((7, 7),)), uid=True)),
    (b"$", Numbers(SavedResult(), uid=False)),
    (b"UID $", Numbers(SavedResult(), uid=True)),
    (b"LARGER 5", SizeKey(larger=True, size=5)),
    (b"SMALLER 9223372036854775807", SizeKey(larger=False, size=2**63 - 1)),
    (b"BEFORE 1-Feb-1994", DateKey("RECEIVED", "BEFORE", FIRST)),
    (b'ON "01-feb-1994"', DateKey("RECEIVED", "ON", FIRST)),
    (b"SINCE 1-FEB-1994", DateKey("RECEIVED", "SINCE", FIRST)),
    (b"SENTBEFORE 1-Feb-1994", DateKey("SENT", "BEFORE", FIRST)),
    (b"SENTON 1-Feb-1994", DateKey("SENT", "ON", FIRST)),
    (b"SENTSINCE 1-Feb-1994", DateKey("SENT", "SINCE", FIRST)),
    (b"SAVEDBEFORE 1-Feb-1994", DateKey("SAVED", "BEFORE", FIRST)),
    (b"SAVEDON 1-Feb-1994", DateKey("SAVED", "ON", FIRST)),
    (b"SAVEDSINCE 1-Feb-1994", DateKey("SAVED", "SINCE", FIRST)),
    (b"SAVEDATESUPPORTED", SaveDateSupported()),
    (b"OLDER 259200", WithinKey(older=True, seconds=259200)),
    (b"YOUNGER 1", WithinKey(older=False, seconds=1)),
    (b"MODSEQ 620162338", ModSeqKey(620162338)),
    (b'MODSEQ "/flags/\\\\draft" all 0', ModSeqKey(0)),
    (b'MODSEQ "/flags/x" PRIV 5', ModSeqKey(5)),
    (b"EMAILID M6d99ac3275bb4e", ObjectKey(thread=False, object_id="M6d99ac3275bb4e")),
    (b'THREADID "T-_1"', ObjectKey(thread=True, object_id="T-_1")),
    (b"HEADER Message-ID <x@y>", HeaderKey("message-id", "<x@y>")),
    (b'HEADER X-Flag ""', HeaderKey("x-flag", "")),
    (b"BCC a", HeaderKey("bcc", "a")),
    (b"CC a", HeaderKey("cc", "a")),
    (b'FROM "SMITH"', HeaderKey("from", "SMITH")),
    (b"SUBJECT {3+}\r\n\xe2\x82\xac", HeaderKey("subject", "€")),
    (b'TO "\xc3\xbc"', HeaderKey("to", "ü")),
    (b"BODY x", BodyKey("x")),
    (b'TEXT "a \\"b\\""', TextKey('a "b"')),
    (b"FILTER on-the-road", FilterKey("on-the-road")),
    (b"NOT SEEN", NotKey(SEEN)),
    (b"NOT (SEEN 1)", NotKey(AndKey((SEEN, Numbers(NumSet(((1, 1),)), uid=False))))),
    (b"OR SEEN NOT ALL", OrKey(SEEN, NotKey(AllKey()))),
    (b"OR OR SEEN ALL BODY x", OrKey(OrKey(SEEN, AllKey()), BodyKey("x"))),
    (b"((SEEN))", SEEN),
    (b"FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
     AndKey((FlagKey("\\Flagged"), DateKey("RECEIVED", "SINCE", FIRST), NotKey(HeaderKey("from", "Smith"))))),
]  # fmt: skip


def searched(arguments: bytes) -> Search:
    (event,) = happened([b"a1 SEARCH " + arguments + b"\r\n"])
    assert isinstance(event, Command)
    assert isinstance(event.body, Search)
    return event.body


@pytest.mark.parametrize(
    ("written", "expected"), CASES, ids=lambda each: each.decode("latin-1") if isinstance(each, bytes) else ""
)
def test_a_key_alone_and_among_others(written: bytes, expected: SearchKey) -> None:
    uses_modseq = b"MODSEQ" in written
    assert searched(written) == Search(False, expected, None, uses_modseq)
    assert searched(b"CHARSET utf-8 " + written) == Search(False, expected, None, uses_modseq)
    if not isinstance(expected, AndKey) or written == b"NEW":
        assert searched(b"ALL " + written + b" SEEN").key == AndKey((AllKey(), expected, SEEN))
        assert searched(b"(ALL OR " + written + b" SEEN)").key == AndKey((AllKey(), OrKey(expected, SEEN)))


def test_every_key_is_tried() -> None:
    assert {type(key) for _, key in CASES} == set(get_args(SearchKey))
    assert {(key.instant, key.relation) for _, key in CASES if isinstance(key, DateKey)} == {
        (instant, relation) for instant in get_args(search_keys.Instant) for relation in get_args(search_keys.Relation)
    }


@pytest.mark.parametrize(
    "written",
    [b"", b"FOO", b"()", b"(SEEN", b"SEEN)", b"NOT", b"OR SEEN", b"OR (SEEN)", b"UID", b"UID x", b"UID 0", b"1:",
     b"KEYWORD", b"KEYWORD ()", b"LARGER", b"LARGER x", b"LARGER -1", b"LARGER 9223372036854775808", b"BEFORE",
     b"BEFORE 1-Feb-94", b"BEFORE 30-Feb-1994", b"BEFORE 1-Foo-1994", b"BEFORE 0-Feb-1994", b"ON 1-Feb-0000",
     b'ON "1-Feb-1994', b'ON 1-Feb-1994"', b"OLDER 0", b"YOUNGER x", b"OLDER 4294967296", b"MODSEQ", b"MODSEQ x",
     b'MODSEQ "/flags/x" FOO 5', b'MODSEQ "/flags/x" 5', b"MODSEQ 9223372036854775808", b"EMAILID", b'EMAILID ""',
     b"EMAILID a.b", b"EMAILID " + b"x" * 256, b"HEADER x", b"HEADER", b"FROM", b'FROM "a', b"BODY",
     b"TEXT {1+}\r\n\xff", b'TEXT "\xff"', b"FILTER", b"FILTER a/b", b'FILTER "a b"', b"FILTER {1+}\r\n\n",
     b'FILTER "\xc3\xbc"', b"SEEN SEEN SEEN,", b"SEEN  ALL x", b"FUZZY BODY x", b"$1"],
)  # fmt: skip
def test_anything_else_is_bad(written: bytes) -> None:
    assert refusal(b"SEARCH " + written).startswith(b"BAD ")


def test_depth_and_number_of_keys_are_limited() -> None:
    def answer(keys: bytes) -> object:
        return Session(State.SELECTED, Bounds(depth=5, keys=10)).say(b"a1 SEARCH " + keys + b"\r\n")[-1]

    assert isinstance(answer(b"NOT " * 4 + b"ALL"), Command)
    assert isinstance(answer(b"NOT " * 5 + b"ALL"), Wrong)
    assert isinstance(answer(b"(" * 4 + b"ALL" + b")" * 4), Command)
    assert isinstance(answer(b"(" * 5 + b"ALL" + b")" * 5), Wrong)
    assert isinstance(answer(b" ".join([b"ALL"] * 10)), Command)
    assert isinstance(answer(b" ".join([b"ALL"] * 11)), Wrong)
    assert isinstance(answer(b"(ALL ALL ALL) (ALL ALL ALL) ALL ALL ALL"), Wrong)
    for deep in (b"(" * 30_000, b"NOT " * 15_000, b"OR " * 20_000):
        assert isinstance(happened([b"a1 SEARCH " + deep + b"\r\n"])[-1], Wrong)


LEAVES = st.sampled_from([case for case in CASES if not isinstance(case[1], AndKey)])
TREES = st.recursive(
    LEAVES,
    lambda tree: st.one_of(
        tree.map(lambda each: (b"NOT " + each[0], NotKey(each[1]))),
        st.tuples(tree, tree).map(lambda two: (b"OR %b %b" % (two[0][0], two[1][0]), OrKey(two[0][1], two[1][1]))),
        st.lists(tree, min_size=2, max_size=4).map(
            lambda some: (b"(%b)" % b" ".join(each[0] for each in some), AndKey(tuple(each[1] for each in some)))
        ),
    ),
    max_leaves=12,
)


@given(TREES)
def test_every_tree_is_read(tree: tuple[bytes, SearchKey]) -> None:
    assert searched(tree[0]).key == tree[1]


def test_all_sets_of_a_search_are_counted_together() -> None:
    def last(keys: bytes) -> Happened:
        return Session(State.SELECTED, Bounds(ranges=6)).say(b"a1 SEARCH " + keys + b"\r\n")[-1]

    assert isinstance(last(b"UID 1,2 OR 3,4 NOT UID 5,9"), Command)
    assert isinstance(last(b"UID 1,2 OR 3,4 NOT UID 5,7,9"), Wrong)
