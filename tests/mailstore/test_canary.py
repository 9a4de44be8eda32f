"""A canary in what people write is found nowhere in what a sealed store keeps: files, database, temporary files, logs.

What the store keeps readable by design (names of mailboxes and keywords, the envelope) is without the canary here.
"""

import logging
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import (
    accounts,
    annotating,
    changes,
    expunging,
    importing,
    moving,
    moving_store,
    reading,
    settings,
    upkeep,
    verifying,
)
from mox_trio.mailstore.deliver import Incoming, to_mailbox
from mox_trio.mailstore.importing import Options
from mox_trio.mailstore.progress import Progress
from mox_trio.mailstore.spool import MEMORY, Spool
from mox_trio.mailstore.store import HOUR, Account, MailStore
from storage_backends.bodies.cached import Cached
from storage_backends.bodies.disk import DiskStore
from storage_backends.index.api import ModSeq
from storage_backends.index.tables.emails import Evidence
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit import damage, mail_trees, shown
from tests.kit.stores import Kit, opened, put

CANARY = "canary7q"
PREFIX = f"X-{CANARY}: {CANARY}\r\n".encode()
EVIDENCE = Evidence(
    remote_ip="192.0.2.1",
    mail_from="bounces@example.net",
    msg_from_domain=f"{CANARY}.example.org",
    msg_from_org_domain=f"{CANARY}.org",
    msg_from_validation="dmarc",
)


def mail(size: int) -> bytes:
    """The canary in a display name, the subject, an id, the text, and the name of an attachment."""
    head = (
        f"From: {CANARY} <{CANARY}@example.org>\r\nTo: bob@example.org\r\nSubject: Re: {CANARY}\r\n"
        f"Message-ID: <{CANARY}@x>\r\nReferences: <{CANARY}.1@x>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    )
    text = f"--b\r\nContent-Type: text/plain\r\n\r\n{CANARY}\r\n" + f"{CANARY} again\r\n" * (size // 16)
    attachment = (
        f'--b\r\nContent-Type: application/pdf; name="{CANARY}.pdf"\r\n'
        f'Content-Disposition: attachment; filename="{CANARY}.pdf"\r\n\r\n{CANARY}\r\n--b--\r\n'
    )
    return (head + text + attachment).encode()


def shows(data: bytes) -> bool:
    return CANARY.encode() in data.lower()


def empty(cache: Path) -> None:
    """Damage all that is cached, so that it is read anew."""
    for path in cache.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")


@asynccontextmanager
async def cached(directory: Path, *, sealing: bool) -> AsyncIterator[Kit]:
    """A mail store whose bodies are on disk behind a cache, which stands below the sealing."""
    disk = await trio.to_thread.run_sync(DiskStore, directory / "bodies")
    near = await trio.to_thread.run_sync(Cached, disk, directory / "cache", 64 * 1024 * 1024)
    async with opened(directory, sealing=sealing, bodies=near) as kit:
        yield kit


async def write(store: MailStore, account: Account, directory: Path) -> list[str]:
    """Put the canary wherever people write; gives what showed it while a large message was on its way in."""
    async with Spool(store) as spool:
        await spool.write(mail(3 * MEMORY))
        found = await shown.of(CANARY, directory)
        incoming = Incoming(await spool.finish(), PREFIX, ("\\Flagged", "work"), evidence=EVIDENCE)
        delivered = await to_mailbox(store, account, "Inbox", incoming)
        found += await shown.of(CANARY, directory)
    await put(store, account, mail(100), prefix=PREFIX)
    await annotating.put(store, account, 0, "/private/comment", CANARY.encode())
    await annotating.put(store, account, delivered.mailbox_id, "/private/comment", CANARY.encode())
    await settings.put(store, account, "signature", {"text": CANARY})
    assert shows(await reading.mail(store, account, delivered.email_id))
    assert shows(repr(await changes.since(store, account, ModSeq(0))).encode())
    return found + await shown.of(CANARY, directory)


async def cut_off(progress: Progress) -> None:
    raise Failure(Kind.UNAVAILABLE, "cut off")


async def import_half(store: MailStore, account: Account, source: Path) -> None:
    """Leave imports unfinished whose positions name the canary: a folder, an mbox file, files of a maildir."""
    mbox = mail_trees.mbox_of(range(60))
    folder = mail_trees.write_tree(source / "a", {f"{CANARY}/Work": mbox})
    box = mail_trees.write_tree(source / "b", {f"{CANARY}.mbox": mbox}) / f"{CANARY}.mbox"
    files = {f"cur/{number}.{CANARY}": mail_trees.mail(number) for number in range(60)}
    maildir = mail_trees.write_tree(source / CANARY, files)
    for path, options in ((folder, Options(strip=CANARY)), (box, Options(into="One")), (maildir, Options(into="Two"))):
        with pytest.raises(Failure, match="cut off"):
            await importing.run(store, account, path, options, progress=cut_off)


async def work(kit: Kit, account: Account) -> None:
    """Do with the mail what a server does with mail, some of which is damaged."""
    store = kit.store
    inbox = (await put(store, account, mail(100))).mailbox_id
    await moving.copy(store, account, inbox, EVERYTHING, "Archive")
    await expunging.erase(store, account, inbox, [(1, 1)])
    assert [finding async for finding in verifying.run(store, bodies=True)] == []
    damage.flip((await damage.bodies(kit))[0], -1)
    empty(kit.directory / "cache")
    await moving_store.run(replace(store, default_store="other"), "main", "other")
    kit.clock.ahead = 2 * HOUR
    await upkeep.run(store)


@pytest.mark.parametrize("sealing", [False, True])
async def test_only_a_readable_store_shows_the_canary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sealing: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    kept, source = tmp_path / "kept", tmp_path / "source"
    (kept / "temporary").mkdir(parents=True)
    source.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(kept / "temporary"))
    async with cached(kept, sealing=sealing) as kit:
        account = await accounts.create(kit.store, "ann")
        found = await write(kit.store, account, kept)
        await import_half(kit.store, account, source)
        found += await shown.of(CANARY, kept)
        await work(kit, account)
        found += await shown.of(CANARY, kept)
    found += await shown.of(CANARY, kept)
    assert not shows(caplog.text.encode())
    if sealing:
        assert found == []
    else:
        for part in ("(deleted)", "index.db", "bodies/", "cache/"):
            assert any(part in name for name in found), part
