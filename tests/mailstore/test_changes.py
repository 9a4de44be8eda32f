"""Changes: everything that carries a modseq is seen by whoever asks after it, deletions too, until they are pruned."""

from mox_trio.mailstore import annotating, changes, expunging, flagging, mailboxes, settings, upkeep
from mox_trio.mailstore.flagging import Change
from mox_trio.mailstore.store import DAY, Account, MailStore
from storage_backends.index.api import ModSeq
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit.stores import Kit, message, put


async def test_a_new_account_is_a_change_from_nothing(store: MailStore, account: Account) -> None:
    everything = await changes.since(store, account, ModSeq(0))
    assert len(everything.mailboxes) == len(everything.subscriptions) == 6
    assert everything.modseq == max(row.modseq for row in everything.mailboxes)
    nothing = await changes.since(store, account, everything.modseq)
    assert nothing == changes.Changes(
        since=everything.modseq,
        modseq=everything.modseq,
        mailboxes=[],
        messages={},
        subscriptions=[],
        keywords=[],
        annotations=[],
        settings=[],
    )


async def test_every_kind_of_change_is_seen_once(store: MailStore, account: Account) -> None:
    at = (await changes.since(store, account, ModSeq(0))).modseq
    inbox = (await mailboxes.get(store, account, "Inbox")).id
    works = (
        lambda: mailboxes.create(store, account, "Lists"),
        lambda: mailboxes.rename(store, account, "Lists", "Old"),
        lambda: mailboxes.subscribe(store, account, "Later"),
        lambda: mailboxes.set_special_use(store, account, "Old", 1),
        lambda: put(store, account, message(), flags=["work"]),
        lambda: flagging.store_flags(store, account, inbox, EVERYTHING, Change.ADD, ["\\Seen"]),
        lambda: annotating.put(store, account, inbox, "/private/comment", b"x"),
        lambda: annotating.put(store, account, inbox, "/private/comment", None),
        lambda: settings.put(store, account, "theme", "dark"),
        lambda: settings.put(store, account, "theme", None),
        lambda: expunging.erase(store, account, inbox, EVERYTHING),
        lambda: mailboxes.delete(store, account, "Old"),
    )
    seen = []
    for work in works:
        await work()
        news = await changes.since(store, account, at)
        assert news.modseq > at
        at = news.modseq
        fields = ("mailboxes", "messages", "subscriptions", "keywords", "annotations", "settings")
        seen.append({name for name in fields if getattr(news, name)})
        assert seen[-1], work
    assert seen == [
        {"mailboxes", "messages", "subscriptions"},
        {"mailboxes", "subscriptions"},
        {"subscriptions"},
        {"mailboxes"},
        {"mailboxes", "messages", "keywords"},
        {"mailboxes", "messages"},
        {"annotations"},
        {"annotations"},
        {"settings"},
        {"settings"},
        {"mailboxes", "messages"},
        {"mailboxes"},
    ]


async def test_tombstones_go_after_a_year_and_the_mailbox_remembers(kit: Kit, account: Account) -> None:
    store = kit.store
    inbox = (await put(store, account, message())).mailbox_id
    for _ in range(2):
        await put(store, account, message())
    first = await expunging.erase(store, account, inbox, [(1, 1)])
    kit.clock.ahead = 200 * DAY
    second = await expunging.erase(store, account, inbox, [(2, 2)])
    assert (await upkeep.run(store)).tombstones == 0
    kit.clock.ahead = 366 * DAY
    assert (await upkeep.run(store)).tombstones == 1
    row = await mailboxes.get(store, account, "Inbox")
    assert row.pruned_modseq == first.modseq
    assert (await changes.in_mailbox(store, inbox, ModSeq(0))).vanished == [2]
    assert (await changes.in_mailbox(store, inbox, first.modseq)).vanished == [2]
    assert (await changes.in_mailbox(store, inbox, second.modseq)).vanished == []
    assert (await upkeep.run(store)).tombstones == 0
