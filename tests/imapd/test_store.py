"""STORE: what it says, what others hear, conditions, and what the session cannot know."""

import pytest

from mox_trio.imapd.commands import store
from mox_trio.imapd.feeds import Feed
from mox_trio.imapd.state import Session
from storage_backends.errors import Unavailable
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def filled(world: World, count: int = 3) -> None:
    for _ in range(count):
        await world.deliver()


def modseq_of(line: bytes) -> int:
    return int(line.split(b"MODSEQ (")[1].split(b")")[0])


async def test_flags_are_added_removed_and_replaced(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        answer = await client.ok("STORE 1:2 +FLAGS (\\Seen \\Flagged)")
        assert answer.lines == [
            b"* 1 FETCH (UID 1 FLAGS (\\Seen \\Flagged))",
            b"* 2 FETCH (UID 2 FLAGS (\\Seen \\Flagged))",
        ]
        assert (await client.ok("STORE 1 -FLAGS \\Seen")).lines == [b"* 1 FETCH (UID 1 FLAGS (\\Flagged))"]
        assert (await client.ok("UID STORE 2 FLAGS (\\Draft)")).lines == [b"* 2 FETCH (UID 2 FLAGS (\\Draft))"]


async def test_silence_says_nothing(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        assert (await client.ok("STORE 1:* +FLAGS.SILENT (\\Seen)")).lines == []
        assert (await client.ok("NOOP")).lines == []


async def test_other_sessions_hear_of_it_once(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await client.ok("STORE 2 +FLAGS (\\Seen)")
        assert (await other.ok("NOOP")).lines == [b"* 2 FETCH (UID 2 FLAGS (\\Seen))"]
        assert (await other.ok("NOOP")).lines == []


async def test_a_keyword_is_announced_before_it_is_used(world: World) -> None:
    await filled(world, 1)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        for each in (await client.ok("STORE 1 +FLAGS (Holiday)")), (await other.ok("NOOP")):
            flags, permanent, fetch = each.lines
            assert flags.startswith(b"* FLAGS (")
            assert b"Holiday" in flags
            assert permanent.startswith(b"* OK [PERMANENTFLAGS (")
            assert b"Holiday \\*)" in permanent
            assert fetch == b"* 1 FETCH (UID 1 FLAGS (Holiday))"


async def test_silence_does_not_hide_what_another_session_did(world: World) -> None:
    await filled(world, 2)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await other.ok("STORE 1 +FLAGS.SILENT (\\Answered)")
        answer = await client.ok("STORE 1:2 +FLAGS.SILENT (\\Seen)")
        assert answer.lines == [b"* 1 FETCH (UID 1 FLAGS (\\Seen \\Answered))"]


@pytest.mark.parametrize("silent", ["", ".SILENT"])
async def test_a_condition_leaves_changed_messages_alone(world: World, silent: str) -> None:
    await filled(world)
    async with world.user("INBOX", "CONDSTORE") as client, world.user("INBOX") as other:
        modseq = max(modseq_of(line) for line in (await client.ok("FETCH 1:* (MODSEQ)")).lines)
        await other.ok("STORE 2 +FLAGS (\\Flagged)")
        answer = await client.ok(f"STORE 1:3 (UNCHANGEDSINCE {modseq}) +FLAGS{silent} (\\Seen)")
        assert answer.code == "MODIFIED 2"
        told = {int(line.split(b" ")[1]): line for line in answer.lines}
        assert sorted(told) == [1, 2, 3]
        assert b"FLAGS (\\Flagged)" in told[2]
        assert len({modseq_of(told[1]), modseq_of(told[3])}) == 1
        answer = await client.ok(f"UID STORE 3 (UNCHANGEDSINCE {modseq_of(told[3])}) -FLAGS (\\Seen)")
        assert answer.code == ""


async def test_unchangedsince_0_always_fails(world: World) -> None:
    await filled(world, 1)
    async with world.user("INBOX") as client:
        answer = await client.ok("STORE 1 (UNCHANGEDSINCE 0) +FLAGS (\\Seen)")
        assert answer.code == "MODIFIED 1"
        assert any(b"HIGHESTMODSEQ" in line for line in answer.lines)


async def test_read_only_mailboxes_are_not_changed(world: World) -> None:
    await filled(world, 1)
    async with world.user() as client:
        answer = await client.ok("EXAMINE INBOX")
        assert b"* OK [PERMANENTFLAGS ()] nothing can be changed" in answer.lines
        assert (await client.do("STORE 1 +FLAGS (\\Seen)")).code == "READ-ONLY"


async def test_flags_that_nobody_can_have_are_refused(world: World) -> None:
    await filled(world, 1)
    async with world.user("INBOX") as client:
        assert (await client.do("STORE 1 +FLAGS (\\Unheard)")).kind in ("NO", "BAD")
        assert (await client.ok("UID STORE 99 +FLAGS (\\Seen)")).lines == []


@pytest.mark.by_number
async def test_uidonly_says_uids(world: World) -> None:
    await filled(world, 2)
    async with world.user("INBOX", "UIDONLY") as client:
        assert (await client.ok("UID STORE 2 +FLAGS (\\Seen)")).lines == [b"* 2 UIDFETCH (FLAGS (\\Seen))"]
        assert (await client.do("STORE 2 +FLAGS (\\Seen)")).code == "UIDREQUIRED"


async def test_thousands_are_changed_and_told(world: World) -> None:
    await filled(world, 1)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        for _ in range(11):
            await client.ok("COPY 1:* INBOX")
        await other.ok("NOOP")
        answer = await client.ok("STORE 1:* +FLAGS (\\Flagged)")
        assert len(answer.lines) == 2048
        assert answer.lines[-1] == b"* 2048 FETCH (UID 2048 FLAGS (\\Flagged))"
        assert (await other.ok("NOOP")).lines == answer.lines


async def test_a_change_that_was_made_is_answered_though_it_cannot_be_heard_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.deliver()
    async with world.user("INBOX") as client:
        original = Feed.reach

        async def away(feed: Feed, modseq: int) -> None:
            raise Unavailable("the index is away")

        monkeypatch.setattr(Feed, "reach", away)
        assert b"FLAGS (\\Flagged)" in (await client.ok("STORE 1 +FLAGS (\\Flagged)")).lines[0]
        monkeypatch.setattr(Feed, "reach", original)
        await client.ok("NOOP")
        assert (await client.ok("SEARCH FLAGGED")).lines == [b"* SEARCH 1"]


@pytest.mark.parametrize("words", ["+FLAGS", "+FLAGS.SILENT"])
async def test_others_have_their_turn_while_much_is_noted(
    world: World, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    turns: list[None] = []
    turn = Session.turn

    async def counted(session: Session) -> None:
        turns.append(None)
        await turn(session)

    monkeypatch.setattr(Session, "turn", counted)
    monkeypatch.setattr(store, "SLICE", 2)
    await filled(world, 7)
    async with world.user("INBOX") as client, world.user("INBOX", "CONDSTORE") as other:
        assert len((await client.ok(f"STORE 1:* {words} (\\Seen)")).lines) == (0 if "SILENT" in words else 7)
        assert len(turns) >= 3
        since = modseq_of((await other.ok("FETCH 1 MODSEQ")).lines[-1])
        await client.ok("STORE 2:3,5:7 +FLAGS.SILENT (\\Flagged)")
        turns.clear()
        answer = await other.do(f"STORE 1:* (UNCHANGEDSINCE {since}) +FLAGS.SILENT (\\Draft)")
        assert answer.code == "MODIFIED 2:3,5:7"
        assert len(answer.holding("\\Flagged")) == 5
        assert len(turns) >= 2
        assert len((await client.ok("NOOP")).holding("\\Draft")) == 2
