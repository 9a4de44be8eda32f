"""Mail stores for tests: any body store over any index, and messages to put into them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import trio

from mox_trio.app.keys import IndexWrappedKeys
from mox_trio.app.scratch import sealed
from mox_trio.mailstore import deliver
from mox_trio.mailstore.deliver import Delivered, Incoming
from mox_trio.mailstore.scratch import plain
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import Account, MailStore, Policy, clock
from storage_backends.bodies.api import BodyStore
from storage_backends.bodies.disk import DiskStore
from storage_backends.bodies.encrypted import Encrypted
from storage_backends.bodies.keyring import Keyring
from storage_backends.bodies.master_key import MasterKey
from storage_backends.bodies.memory import MemoryStore
from storage_backends.index.api import Index
from storage_backends.index.open import open_sqlite

MASTER = MasterKey(bytes(range(32)))


@dataclass
class Clock:
    """A clock that a test moves."""

    ahead: int = 0

    def __call__(self) -> int:
        return clock() + self.ahead


@dataclass
class Kit:
    """A mail store and what a test wants to reach behind it."""

    store: MailStore
    directory: Path
    clock: Clock = field(default_factory=Clock)


@asynccontextmanager
async def opened(
    directory: Path, *, sealing: bool = False, index: Index | None = None, bodies: BodyStore | None = None
) -> AsyncIterator[Kit]:
    """A mail store in a directory: by default bodies on disk and rows in SQLite."""
    given = index
    index = index or await open_sqlite(directory / "index.db")
    now = Clock()
    on_disk = partial(DiskStore, directory / "bodies", clock=lambda: now() / 1000)
    inner: BodyStore = await trio.to_thread.run_sync(on_disk) if bodies is None else bodies
    keyring = Keyring(IndexWrappedKeys(index), [MASTER]) if sealing else None
    main = inner if keyring is None else Encrypted(inner, keyring)
    try:
        store = MailStore(
            index=index,
            bodies={"main": main, "other": MemoryStore()},
            default_store="main",
            keys=keyring,
            policy=Policy(),
            now=now,
            scratch=sealed if sealing else plain,
        )
        yield Kit(store, directory, now)
    finally:
        with trio.CancelScope(shield=True):
            await main.aclose()
            if given is None:
                await index.aclose()


def defaulting(store: MailStore, name: str) -> MailStore:
    """The same mail store with another store for new bodies."""
    return replace(store, default_store=name)


def message(subject: str = "hello", body: str = "text\r\n", **fields: str) -> bytes:
    """A small message; `fields` are more header fields, with _ for -."""
    named = {"From": "Ann <ann@example.org>", "To": "bob@example.org", "Subject": subject}
    named |= {name.replace("_", "-"): value for name, value in fields.items()}
    return "".join(f"{name}: {value}\r\n" for name, value in named.items()).encode() + b"\r\n" + body.encode()


async def put(
    store: MailStore,
    account: Account,
    data: bytes,
    mailbox: str = "Inbox",
    *,
    flags: Sequence[str] = (),
    received: int | None = None,
    prefix: bytes = b"",
) -> Delivered:
    """Deliver the bytes of a message."""
    async with Spool(store) as spool:
        await spool.write(data)
        incoming = Incoming(await spool.finish(), prefix, tuple(flags), received)
        return await deliver.to_mailbox(store, account, mailbox, incoming)
