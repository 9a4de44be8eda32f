"""Accounts: made whole, disabled, removed with all that was theirs, whatever was cut off."""

from contextlib import suppress

import pytest
import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts, annotating, mailboxes, reading, upkeep, verifying
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.contract.faults import Fault, fail_at
from storage_backends.errors import NotFound, Unavailable
from storage_backends.index import schema
from storage_backends.index.api import NO_ACCOUNT, Transaction
from storage_backends.index.statement import prepared
from storage_backends.index.tables import accounts as rows
from storage_backends.index.tables import stores
from tests.kit import faulty as faults
from tests.kit.stores import Kit, message, put

TABLES = [table for table in schema.metadata.sorted_tables if "account_id" in table.c]


def rows_of(tx: Transaction, account: Account) -> dict[str, int]:
    """How many rows of an account each table has."""
    counted = {}
    for table in TABLES:
        found = tx.all(prepared(table.select()))
        column = list(table.c).index(table.c.account_id)
        counted[table.name] = sum(row[column] == account.id for row in found)
    for table in (schema.message, schema.expunged):
        counted[table.name] = len(tx.all(prepared(table.select())))
    return {name: number for name, number in counted.items() if number}


async def verified(store: MailStore) -> list[verifying.Finding]:
    return [finding async for finding in verifying.run(store, bodies=True)]


async def fill(store: MailStore, account: Account) -> None:
    """Something of every kind, and a large message."""
    await put(store, account, message(), flags=["custom"])
    gone = await put(store, account, message("gone", Message_ID="<a@x>"))
    await put(store, account, message(body="x" * 400_000), "Lists/a")
    await annotating.put(store, account, 0, "/private/comment", b"x")
    await mailboxes.rename(store, account, "Inbox", "Old")
    await put(store, account, message())
    assert gone.uid == 2


@pytest.mark.parametrize("name", ["", "Ann", "a b", "a/b", ".a", "a-", "a" * 65, "\u00c4", "a\nb", "-", "a@b"])
async def test_a_name_that_cannot_be_one_is_refused(store: MailStore, name: str) -> None:
    for attempt in (accounts.create, accounts.ensure):
        with pytest.raises(Failure) as caught:
            await attempt(store, name)
        assert caught.value.kind is Kind.INVALID
    assert await accounts.listed(store) == []


async def test_an_account_is_made_once(store: MailStore) -> None:
    made = await accounts.create(store, "ann")
    with pytest.raises(Failure) as caught:
        await accounts.create(store, "ann")
    assert caught.value.kind is Kind.EXISTS
    assert (await accounts.ensure(store, "ann")).id == made.id
    assert (await accounts.get(store, "ann")).state == rows.ACTIVE


async def test_ensuring_at_once_makes_one(store: MailStore) -> None:
    made: list[int] = []

    async def ensure() -> None:
        made.append((await accounts.ensure(store, "ann")).id)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ensure)
    assert len(made) == 10
    assert len(set(made)) == 1


async def test_an_account_that_was_half_made_is_finished_when_it_is_opened(store: MailStore) -> None:
    await store.index.write(NO_ACCOUNT, lambda tx: rows.add(tx, "ann", now=store.now()))
    account = await accounts.open(store, "ann")
    assert (await accounts.get(store, "ann")).state == rows.ACTIVE
    assert len(await mailboxes.listed(store, account)) == 6
    await accounts.open(store, "ann")
    assert len(await mailboxes.listed(store, account)) == 6


async def test_an_account_is_disabled_and_enabled(store: MailStore, account: Account) -> None:
    await accounts.set_disabled(store, "ann", disabled=True)
    assert (await accounts.get(store, "ann")).state == rows.DISABLED
    assert (await accounts.open(store, "ann")).id == account.id
    await accounts.set_disabled(store, "ann", disabled=False)
    assert (await accounts.get(store, "ann")).state == rows.ACTIVE


async def test_an_account_that_is_not_there_is_not_found(store: MailStore) -> None:
    for attempt in (accounts.open, accounts.get, accounts.remove):
        with pytest.raises(Failure) as caught:
            await attempt(store, "nobody")
        assert caught.value.kind is Kind.NOT_FOUND


