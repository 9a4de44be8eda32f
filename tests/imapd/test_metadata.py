"""Annotations of mailboxes and of the account (RFC 5464)."""

import random
import threading
from typing import Any

import pytest

from mox_trio.imapd.commands import metadata
from mox_trio.mailstore import annotating
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_values_are_set_told_and_taken_away(world: World) -> None:
    async with world.user() as client:
        await client.ok('SETMETADATA INBOX (/private/Comment "My new comment" /shared/comment "for you")')
        answer = await client.ok("GETMETADATA inbox (/shared/comment /private/comment /private/none)")
        assert answer.lines == [
            b'* METADATA "Inbox" (/shared/comment "for you" /private/comment "My new comment" /private/none NIL)'
        ]
        await client.ok("SETMETADATA Inbox (/private/comment NIL /private/never NIL)")
        assert (await client.ok("GETMETADATA Inbox /private/comment")).lines == [
            b'* METADATA "Inbox" (/private/comment NIL)'
        ]


async def test_the_account_has_its_own(world: World) -> None:
    async with world.user() as client:
        await client.ok('SETMETADATA "" (/private/comment "of all")')
        assert (await client.ok('GETMETADATA "" /private/comment')).lines == [
            b'* METADATA "" (/private/comment "of all")'
        ]
        assert (await client.ok("GETMETADATA Inbox /private/comment")).lines == [
            b'* METADATA "Inbox" (/private/comment NIL)'
        ]
        assert (await client.do('SETMETADATA "" (/shared/admin "mailto:me@example.org")')).code == "NOPERM"


async def test_a_value_may_be_of_any_octets(world: World) -> None:
    value = bytes(range(256)) + b'"\\\r\n'
    async with world.user() as client:
        await client.ok(b"SETMETADATA Inbox (/private/comment ~{%d+}\r\n%b)" % (len(value), value))
        answer = await client.ok("GETMETADATA Inbox /private/comment")
        assert answer.lines == [b'* METADATA "Inbox" (/private/comment ~{%d}\r\n%b)' % (len(value), value)]
        await client.ok("SETMETADATA Inbox (/private/comment {33}", b"My new comment across\r\ntwo lines.)\r\n")
        assert (
            b"{33}\r\nMy new comment across\r\ntwo lines."
            in (await client.ok("GETMETADATA Inbox /private/comment")).lines[0]
        )
        await client.ok('SETMETADATA Inbox (/private/comment "")')
        assert (await client.ok("GETMETADATA Inbox /private/comment")).lines == [
            b'* METADATA "Inbox" (/private/comment "")'
        ]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        ("0", "/private/a NIL"),
        ("1", '/private/a/b "1" /private/a/c "3"'),
        ("infinity", '/private/a/b "1" /private/a/b/d "2" /private/a/c "3"'),
    ],
)
async def test_depth_tells_of_what_is_below(world: World, depth: str, expected: str) -> None:
    async with world.user() as client:
        await client.ok('SETMETADATA Inbox (/private/a/b "1" /private/a/b/d "2" /private/a/c "3" /private/ab "4")')
        for line in (
            f"GETMETADATA (DEPTH {depth}) Inbox /private/a",
            f"GETMETADATA Inbox (DEPTH {depth}) (/private/a)",
        ):
            assert (await client.ok(line)).lines == [f'* METADATA "Inbox" ({expected})'.encode()]


async def test_values_that_are_too_large_are_counted_and_not_told(world: World) -> None:
    async with world.user() as client:
        long = "x" * 2199
        await client.ok(f'SETMETADATA Inbox (/shared/comment "{long}" /private/comment "My own comment")')
        answer = await client.ok("GETMETADATA (MAXSIZE 1024) Inbox (/shared/comment /private/comment)")
        assert answer.lines == [b'* METADATA "Inbox" (/private/comment "My own comment")']
        assert answer.code == "METADATA LONGENTRIES 2199"
        assert (await client.ok("GETMETADATA (MAXSIZE 2199 DEPTH 0) Inbox /shared/comment")).code == ""
        answer = await client.ok("GETMETADATA (MAXSIZE 0) Inbox /shared/comment")
        assert (answer.lines, answer.code) == ([], "METADATA LONGENTRIES 2199")


