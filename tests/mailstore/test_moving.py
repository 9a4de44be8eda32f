"""Copying and moving by reference: UIDs that COPYUID tells, flags, counts, quota."""

import pytest

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import Quota
from mox_trio.mailstore import accounts, changes, expunging, flagging, mailboxes, moving, reading, verifying
from mox_trio.mailstore.deliver import Delivered
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, ModSeq
from storage_backends.index.tables.messages import EVERYTHING, MessageRow, Ranges
from tests.kit.stores import message, put


async def fill(store: MailStore, account: Account, number: int = 6) -> list[Delivered]:
    """Messages in Inbox with flags of their own; the second is expunged."""
    delivered = [
        await put(store, account, message(str(each)), flags=["\\Seen", "work"] if each % 2 else [], received=each)
        for each in range(number)
    ]
    await expunging.erase(store, account, delivered[0].mailbox_id, [(2, 2)])
    return delivered


async def subjects(store: MailStore, account: Account, mailbox: MailboxId) -> dict[int, str]:
    pages = reading.summaries(store, account, mailbox, EVERYTHING)
    return {row.uid: summary.subject async for page in pages for row, summary in page}


async def sound(store: MailStore) -> bool:
    return [finding async for finding in verifying.run(store, bodies=True)] == []


async def test_copies_have_the_flags_and_dates_of_their_sources_and_cost_no_body(
    store: MailStore, account: Account
) -> None:
    source = (await fill(store, account))[0].mailbox_id
    await put(store, account, message("there"), "Archive")
    bodies = len([info async for info in store.bodies["main"].refs()])
    copied = await moving.copy(store, account, source, [(1, 4), (6, 6)], "Archive")
    assert (copied.sources, copied.first) == ([1, 3, 4, 6], 2)
    assert await subjects(store, account, copied.target) == {1: "there", 2: "0", 3: "2", 4: "3", 5: "5"}
    before = {row.uid: row for row in await reading.rows(store, source)}
    after: dict[int, MessageRow] = {row.uid: row for row in await reading.rows(store, copied.target)}
    for number, uid in enumerate(copied.sources):
        copy = after[copied.first + number]
        assert copy[4:7] == before[uid][4:7]
        assert (copy.email_id, copy.size) == (before[uid].email_id, before[uid].size)
        assert (copy.modseq, copy.createseq) == (copied.modseq, copied.modseq)
    assert len([info async for info in store.bodies["main"].refs()]) == bodies
    archive = await mailboxes.get(store, account, "Archive")
    assert (archive.messages, archive.unseen, archive.uidnext) == (5, 3, 6)
    assert archive.uidvalidity == copied.uidvalidity
    assert await sound(store)


async def test_moving_leaves_tombstones_and_keeps_the_mail(store: MailStore, account: Account) -> None:
    source = (await fill(store, account))[0].mailbox_id
    watermark = (await changes.since(store, account, ModSeq(0))).modseq
    moved = await moving.move(store, account, source, [(3, 4)], "Archive")
    news = await changes.since(store, account, watermark)
    assert news.messages[source].vanished == [3, 4]
    assert [row.uid for row in news.messages[moved.target].changed] == [1, 2]
    assert await subjects(store, account, source) == {1: "0", 5: "4", 6: "5"}
    assert await subjects(store, account, moved.target) == {1: "2", 2: "3"}
    assert await sound(store)


@pytest.mark.parametrize("ranges", [EVERYTHING, ((3, 4), (6, 4294967295), (1, 1), (5, 5)), ((1, 3), (2, 6))])
async def test_moving_into_the_same_mailbox_gives_new_uids(store: MailStore, account: Account, ranges: Ranges) -> None:
    source = (await fill(store, account))[0].mailbox_id
    moved = await moving.move(store, account, source, ranges, "Inbox")
    assert (moved.sources, moved.first, moved.target) == ([1, 3, 4, 5, 6], 7, source)
    assert await subjects(store, account, source) == {7: "0", 8: "2", 9: "3", 10: "4", 11: "5"}
    inbox = await mailboxes.get(store, account, "Inbox")
    assert (inbox.messages, inbox.unseen, inbox.uidnext) == (5, 3, 12)
    assert await sound(store)


async def test_copying_into_the_same_mailbox_doubles(store: MailStore, account: Account) -> None:
    source = (await fill(store, account))[0].mailbox_id
    copied = await moving.copy(store, account, source, EVERYTHING, "inbox")
    assert (copied.sources, copied.first) == ([1, 3, 4, 5, 6], 7)
    assert len(await reading.rows(store, source)) == 10
    assert await sound(store)


async def test_wide_and_many_ranges_cost_no_more_than_the_mailbox(store: MailStore, account: Account) -> None:
    source = (await fill(store, account))[0].mailbox_id
    wide = [(first, 4294967295) for first in range(1, 2000)]
    copied = await moving.copy(store, account, source, wide, "Archive")
    assert copied.sources == [1, 3, 4, 5, 6]
    many = [(uid, uid) for uid in range(1, 20_001, 2)]
    assert (await moving.copy(store, account, source, many, "Archive")).sources == [1, 3, 5]
    assert (await moving.copy(store, account, source, [(1, 20_000), (3, 3), (2, 4)], "Archive")).first == 9
    assert [row.uid for row in await reading.rows(store, source, [(5, 90_000), (1, 1)])] == [1, 5, 6]


@pytest.mark.parametrize("ranges", [[], [(2, 2)], [(100, 200)], [(4, 3)], [(9, 8), (20_000, 1)]])
async def test_nothing_chosen_is_nothing_done(store: MailStore, account: Account, ranges: Ranges) -> None:
    source = (await fill(store, account))[0].mailbox_id
    for work in (moving.copy, moving.move):
        assert (await work(store, account, source, ranges, "Archive")).sources == []
    assert (await mailboxes.get(store, account, "Archive")).uidnext == 1
    assert len(await reading.rows(store, source)) == 5


async def test_a_copy_beyond_the_quota_is_all_or_nothing(store: MailStore, account: Account) -> None:
    source = (await fill(store, account))[0].mailbox_id
    quota = (await mailboxes.get(store, account, "Inbox")).size * 2 - 1
    with pytest.raises(Failure) as caught:
        await moving.copy(store, account, source, EVERYTHING, "Archive", Quota(quota))
    assert caught.value.kind is Kind.QUOTA
    archive = await mailboxes.get(store, account, "Archive")
    assert (archive.messages, archive.uidnext) == (0, 1)
    await moving.copy(store, account, source, EVERYTHING, "Archive", Quota(quota + 1))


async def test_source_and_target_must_be_there_and_be_ones_own(store: MailStore, account: Account) -> None:
    source = (await fill(store, account))[0].mailbox_id
    bob = await accounts.create(store, "bob")
    for work in (moving.copy, moving.move):
        for owner, mailbox, target in ((account, source, "None"), (account, 9999, "Archive"), (bob, source, "Archive")):
            with pytest.raises(Failure) as caught:
                await work(store, owner, MailboxId(mailbox), EVERYTHING, target)
            assert caught.value.kind is Kind.NOT_FOUND
    with pytest.raises(Failure):
        await expunging.erase(store, bob, source, EVERYTHING)
    with pytest.raises(Failure):
        await flagging.store_flags(store, bob, source, EVERYTHING, flagging.Change.ADD, ["\\Seen"])
    assert len(await reading.rows(store, source)) == 5
