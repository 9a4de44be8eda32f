"""What an administrator does to the queue, on both engines."""

from dataclasses import dataclass

import pytest

from mox_trio.base.domain import Domain
from mox_trio.mailqueue import managing
from mox_trio.mailqueue.queue import Mailqueue
from storage_backends.index.api import NO_ACCOUNT, AccountId
from storage_backends.index.tables import accounts, queue_admin
from storage_backends.index.tables.queue import QueuedId
from storage_backends.index.tables.queue_admin import Filter
from tests.kit.queued import START, MovedClock, message, recipient


@dataclass
class Rows:
    bob: QueuedId
    carol: QueuedId
    eve: QueuedId


@pytest.fixture
async def rows(queue: Mailqueue, account: AccountId) -> Rows:
    recipients = [recipient("bob"), recipient("Carol_x", "c.example", transport="relay", next_attempt=START + 5000)]
    bob, carol = (await queue.enqueue(message(account), recipients)).ids
    other = message(account, "two", queued=START + 10)
    (eve,) = (await queue.enqueue(other, [recipient("eve", sender="<x@other.example>")])).ids
    return Rows(bob, carol, eve)


async def names(queue: Mailqueue, chosen: Filter) -> list[str]:
    return [row.recipient.partition("@")[0].removeprefix("<") for row in await managing.listed(queue, chosen)]


async def test_filters_mean_rows_for_which_all_is_true(queue: Mailqueue, account: AccountId, rows: Rows) -> None:
    assert await names(queue, Filter()) == ["bob", "Carol_x", "eve"]
    assert await names(queue, Filter(ids=(rows.carol, rows.eve))) == ["Carol_x", "eve"]
    assert await names(queue, Filter(ids=())) == []
    assert await names(queue, Filter(account=account, sender="A.EXAMPLE")) == ["bob", "Carol_x"]
    assert await names(queue, Filter(account=account + 1)) == []
    assert await names(queue, Filter(recipient="carol_")) == ["Carol_x"]
    assert await names(queue, Filter(recipient="carol%")) == []
    assert await names(queue, Filter(destination="c.example")) == ["Carol_x"]
    assert await names(queue, Filter(queued_from=START + 1)) == ["eve"]
    assert await names(queue, Filter(queued_to=START + 1)) == ["bob", "Carol_x"]
    assert await names(queue, Filter(next_from=START + 1, next_to=START + 9000)) == ["Carol_x"]
    assert await names(queue, Filter(transport="relay")) == ["Carol_x"]
    assert await names(queue, Filter(transport="", held=0)) == ["bob", "eve"]


async def test_held_rows_wait_until_they_are_let_go(queue: Mailqueue, rows: Rows) -> None:
    assert await managing.hold(queue, Filter(recipient="eve"), held=True) == (1, 0)
    assert await managing.hold(queue, Filter(), held=True) == (2, 0)
    assert await managing.counts(queue) == (3, 3)
    assert (await queue.look(9)).due == []
    await managing.hold(queue, Filter(ids=(rows.eve,)), held=False)
    assert [row.id for row in (await queue.look(9)).due] == [rows.eve]
    assert queue.take_arrivals().more


async def test_a_change_by_hand_wakes_who_waits_for_work(queue: Mailqueue, rows: Rows) -> None:
    for number in range(2):
        queue.take_arrivals()
        waited_for = queue.changed
        if number:
            await managing.schedule(queue, Filter(), START)
        else:
            await managing.hold(queue, Filter(), held=False)
        assert waited_for.is_set()
        assert not queue.changed.is_set()
        assert queue.take_arrivals().more


async def test_more_rows_than_a_page_are_changed(queue: Mailqueue, account: AccountId) -> None:
    many = queue_admin.PAGE + 1
    await queue.enqueue(message(account), [recipient(str(number)) for number in range(many)])
    assert await managing.hold(queue, Filter(), held=True) == (many, 0)
    assert await managing.counts(queue) == (many, many)
    assert len(await managing.listed(queue, Filter())) == many


async def test_rows_are_scheduled_and_postponed(queue: Mailqueue, rows: Rows, clock: MovedClock) -> None:
    assert await managing.schedule(queue, Filter(ids=(rows.carol,)), START) == (1, 0)
    assert len((await queue.look(9)).due) == 3
    assert await managing.postpone(queue, Filter(), 1000) == (3, 0)
    assert (await queue.look(9)).due == []
    clock.now += 1000
    assert len((await queue.look(9)).due) == 3


async def test_rows_in_delivery_are_left(queue: Mailqueue, rows: Rows) -> None:
    claim = await queue.claim([rows.bob], "me", 600)
    assert await managing.schedule(queue, Filter(recipient="bob"), START) == (0, 1)
    assert await managing.set_transport(queue, Filter(), "other") == (2, 1)
    assert await managing.hold(queue, Filter(ids=(rows.bob,)), held=True) == (1, 0)
    await queue.give_back(claim, [rows.bob])
    assert [row.held for row in await managing.listed(queue, Filter(ids=(rows.bob,)))] == [1]


async def test_the_way_and_tls_are_chosen(queue: Mailqueue, rows: Rows) -> None:
    await managing.set_transport(queue, Filter(ids=(rows.bob,)), "relay")
    await managing.set_require_tls(queue, Filter(ids=(rows.bob,)), False)
    (row,) = await managing.listed(queue, Filter(ids=(rows.bob,)))
    assert (row.transport, row.require_tls) == ("relay", 0)
    await managing.set_require_tls(queue, Filter(), None)
    assert [row.require_tls for row in await managing.listed(queue, Filter())] == [None] * 3


async def test_a_rule_holds_what_is_there_and_what_comes(queue: Mailqueue, account: AccountId, rows: Rows) -> None:
    rule, held = await managing.add_rule(queue, account, Domain.parse("a.example"), Domain.parse("b.example"))
    assert held == 1
    assert [row.id for row in (await queue.look(9)).due] == [rows.eve]
    enqueued = await queue.enqueue(message(account, "three"), [recipient("new"), recipient("free", "d.example")])
    assert enqueued.held == 1
    assert [row.id for row in queue.take_arrivals().rows][-1:] == [enqueued.ids[1]]
    assert [each.id for each in await managing.rules(queue)] == [rule]
    assert await managing.remove_rule(queue, rule)
    assert not await managing.remove_rule(queue, rule)
    assert len(await names(queue, Filter(held=1))) == 2
    assert (await queue.enqueue(message(account, "four"), [recipient("new")])).held == 0


async def test_a_rule_without_anything_holds_all_mail(queue: Mailqueue, account: AccountId, rows: Rows) -> None:
    assert (await managing.add_rule(queue))[1] == 3
    other = await queue.index.write(NO_ACCOUNT, lambda tx: accounts.add(tx, "bob", now=START))
    assert (await queue.enqueue(message(other, "x"), [recipient()])).held == 1


async def test_a_rule_for_another_account_holds_nothing(queue: Mailqueue, account: AccountId, rows: Rows) -> None:
    other = await queue.index.write(NO_ACCOUNT, lambda tx: accounts.add(tx, "bob", now=START))
    assert (await managing.add_rule(queue, other))[1] == 0
    assert (await queue.enqueue(message(account, "x"), [recipient()])).held == 0
