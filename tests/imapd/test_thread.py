"""THREAD: the algorithms on values, then over the wire (RFC 5256)."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.imapd import threading
from mox_trio.mailstore.search import ordering
from mox_trio.mailstore.search.conversations import Members
from mox_trio.protocol.imap import thread_lists
from mox_trio.protocol.imap.responses import ThreadTree
from tests.kit import stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


class Member(NamedTuple):
    """One message, for `columns`."""

    uid: int
    message_id: str
    references: Sequence[str]
    """The nearest first."""
    subject: str
    is_reply: bool
    sent: int
    received: int


def columns(members: Sequence[Member]) -> Members:
    found = Members()
    for each in members:
        found.uids.append(each.uid)
        found.links.append("\n".join((each.message_id, *each.references)))
        found.topics.append((each.subject, each.is_reply))
        found.sent.append(each.sent)
        found.received.append(each.received)
    return found


def member(
    uid: int, references: str = "", subject: str = "", *, reply: bool = False, sent: int | None = None
) -> Member:
    """A message named by its UID; `references` are names of others, the oldest first."""
    names = tuple(reversed(references.split()))
    return Member(uid, str(uid), names, subject, reply, uid if sent is None else sent, uid)


def threads(algorithm: str, *members: Member) -> str:
    return thread_lists.encode(threading.ALGORITHMS[algorithm](columns(members))).decode()


CASES: list[tuple[str, tuple[Member, ...], str]] = [
    ("nothing", (), ""),
    ("a chain", (member(1), member(2, "1"), member(3, "1 2")), "(1 2 3)"),
    ("two replies to one", (member(1), member(2, "1"), member(3, "1"), member(4, "1 3")), "(1 (2)(3 4))"),
    ("a parent that comes late", (member(1, "3"), member(2), member(3)), "(2)(3 1)"),
    ("one that is not there, with one child", (member(1, "x"), member(2)), "(1)(2)"),
    ("one that is not there, with two children", (member(1, "x"), member(2, "x")), "((1)(2))"),
    ("one that is not there in the middle", (member(1), member(2, "1 x"), member(3, "1 x")), "(1 (2)(3))"),
    ("a chain of what is not there", (member(1, "x y z"), member(2, "x y")), "((1)(2))"),
    ("a circle", (member(1, "2"), member(2, "1")), "(2 1)"),
    ("itself", (member(1, "1"), member(2, "1 2")), "(1 2)"),
    ("a link that others say and the message does not", (member(1), member(3, "1 2"), member(2)), "(1)(2 3)"),
    ("what a message says itself counts", (member(1), member(2), member(4, "1 3"), member(3, "2")), "(1)(2 3 4)"),
    (
        "by date, not by number",
        (member(1, sent=9), member(2, "1", sent=8), member(3, "1", sent=7), member(4, sent=1)),
        "(4)(1 (3)(2))",
    ),
    ("equal dates by number", (member(2, sent=1), member(1, sent=1)), "(2)(1)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "members", "expected"), CASES, ids=[name for name, _, _ in CASES])
def test_references_make_trees(name: str, members: tuple[Member, ...], expected: str) -> None:
    assert threads("REFERENCES", *members) == expected
    assert threads("REFS", *members) == expected or name.startswith(("by date", "equal"))


@pytest.mark.parametrize("chunk", [1, 2])
def test_threads_are_the_same_however_much_is_sorted_at_once(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    chooser = random.Random(7)
    members = [
        member(uid, str(chooser.randrange(1, 30)), f"s{chooser.randrange(6)}", sent=chooser.randrange(9))
        for uid in range(1, 40)
    ]
    expected = [threads(algorithm, *members) for algorithm in threading.ALGORITHMS]
    monkeypatch.setattr(ordering, "CHUNK", chunk)
    assert [threads(algorithm, *members) for algorithm in threading.ALGORITHMS] == expected


SUBJECTS: list[tuple[str, tuple[Member, ...], str]] = [
    ("a reply goes below its original", (member(1, "", "a"), member(2, "", "a", reply=True)), "(1 2)"),
    ("whatever their order", (member(1, "", "a", reply=True), member(2, "", "a")), "(2 1)"),
    ("two originals are side by side", (member(1, "", "a"), member(2, "", "a")), "((1)(2))"),
    ("two replies too", (member(1, "", "a", reply=True), member(2, "", "a", reply=True)), "((1)(2))"),
    ("three of a kind", (member(1, "", "a"), member(2, "", "a"), member(3, "", "a")), "((1)(2)(3))"),
    ("empty subjects are not one", (member(1), member(2)), "(1)(2)"),
    (
        "one that is not there takes what is of its subject",
        (member(1, "x", "a"), member(2, "x", "a"), member(3, "", "a", reply=True)),
        "((1)(2)(3))",
    ),
    (
        "two that are not there become one",
        (member(1, "x", "a"), member(2, "x", "b"), member(3, "y", "a"), member(4, "y", "c")),
        "((1)(2)(3)(4))",
    ),
    ("children keep their thread", (member(1, "", "a"), member(2, "1", "b"), member(3, "", "b")), "(1 2)(3)"),
]


@pytest.mark.parametrize(("name", "members", "expected"), SUBJECTS, ids=[name for name, _, _ in SUBJECTS])
def test_threads_of_one_subject_are_one_by_references_and_not_by_refs(
    name: str, members: tuple[Member, ...], expected: str
) -> None:
    assert threads("REFERENCES", *members) == expected
    by_refs = threads(
        "REFS",
        *[Member(each.uid, each.message_id, each.references, "", False, each.sent, each.received) for each in members],
    )
    assert threads("REFS", *members) == by_refs


def test_refs_orders_threads_by_their_newest_message() -> None:
    members = (member(1), member(2), member(3, "1"), member(4))
    assert threads("REFS", *members) == "(2)(1 3)(4)"
    assert threads("REFERENCES", *members) == "(1 3)(2)(4)"


def test_ordered_subject_puts_messages_of_a_subject_below_the_first() -> None:
    members = (
        member(1, "", "b", sent=5),
        member(2, "", "a", sent=4),
        member(3, "", "b", sent=1),
        member(4, "", "a", sent=9),
        member(5, "", "b", sent=3),
    )
    assert threads("ORDEREDSUBJECT", *members) == "(3 (5)(1))(2 4)"
    assert threads("ORDEREDSUBJECT") == ""


def test_a_second_message_of_the_same_name_is_one_without_name() -> None:
    first = member(1)
    second = Member(2, "1", (), "", False, 2, 2)
    assert threads("REFERENCES", first, second, member(3, "1")) == "(1 3)(2)"


def uids_of(trees: tuple[ThreadTree, ...]) -> list[int]:
    found: list[int] = []
    waiting = list(trees)
    while waiting:
        number, children = waiting.pop()
        if number is not None:
            found.append(number)
        waiting += children
    return sorted(found)


names = st.integers(1, 12).map(str)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.lists(names, max_size=4), st.sampled_from(["", "a", "b"]), st.booleans()), max_size=10))
def test_every_message_is_in_one_place_whatever_they_say_of_each_other(
    given: list[tuple[list[str], str, bool]],
) -> None:
    members = [
        Member(at, str(at), tuple(references), subject, reply, (at * 7) % 5, at)
        for at, (references, subject, reply) in enumerate(given, 1)
    ]
    for algorithm in threading.ALGORITHMS.values():
        assert uids_of(algorithm(columns(members))) == [each.uid for each in members]


def test_long_and_hostile_chains_take_no_time() -> None:
    count = 20_000
    chain = [Member(at, str(at), (str(at - 1),), "s", True, at, at) for at in range(1, count + 1)]
    for members in (chain, chain[::-1], random.Random(1).sample(chain, count)):
        trees = threading.references(columns(members))
        assert uids_of(trees) == list(range(1, count + 1))
        assert thread_lists.encode(trees)
    # Each of them has a child already and wants to be at the bottom of the chain.
    more = [
        Member(count + at, f"x{at}", (str(count),) if at % 2 else (f"x{at + 1}",), "s", True, at, at)
        for at in range(count)
    ]
    assert len(uids_of(threading.references(columns([*chain, *more])))) == 2 * count


# -- over the wire


async def conversation(world: World) -> None:
    await world.put(stores.message("plan", Message_ID="<1@a>", Date="Mon, 13 Nov 2023 10:00:00 +0000"))
    await world.put(
        stores.message(
            "Re: plan", Message_ID="<2@a>", In_Reply_To="<1@a> <9@a>", Date="Mon, 13 Nov 2023 11:00:00 +0000"
        )
    )
    await world.put(stores.message("other", Message_ID="<3@a>", Date="Sun, 12 Nov 2023 11:00:00 +0000"))
    await world.put(
        stores.message(
            "RE: [list] plan (fwd)",
            Message_ID="<4@a>",
            References="<1@a>\r\n <2@a>",
            Date="Mon, 13 Nov 2023 12:00:00 +0000",
        )
    )
    await world.put(stores.message("Re: Other", Message_ID="<5@a>", Date="Mon, 13 Nov 2023 09:00:00 +0000"))


@pytest.mark.by_number
async def test_threads_are_answered_in_numbers_and_uids(world: World) -> None:
    await conversation(world)
    async with world.user("INBOX") as client:
        answer = await client.ok("THREAD REFERENCES UTF-8 ALL")
        assert answer.lines == [b"* THREAD (3 5)(1 2 4)"]
        answer = await client.ok("THREAD REFS UTF-8 ALL")
        assert answer.lines == [b"* THREAD (3)(1 2 4)(5)"]
        answer = await client.ok("THREAD ORDEREDSUBJECT US-ASCII ALL")
        assert answer.lines == [b"* THREAD (3 5)(1 (2)(4))"]
        await client.ok("STORE 1 +FLAGS (\\Deleted)")
        await client.ok("EXPUNGE")
        assert (await client.ok("THREAD REFERENCES UTF-8 ALL")).lines == [b"* THREAD (2 4)(1 3)"]
        assert (await client.ok("UID THREAD REFERENCES UTF-8 ALL")).lines == [b"* THREAD (3 5)(2 4)"]
        assert (await client.ok("UID THREAD REFERENCES UTF-8 SUBJECT nowhere")).lines == [b"* THREAD"]


async def test_threads_keep_to_what_is_known(world: World) -> None:
    await conversation(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await other.ok("STORE 2 +FLAGS (\\Deleted)")
        await other.ok("EXPUNGE")
        await world.put(stores.message("Re: plan", Message_ID="<6@a>", References="<1@a>"))
        assert (await client.ok("THREAD REFERENCES UTF-8 SUBJECT plan")).lines[:1] == [b"* THREAD (1 4)"]
        answer = await client.ok("UID THREAD REFERENCES UTF-8 SUBJECT plan")
        assert answer.lines[0] == b"* THREAD (1 (4)(6))"


@pytest.mark.parametrize(
    "command",
    [
        "THREAD",
        "THREAD REFERENCES",
        "THREAD REFERENCES UTF-8",
        "THREAD REFERENCES ALL",
        "THREAD BEST UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL (",
    ],
)
async def test_what_is_no_thread_command_is_bad(world: World, command: str) -> None:
    async with world.user("INBOX") as client:
        assert (await client.do(command)).kind in ("BAD", "NO")
        assert (await client.do(f"UID {command}")).kind in ("BAD", "NO")
