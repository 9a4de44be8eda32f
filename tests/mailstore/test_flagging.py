"""Flags and keywords: by range and list, conditional, counted, with a modseq for what changed only."""

import pytest

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import changes, flagging, keywords, mailboxes, reading
from mox_trio.mailstore.flagging import Change
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, ModSeq
from storage_backends.index.tables import flags
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit.stores import message, put


@pytest.fixture
async def inbox(store: MailStore, account: Account) -> MailboxId:
    """Five messages, of which the first is seen."""
    first = await put(store, account, message(), flags=["\\Seen"])
    for _ in range(4):
        await put(store, account, message())
    return first.mailbox_id


async def flags_of(store: MailStore, account: Account, inbox: MailboxId) -> dict[int, set[str]]:
    table = await store.index.read(lambda tx: keywords.table(tx, account.id))
    return {row.uid: set(keywords.names(row.flags, row.keywords, table)) for row in await reading.rows(store, inbox)}


async def test_flags_are_added_removed_and_replaced(store: MailStore, account: Account, inbox: MailboxId) -> None:
    await flagging.store_flags(store, account, inbox, [(2, 3)], Change.ADD, ["\\flagged", "Work", "$junk"])
    await flagging.store_flags(store, account, inbox, [(3, 3), (1, 1)], Change.REMOVE, ["work", "\\Seen", "unknown"])
    await flagging.store_flags(store, account, inbox, [(5, 9)], Change.REPLACE, ["\\Draft", "WORK"])
    await flagging.store_flags(store, account, inbox, [(2, 2)], Change.REPLACE, ["Work"])
    assert await flags_of(store, account, inbox) == {
        1: set(),
        2: {"Work"},
        3: {"\\Flagged", "$Junk"},
        4: set(),
        5: {"\\Draft", "Work"},
    }


async def test_only_what_changes_gets_a_modseq(store: MailStore, account: Account, inbox: MailboxId) -> None:
    before = await changes.since(store, account, ModSeq(0))
    stored = await flagging.store_flags(store, account, inbox, EVERYTHING, Change.ADD, ["\\Seen"])
    assert (stored.changed, stored.modified) == (4, [])
    news = await changes.since(store, account, before.modseq)
    assert [(row.uid, row.modseq) for row in news.messages[inbox].changed] == [
        (uid, stored.modseq) for uid in (2, 3, 4, 5)
    ]
    assert stored.modseq > before.modseq
    again = await flagging.store_flags(store, account, inbox, EVERYTHING, Change.ADD, ["\\Seen"])
    assert again.changed == 0
    assert inbox not in (await changes.since(store, account, stored.modseq)).messages


async def test_counts_follow_flags(store: MailStore, account: Account, inbox: MailboxId) -> None:
    size = len(message())
    await flagging.store_flags(store, account, inbox, [(1, 2), (4, 4)], Change.ADD, ["\\Seen", "\\Deleted"])
    row = await mailboxes.get(store, account, "Inbox")
    assert (row.messages, row.unseen, row.deleted, row.deleted_size) == (5, 2, 3, 3 * size)
    await flagging.store_flags(store, account, inbox, [(1, 1), (5, 5)], Change.REPLACE, ["\\Flagged"])
    await flagging.store_flags(store, account, inbox, [(2, 2)], Change.REMOVE, ["\\Deleted"])
    row = await mailboxes.get(store, account, "Inbox")
    assert (row.messages, row.unseen, row.deleted, row.deleted_size) == (5, 3, 1, size)


