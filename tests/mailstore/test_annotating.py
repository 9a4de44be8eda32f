"""Annotations: names, values, limits, tombstones."""

import pytest

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import annotating, changes, mailboxes
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import ModSeq
from storage_backends.index.tables import mailboxes as rows


async def test_values_of_mailboxes_and_of_the_account_are_kept_apart(store: MailStore, account: Account) -> None:
    inbox = (await mailboxes.get(store, account, "Inbox")).id
    await annotating.put(store, account, inbox, "/private/Comment", b"a\0b")
    await annotating.put(store, account, 0, "/shared/vendor/x/y", b"")
    assert await annotating.listed(store, account, inbox) == {"/private/comment": b"a\0b"}
    assert await annotating.listed(store, account, 0) == {"/shared/vendor/x/y": b""}


async def test_a_value_is_replaced_and_taken_away_for_those_who_watch(store: MailStore, account: Account) -> None:
    await annotating.put(store, account, 0, "/private/comment", b"one")
    first = await changes.since(store, account, ModSeq(0))
    await annotating.put(store, account, 0, "/private/COMMENT", b"two")
    second = await changes.since(store, account, first.modseq)
    await annotating.put(store, account, 0, "/private/comment", None)
    third = await changes.since(store, account, second.modseq)
    assert first.annotations == [(0, "/private/comment", b"one")]
    assert second.annotations == [(0, "/private/comment", b"two")]
    assert third.annotations == [(0, "/private/comment", None)]
    assert await annotating.listed(store, account, 0) == {}


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "/private",
        "/private/",
        "/x/y",
        "/private//x",
        "/private/a*",
        "/private/%",
        "/private/\u00e4",
        "/private/a b",
        "/private/vendor",
        "/shared/vendor/x",
    ],
)
def test_an_entry_that_cannot_be_one_is_refused(entry: str) -> None:
    with pytest.raises(Failure) as caught:
        annotating.canonical(entry)
    assert caught.value.kind is Kind.INVALID


def test_an_entry_has_a_longest_name() -> None:
    assert annotating.canonical("/private/" + "X" * 503) == "/private/" + "x" * 503
    with pytest.raises(Failure):
        annotating.canonical("/private/" + "x" * 504)


async def test_an_entry_of_a_mailbox_that_is_not_there_is_refused(store: MailStore, account: Account) -> None:
    with pytest.raises(Failure) as caught:
        await annotating.put(store, account, 999, "/private/comment", b"x")
    assert caught.value.kind is Kind.NOT_FOUND


async def test_entries_and_bytes_of_an_account_have_limits(
    store: MailStore, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotating, "MOST", 2)
    monkeypatch.setattr(annotating, "ALL_BYTES", 200)
    await annotating.put(store, account, 0, "/private/a", b"1")
    await annotating.put(store, account, 0, "/private/b", b"2")
    for entry, value in (("/private/c", b"3"), ("/private/b", b"x" * 300)):
        with pytest.raises(Failure) as caught:
            await annotating.put(store, account, 0, entry, value)
        assert caught.value.kind is Kind.LIMIT
    assert await annotating.listed(store, account, 0) == {"/private/a": b"1", "/private/b": b"2"}
    await annotating.put(store, account, 0, "/private/a", None)
    await annotating.put(store, account, 0, "/private/c", b"3")


async def test_several_entries_are_set_together_or_not_at_all(store: MailStore, account: Account) -> None:
    inbox = (await mailboxes.get(store, account, "Inbox")).id
    await annotating.change(store, account, inbox, {"/private/comment": b"a", "/shared/comment": b"b"})
    with pytest.raises(annotating.TooLarge) as caught:
        await annotating.change(
            store, account, inbox, {"/private/comment": None, "/shared/comment": b"x" * annotating.ALL_BYTES}
        )
    assert await annotating.listed(store, account, inbox) == {"/private/comment": b"a", "/shared/comment": b"b"}
    fits = caught.value.most
    assert annotating.ALL_BYTES - 200 < fits < annotating.ALL_BYTES
    await annotating.change(store, account, inbox, {"/private/comment": None, "/shared/comment": b"x" * fits})


async def test_an_annotation_comes_with_a_special_use(store: MailStore, account: Account) -> None:
    archive = await mailboxes.get(store, account, "Archive")
    made = await mailboxes.create(store, account, "Attic")
    await annotating.change(store, account, made, {"/private/comment": b"old"}, rows.ARCHIVE)
    assert (await mailboxes.get(store, account, "Attic")).special_use == rows.ARCHIVE
    assert (await mailboxes.get(store, account, archive.name)).special_use == 0


async def test_renaming_inbox_copies_its_annotations(store: MailStore, account: Account) -> None:
    inbox = (await mailboxes.get(store, account, "Inbox")).id
    await annotating.put(store, account, inbox, "/private/comment", b"mine")
    await mailboxes.rename(store, account, "Inbox", "Old")
    made = (await mailboxes.get(store, account, "Old")).id
    assert await annotating.listed(store, account, made) == {"/private/comment": b"mine"}
    assert await annotating.listed(store, account, inbox) == {"/private/comment": b"mine"}
