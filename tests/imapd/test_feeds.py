"""Feeds: sessions that come and go while others select the same mailbox."""

from collections.abc import Callable
from typing import Any

import pytest

from mox_trio.imapd.feeds import Box, Feed
from mox_trio.imapd.view import View
from tests.kit.imap_world import World


async def opened(world: World) -> tuple[Feed, Box, View]:
    """A feed with one session that has Inbox, in which there are two messages."""
    await world.deliver()
    await world.deliver()
    feed = await world.parts.feeds.open(world.account)
    box = await feed.select("Inbox")
    view = View(box.snapshot)
    box.views.add(view)
    return feed, box, view


def after_read(world: World, monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], None]) -> None:
    """Let something happen while a read waits: the first, or the second one from now on."""
    index, reads = world.store.index, 0
    original = index.read

    async def read(unit: Any) -> Any:
        nonlocal reads
        found = await original(unit)
        reads += 1
        if reads == number:
            happens()
        return found

    monkeypatch.setattr(index, "read", read)


@pytest.mark.parametrize("number", [1, 2])
async def test_a_mailbox_that_its_last_session_leaves_while_another_selects_it_is_whole(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    feed, first, view = await opened(world)
    after_read(world, monkeypatch, number, lambda: feed.leave(first, view))
    box = await feed.select("Inbox")
    mine = View(box.snapshot)
    box.views.add(mine)
    assert list(mine.uids) == [1, 2]
    assert feed.boxes == {box.id: box}
    await world.deliver()
    await feed.pull()
    assert mine.take(expunges=True).exists == 3
    feed.leave(box, mine)
    assert not feed.boxes
    world.parts.feeds.close(feed)


async def test_who_leaves_a_mailbox_takes_it_from_nobody_else(world: World) -> None:
    feed, first, view = await opened(world)
    feed.leave(first, view)
    box = await feed.select("Inbox")
    mine = View(box.snapshot)
    box.views.add(mine)
    feed.leave(first, view)
    assert feed.boxes == {box.id: box}
    feed.leave(box, mine)
    world.parts.feeds.close(feed)