@pytest.mark.parametrize("ranges", [((1, 5),), ((1, 2), (3, 3), (5, 5), (4, 4)), ((1, 1), (2, 4294967295))])
async def test_what_changed_meanwhile_is_left_alone(
    store: MailStore, account: Account, inbox: MailboxId, ranges: tuple[tuple[int, int], ...]
) -> None:
    watermark = (await changes.since(store, account, ModSeq(0))).modseq
    await flagging.store_flags(store, account, inbox, [(2, 2), (4, 4)], Change.ADD, ["\\Flagged"])
    stored = await flagging.store_flags(store, account, inbox, ranges, Change.ADD, ["\\Deleted"], watermark)
    assert (stored.changed, stored.modified) == (3, [2, 4])
    deleted = {uid for uid, names in (await flags_of(store, account, inbox)).items() if "\\Deleted" in names}
    assert deleted == {1, 3, 5}
    assert (await mailboxes.get(store, account, "Inbox")).deleted == 3


async def test_an_account_has_63_keywords(store: MailStore, account: Account, inbox: MailboxId) -> None:
    names = [f"keyword{number}" for number in range(flags.KEYWORD_BITS)]
    await flagging.store_flags(store, account, inbox, [(1, 1)], Change.ADD, names)
    assert (await flags_of(store, account, inbox))[1] == {*names, "\\Seen"}
    for change in (Change.ADD, Change.REPLACE):
        with pytest.raises(Failure) as caught:
            await flagging.store_flags(store, account, inbox, [(2, 2)], change, ["keyword62", "one-more"])
        assert caught.value.kind is Kind.LIMIT
    with pytest.raises(Failure) as caught:
        await put(store, account, message(), flags=["one-more"])
    assert caught.value.kind is Kind.LIMIT
    await flagging.store_flags(store, account, inbox, [(2, 2)], Change.ADD, ["KEYWORD62"])
    await flagging.store_flags(store, account, inbox, [(1, 1)], Change.REMOVE, [*names[:62], "one-more"])
    assert await flags_of(store, account, inbox) == {
        1: {"keyword62", "\\Seen"},
        2: {"keyword62"},
        3: set(),
        4: set(),
        5: set(),
    }


@pytest.mark.parametrize("name", ["", "a b", "\\Recent", "a]", "\u00e4", "x" * 101, "a\r\n", "*"])
async def test_a_keyword_that_cannot_be_one_is_refused(
    store: MailStore, account: Account, inbox: MailboxId, name: str
) -> None:
    with pytest.raises(Failure) as caught:
        await flagging.store_flags(store, account, inbox, EVERYTHING, Change.ADD, ["\\Seen", name])
    assert caught.value.kind is Kind.INVALID
    assert (await mailboxes.get(store, account, "Inbox")).unseen == 4


async def test_a_mailbox_that_is_gone_is_not_found(store: MailStore, account: Account, inbox: MailboxId) -> None:
    lists = await mailboxes.create(store, account, "Lists")
    await mailboxes.delete(store, account, "Lists")
    for gone in (lists, MailboxId(99_999)):
        with pytest.raises(Failure) as caught:
            await flagging.store_flags(store, account, gone, EVERYTHING, Change.ADD, ["\\Seen"])
        assert caught.value.kind is Kind.NOT_FOUND


async def test_a_change_tells_how_the_messages_are_now(store: MailStore, account: Account, inbox: MailboxId) -> None:
    before = {int(row.uid): row.modseq for row in await reading.rows(store, inbox)}
    stored = await flagging.store_flags(store, account, inbox, [(1, 2), (5, 9)], Change.ADD, ["\\Seen", "work"])
    first = await flagging.store_flags(store, account, inbox, [(1, 2)], Change.ADD, ["\\Seen"])
    assert [(row.uid, row.flags, row.keywords, row.modseq, row.was) for row in stored.rows] == [
        (uid, flags.SEEN, 1, stored.modseq, before[uid]) for uid in (1, 2, 5)
    ]
    assert [(row.uid, row.modseq, row.was) for row in first.rows] == [
        (uid, stored.modseq, stored.modseq) for uid in (1, 2)
    ]
    again = await flagging.store_flags(store, account, inbox, EVERYTHING, Change.REMOVE, ["\\Seen"], before[4])
    assert [row.uid for row in again.rows] == [3, 4]
    assert again.modified == [1, 2, 5]
