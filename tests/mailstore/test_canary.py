"""A canary in what people write is found nowhere in what a sealed store keeps: files, database, temporary files, logs."""

import logging
import os
import stat
import tempfile
from pathlib import Path

import pytest
import trio

from mox_trio.mailstore import annotating, expunging, moving, moving_store, reading, upkeep, verifying
from mox_trio.mailstore.deliver import Incoming, to_mailbox
from mox_trio.mailstore.spool import MEMORY, Spool
from mox_trio.mailstore.store import HOUR, Account
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit import damage, stores
from tests.kit.stores import Kit, put

CANARY = "canary7q"
PREFIX = f"X-{CANARY}: {CANARY}\r\n".encode()


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


def files(directory: Path) -> list[str]:
    """Files below a directory that show the canary."""
    return [str(path) for path in directory.rglob("*") if path.is_file() and shows(path.read_bytes())]


def open_files() -> list[str]:
    """Files that this process holds open, also those without a name, that show the canary."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        link = Path("/proc/self/fd", name)
        if link.exists() and stat.S_ISREG(link.stat().st_mode) and shows(link.read_bytes()):
            found.append(os.readlink(link))
    return found


async def use(kit: Kit, account: Account) -> list[str]:
    """Do everything with mail that holds the canary; gives what showed it while a large message was on its way in."""
    store = kit.store
    async with Spool(store) as spool:
        await spool.write(mail(3 * MEMORY))
        shown = await trio.to_thread.run_sync(open_files)
        spooled = await spool.finish()
        delivered = await to_mailbox(store, account, "Inbox", Incoming(spooled, PREFIX))
        shown += await trio.to_thread.run_sync(open_files)
    await put(store, account, mail(100), prefix=PREFIX)
    await annotating.put(store, account, 0, "/private/comment", CANARY.encode())
    await annotating.put(store, account, delivered.mailbox_id, "/private/comment", CANARY.encode())
    await moving.copy(store, account, delivered.mailbox_id, EVERYTHING, "Archive")
    await expunging.erase(store, account, delivered.mailbox_id, [(1, 1)])
    assert shows(await reading.mail(store, account, delivered.email_id))
    assert [finding async for finding in verifying.run(store, bodies=True)] == []
    damage.flip((await damage.bodies(kit))[0], 100)
    await moving_store.run(stores.defaulting(store, "other"), "main", "other")
    kit.clock.ahead = 2 * HOUR
    await upkeep.run(store)
    return shown


async def test_only_a_readable_store_shows_the_canary(
    kit: Kit, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    shown = await use(kit, account)
    shown += await trio.to_thread.run_sync(open_files)
    kept = await trio.to_thread.run_sync(files, tmp_path)
    assert not shows(caplog.text.encode())
    if account.codec.sealing:
        assert shown == []
        assert kept == []
    else:
        assert any("(deleted)" in name for name in shown)
        assert any("index.db" in name for name in kept)
        assert any("bodies" in name for name in kept)
