"""Delivery: durable, counted, threaded, found again byte for byte."""

import pytest
import trio
from sqlalchemy import select

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import Quota
from mox_trio.mailstore import accounts, changes, deliver, mailboxes, reading, verifying
from mox_trio.mailstore.deliver import Delivered, Incoming, Terms
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index import schema
from storage_backends.index.api import ModSeq, Transaction
from storage_backends.index.tables import mailboxes as mailbox_rows
from storage_backends.index.tables.emails import Evidence
from tests.kit import damage
from tests.kit.stores import Kit, message, put


async def bytes_of(store: MailStore, account: Account, delivered: Delivered) -> bytes:
    return await reading.mail(store, account, delivered.email_id)


async def test_a_delivered_message_is_read_back_byte_for_byte(store: MailStore, account: Account) -> None:
    data = message(body="line\r\n" * 100)
    delivered = await put(store, account, data, prefix=b"Return-Path: <a@example.org>\r\n")
    assert await bytes_of(store, account, delivered) == b"Return-Path: <a@example.org>\r\n" + data
    assert await reading.mail(store, account, delivered.email_id, 8, 20) == b"Return-Path: <a@example.org>\r\n"[8:20]
    assert delivered.uid == 1
    assert delivered.size == len(data) + 30


async def test_a_message_larger_than_memory_is_read_back(store: MailStore, account: Account) -> None:
    data = message(body="0123456789abcde\r\n" * 60_000)
    delivered = await put(store, account, data)
    assert await bytes_of(store, account, delivered) == data
    assert await reading.mail(store, account, delivered.email_id, 700_000, 700_100) == data[700_000:700_100]


async def test_counts_follow_deliveries(store: MailStore, account: Account) -> None:
    sizes = [
        (await put(store, account, message(), flags=flags)).size
        for flags in (["\\Seen"], ["\\Deleted"], ["custom", "\\Seen", "\\Deleted"], [])
    ]
    inbox = await mailboxes.get(store, account, "inbox")
    assert (inbox.messages, inbox.unseen, inbox.deleted) == (4, 2, 2)
    assert (inbox.size, inbox.deleted_size) == (sum(sizes), sizes[1] + sizes[2])
    assert inbox.uidnext == 5
    assert [finding async for finding in verifying.run(store, bodies=True)] == []


async def test_a_missing_mailbox_is_made_with_its_parents_when_asked(store: MailStore, account: Account) -> None:
    await put(store, account, message(), "Lists/Python/Trio")
    names = [row.name for row in await mailboxes.listed(store, account)]
    assert {"Lists", "Lists/Python", "Lists/Python/Trio"} <= set(names)


async def test_a_missing_mailbox_is_refused_when_not_to_be_made(store: MailStore, account: Account) -> None:
    async with Spool(store) as spool:
        await spool.write(message())
        incoming = Incoming(await spool.finish())
        with pytest.raises(Failure, match="create it first") as caught:
            await deliver.to_mailbox(store, account, "Nowhere", incoming, Terms(create=False))
    assert caught.value.kind is Kind.NOT_FOUND
    assert [info async for info in store.bodies["main"].refs()] == []


async def test_a_full_account_refuses_and_keeps_nothing(store: MailStore, account: Account) -> None:
    async with Spool(store) as spool:
        await spool.write(message())
        incoming = Incoming(await spool.finish())
        await deliver.to_mailbox(store, account, "Inbox", incoming, Terms(quota=Quota(len(message()) + 10)))
        with pytest.raises(Failure) as caught:
            await deliver.to_mailbox(store, account, "Inbox", incoming, Terms(quota=Quota(len(message()) + 10)))
    assert caught.value.kind is Kind.QUOTA
    assert (await mailboxes.get(store, account, "Inbox")).messages == 1
    assert len([info async for info in store.bodies["main"].refs()]) == 1


async def test_an_account_with_as_many_messages_as_it_may_have_refuses(store: MailStore, account: Account) -> None:
    terms = Terms(quota=Quota(messages=1))
    async with Spool(store) as spool:
        await spool.write(message())
        incoming = Incoming(await spool.finish())
        await deliver.to_mailbox(store, account, "Inbox", incoming, terms)
        with pytest.raises(Failure, match="1 messages") as caught:
            await deliver.to_mailbox(store, account, "Archive", incoming, terms)
    assert caught.value.kind is Kind.QUOTA


async def test_several_messages_are_delivered_all_or_none(store: MailStore, account: Account) -> None:
    async with Spool(store) as one, Spool(store) as two:
        await one.write(message("one"))
        await two.write(message("two"))
        good = Incoming(await one.finish())
        bad = Incoming(await two.finish(), flags=("not an atom",))
        with pytest.raises(Failure):
            await deliver.many(store, account, "Inbox", [good, bad])
        assert (await mailboxes.get(store, account, "Inbox")).messages == 0
        both = await deliver.many(store, account, "Inbox", [good, good])
    assert [each.uid for each in both] == [1, 2]
    assert both[0].email_id != both[1].email_id


