"""DELETE (RFC 9051 6.3.5)."""

import pytest

from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_a_mailbox_goes_with_its_messages_and_its_subscription_stays(world: World) -> None:
    await world.deliver(mailbox="Old")
    async with world.user() as client:
        await client.ok("DELETE Old")
        assert (await client.do("SELECT Old")).code == "NONEXISTENT"
        assert (await client.ok('LIST "" Old')).lines == []
        answer = await client.ok('LIST (SUBSCRIBED) "" Old')
        assert answer.lines == [b'* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" "Old"']


async def test_inbox_a_parent_and_what_is_not_there_are_not_deleted(world: World) -> None:
    async with world.user() as client:
        await client.ok("CREATE a/b")
        assert (await client.do("DELETE inbox")).code == "CANNOT"
        assert (await client.do("DELETE a")).code == "HASCHILDREN"
        assert (await client.do("DELETE nowhere")).code == "NONEXISTENT"
        assert (await client.do('DELETE ""')).code == "CANNOT"
        await client.ok("DELETE a/b")
        await client.ok("DELETE a")


async def test_the_selected_mailbox_is_closed_when_it_is_deleted(world: World) -> None:
    await world.deliver(mailbox="Old")
    async with world.user("Old") as client:
        answer = await client.ok("DELETE Old")
        assert answer.starting("OK [CLOSED]")
        assert (await client.do("FETCH 1 FLAGS")).kind == "BAD"
        await client.ok("SELECT Inbox")


async def test_another_session_that_has_it_selected_ends(world: World) -> None:
    async with world.user("Trash") as other, world.user() as client:
        await client.ok("DELETE Trash")
        await other.begin("NOOP")
        assert (await other.response()).startswith(b"* BYE ")


async def test_a_session_of_rev2_hears_that_it_is_gone(world: World) -> None:
    async with world.user("", "IMAP4rev2") as client:
        assert (await client.ok("DELETE Trash")).lines == [b'* LIST (\\NonExistent) "/" "Trash"']


async def test_other_arguments_are_bad(world: World) -> None:
    async with world.user() as client:
        for line in ("DELETE", "DELETE a b", "DELETE (a)"):
            assert (await client.do(line)).kind == "BAD"