async def test_entries_have_a_largest_number(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotating, "MOST", 3)
    async with world.user() as client:
        await client.ok('SETMETADATA Inbox (/private/a "1" /private/b "2")')
        answer = await client.do('SETMETADATA Sent (/private/a "3" /private/b "4")')
        assert (answer.kind, answer.code) == ("NO", "METADATA TOOMANY")
        assert b"NIL" in (await client.ok("GETMETADATA Sent /private/a")).lines[0]
        await client.ok('SETMETADATA Inbox (/private/a NIL /private/c "3" /private/d "4")')


async def test_values_together_have_a_largest_size(world: World) -> None:
    async with world.user() as client:
        large = b"x" * 100_000
        for number in range(9):
            await client.ok(b"SETMETADATA Inbox (/private/n%d {%d+}\r\n%b)" % (number, len(large), large))
        more = b"x" * 99_000
        await client.ok(b"SETMETADATA Inbox (/private/n9 {%d+}\r\n%b)" % (len(more), more))
        answer = await client.do(b"SETMETADATA Sent (/private/n {%d+}\r\n%b)" % (len(more), more))
        assert answer.kind == "NO"
        start, _, most = answer.code.rpartition(" ")
        assert start == "METADATA MAXSIZE"
        assert 900 < int(most) <= 1000
        await client.ok(b"SETMETADATA Sent (/private/n {%b+}\r\n%b)" % (most.encode(), more[: int(most)]))
        assert (await client.do(b"SETMETADATA Sent (/private/m {102401}")).code == "TOOBIG"


@pytest.mark.parametrize(
    "entry", ["/other/comment", "/private", "/shared/vendor/x", "/private/vendor", "/private/" + "x" * 600]
)
async def test_an_entry_that_cannot_be_one_is_refused(world: World, entry: str) -> None:
    async with world.user() as client:
        answer = await client.do(f'SETMETADATA Inbox ({entry} "x")')
        assert (answer.kind, answer.code) == ("NO", "CANNOT")


async def test_a_mailbox_that_is_not_there_has_none(world: World) -> None:
    async with world.user() as client:
        assert (await client.do("GETMETADATA nowhere /private/comment")).code == "NONEXISTENT"
        assert (await client.do('SETMETADATA nowhere (/private/comment "x")')).code == "NONEXISTENT"


@pytest.mark.parametrize(
    "line",
    [
        "GETMETADATA",
        "GETMETADATA Inbox",
        "GETMETADATA Inbox ()",
        "GETMETADATA Inbox comment",
        "GETMETADATA Inbox /private/*",
        "GETMETADATA Inbox /private//x",
        "GETMETADATA (DEPTH 2) Inbox /private",
        "GETMETADATA (MAXSIZE x) Inbox /private",
        "GETMETADATA (BOGUS) Inbox /private",
        "SETMETADATA Inbox",
        "SETMETADATA Inbox ()",
        "SETMETADATA Inbox (/private/comment)",
        "SETMETADATA Inbox (/private/comment atom)",
        "SETMETADATA Inbox /private/comment x",
    ],
)
async def test_other_arguments_are_bad(world: World, line: str) -> None:
    async with world.user() as client:
        assert (await client.do(line)).kind == "BAD"


@pytest.mark.parametrize("name", ["METADATA", "METADATA-SERVER"])
async def test_changes_by_others_are_told_where_that_is_enabled(world: World, name: str) -> None:
    async with world.user("", name) as client, world.user() as other, world.user() as third:
        await other.ok('SETMETADATA "" (/private/comment "x")')
        await other.ok('SETMETADATA Inbox (/private/b "x" /private/a "x")')
        assert (await client.ok("NOOP")).lines == [
            b'* METADATA "" /private/comment',
            b'* METADATA "Inbox" /private/a /private/b',
        ]
        await other.ok("SETMETADATA Inbox (/private/b NIL)")
        assert (await client.ok("NOOP")).lines == [b'* METADATA "Inbox" /private/b']
        assert (await client.ok("NOOP")).lines == []
        assert (await third.ok("NOOP")).lines == []


