"""Sorting messages by what their rows say."""

import itertools

import pytest

from mox_trio.mailstore.search import ordering, sorting
from mox_trio.mailstore.search.sorting import By, Key
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, Uid
from tests.kit import stores

# Subject, From, To, Cc, Date, received, body.
MESSAGES = (
    ("Re: berries", "Zed <bob@z.example>", "x@a.example", "k@a.example", "Tue, 14 Nov 2023 12:00:00 +0000", 5, "1"),
    ("apples", "Émile <ann@a.example>", "\"y\" <z@a.example>", "j@a.example", "Tue, 14 Nov 2023 12:00:00 +0500", 4, "333"),
    ("Apples", "ANN@b.example", "X@b.example", "", "Mon, 13 Nov 2023 12:00:00 +0000", 3, "22"),
    ("fwd: Berries", "anna@a.example", "", "J@b.example", "", 1_699_999_999_000, "333"),
    ("cherries", "cy <c@a.example>", "w@a.example", "i@a.example", "Wed, 15 Nov 2023 12:00:00 +0000", 1, "1"),
)  # fmt: skip


@pytest.fixture
async def mailbox_id(store: MailStore, account: Account) -> MailboxId:
    mailbox_ids = set()
    for subject, sender, to, cc, date, received, body in MESSAGES:
        fields = {name: value for name, value in (("To", to), ("Cc", cc), ("Date", date)) if value}
        data = stores.message(subject, body, From=sender, **({"To": ""} | fields))
        placed = await stores.put(store, account, data, received=received)
        mailbox_ids.add(placed.mailbox_id)
    return mailbox_ids.pop()


ORDERS: list[tuple[tuple[Key, ...], list[int]]] = [
    ((), [1, 2, 3, 4, 5]),
    ((Key(By.ARRIVAL),), [5, 3, 2, 1, 4]),
    ((Key(By.ARRIVAL, reverse=True),), [4, 1, 2, 3, 5]),
    ((Key(By.DATE),), [3, 2, 1, 4, 5]),
    ((Key(By.SUBJECT),), [2, 3, 1, 4, 5]),
    ((Key(By.SUBJECT, reverse=True),), [5, 1, 4, 2, 3]),
    ((Key(By.FROM),), [2, 3, 4, 1, 5]),
    ((Key(By.TO),), [4, 5, 1, 3, 2]),
    ((Key(By.CC),), [3, 5, 2, 4, 1]),
    ((Key(By.DISPLAYFROM),), [3, 4, 5, 1, 2]),
    ((Key(By.SUBJECT), Key(By.ARRIVAL)), [3, 2, 1, 4, 5]),
    ((Key(By.SUBJECT, reverse=True), Key(By.ARRIVAL, reverse=True)), [5, 4, 1, 2, 3]),
]


async def test_messages_come_in_the_order_of_the_keys_and_then_of_their_uids(
    store: MailStore, account: Account, mailbox_id: MailboxId, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [Uid(uid) for uid in range(1, 6)]
    for chunk in (2, 4096):
        monkeypatch.setattr(ordering, "CHUNK", chunk)
        found = [(keys, await sorting.order(store, account, mailbox_id, asked, keys)) for keys, _ in ORDERS]
        assert found == ORDERS


async def test_only_the_messages_asked_for_that_exist_are_sorted(
    store: MailStore, account: Account, mailbox_id: MailboxId
) -> None:
    for chosen in itertools.combinations(range(1, 7), 3):
        asked = [Uid(uid) for uid in chosen]
        found = await sorting.order(store, account, mailbox_id, asked, [Key(By.SIZE, reverse=True)])
        assert sorted(found) == [uid for uid in asked if uid <= 5]
    assert await sorting.order(store, account, mailbox_id, [], [Key(By.SIZE)]) == []
