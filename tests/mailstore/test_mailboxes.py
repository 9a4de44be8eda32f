"""Mailboxes: names, parents, renaming with children, deleting, subscriptions, special use."""

import pytest

from mox_trio.base import limits
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import annotating, changes, mailboxes, reading, verifying
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import ModSeq
from storage_backends.index.tables import mailboxes as rows
from tests.kit.stores import Kit, message, put


async def names(store: MailStore, account: Account) -> set[str]:
    return {row.name for row in await mailboxes.listed(store, account)}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("INBOX", "Inbox"),
        ("inbox/Lists", "Inbox/Lists"),
        ("Inboxes", "Inboxes"),
        ("Lists/inbox", "Lists/inbox"),
        ("Caf\u0065\u0301", "Caf\u00e9"),
        ("a b.c&d", "a b.c&d"),
    ],
)
def test_a_name_is_kept_in_one_form(given: str, kept: str) -> None:
    assert mailboxes.canonical(given) == kept


@pytest.mark.parametrize(
    "name",
    ["", "/", "/a", "a/", "a//b", "a*", "a%b", "#news", "a\tb", "a\u2028b", "\ud800", "x" * 513, "/".join("a" * 33)],
)
def test_a_name_that_clients_cannot_use_is_refused(name: str) -> None:
    with pytest.raises(Failure) as caught:
        mailboxes.canonical(name)
    assert caught.value.kind is Kind.INVALID


async def test_a_new_account_has_its_mailboxes_subscribed_and_with_special_use(
    store: MailStore, account: Account
) -> None:
    listed = await mailboxes.listed(store, account)
    assert {row.name: row.special_use for row in listed} == dict(store.policy.initial_mailboxes)
    assert await mailboxes.subscriptions(store, account) == sorted(row.name for row in listed)
    assert len({row.uidvalidity for row in listed}) == len(listed)


async def test_creating_makes_missing_parents_and_takes_a_trailing_delimiter(
    store: MailStore, account: Account
) -> None:
    await mailboxes.create(store, account, "a/b/c/")
    assert {"a", "a/b", "a/b/c"} <= await names(store, account)
    assert {"a", "a/b", "a/b/c"} <= set(await mailboxes.subscriptions(store, account))
    with pytest.raises(Failure) as caught:
        await mailboxes.create(store, account, "a/b")
    assert caught.value.kind is Kind.EXISTS


async def test_names_are_case_sensitive_but_inbox(store: MailStore, account: Account) -> None:
    await mailboxes.create(store, account, "sent")
    assert (await mailboxes.get(store, account, "sent")).id != (await mailboxes.get(store, account, "Sent")).id
    with pytest.raises(Failure) as caught:
        await mailboxes.create(store, account, "iNbOx")
    assert caught.value.kind is Kind.EXISTS


async def test_renaming_takes_children_and_subscriptions_along(store: MailStore, account: Account) -> None:
    await mailboxes.create(store, account, "a/b/c")
    await mailboxes.create(store, account, "ab")
    await mailboxes.subscribe(store, account, "a/b", subscribed=False)
    await put(store, account, message(), "a/b/c")
    before = {row.name: row for row in await mailboxes.listed(store, account)}
    await mailboxes.rename(store, account, "a", "x/y")
    after = {row.name: row for row in await mailboxes.listed(store, account)}
    assert {"x", "x/y", "x/y/b", "x/y/b/c", "ab"} <= set(after)
    assert not {"a", "a/b", "a/b/c"} & set(after)
    assert (after["x/y/b/c"].id, after["x/y/b/c"].uidvalidity) == (before["a/b/c"].id, before["a/b/c"].uidvalidity)
    subscribed = await mailboxes.subscriptions(store, account)
    assert "x/y/b/c" in subscribed
    assert not {"x/y/b", "a", "a/b", "a/b/c"} & set(subscribed)


async def test_renaming_onto_another_or_below_itself_changes_nothing(store: MailStore, account: Account) -> None:
    await mailboxes.create(store, account, "a/b")
    await mailboxes.create(store, account, "x/b")
    before = await names(store, account)
    for old, new, kind in (
        ("a", "x", Kind.EXISTS),
        ("a", "a/b/c", Kind.INVALID),
        ("a", "a", Kind.INVALID),
        ("none", "y", Kind.NOT_FOUND),
        ("a", "Inbox", Kind.EXISTS),
        ("Inbox", "x", Kind.EXISTS),
        ("a", "y" * 511, Kind.INVALID),
    ):
        with pytest.raises(Failure) as caught:
            await mailboxes.rename(store, account, old, new)
        assert caught.value.kind is kind
    assert await names(store, account) == before


async def test_renaming_inbox_moves_its_messages_and_leaves_it_with_its_children(kit: Kit, account: Account) -> None:
    store = kit.store
    await mailboxes.create(store, account, "Inbox/Lists")
    sizes = [(await put(store, account, message(), flags=flags)).size for flags in (["\\Seen"], ["\\Deleted"], [])]
    before = await changes.since(store, account, ModSeq(0))
    await mailboxes.rename(store, account, "INBOX", "Old/2026")
    inbox, old = await mailboxes.get(store, account, "Inbox"), await mailboxes.get(store, account, "Old/2026")
    assert (inbox.messages, inbox.unseen, inbox.deleted, inbox.size, inbox.uidnext) == (0, 0, 0, 0, 4)
    assert (old.messages, old.unseen, old.deleted, old.size, old.uidnext) == (3, 2, 1, sum(sizes), 4)
    assert "Inbox/Lists" in await names(store, account)
    news = await changes.since(store, account, before.modseq)
    assert news.messages[inbox.id].vanished == [1, 2, 3]
    assert [row.uid for row in news.messages[old.id].changed] == [1, 2, 3]
    assert [finding async for finding in verifying.run(store, bodies=True)] == []