async def test_who_idles_hears_of_it_at_once(world: World) -> None:
    async with world.user("INBOX", "METADATA") as client, world.user() as other:
        tag = await client.idle()
        await other.ok('SETMETADATA Inbox (/private/comment "x")')
        assert await client.response() == b'* METADATA "Inbox" /private/comment'
        await client.done(tag)


async def test_what_a_session_sets_itself_it_is_not_told(world: World) -> None:
    async with world.user("", "METADATA") as client, world.user() as other:
        await other.ok('SETMETADATA Inbox (/private/theirs "x")')
        assert (await client.ok('SETMETADATA Inbox (/private/mine "x")')).lines == [
            b'* METADATA "Inbox" /private/theirs'
        ]
        await client.ok('SETMETADATA Inbox (/private/both "x")')
        await other.ok('SETMETADATA Inbox (/private/both "y")')
        assert (await client.ok("NOOP")).lines == [b'* METADATA "Inbox" /private/both']


async def test_who_logs_in_after_another_hears_nothing_of_before(world: World) -> None:
    async with world.user("", "METADATA") as client, world.user() as other:
        await other.ok('SETMETADATA Inbox (/private/comment "x")')
        await client.ok("UNAUTHENTICATE")
        await client.login()
        assert (await client.ok("NOOP")).lines == []


def test_a_name_that_begins_like_another_is_not_below_it() -> None:
    noted = {"/private/ab": b"1", "/private/a/b": b"2"}
    assert metadata.choose(noted, ["/private/a"], None, None).values == (("/private/a/b", b"2"),)


@pytest.mark.parametrize("depth", [0, 1, 2, None])
def test_entries_are_told_with_all_that_is_below_them(depth: int | None) -> None:
    chooser = random.Random(3)
    paths = ["/private" + "".join(f"/{chooser.choice(('a', 'a-b', 'ab', 'b'))}" for _ in range(4)) for _ in range(60)]
    noted = {path[: chooser.choice((10, 12, 99))].rstrip("/"): path.encode() for path in paths}
    asked = ["/private", *[each.rpartition("/")[0] for each in noted], *noted, "/private/zz"]
    told: dict[str, bytes | None] = {}
    for entry in asked:
        deepest = entry.count("/") + (99 if depth is None else depth)
        below = [each for each in sorted(noted) if each.startswith(entry + "/") and each.count("/") <= deepest]
        found: dict[str, bytes | None] = {each: noted[each] for each in [entry, *below] if each in noted}
        told.update(found or {entry: None})
    assert metadata.choose(noted, asked, depth, None).values == tuple(told.items())


async def test_much_is_chosen_in_a_thread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    choose, threads = metadata.choose, []

    def noted(*arguments: Any) -> metadata.Chosen:
        threads.append(threading.current_thread() is threading.main_thread())
        return choose(*arguments)

    monkeypatch.setattr(metadata, "choose", noted)
    many = " ".join(f"/private/e{number}" for number in range(60))
    async with world.user() as client:
        values = " ".join(f'/private/e{number} "v"' for number in range(60))
        await client.ok(f"SETMETADATA Inbox ({values})")
        monkeypatch.setattr(metadata, "MUCH", 3000)
        await client.ok(f"GETMETADATA Inbox ({many} {many})")
        assert len((await client.ok(f"GETMETADATA (DEPTH infinity) Inbox ({many})")).lines) == 1
        await client.ok(f'LIST "" Inbox RETURN (METADATA (DEPTH infinity) ({many} {many}))')
    assert threads == [True, False, False]