async def test_removing_takes_every_row_and_body_but_those_of_others(kit: Kit, account: Account) -> None:
    store = kit.store
    other = await accounts.create(store, "bob")
    await fill(store, account)
    await put(store, other, message())
    assert set(await store.index.read(lambda tx: rows_of(tx, account))) >= {"email", "mailbox", "thread_key", "keyword"}
    await accounts.remove(store, "ann")
    of_bob = await store.index.read(lambda tx: rows_of(tx, other))
    assert await store.index.read(lambda tx: rows_of(tx, account)) == {"message": 1}
    assert of_bob["message"] == of_bob["email"] == 1
    assert {info.account for info in [info async for info in store.bodies["main"].refs()]} == {other.id}
    assert await verified(store) == []


async def test_a_name_used_again_is_another_account(store: MailStore, account: Account) -> None:
    delivered = await put(store, account, message())
    await accounts.remove(store, "ann")
    again = await accounts.create(store, "ann")
    assert again.id > account.id
    inbox = await mailboxes.get(store, again, "Inbox")
    assert inbox.messages == 0
    assert inbox.id > delivered.mailbox_id
    with pytest.raises(Failure):
        await reading.mail(store, again, delivered.email_id)


async def test_the_name_is_free_while_the_removal_waits_to_go_on(store: MailStore, account: Account) -> None:
    await store.index.write([account.id], lambda tx: rows.set_state(tx, account.id, rows.REMOVING))
    assert await accounts.listed(store) == []
    again = await accounts.ensure(store, "ann")
    assert again.id != account.id
    await upkeep.run(store)
    assert [row.id for row in await accounts.listed(store)] == [again.id]
    assert len(await mailboxes.listed(store, again)) == 6


async def test_a_removed_account_stays_removed_whatever_an_old_handle_does(store: MailStore, account: Account) -> None:
    await store.index.write([account.id], lambda tx: rows.set_state(tx, account.id, rows.REMOVING))
    with pytest.raises(Failure) as caught:
        await accounts.set_disabled(store, "ann", disabled=False)
    assert caught.value.kind is Kind.NOT_FOUND
    await upkeep.finish_removals(store)
    with pytest.raises(NotFound):
        await put(store, account, message())
    with pytest.raises(NotFound):
        await accounts.by_id(store, account.id)


async def test_deliveries_beside_a_removal_leave_nothing_in_the_rows(store: MailStore, account: Account) -> None:
    for _ in range(3):
        await put(store, account, message())

    async def deliver() -> None:
        with suppress(NotFound):
            while True:
                await put(store, account, message(), "Sub/box")

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(deliver)
        await accounts.remove(store, "ann")
    assert await store.index.read(lambda tx: rows_of(tx, account)) == {}


async def test_sealed_mail_is_erased_with_the_first_step_of_a_removal(store: MailStore, account: Account) -> None:
    if not account.codec.sealing:
        return
    delivered = await put(store, account, message())
    faulty = faults.over(store, fail_at(3))
    with pytest.raises(Unavailable):
        await accounts.remove(faulty.store, "ann")
    assert len([info async for info in store.bodies["main"].refs()]) == 1
    assert await store.index.read(lambda tx: stores.wrapped_key(tx, account.id)) is None
    with pytest.raises(Failure):
        await reading.mail(store, account, delivered.email_id)


async def remove_with_a_fault(store: MailStore, fault: Fault) -> int:
    """Remove an account with a fault at one call; upkeep then finishes it. Returns how many calls there were."""
    account = await accounts.create(store, "ann")
    await fill(store, account)
    faulty = faults.over(store, fault)
    with suppress(Unavailable):
        await accounts.remove(faulty.store, "ann")
    if account.id in [row.id for row in await accounts.listed(store)]:
        assert await verified(store) == []
        await accounts.remove(store, "ann")
    await upkeep.run(store)
    assert await store.index.read(lambda tx: rows_of(tx, account)) == {}
    assert [info async for info in store.bodies["main"].refs()] == []
    return faulty.schedule.calls


@pytest.mark.parametrize("effect", [False, True])
async def test_a_removal_that_failed_at_any_call_is_finished_by_upkeep(store: MailStore, effect: bool) -> None:
    number = 1
    while await remove_with_a_fault(store, fail_at(number, effect=effect)) >= number:
        number += 1
    assert number > 12
