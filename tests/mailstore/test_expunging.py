"""Expunging: tombstones at once, the mail an hour after its last placement went."""

import pytest

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import changes, expunging, flagging, mailboxes, moving, reading, reading_many, upkeep, verifying
from mox_trio.mailstore.flagging import Change
from mox_trio.mailstore.store import HOUR, Account, MailStore
from storage_backends.index.api import ModSeq
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit.stores import Kit, message, put


async def bodies(store: MailStore) -> int:
    return len([info async for info in store.bodies["main"].refs()])


async def test_expunging_takes_those_with_the_deleted_flag_only(store: MailStore, account: Account) -> None:
    delivered = [
        await put(store, account, message(), flags=flags) for flags in (["\\Deleted"], [], ["\\Deleted"], ["\\Deleted"])
    ]
    inbox = delivered[0].mailbox_id
    before = await changes.since(store, account, ModSeq(0))
    gone = await expunging.expunge(store, account, inbox, [(1, 3)])
    assert gone.uids == [1, 3]
    news = await changes.since(store, account, before.modseq)
    assert (news.messages[inbox].vanished, news.messages[inbox].changed) == ([1, 3], [])
    row = await mailboxes.get(store, account, "Inbox")
    assert (row.messages, row.unseen, row.deleted, row.size) == (2, 2, 1, 2 * len(message()))
    assert row.highest_modseq == gone.modseq
    assert (await expunging.expunge(store, account, inbox)).uids == [4]
    assert (await expunging.expunge(store, account, inbox)).uids == []


async def test_what_went_can_be_read_until_it_is_erased(store: MailStore, account: Account) -> None:
    first = await put(store, account, message(), flags=["\\Seen"])
    second = await put(store, account, message())
    inbox = first.mailbox_id
    (row,) = await reading.rows(store, inbox, [(1, 1)])
    await expunging.erase(store, account, inbox, [(1, 1)])
    await moving.move(store, account, inbox, [(2, 2)], "Archive")
    names = ("email_id", "flags", "keywords", "createseq", "saved", "envelope")
    gone = await reading_many.found(store, account, inbox, [first.uid, second.uid], names)
    assert [each[reading_many.FIRST] for each in gone] == [first.email_id, second.email_id]
    was = (row.uid, row.received, row.size, row.email_id, row.flags, row.keywords, row.createseq, row.saved)
    at = reading_many.OBJECT_ID
    assert (*gone[0][:at], *gone[0][at + 1 : -1]) == was
    assert gone[0][reading_many.SIZE] == len(message())
    assert await reading.mail(store, account, first.email_id) == message()


async def test_uids_are_never_given_twice(store: MailStore, account: Account) -> None:
    first = await put(store, account, message())
    await expunging.erase(store, account, first.mailbox_id, EVERYTHING)
    assert (await put(store, account, message())).uid == 2


async def test_a_mail_is_readable_for_an_hour_after_it_was_expunged(kit: Kit, account: Account) -> None:
    store = kit.store
    delivered = await put(store, account, message())
    await expunging.erase(store, account, delivered.mailbox_id, EVERYTHING)
    kit.clock.ahead += HOUR - 60_000
    assert (await upkeep.run(store)).released == 0
    assert await reading.mail(store, account, delivered.email_id) == message()
    kit.clock.ahead += 60_000
    assert (await upkeep.run(store)).released == 1
    assert await bodies(store) == 0
    with pytest.raises(Failure) as caught:
        await reading.mail(store, account, delivered.email_id)
    assert caught.value.kind is Kind.NOT_FOUND


async def test_the_hour_counts_from_the_last_placement_that_goes(kit: Kit, account: Account) -> None:
    store = kit.store
    delivered = await put(store, account, message())
    copy = await moving.copy(store, account, delivered.mailbox_id, EVERYTHING, "Archive")
    again = await moving.copy(store, account, delivered.mailbox_id, EVERYTHING, "Inbox")
    await expunging.erase(store, account, delivered.mailbox_id, [(1, 1)])
    kit.clock.ahead += HOUR // 2
    await expunging.erase(store, account, copy.target, EVERYTHING)
    kit.clock.ahead += HOUR // 2
    assert (await upkeep.run(store)).released == 0
    assert await reading.mail(store, account, delivered.email_id) == message()
    await expunging.erase(store, account, delivered.mailbox_id, [(again.first, again.first)])
    kit.clock.ahead += HOUR - 60_000
    assert (await upkeep.run(store)).released == 0
    kit.clock.ahead += 60_000
    assert (await upkeep.run(store)).released == 1
    assert await bodies(store) == 0


async def test_copies_that_go_together_are_released_once(kit: Kit, account: Account) -> None:
    store = kit.store
    delivered = await put(store, account, message())
    await moving.copy(store, account, delivered.mailbox_id, EVERYTHING, "Inbox")
    for ranges in ([(1, 1), (2, 2)], EVERYTHING):
        await flagging.store_flags(store, account, delivered.mailbox_id, ranges, Change.ADD, ["\\Deleted"])
    assert (await expunging.expunge(store, account, delivered.mailbox_id, [(1, 1), (2, 2)])).uids == [1, 2]
    assert [finding async for finding in verifying.run(store)] == []
    kit.clock.ahead += HOUR
    assert (await upkeep.run(store)).released == 1


@pytest.mark.parametrize("how", ["delete the mailbox", "move, then expunge"])
async def test_a_mail_is_erased_whatever_took_its_last_placement(kit: Kit, account: Account, how: str) -> None:
    store = kit.store
    delivered = await put(store, account, message(), "Lists")
    if how == "delete the mailbox":
        await mailboxes.delete(store, account, "Lists")
    else:
        moved = await moving.move(store, account, delivered.mailbox_id, EVERYTHING, "Archive")
        await expunging.erase(store, account, moved.target, EVERYTHING)
    assert [finding async for finding in verifying.run(store)] == []
    kit.clock.ahead += HOUR
    assert (await upkeep.run(store)).released == 1
    assert await bodies(store) == 0


async def test_a_mailbox_that_is_gone_is_not_found(store: MailStore, account: Account) -> None:
    lists = await mailboxes.create(store, account, "Lists")
    await mailboxes.delete(store, account, "Lists")
    for work in (expunging.expunge, expunging.erase):
        with pytest.raises(Failure) as caught:
            await work(store, account, lists, EVERYTHING)
        assert caught.value.kind is Kind.NOT_FOUND