async def test_deleting_takes_messages_and_annotations_but_not_the_subscription(
    store: MailStore, account: Account
) -> None:
    made = await mailboxes.create(store, account, "Lists")
    await put(store, account, message(), "Lists")
    await annotating.put(store, account, made, "/private/comment", b"x")
    before = await changes.since(store, account, ModSeq(0))
    await mailboxes.delete(store, account, "Lists")
    news = await changes.since(store, account, before.modseq)
    assert [(row.id, row.gone, row.name, row.messages) for row in news.mailboxes] == [(made, 1, "", 0)]
    assert news.annotations == [(made, "/private/comment", None)]
    assert "Lists" in await mailboxes.subscriptions(store, account)
    assert await reading.rows(store, made) == []


async def test_a_mailbox_made_again_is_another(store: MailStore, account: Account) -> None:
    await mailboxes.create(store, account, "Lists")
    first = await put(store, account, message(), "Lists")
    await mailboxes.delete(store, account, "Lists")
    second = await put(store, account, message(), "Lists")
    assert second.mailbox_id != first.mailbox_id
    assert second.uidvalidity > first.uidvalidity
    assert second.uid == 1


async def test_inbox_and_mailboxes_with_children_are_not_deleted(store: MailStore, account: Account) -> None:
    await mailboxes.create(store, account, "a/b")
    for name, kind in (("Inbox", Kind.FORBIDDEN), ("a", Kind.IN_USE), ("none", Kind.NOT_FOUND)):
        with pytest.raises(Failure) as caught:
            await mailboxes.delete(store, account, name)
        assert caught.value.kind is kind
    await mailboxes.delete(store, account, "a/b")
    await mailboxes.delete(store, account, "a")
    assert "a" not in await names(store, account)


async def test_a_name_can_be_subscribed_that_is_no_mailbox(store: MailStore, account: Account) -> None:
    before = await changes.since(store, account, ModSeq(0))
    await mailboxes.subscribe(store, account, "Later")
    await mailboxes.subscribe(store, account, "Sent", subscribed=False)
    subscribed = await mailboxes.subscriptions(store, account)
    assert "Later" in subscribed
    assert "Sent" not in subscribed
    news = await changes.since(store, account, before.modseq)
    assert news.subscriptions == [("Later", True), ("Sent", False)]


async def test_a_special_use_has_one_mailbox(store: MailStore, account: Account) -> None:
    await mailboxes.create(store, account, "Gesendet", rows.SENT)
    assert (await mailboxes.get(store, account, "Sent")).special_use == 0
    await mailboxes.set_special_use(store, account, "Gesendet", rows.SENT | rows.TRASH)
    uses = {row.name: row.special_use for row in await mailboxes.listed(store, account)}
    assert (uses["Gesendet"], uses["Sent"], uses["Trash"]) == (rows.SENT | rows.TRASH, 0, 0)
    assert uses["Junk"] == rows.JUNK


async def test_there_is_a_largest_number_of_mailboxes_whoever_makes_them(
    store: MailStore, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "MOST", 8)
    before = await names(store, account)
    assert len(before) == 6
    for attempt in (
        lambda: mailboxes.create(store, account, "a/b/c"),
        lambda: put(store, account, message(), "a/b/c"),
        lambda: mailboxes.rename(store, account, "Sent", "a/b/c/d"),
        lambda: mailboxes.rename(store, account, "Inbox", "a/b/c"),
    ):
        with pytest.raises(Failure) as caught:
            await attempt()
        assert caught.value.kind is Kind.LIMIT
    assert await names(store, account) == before
    await mailboxes.create(store, account, "a/b")
    with pytest.raises(Failure) as caught:
        await mailboxes.create(store, account, "c")
    assert caught.value.kind is Kind.LIMIT


async def test_a_name_that_is_nothing_cannot_be_unsubscribed(store: MailStore, account: Account) -> None:
    with pytest.raises(Failure) as caught:
        await mailboxes.subscribe(store, account, "Nowhere", subscribed=False)
    assert caught.value.kind is Kind.NOT_FOUND
    await mailboxes.subscribe(store, account, "Inbox", subscribed=False)
    await mailboxes.subscribe(store, account, "Inbox", subscribed=False)
    assert "Inbox" not in await mailboxes.subscriptions(store, account)


async def test_there_is_a_largest_number_of_subscriptions(
    store: MailStore, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IMAP_SUBSCRIPTIONS", 8)
    await mailboxes.subscribe(store, account, "one")
    await mailboxes.subscribe(store, account, "two")
    with pytest.raises(Failure) as caught:
        await mailboxes.subscribe(store, account, "three")
    assert caught.value.kind is Kind.LIMIT
    await mailboxes.subscribe(store, account, "two")


async def test_an_overview_is_of_one_moment(store: MailStore, account: Account) -> None:
    inbox = (await mailboxes.get(store, account, "Inbox")).id
    await annotating.put(store, account, inbox, "/private/comment", b"mine")
    seen = await mailboxes.overview(store, account, with_annotations=True)
    assert [row.name for row in seen.mailboxes] == ["Archive", "Drafts", "Inbox", "Junk", "Sent", "Trash"]
    assert seen.subscribed == {row.name for row in seen.mailboxes}
    assert [annotating.opened(account, row) for row in seen.annotations[inbox]] == [b"mine"]
