"""What was made of mails is kept in memory: bounded, by account, and answers stay what they were."""

from pathlib import Path
from unittest.mock import patch

import pytest

from mox_trio.mailstore import accounts
from mox_trio.mailstore.kept import ENTRY, Kept
from mox_trio.mailstore.search import conversations, facets, filters, run, sorting
from mox_trio.mailstore.search.sorting import By, Key
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import AccountId, EmailId, MailboxId, Uid
from tests.kit import stores

ANN, BOB = AccountId(1), AccountId(2)
ONE, TWO = EmailId(1), EmailId(2)


def test_values_are_kept_by_account_and_kind() -> None:
    kept = Kept()
    kept.keep(ANN, "subject", {ONE: b"a"}, 1)
    kept.keep(ANN, "subject", {TWO: b"b"}, 1)
    assert kept.of(ANN, "subject") == {ONE: b"a", TWO: b"b"}
    assert kept.of(ANN, "from") == {}
    assert kept.of(BOB, "subject") == {}


def test_what_was_not_used_for_longest_goes() -> None:
    kept = Kept(most=2 * (ENTRY + 10))
    kept.keep(ANN, "subject", {ONE: b"a"}, 10)
    kept.keep(BOB, "subject", {TWO: b"b"}, 10)
    assert kept.of(ANN, "subject")
    kept.keep(BOB, "from", {TWO: b"c"}, 10)
    assert kept.of(ANN, "subject") == {ONE: b"a"}
    assert kept.of(BOB, "subject") == {}
    assert kept.of(BOB, "from") == {TWO: b"c"}
    assert kept.octets == 2 * (ENTRY + 10)


def test_what_does_not_fit_beside_its_own_kind_is_not_kept() -> None:
    kept = Kept(most=ENTRY + 10)
    kept.keep(ANN, "subject", {ONE: b"a"}, 10)
    kept.keep(ANN, "subject", {TWO: b"b"}, 10)
    assert kept.of(ANN, "subject") == {ONE: b"a"}
    kept.keep(BOB, "subject", {TWO: b"b"}, 11)
    assert kept.of(BOB, "subject") == {}
    assert kept.octets == 0


def test_an_account_is_forgotten() -> None:
    kept = Kept()
    kept.keep(ANN, "subject", {ONE: b"a"}, 1)
    kept.keep(BOB, "subject", {ONE: b"b"}, 1)
    kept.forget(ANN)
    assert kept.of(ANN, "subject") == {}
    assert kept.of(BOB, "subject") == {ONE: b"b"}
    assert kept.octets == ENTRY + 1


async def filled(store: MailStore, account: Account) -> tuple[MailboxId, list[Uid]]:
    """Three messages, of which the last answers the first."""
    await stores.put(store, account, stores.message("Pears", Message_ID="<1@a>", From="c@a.example"))
    await stores.put(store, account, stores.message("\u00c4pfel", Message_ID="<2@a>", From="a@a.example"))
    answer = stores.message("Re: pears", Message_ID="<3@a>", From="b@a.example", References="<1@a>")
    placed = await stores.put(store, account, answer)
    return placed.mailbox_id, [Uid(1), Uid(2), Uid(3)]


async def answers(store: MailStore, account: Account, box: MailboxId, uids: list[Uid]) -> list[object]:
    """What is asked of them."""
    made = conversations.pages(store, account, box, uids, with_links=True)
    return [
        await sorting.order(store, account, box, uids, [Key(By.SUBJECT), Key(By.FROM, reverse=True)]),
        await sorting.order(store, account, box, uids, [Key(By.DATE), Key(By.DISPLAYFROM)]),
        await run.uids(store, account, box, filters.Subject("PEARS")),
        await run.uids(store, account, box, filters.Subject("\u00e4PF")),
        [page async for page in made],
    ]


@pytest.mark.parametrize("sealing", [False, True])
async def test_what_is_kept_answers_as_the_rows_do(tmp_path: Path, sealing: bool) -> None:
    async with stores.opened(tmp_path, sealing=sealing) as kit:
        account = await accounts.create(kit.store, "ann")
        box, uids = await filled(kit.store, account)
        first = await answers(kit.store, account, box, uids)
        assert first[:4] == [[1, 3, 2], [1, 2, 3], [1, 3], [2]]
        assert kit.store.kept.octets
        with patch.object(facets, "_made", side_effect=AssertionError("nothing is left to be made")):
            assert await answers(kit.store, account, box, uids) == first
        # A mail that came since is made, the others are not made again.
        await stores.put(kit.store, account, stores.message("A pear", Message_ID="<4@a>"))
        assert await run.uids(kit.store, account, box, filters.Subject("pear")) == [1, 3, 4]
        assert set(kit.store.kept.of(account.id, facets.SUBJECT.name)) >= {1, 2, 3, 4}


async def test_accounts_see_nothing_of_each_other(store: MailStore, account: Account) -> None:
    box, uids = await filled(store, account)
    other = await accounts.create(store, "other")
    await answers(store, account, box, uids)
    placed = await stores.put(store, other, stores.message("Plums"))
    assert await run.uids(store, other, placed.mailbox_id, filters.Subject("p")) == [1]
    assert await run.uids(store, other, placed.mailbox_id, filters.Subject("pears")) == []
    assert list(store.kept.of(other.id, facets.SUBJECT.name).values()) == [b"plums"]
    await accounts.remove(store, account.name)
    assert store.kept.of(account.id, facets.SUBJECT.name) == {}