async def test_the_same_spooled_message_goes_to_two_accounts_with_other_headers(
    store: MailStore, account: Account
) -> None:
    bob = await accounts.create(store, "bob")
    async with Spool(store) as spool:
        await spool.write(message())
        spooled = await spool.finish()
        for_ann = await deliver.to_mailbox(store, account, "Inbox", Incoming(spooled, b"Delivered-To: ann\r\n"))
        for_bob = await deliver.to_mailbox(store, bob, "Inbox", Incoming(spooled, b"Delivered-To: bobby\r\n"))
    for handle, delivered, name in ((account, for_ann, b"ann"), (bob, for_bob, b"bobby")):
        assert await bytes_of(store, handle, delivered) == b"Delivered-To: " + name + b"\r\n" + message()
        tree = (await reading.parts(store, handle, delivered.mailbox_id, [(1, 1)]))[0]
        assert await reading.mail(store, handle, delivered.email_id, tree.body_start, tree.body_stop) == b"text\r\n"


async def test_what_else_is_to_happen_happens_in_the_same_transaction(store: MailStore, account: Account) -> None:
    def refuse(tx: Transaction, delivered: object) -> None:
        mailbox_rows.add(tx, account.id, "Also")
        raise Failure(Kind.INVALID, "no")

    async with Spool(store) as spool:
        await spool.write(message())
        incoming = Incoming(await spool.finish())
        with pytest.raises(Failure):
            await deliver.to_mailbox(store, account, "Inbox", incoming, also=[refuse])
    assert (await mailboxes.get(store, account, "Inbox")).messages == 0
    assert "Also" not in [row.name for row in await mailboxes.listed(store, account)]


async def test_a_message_over_the_limit_is_refused(store: MailStore) -> None:
    async with Spool(store, limit=1000) as spool:
        await spool.write(b"x" * 1000)
        with pytest.raises(Failure) as caught:
            await spool.write(b"x")
    assert caught.value.kind is Kind.LIMIT


async def test_a_waiting_session_hears_of_a_delivery_and_pulls_it(store: MailStore, account: Account) -> None:
    before = await changes.since(store, account, ModSeq(0))
    heard: list[changes.Changes] = []

    async def session() -> None:
        await changes.past(store, account, before.modseq)
        heard.append(await changes.since(store, account, before.modseq))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(session)
        delivered = await put(store, account, message(), flags=["urgent"])
    assert [row.uid for row in heard[0].messages[delivered.mailbox_id].changed] == [delivered.uid]
    assert [row.name for row in heard[0].keywords] == ["urgent"]
    assert heard[0].modseq == delivered.modseq


async def test_replies_join_their_thread_also_when_the_parent_comes_last(store: MailStore, account: Account) -> None:
    first = await put(store, account, message("Re: plan", Message_ID="<b@x>", References="<a@x>"))
    second = await put(store, account, message("Re: plan", Message_ID="<c@x>", References="<a@x> <zzz@x>"))
    parent = await put(store, account, message("plan", Message_ID="<a@x>"))
    other = await put(store, account, message("something else", Message_ID="<d@x>", References="<a@x>"))
    loose = await put(store, account, message("Re: plan"))
    assert first.thread_id == second.thread_id == parent.thread_id == loose.thread_id
    assert other.thread_id != parent.thread_id


async def test_nothing_in_the_directory_of_a_sealed_store_shows_content(kit: Kit, account: Account) -> None:
    if not account.codec.sealing:
        return
    canary = "Canary7Q"
    large = message(
        f"{canary} subject",
        f"{canary} body\r\n" * 40_000,
        Message_ID=f"<{canary}@x>",
        Content_Type=f'text/plain; name="{canary}.txt"',
    )
    await put(kit.store, account, large.replace(b"Ann", canary.encode()), prefix=f"X-{canary}: 1\r\n".encode())
    # In another process: closing a file of SQLite's here would drop its locks.
    found = await trio.run_process(["grep", "-rail", canary, str(kit.directory)], capture_stdout=True, check=False)
    assert found.stdout == b""
    assert found.returncode == 1


async def test_evidence_is_kept_with_domains_of_the_from_field_as_hashes(store: MailStore, account: Account) -> None:
    evidence = Evidence(
        remote_ip="192.0.2.1",
        mail_from_domain="example.net",
        msg_from_domain="Mail.Example.org",
        msg_from_org_domain="example.org",
        is_dsn=1,
        destined_mailbox_id=7,
    )
    for found in (evidence, Evidence(), None):
        async with Spool(store) as spool:
            await spool.write(message())
            await deliver.to_mailbox(store, account, "Inbox", Incoming(await spool.finish(), evidence=found))
    names = ("remote_ip", "mail_from_domain", "is_dsn", "destined_mailbox_id", "from_domain_key", "from_org_domain_key")
    rows = await damage.look(store, select(*(schema.email.c[name] for name in names)).order_by(schema.email.c.id))
    keys = (deliver.domain_key(account, "mail.example.org"), deliver.domain_key(account, "EXAMPLE.ORG"))
    assert rows == [("192.0.2.1", "example.net", 1, 7, *keys), *[("", "", 0, None, None, None)] * 2]
    assert keys[0] not in (None, keys[1])
