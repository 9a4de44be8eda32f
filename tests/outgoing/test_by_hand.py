"""Mail is taken out of the queue by hand, and senders hear of it or not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from mox_trio.base.address import Path as MailPath
from mox_trio.ledger import suppressions
from mox_trio.mailqueue import managing, records
from mox_trio.outgoing import by_hand
from mox_trio.outgoing.notices import Notices
from mox_trio.outgoing.sign import Signer
from mox_trio.protocol.dsn import About, Action, Notice
from storage_backends.index.tables import queue as rows
from storage_backends.index.tables.queue_admin import Filter
from tests.kit import sending
from tests.kit.sending import World

KEEPING = sending.DYNAMIC.replace("[accounts.ann]\n", '[accounts.ann]\nkeep_retired_messages = "30d"\n')


@pytest.fixture
async def world(tmp_path: Path, autojump_clock: MockClock) -> AsyncIterator[World]:
    async with sending.opened(tmp_path, autojump_clock, sealing=True, dynamic=KEEPING) as opened:
        yield opened


async def test_failing_tells_the_sender(autojump_clock: MockClock, world: World) -> None:
    await world.send("bob@b.example", "carol@c.example", "dan@d.example")
    await managing.hold(world.queue, Filter(recipient="carol"), held=True)
    assert await by_hand.fail(world.parts, Filter(recipient="c.example")) == (1, 0)
    assert await by_hand.fail(world.parts, Filter(destination="b.example")) == (1, 0)
    told = await world.mails()
    assert [b"Action: failed" in each for each in told] == [True, True]
    assert b"administrator" in told[0]
    assert [row.recipient for row in await world.listed()] == ["<dan@d.example>"]


async def test_failing_by_hand_however_often_puts_nobody_on_the_suppression_list(
    autojump_clock: MockClock, world: World
) -> None:
    for _ in range(suppressions.FAILURES):
        await world.send("bob@b.example")
        await by_hand.fail(world.parts, Filter())
    account = await world.account()
    assert [each.outcome for each in await records.listed(world.queue, account.id)] == [
        "failed"
    ] * suppressions.FAILURES
    assert await suppressions.listed(world.queue.index, account.id) == []


async def test_dropping_tells_nobody_but_the_record(autojump_clock: MockClock, world: World) -> None:
    await world.send("bob@b.example", "carol@c.example")
    assert await by_hand.drop(world.parts, Filter()) == (2, 0)
    assert await world.mails() == []
    assert await world.bodies() == 0
    account = await world.account()
    assert {each.outcome for each in await records.listed(world.queue, account.id)} == {"canceled"}
    assert await suppressions.listed(world.queue.index, account.id) == []


async def test_an_account_that_keeps_no_records_has_none(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with sending.opened(tmp_path, autojump_clock) as world:
        await world.send("bob@b.example", "carol@c.example")
        await by_hand.drop(world.parts, Filter(recipient="carol"))
        await by_hand.fail(world.parts, Filter())
        assert await world.listed() == []
        assert await records.listed(world.queue, (await world.account()).id) == []


async def test_what_is_in_delivery_stays(autojump_clock: MockClock, world: World) -> None:
    ids = await world.send("bob@b.example", "carol@c.example")
    await world.queue.claim([rows.QueuedId(ids[0])], "me", 600)
    assert await by_hand.drop(world.parts, Filter()) == (1, 1)


async def test_a_notice_for_somebody_outside_goes_through_the_queue(autojump_clock: MockClock, world: World) -> None:
    notices = Notices(world.parts, Signer(world.store, world.parts.config, world.parts.metrics))
    about = About(MailPath.parse("<bea@a.example>"), Action.FAILED, "5.2.2", detail="full")
    notice = Notice((about,), world.store.now(), b"Subject: x\r\n\r\n")
    await notices.report(MailPath.parse("<eve@b.example>"), notice, require_tls=True)
    (row,) = await world.listed()
    assert (row.sender, row.recipient, row.require_tls) == ("<>", "<eve@b.example>", 1)
    world.hosts.answers["eve@b.example"] = [sending.permanent()]
    async with world.running():
        await trio.sleep(60)
    assert b"Final-Recipient: rfc822; bea@a.example" in world.hosts.seen[0]
    assert await world.mails() == []
    assert await world.listed() == []
