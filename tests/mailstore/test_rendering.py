"""Rendered columns: made again when the program renders otherwise, and sealed when encryption is turned on."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from sqlalchemy import select, update

from mox_trio.base.failure import Failure
from mox_trio.mailstore import accounts, annotating, reading, rendering, upkeep, verifying
from mox_trio.mailstore.codec import Plain
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.bodies.disk import DiskStore
from storage_backends.index import schema
from storage_backends.index.api import EmailId, MailboxId, Row
from storage_backends.index.tables.emails import Rendered
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit import damage, stores
from tests.kit.stores import Kit, message, put

EMAIL = schema.email
PREFIX = b"Received: from canary\r\n"
COLUMNS = tuple(name for name in Rendered._fields if not name.endswith("_key"))


async def opened_columns(store: MailStore, account: Account, mailbox: MailboxId) -> list[Row]:
    pages = reading.details(store, account, mailbox, EVERYTHING, COLUMNS)
    return [each.columns for page in [page async for page in pages] for each in page]


async def stored(store: MailStore, *names: str) -> list[Row]:
    return await damage.look(store, select(*(EMAIL.c[name] for name in names)).order_by(EMAIL.c.id))


async def test_offsets_and_sizes_count_the_prefix(store: MailStore, account: Account) -> None:
    delivered = await put(store, account, message(body="one\r\ntwo\r\n"), prefix=PREFIX)
    whole = await reading.mail(store, account, delivered.email_id)
    (tree,) = await reading.parts(store, account, delivered.mailbox_id, EVERYTHING)
    assert whole[tree.body_start : tree.body_stop] == b"one\r\ntwo\r\n"
    (row,) = await stored(store, "header_size", "size")
    assert row == (tree.body_start, len(whole))


async def test_rows_of_another_version_are_rendered_again(store: MailStore, account: Account) -> None:
    large = message("large", "text\r\n" * 70_000)
    delivered = [await put(store, account, data, prefix=PREFIX) for data in (message("one"), large)]
    inbox = delivered[0].mailbox_id
    before = await opened_columns(store, account, inbox)
    keys = await stored(store, "message_id_key", "subject_key", "from_key", "content_key", "thread_id")
    old = rendering.version(account.codec) + 2
    damaged = {"parsed_version": old, "envelope": b"", "summary": b"", "subject_key": None, "header_size": 0}
    await damage.change(store, update(EMAIL).values(damaged))
    assert (await upkeep.run(store)).rendered == 2
    assert await opened_columns(store, account, inbox) == before
    assert await stored(store, "message_id_key", "subject_key", "from_key", "content_key", "thread_id") == keys
    assert (await upkeep.run(store)).rendered == 0


async def test_a_mail_that_cannot_be_read_keeps_its_columns_and_stops_nothing(kit: Kit, account: Account) -> None:
    for subject in ("one", "two", "three"):
        await put(kit.store, account, message(subject))
    await damage.change(kit.store, update(EMAIL).values(parsed_version=99))
    (await damage.bodies(kit))[1].unlink()
    assert (await upkeep.run(kit.store)).rendered == 2
    assert [row[0] for row in await stored(kit.store, "parsed_version")].count(99) == 1


async def test_turning_on_encryption_seals_what_was_there(tmp_path: Path) -> None:
    async with stores.opened(tmp_path) as kit:
        account = await accounts.create(kit.store, "ann")
        delivered = await put(kit.store, account, message("canary"), prefix=PREFIX)
        await annotating.put(kit.store, account, 0, "/private/comment", b"canary")
        before = await opened_columns(kit.store, account, delivered.mailbox_id)
        (plain_key,) = await stored(kit.store, "content_key")
        assert b"canary" in (await stored(kit.store, "prefix"))[0][0]
    async with stores.opened(tmp_path, sealing=True) as kit:
        # Bodies stay as they were put until they are moved to an encrypted store.
        store = replace(kit.store, bodies={"main": await trio.to_thread.run_sync(DiskStore, tmp_path / "bodies")})
        account = await accounts.open(store, "ann")
        assert [finding async for finding in verifying.run(store, bodies=True)] == []
        await upkeep.run(store)
        version = COLUMNS.index("parsed_version")
        after = await opened_columns(store, account, delivered.mailbox_id)
        assert [value for place, value in enumerate(after[0]) if place != version] == [
            value for place, value in enumerate(before[0]) if place != version
        ]
        assert await annotating.listed(store, account, 0) == {"/private/comment": b"canary"}
        assert [finding async for finding in verifying.run(store, bodies=True)] == []
        sealed = (
            *(await stored(store, *COLUMNS))[0],
            *(await damage.look(store, select(schema.annotation.c.value)))[0],
        )
        assert not any(isinstance(value, bytes) and b"anary" in value for value in sealed)
        assert await stored(store, "content_key") != [plain_key]
        with pytest.raises(Exception, match="configured without encryption"):
            Plain().open("email.prefix", sealed[0])


async def test_the_summary_of_a_mail_without_a_header_is_empty(store: MailStore, account: Account) -> None:
    delivered = await put(store, account, b"")
    pages = reading.summaries(store, account, delivered.mailbox_id, EVERYTHING)
    ((_, summary),) = [each async for page in pages for each in page]
    assert summary == rendering.Summary(*("",) * len(summary))
    with pytest.raises(Failure):
        await reading.mail(store, account, EmailId(delivered.email_id + 1))
