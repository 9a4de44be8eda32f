"""Deleting a mailbox of any size: at once from view, its messages in short units, whatever happens between them."""

import random
from dataclasses import dataclass
from functools import partial

import pytest
import trio
from sqlalchemy import func, select

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import (
    accounts,
    changes,
    deliver,
    expunging,
    flagging,
    mailboxes,
    moving,
    reading,
    upkeep,
    verifying,
)
from mox_trio.mailstore.deliver import Delivered, Incoming, Terms
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import HOUR, Account, MailStore
from storage_backends.contract.faults import fail_at
from storage_backends.errors import Unavailable
from storage_backends.index.api import MailboxId, ModSeq
from storage_backends.index.schema import expunged, message
from storage_backends.index.tables import emails
from storage_backends.index.tables import mailboxes as rows
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit import damage, faulty, watched_index
from tests.kit.stores import Kit, put
from tests.kit.stores import message as mail

PAGE = 2


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "PAGE", PAGE)


@dataclass
class World:
    """A mailbox with five messages and three tombstones; the second message is in Archive too, the third in it twice."""

    store: MailStore
    account: Account
    delivered: list[Delivered]

    @property
    def mailbox(self) -> MailboxId:
        return self.delivered[0].mailbox_id

    async def left(self) -> tuple[int, int]:
        """Messages and tombstones that the mailbox still has."""
        ((messages,),) = await damage.look(
            self.store, select(func.count()).select_from(message).where(message.c.mailbox_id == self.mailbox)
        )
        ((tombstones,),) = await damage.look(
            self.store, select(func.count()).select_from(expunged).where(expunged.c.mailbox_id == self.mailbox)
        )
        return messages, tombstones

    async def names(self) -> set[str]:
        return {row.name for row in await mailboxes.listed(self.store, self.account)}


async def world(store: MailStore, account: Account) -> World:
    delivered = [await put(store, account, mail(str(number)), "Lists") for number in range(7)]
    mailbox = delivered[0].mailbox_id
    await moving.copy(store, account, mailbox, [(2, 2)], "Archive")
    await moving.copy(store, account, mailbox, [(3, 3)], "Lists")
    await expunging.erase(store, account, mailbox, [(5, 7)])
    return World(store, account, delivered)


async def sound(store: MailStore) -> bool:
    return [finding async for finding in verifying.run(store, bodies=True)] == []


async def bodies(store: MailStore) -> int:
    return len([info async for info in store.bodies["main"].refs()])


async def test_all_of_it_goes_and_what_nothing_else_holds_is_erased_an_hour_later(kit: Kit, account: Account) -> None:
    here = await world(kit.store, account)
    await mailboxes.delete(kit.store, account, "Lists")
    assert await here.left() == (0, 0)
    assert await sound(kit.store)
    done = await upkeep.run(kit.store)
    assert (done.mailboxes, done.released) == (0, 0)
    kit.clock.ahead += HOUR
    assert (await upkeep.run(kit.store)).released == 6
    assert await bodies(kit.store) == 1
    assert [row.email_id for row in await reading.rows(kit.store, (await archive(here)).id)] == [
        here.delivered[1].email_id
    ]
    assert await sound(kit.store)


async def archive(here: World) -> rows.MailboxRow:
    return await mailboxes.get(here.store, here.account, "Archive")


async def test_no_unit_takes_more_than_a_page(kit: Kit, account: Account) -> None:
    here = await world(kit.store, account)
    left = [await here.left()]

    async def after_write(number: int) -> None:
        left.append(await here.left())
        assert await sound(kit.store)
        assert "Lists" not in await here.names()

    await mailboxes.delete(watched_index.over(kit.store, after_write=after_write), account, "Lists")
    assert left == [(5, 3), (3, 3), (1, 3), (0, 1), (0, 0)]


@pytest.mark.parametrize("what", ["call", "statement"])
async def test_a_deletion_that_fails_at_any_point_is_not_begun_or_is_finished_by_upkeep(kit: Kit, what: str) -> None:
    step = 1 if what == "call" else 3  # of the statements every third, beginning with one of the first three
    number, rounds, reached, begun = -random.randrange(step), 0, True, 0
    while reached:
        number, rounds = number + step, rounds + 1
        account = await accounts.create(kit.store, f"ann{number}")
        here = await world(kit.store, account)
        failing = (
            faulty.over(kit.store, fail_at(number)) if what == "call" else faulty.over(kit.store, statement=number)
        )
        try:
            await mailboxes.delete(failing.store, account, "Lists")
        except Unavailable:
            assert "Lists" in await here.names()
            assert await here.left() == (5, 3)
            await mailboxes.delete(kit.store, account, "Lists")
        reached = (failing.schedule.calls if what == "call" else failing.index.statements) >= number
        assert "Lists" not in await here.names()
        cut_off = await here.left() != (0, 0)
        begun += cut_off
        assert await sound(kit.store)
        assert (await upkeep.run(kit.store)).mailboxes == cut_off
        assert await here.left() == (0, 0)
        assert await sound(kit.store)
        assert (await archive(here)).messages == 1
    assert begun >= 3
    assert number > 4
    kit.clock.ahead += 2 * HOUR
    await upkeep.run(kit.store)
    assert await bodies(kit.store) == rounds


