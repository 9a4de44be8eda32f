"""A failure at every call of a delivery to several: whoever was answered as served has the message, or the sender a notice."""

import pytest

from mox_trio.incoming.holders import Holders
from mox_trio.protocol.smtp.envelope import Notify, Recipient
from storage_backends.contract.faults import fail_at
from storage_backends.contract.index_faults import FaultyIndex
from tests.kit import faulty
from tests.kit.incoming_world import SPF_PASS, World, path
from tests.kit.stores import Kit, message

DATA = message(From="x@sender.example")
TO = ("ann@example.org", "team@example.org", "eve@example.org")
WHERE = {"ann": "Inbox", "bob": "Work", "eve": "Inbox"}


async def calls(world: World, kit: Kit) -> int:
    """How many calls one delivery makes."""
    counting = faulty.over(kit.store)
    world.store = counting.store
    world.make()
    await world.transact(DATA, *TO)
    world.store = kit.store
    return counting.schedule.calls


async def delivered(world: World) -> dict[str, int]:
    return {name: len(await world.mails(name, mailbox)) for name, mailbox in WHERE.items()}


@pytest.mark.parametrize("effect", [False, True])
async def test_what_is_answered_as_served_is_there_or_told_of(world: World, kit: Kit, effect: bool) -> None:
    world.find(spf=SPF_PASS)
    await world.transact(DATA, *TO)  # the accounts are made and known
    for number in range(1, await calls(world, kit) + 1):
        before = await delivered(world)
        world.sent.notices.clear()
        world.store = faulty.over(kit.store, fail_at(number, effect=effect)).store
        world.make()
        replies = await world.codes(DATA, *TO)
        world.store = kit.store
        world.make()
        more = {name: count - before[name] for name, count in (await delivered(world)).items()}
        told = {str(about.recipient) for _, notice, _ in world.sent.notices for about in notice.about}
        if replies[0].startswith("250"):
            assert replies == ["250 2.2.0"] * 3
            assert more["ann"] == 1 or "<ann@example.org>" in told
            assert more["eve"] == 1 or "<eve@example.org>" in told
            assert more["bob"] == 1 or "<team@example.org>" in told
        assert max(more.values()) <= 1


async def test_a_failure_before_anything_was_delivered_is_not_swallowed(world: World, kit: Kit) -> None:
    from storage_backends.errors import Unavailable

    failing = faulty.over(kit.store, fail_at(1))
    assert isinstance(failing.store.index, FaultyIndex)
    world.store = failing.store
    world.holders = Holders(failing.store)
    world.make()
    with pytest.raises(Unavailable):
        await world.transact(DATA, "ann@example.org")
    assert await world.codes(DATA, "ann@example.org") == ["250 2.2.0"]


async def test_a_member_that_could_not_be_served_makes_the_alias_fail(world: World, kit: Kit) -> None:
    world.find(spf=SPF_PASS)
    await world.transact(DATA, "team@example.org")
    failing = faulty.over(kit.store, fail_at(2, only="put"))
    world.store = failing.store
    world.make()
    recipient = Recipient(path("team@example.org"), Notify.FAILURE)
    assert await world.codes(DATA, recipient) == ["451 4.3.0"]
    world.store = kit.store
    assert sum((await delivered(world)).values()) == 3 + 2
