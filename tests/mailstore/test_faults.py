"""Every call and every statement of an operation fails once: it is done or not done, and the error says Unavailable."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from mox_trio.base.failure import Failure
from mox_trio.mailstore import accounts, deliver, expunging, mailboxes, moving, reading, upkeep, verifying
from mox_trio.mailstore.deliver import Incoming
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import DAY, HOUR, Account, MailStore
from storage_backends.contract.faults import fail_at
from storage_backends.errors import NotFound, Unavailable
from storage_backends.index.api import MailboxId
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit import faulty as faults
from tests.kit.stores import Kit, message, put


@dataclass
class World:
    """An account with three messages in Inbox; the first is in Archive too."""

    store: MailStore
    account: Account
    inbox: MailboxId

    async def shape(self) -> dict[str, list[tuple[int, str, int]]]:
        """Mailboxes, and of each message its UID, subject and flags, as an independent reader sees them."""
        found: dict[str, list[tuple[int, str, int]]] = {}
        for row in await mailboxes.listed(self.store, self.account):
            pages = reading.summaries(self.store, self.account, row.id, EVERYTHING)
            found[row.name] = [
                (each.uid, summary.subject, each.flags) async for page in pages for each, summary in page
            ]
        return found


async def world(store: MailStore, name: str) -> World:
    account = await accounts.create(store, name)
    delivered = [
        await put(store, account, message(subject), flags=["\\Deleted"]) for subject in ("one", "two", "three")
    ]
    await moving.copy(store, account, delivered[0].mailbox_id, [(1, 1)], "Archive")
    return World(store, account, delivered[0].mailbox_id)


async def deliver_two(here: World) -> object:
    async with Spool(here.store) as small, Spool(here.store) as large:
        await small.write(message("new"))
        await large.write(message("large", "text\r\n" * 60_000))
        incoming = [Incoming(await small.finish(), flags=("work",)), Incoming(await large.finish())]
        return await deliver.many(here.store, here.account, "Lists/trio", incoming)


OPERATIONS: dict[str, Callable[[World], Awaitable[object]]] = {
    "deliver": deliver_two,
    "copy": lambda here: moving.copy(here.store, here.account, here.inbox, EVERYTHING, "Archive"),
    "move": lambda here: moving.move(here.store, here.account, here.inbox, EVERYTHING, "Archive"),
    "expunge": lambda here: expunging.expunge(here.store, here.account, here.inbox),
    "rename inbox": lambda here: mailboxes.rename(here.store, here.account, "Inbox", "Old/inbox"),
    "rename": lambda here: mailboxes.rename(here.store, here.account, "Archive", "Old/archive"),
    "delete": lambda here: mailboxes.delete(here.store, here.account, "Archive"),
}


async def operate(here: World, name: str, failing: faults.Faulty) -> bool:
    """Run an operation over a store that fails; whether it did. It must say Unavailable."""
    try:
        await OPERATIONS[name](World(failing.store, here.account, here.inbox))
    except Unavailable:
        return True
    return False


async def all_or_nothing(kit: Kit, here: World, name: str, failing: faults.Faulty, *, done_after_all: bool) -> bool:
    """Run an operation with a fault and compare; whether the fault was reached."""
    before = await here.shape()
    failed = await operate(here, name, failing)
    after = await here.shape()
    if failed and not done_after_all:
        assert after == before
    else:
        assert after != before
    assert [finding async for finding in verifying.run(kit.store, bodies=True)] == []
    return failed


async def no_orphans_after_a_day(kit: Kit) -> None:
    kit.clock.ahead += DAY + HOUR
    await upkeep.run(kit.store)
    assert [finding async for finding in verifying.run(kit.store, bodies=True)] == []
    mails = 0
    for row in await accounts.listed(kit.store):
        account = await accounts.open(kit.store, row.name)
        emails = {
            each.email_id
            for box in await mailboxes.listed(kit.store, account)
            for each in await reading.rows(kit.store, box.id)
        }
        mails += len(emails)
    assert len([info async for info in kit.store.bodies["main"].refs()]) == mails


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_call_that_fails_leaves_all_or_nothing(kit: Kit, name: str) -> None:
    number, failed = 0, True
    while failed:
        number += 1
        here = await world(kit.store, f"ann{number}")
        failing = faults.over(kit.store, fail_at(number))
        failed = await all_or_nothing(kit, here, name, failing, done_after_all=False)
    assert number > (3 if name == "deliver" else 1)
    await no_orphans_after_a_day(kit)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_call_whose_answer_is_lost_leaves_nothing_half_done(kit: Kit, name: str) -> None:
    calls = 2 if name == "deliver" else 0  # the puts, whose loss undoes a delivery; then the one write
    for number in range(1, calls + 2):
        here = await world(kit.store, f"ann{number}")
        failing = faults.over(kit.store, fail_at(number, effect=True))
        assert await all_or_nothing(kit, here, name, failing, done_after_all=number > calls)
    await no_orphans_after_a_day(kit)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_statement_that_fails_undoes_the_whole_unit(kit: Kit, name: str) -> None:
    number, failed = 0, True
    while failed:
        number += 1
        here = await world(kit.store, f"ann{number}")
        failing = faults.over(kit.store, statement=number)
        failed = await all_or_nothing(kit, here, name, failing, done_after_all=False)
    assert number > 5
    await no_orphans_after_a_day(kit)


async def test_a_release_that_fails_at_any_call_is_done_by_the_next_run(kit: Kit) -> None:
    number, failed = 0, True
    while failed:
        number += 1
        here = await world(kit.store, f"ann{number}")
        await expunging.expunge(kit.store, here.account, here.inbox)
        kit.clock.ahead += HOUR
        failing = faults.over(kit.store, fail_at(number))
        failed = False
        try:
            await upkeep.release(failing.store)
        except Unavailable:
            failed = True
        await upkeep.release(kit.store)
        assert [finding async for finding in verifying.run(kit.store, bodies=True)] == []
    assert number > 4
    await no_orphans_after_a_day(kit)


async def test_a_refusal_is_told_even_when_the_body_cannot_be_removed_at_once(kit: Kit, account: Account) -> None:
    failing = faults.over(kit.store, fail_at(1, only="delete"))
    async with Spool(kit.store) as spool:
        await spool.write(message())
        incoming = Incoming(await spool.finish())
        with pytest.raises(Failure, match="create it first"):
            await deliver.to_mailbox(failing.store, account, "None", incoming, deliver.Terms(create=False))
    assert len([info async for info in kit.store.bodies["main"].refs()]) == 1
    await no_orphans_after_a_day(kit)


async def test_a_body_whose_account_went_meanwhile_is_an_orphan_for_a_day(kit: Kit, account: Account) -> None:
    await accounts.remove(kit.store, "ann")
    with pytest.raises(NotFound):
        await put(kit.store, account, message())
    # Without its key a sealed account takes no more bodies.
    assert len([info async for info in kit.store.bodies["main"].refs()]) == (0 if account.codec.sealing else 1)
    await no_orphans_after_a_day(kit)
