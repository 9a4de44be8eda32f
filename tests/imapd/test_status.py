"""STATUS (RFC 9051 6.3.11, RFC 3501, 7162, 7889, 8438, 8474, 9208)."""

import re

import pytest

from tests.kit import stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_every_item_says_how_it_is(world: World) -> None:
    data = stores.message()
    await world.put(data)
    await world.put(data, flags=["\\Seen", "\\Deleted"])
    await world.put(data, flags=["\\Deleted"])
    async with world.user() as client:
        answer = await client.ok(
            "STATUS inbox (MESSAGES UIDNEXT UNSEEN DELETED SIZE RECENT DELETED-STORAGE APPENDLIMIT)"
        )
        assert answer.lines == [
            b'* STATUS "Inbox" (MESSAGES 3 UIDNEXT 4 UNSEEN 2 DELETED 2 SIZE %d RECENT 0 DELETED-STORAGE %d '
            b"APPENDLIMIT 104857600)" % (3 * len(data), 2 * len(data))
        ]
        answer = await client.ok("STATUS Inbox (HIGHESTMODSEQ UIDVALIDITY MAILBOXID)")
        found = re.fullmatch(
            rb'\* STATUS "Inbox" \(HIGHESTMODSEQ [1-9]\d* UIDVALIDITY [1-9]\d* MAILBOXID \(F\d+\)\)', answer.lines[0]
        )
        assert found


async def test_an_item_is_told_once_in_the_order_of_the_question(world: World) -> None:
    async with world.user() as client:
        answer = await client.ok("STATUS Inbox (UNSEEN messages UNSEEN)")
        assert answer.lines == [b'* STATUS "Inbox" (UNSEEN 0 MESSAGES 0)']


async def test_it_may_be_the_selected_mailbox(world: World) -> None:
    await world.deliver()
    async with world.user("Inbox") as client:
        assert (await client.ok("STATUS Inbox (MESSAGES)")).lines == [b'* STATUS "Inbox" (MESSAGES 1)']


async def test_asking_for_the_modification_sequence_switches_condstore_on(world: World) -> None:
    uid = await world.deliver()
    async with world.user("Inbox") as client, world.user("Inbox") as other:
        await client.ok("STATUS Sent (HIGHESTMODSEQ)")
        await other.ok(f"UID STORE {uid} +FLAGS \\Seen")
        assert (await client.ok("NOOP")).holding(b"MODSEQ (")


async def test_the_limit_of_a_message_has_32_bits(world: World) -> None:
    async with world.client(world.of(message_bytes=2**40)) as client:
        await client.login()
        assert (await client.ok("STATUS Inbox (APPENDLIMIT)")).lines == [b'* STATUS "Inbox" (APPENDLIMIT 4294967295)']


@pytest.mark.parametrize(("name", "code"), [("nowhere", "NONEXISTENT"), ('""', "CANNOT"), ("a//b", "CANNOT")])
async def test_a_name_that_is_no_mailbox_is_refused(world: World, name: str, code: str) -> None:
    async with world.user() as client:
        answer = await client.do(f"STATUS {name} (MESSAGES)")
        assert (answer.kind, answer.code) == ("NO", code)


@pytest.mark.parametrize("line", ["STATUS", "STATUS Inbox", "STATUS Inbox ()", "STATUS Inbox MESSAGES", "STATUS a (X)"])
async def test_other_arguments_are_bad(world: World, line: str) -> None:
    async with world.user() as client:
        assert (await client.do(line)).kind == "BAD"
