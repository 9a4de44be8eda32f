"""Verifying: each kind of damage is found, what follows from other rows is put right, and no message is removed."""

import pytest
from sqlalchemy import delete, update

from mox_trio.mailstore import expunging, flagging, mailboxes, moving, reading, upkeep, verifying
from mox_trio.mailstore.deliver import Delivered
from mox_trio.mailstore.store import DAY, HOUR, Account, MailStore
from mox_trio.mailstore.verifying import Finding
from storage_backends.bodies.api import Bytes
from storage_backends.index import schema
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit import damage, watched_index
from tests.kit.stores import Kit, message, put

MAILBOX, MESSAGE, EMAIL, RELEASE = schema.mailbox, schema.message, schema.email, schema.release


async def found(store: MailStore, *, fix: bool = False, bodies: bool = False) -> list[Finding]:
    return [finding async for finding in verifying.run(store, fix=fix, bodies=bodies)]


@pytest.fixture
async def delivered(store: MailStore, account: Account) -> list[Delivered]:
    return [await put(store, account, message(str(number))) for number in range(3)]


async def test_a_sound_store_has_no_findings(store: MailStore, delivered: list[Delivered]) -> None:
    assert await found(store, bodies=True) == []
    assert await found(store, fix=True, bodies=True) == []


@pytest.mark.parametrize("column", ["messages", "unseen", "deleted", "size", "deleted_size"])
async def test_wrong_counts_are_found_and_put_right(
    store: MailStore, account: Account, delivered: list[Delivered], column: str
) -> None:
    right = await mailboxes.get(store, account, "Inbox")
    box = MAILBOX.c.id == right.id
    await damage.change(store, update(MAILBOX).where(box).values({column: MAILBOX.c[column] + 7}))
    first, second = await found(store), await found(store, fix=True)
    assert [(each.what, each.account, each.fixed) for each in first + second] == [
        ("counts", "ann", False),
        ("counts", "ann", True),
    ]
    assert "'Inbox'" in first[0].text
    assert await found(store) == []
    assert (await mailboxes.get(store, account, "Inbox"))[9:] == right[9:]


async def test_a_uidnext_that_is_too_low_is_found_and_put_right(
    store: MailStore, account: Account, delivered: list[Delivered]
) -> None:
    await damage.change(store, update(MAILBOX).where(MAILBOX.c.id == delivered[0].mailbox_id).values(uidnext=2))
    assert [each.what for each in await found(store, fix=True)] == ["uidnext"]
    assert await found(store) == []
    assert (await put(store, account, message())).uid == 4


async def test_counts_are_put_right_while_messages_come_and_flags_change(
    store: MailStore, account: Account, delivered: list[Delivered]
) -> None:
    box = delivered[0].mailbox_id
    await damage.change(
        store,
        update(MAILBOX).where(MAILBOX.c.id == box).values(messages=40, unseen=-2, size=7, deleted_size=9, uidnext=2),
    )
    reads = 0

    async def after_read(number: int) -> None:
        nonlocal reads
        reads += 1
        await flagging.store_flags(store, account, box, [(1, 1)], flagging.Change.ADD, ["\\Seen", "\\Deleted"])
        if number < 9 and (await mailboxes.get(store, account, "Inbox")).uidnext > 3:
            await put(store, account, message(str(number)))

    findings = await found(watched_index.over(store, after_read=after_read), fix=True)
    assert [(each.what, each.fixed) for each in findings] == [("counts", True), ("uidnext", True)]
    assert reads > 3
    assert await found(store) == []
    inbox = await mailboxes.get(store, account, "Inbox")
    assert inbox.messages == len(await reading.rows(store, box)) > 3
    assert inbox.uidnext == inbox.messages + 1


async def test_counts_are_not_put_right_twice(store: MailStore, account: Account, delivered: list[Delivered]) -> None:
    box = MAILBOX.c.id == delivered[0].mailbox_id
    await damage.change(store, update(MAILBOX).where(box).values(messages=40))
    others: list[Finding] = []

    async def after_read(number: int) -> None:
        others.extend(await found(store, fix=True))

    assert await found(watched_index.over(store, after_read=after_read), fix=True) == []
    assert [(each.what, each.fixed) for each in others] == [("counts", True)]
    assert await found(store) == []
    assert (await mailboxes.get(store, account, "Inbox")).messages == 3


async def test_a_mailbox_that_is_renamed_while_it_is_counted_is_counted_again(
    store: MailStore, account: Account
) -> None:
    made = await put(store, account, message(), "Lists 0")
    await damage.change(store, update(MAILBOX).where(MAILBOX.c.id == made.mailbox_id).values(messages=40))
    renames = 0

    async def after_read(number: int) -> None:
        nonlocal renames
        if renames < most:
            await mailboxes.rename(store, account, f"Lists {renames}", f"Lists {renames + 1}")
            renames += 1

    most = 30
    (finding,) = await found(watched_index.over(store, after_read=after_read), fix=True)
    assert (finding.what, finding.fixed) == ("counts", False)
    assert renames > verifying.TRIES
    most = 0
    (finding,) = await found(watched_index.over(store, after_read=after_read), fix=True)
    assert (finding.what, finding.fixed) == ("counts", True)
    assert await found(store) == []


