"""SUBSCRIBE and UNSUBSCRIBE (RFC 9051 6.3.7, 6.3.8)."""

import pytest

from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_a_name_need_not_be_a_mailbox(world: World) -> None:
    async with world.user() as client:
        await client.ok("SUBSCRIBE later/on")
        assert (await client.ok('LSUB "" later*')).lines == [b'* LSUB (\\HasNoChildren) "/" "later/on"']
        await client.ok("UNSUBSCRIBE later/on")
        assert (await client.ok('LSUB "" later*')).lines == []
        assert (await client.do("UNSUBSCRIBE later/on")).code == "NONEXISTENT"


async def test_doing_it_twice_makes_no_difference(world: World) -> None:
    async with world.user() as client:
        for line, listed in (("SUBSCRIBE Sent", 1), ("UNSUBSCRIBE Sent", 0)):
            await client.ok(line)
            await client.ok(line)
            assert len((await client.ok('LSUB "" Sent')).lines) == listed


async def test_a_name_has_its_normal_form(world: World) -> None:
    async with world.user("", "IMAP4rev2") as client:
        answer = await client.ok("SUBSCRIBE INBOX/Lists")
        assert answer.lines == [b'* LIST () "/" "Inbox/Lists" ("OLDNAME" ("INBOX/Lists"))']
        assert (await client.do("SUBSCRIBE a//b")).code == "CANNOT"


async def test_other_arguments_are_bad(world: World) -> None:
    async with world.user() as client:
        for line in ("SUBSCRIBE", "SUBSCRIBE a b", "UNSUBSCRIBE", "UNSUBSCRIBE a b"):
            assert (await client.do(line)).kind == "BAD"
