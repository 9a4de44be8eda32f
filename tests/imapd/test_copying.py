"""COPY, MOVE and EXPUNGE: COPYUID, targets that are missing, what others hear."""

import pytest

from mox_trio.base.quota import Quota
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def filled(world: World, count: int = 3) -> None:
    for number in range(count):
        await world.deliver(f"number {number}", flags=["\\Flagged"])


async def test_copies_keep_flags_and_say_their_uids(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        answer = await client.ok("COPY 1,3 Archive")
        words = answer.code.split(" ")
        assert (words[0], words[2], words[3]) == ("COPYUID", "1,3", "1:2")
        answer = await client.ok("SELECT Archive")
        assert b"* 2 EXISTS" in answer.lines
        assert b"* OK [UIDVALIDITY %b] these UIDs are valid" % words[1].encode() in answer.lines
        assert (await client.ok("FETCH 1 FLAGS")).lines == [b"* 1 FETCH (FLAGS (\\Flagged))"]


async def test_a_missing_target_can_be_made(world: World) -> None:
    await filled(world, 1)
    async with world.user("INBOX") as client:
        for command in ("COPY 1 Nowhere", "MOVE 1 Nowhere", "UID COPY 1 Nowhere"):
            answer = await client.do(command)
            assert (answer.kind, answer.code) == ("NO", "TRYCREATE")
        assert (await client.do('COPY 1 "a//b"')).kind == "NO"


@pytest.mark.by_number
async def test_copying_what_is_not_there_copies_nothing(world: World) -> None:
    await filled(world, 1)
    async with world.user("INBOX") as client:
        assert (await client.ok("UID COPY 77:99 Archive")).code == ""
        assert (await client.do("COPY 2 Archive")).kind == "BAD"


async def test_moved_messages_go_after_they_are_said_to_be_copied(world: World) -> None:
    await filled(world)
    async with world.user("INBOX", "CONDSTORE") as client, world.user("INBOX") as other:
        answer = await client.ok("MOVE 1:2 Trash")
        assert answer.lines[0].startswith(b"* OK [COPYUID ")
        assert answer.lines[1:] == ([b"* VANISHED 1:2"] if world.uid_only else [b"* 2 EXPUNGE", b"* 1 EXPUNGE"])
        assert answer.code.startswith("HIGHESTMODSEQ ")
        assert (await other.ok("NOOP")).lines == (
            [b"* VANISHED 1:2"] if world.uid_only else [b"* 2 EXPUNGE", b"* 1 EXPUNGE"]
        )


async def test_a_move_into_the_same_mailbox_gives_new_uids(world: World) -> None:
    await filled(world, 2)
    async with world.user("INBOX") as client:
        answer = await client.ok("UID MOVE 1 INBOX")
        assert answer.lines[1:] == [client.gone(1), b"* 2 EXISTS"]
        there = [line.partition(b" FETCH ")[2] for line in (await client.ok("FETCH 1:* UID")).lines]
        assert there == [b"(UID 2)", b"(UID 3)"]


async def test_expunge_takes_what_is_deleted(world: World) -> None:
    await filled(world, 4)
    async with world.user("INBOX") as client, world.user("INBOX", "QRESYNC") as other:
        await client.ok("STORE 2,4 +FLAGS.SILENT (\\Deleted)")
        assert (await client.ok("UID EXPUNGE 1:3")).lines == [client.gone(2)]
        assert (await client.ok("EXPUNGE")).lines == [b"* VANISHED 4" if world.uid_only else b"* 3 EXPUNGE"]
        assert (await client.ok("EXPUNGE")).lines == []
        lines = (await other.ok("NOOP")).lines
        assert lines == [b"* VANISHED 2,4"]


@pytest.mark.by_number
async def test_what_went_is_not_told_after_commands_with_numbers(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        assert (await client.ok("FETCH 3 FLAGS")).lines == [b"* 3 FETCH (FLAGS (\\Flagged))"]
        assert (await client.ok("STORE 3 +FLAGS (\\Seen)")).lines == [b"* 3 FETCH (UID 3 FLAGS (\\Seen \\Flagged))"]
        assert (await client.do("COPY 1 Archive")).code == "EXPUNGEISSUED"
        assert (await client.do("COPY 2 Archive")).kind == "OK"


@pytest.mark.by_number
async def test_uid_commands_tell_what_went(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        answer = await client.ok("UID FETCH 3 FLAGS")
        assert answer.lines == [b"* 3 FETCH (UID 3 FLAGS (\\Flagged))", b"* 1 EXPUNGE"]


async def test_a_quota_bounds_copies(world: World) -> None:
    await filled(world, 2)
    world.quotas["mia"] = Quota(250)
    async with world.user("INBOX") as client:
        assert (await client.do("COPY 1:2 Archive")).code == "OVERQUOTA"
        assert b"* 0 EXISTS" in (await client.ok("SELECT Archive")).lines


async def test_examined_mailboxes_are_copied_from_only(world: World) -> None:
    await filled(world, 1)
    async with world.user() as client:
        await client.ok("EXAMINE INBOX")
        assert (await client.do("MOVE 1 Archive")).code == "READ-ONLY"
        assert (await client.do("EXPUNGE")).code == "READ-ONLY"
        await client.ok("COPY 1 Archive")