@pytest.mark.parametrize("fix", [False, True])
async def test_a_missing_body_is_reported_and_never_removes_the_message(
    kit: Kit, account: Account, delivered: list[Delivered], fix: bool
) -> None:
    await moving.copy(kit.store, account, delivered[0].mailbox_id, [(1, 1)], "Archive")
    (await damage.bodies(kit))[0].unlink()
    (finding,) = await found(kit.store, fix=fix)
    assert (finding.what, finding.fixed) == ("body-missing", False)
    assert delivered[0].object_id in finding.text
    assert finding.text.count("UID 1") == 2
    assert len(await reading.rows(kit.store, delivered[0].mailbox_id)) == 3
    kit.clock.ahead = 2 * DAY
    await upkeep.run(kit.store)
    assert len(await reading.rows(kit.store, delivered[0].mailbox_id)) == 3


async def test_a_changed_body_is_found_when_bodies_are_read(
    kit: Kit, account: Account, delivered: list[Delivered]
) -> None:
    damage.flip((await damage.bodies(kit))[1], -3)
    assert await found(kit.store) == []
    (finding,) = await found(kit.store, bodies=True, fix=True)
    assert (finding.what, finding.fixed) == ("body-corrupt", False)
    assert delivered[1].object_id in finding.text
    assert len(await reading.rows(kit.store, delivered[0].mailbox_id)) == 3


async def test_headers_that_were_swapped_between_sealed_rows_are_found(
    store: MailStore, account: Account, delivered: list[Delivered]
) -> None:
    if not account.codec.sealing:
        return
    one, two = (EMAIL.c.id == each.email_id for each in delivered[:2])
    ((prefix,),) = await damage.look(store, EMAIL.select().with_only_columns(EMAIL.c.prefix).where(one))
    await damage.change(store, update(EMAIL).where(two).values(prefix=prefix))
    assert [each.what for each in await found(store, bodies=True)] == ["row-corrupt"]


async def test_a_body_of_another_mail_is_found(kit: Kit, delivered: list[Delivered]) -> None:
    row = EMAIL.c.id == delivered[0].email_id
    ((mine,),) = await damage.look(kit.store, EMAIL.select().with_only_columns(EMAIL.c.ref).where(row))
    ((other,),) = await damage.look(
        kit.store, EMAIL.select().with_only_columns(EMAIL.c.ref).where(EMAIL.c.id == delivered[1].email_id)
    )
    assert other != mine
    await damage.change(kit.store, update(EMAIL).where(row).values(ref=other))
    kit.clock.ahead = 2 * DAY
    assert sorted(each.what for each in await found(kit.store, bodies=True)) == ["body-corrupt", "orphan"]


async def test_a_store_that_is_not_configured_is_found(store: MailStore, delivered: list[Delivered]) -> None:
    await damage.change(store, update(EMAIL).where(EMAIL.c.id == delivered[2].email_id).values(store="elsewhere"))
    (finding,) = await found(store)
    assert finding.what == "body-missing"
    assert "'elsewhere'" in finding.text


async def test_a_forgotten_release_is_found_and_made_up_for(
    kit: Kit, account: Account, delivered: list[Delivered]
) -> None:
    await expunging.erase(kit.store, account, delivered[0].mailbox_id, EVERYTHING)
    assert await found(kit.store) == []
    await damage.change(kit.store, delete(RELEASE))
    assert [each.what for each in await found(kit.store)] == ["unreleased"]
    assert [(each.what, each.fixed) for each in await found(kit.store, fix=True)] == [("unreleased", True)]
    assert await found(kit.store) == []
    kit.clock.ahead = HOUR
    assert (await upkeep.run(kit.store)).released == 3


async def test_orphans_are_found_when_they_are_a_day_old(
    kit: Kit, account: Account, delivered: list[Delivered]
) -> None:
    await kit.store.bodies["main"].put(account.id, Bytes(b"nobody's"))
    assert await found(kit.store, fix=True) == []
    kit.clock.ahead = DAY + HOUR
    assert [(each.what, each.fixed) for each in await found(kit.store)] == [("orphan", False)]
    assert [(each.what, each.fixed) for each in await found(kit.store, fix=True)] == [("orphan", True)]
    assert await found(kit.store, bodies=True) == []
    assert len([info async for info in kit.store.bodies["main"].refs()]) == 3


async def test_row_that_names_nothing_is_found(kit: Kit, delivered: list[Delivered]) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(kit.directory / "index.db")) as connection, connection:
        connection.execute("DELETE FROM email WHERE id = ?", (delivered[0].email_id,))
    (finding,) = await found(kit.store)
    assert finding.what == "integrity"
    assert "message" in finding.text