async def test_upkeep_that_fails_at_any_call_goes_on_with_the_next_run(kit: Kit, account: Account) -> None:
    here = await world(kit.store, account)
    await mailboxes.delete(faulty.over(kit.store, fail_at(2)).store, account, "Lists")
    assert await here.left() == (3, 3)
    number = 0
    while await here.left() != (0, 0):
        number += 1
        try:
            # Each run gets one unit further.
            await upkeep.finish_deletions(faulty.over(kit.store, fail_at(4)).store)
        except Unavailable:
            assert await sound(kit.store)
    assert number == 3
    assert (await upkeep.run(kit.store)).mailboxes == 0


async def test_nobody_puts_anything_into_a_mailbox_that_is_going(kit: Kit, account: Account) -> None:
    here = await world(kit.store, account)
    before = await changes.since(kit.store, account, ModSeq(0))
    fresh: list[Delivered] = []

    async def refused() -> None:
        for attempt in (
            moving.copy(kit.store, account, here.mailbox, EVERYTHING, "Archive"),
            moving.move(kit.store, account, here.mailbox, EVERYTHING, "Archive"),
            expunging.erase(kit.store, account, here.mailbox, EVERYTHING),
            flagging.store_flags(kit.store, account, here.mailbox, EVERYTHING, flagging.Change.ADD, ["\\Seen"]),
        ):
            with pytest.raises(Failure) as caught:
                await attempt
            assert caught.value.kind is Kind.NOT_FOUND

    async def after_write(number: int) -> None:
        await refused()
        if number == 1:
            with pytest.raises(Failure, match="there is no mailbox"):
                await deliver_into(kit.store, account, Terms(create=False))
        fresh.append(await deliver_into(kit.store, account, Terms()))
        news = await changes.since(kit.store, account, before.modseq)
        assert [(row.gone, row.name, row.messages) for row in news.mailboxes if row.id == here.mailbox] == [(1, "", 0)]
        assert here.mailbox not in news.messages

    await mailboxes.delete(watched_index.over(kit.store, after_write=after_write), account, "Lists")
    again = await mailboxes.get(kit.store, account, "Lists")
    assert again.id != here.mailbox
    assert again.uidvalidity > here.delivered[0].uidvalidity
    assert [row.uid for row in await reading.rows(kit.store, again.id)] == [1, 2, 3, 4]
    assert [each.uid for each in fresh] == [1, 2, 3, 4]
    assert again.messages == 4
    assert await here.left() == (0, 0)
    assert await sound(kit.store)


async def deliver_into(store: MailStore, account: Account, terms: Terms) -> Delivered:
    async with Spool(store) as spool:
        await spool.write(mail("fresh"))
        return await deliver.to_mailbox(store, account, "Lists", Incoming(await spool.finish()), terms)


async def test_deliveries_and_deletions_at_once_lose_nothing(kit: Kit, account: Account) -> None:
    delivered: list[Delivered] = []

    async def deliveries() -> None:
        for _ in range(15):
            delivered.append(await deliver_into(kit.store, account, Terms()))

    async def deletions() -> None:
        for _ in range(6):
            await put(kit.store, account, mail(), "Lists")
            try:
                await mailboxes.delete(kit.store, account, "Lists")
            except Failure as failure:
                assert failure.kind is Kind.NOT_FOUND  # noqa: PT017 - the other one may have done it

    async with trio.open_nursery() as nursery:
        for each in (deliveries, deliveries, deletions, deletions):
            nursery.start_soon(each)
    last = await put(kit.store, account, mail(), "Lists")
    kept = await reading.rows(kit.store, last.mailbox_id)
    assert {each.uid for each in delivered if each.mailbox_id == last.mailbox_id} <= {row.uid for row in kept}
    assert await sound(kit.store)
    kit.clock.ahead += HOUR
    assert (await upkeep.run(kit.store)).mailboxes == 0
    assert await bodies(kit.store) == len(kept)


async def test_a_mail_of_a_mailbox_that_is_going_is_not_there_for_an_import(kit: Kit, account: Account) -> None:
    here = await world(kit.store, account)
    key, size = await content(here, 0)
    assert await kit.store.index.read(lambda tx: emails.has_content(tx, account.id, key, size))
    await mailboxes.delete(faulty.over(kit.store, fail_at(2)).store, account, "Lists")
    assert (await here.left())[0] > 0
    for number, there in ((1, True), (2, False), (3, False)):
        key, size = await content(here, number)
        known = partial(emails.has_content, account=account.id, content_key=key, size=size)
        assert await kit.store.index.read(known) is there


async def content(here: World, number: int) -> tuple[int, int]:
    email_id = here.delivered[number].email_id
    found = await here.store.index.read(lambda tx: emails.content(tx, here.account.id, email_id))
    assert found is not None
    assert found[0] is not None
    return found[0], here.delivered[number].size


async def test_an_account_goes_with_what_deleted_mailboxes_left(kit: Kit, account: Account) -> None:
    here = await world(kit.store, account)
    await mailboxes.delete(faulty.over(kit.store, fail_at(2)).store, account, "Lists")
    assert await here.left() == (3, 3)
    await accounts.remove(kit.store, account.name)
    assert await here.left() == (0, 0)
    assert await bodies(kit.store) == 0
    assert await mailboxes.finish_deletions(kit.store, account.id) == 0
    assert await sound(kit.store)
