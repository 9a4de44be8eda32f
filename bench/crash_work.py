"""The process that `bench.crash` kills: it works on a store from many tasks until it dies.

Before an operation a line on standard output says what it is about to take, after its return another says what was
acknowledged; lines are written at once, and only then. What was begun and not acknowledged may be done or not.
"""

import json
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import trio

from mox_trio.base.failure import Failure
from mox_trio.mailstore import accounts, deliver, expunging, flagging, importing, mailboxes, moving, reading
from mox_trio.mailstore.deliver import Delivered, Incoming
from mox_trio.mailstore.flagging import Change
from mox_trio.mailstore.progress import Progress
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.bodies.s3 import S3Store
from storage_backends.bodies.s3_client import S3Options
from storage_backends.index.api import MailboxId, Uid
from storage_backends.index.open import open_postgres
from storage_backends.index.tables.messages import EVERYTHING, ranges_of
from tests.kit import stores

ACCOUNTS: Final = ("ann", "bob")
TARGETS: Final = ("Inbox", "Archive", "Lists/trio")
LARGE: Final = 300 * 1024

Place = tuple[int, int]
"""A mailbox's id and a UID."""


@dataclass(frozen=True, slots=True)
class Where:
    """A store: a directory, and what is elsewhere."""

    directory: str
    sealing: bool = False
    conninfo: str = ""
    s3: dict[str, Any] = field(default_factory=dict)

    def dump(self) -> str:
        """As one argument of a command."""
        return json.dumps(asdict(self))


@asynccontextmanager
async def opened(where: Where) -> AsyncIterator[stores.Kit]:
    """Open the store."""
    index = await open_postgres(where.conninfo, 8) if where.conninfo else None
    bodies = S3Store(S3Options(**where.s3)) if where.s3 else None
    try:
        async with stores.opened(Path(where.directory), sealing=where.sealing, index=index, bodies=bodies) as kit:
            yield kit
    finally:
        if index is not None:
            with trio.CancelScope(shield=True):
                await index.aclose()


def say(**facts: Any) -> None:
    """One line, written before anything else happens."""
    os.write(1, json.dumps(facts).encode() + b"\n")


async def known(store: MailStore, account: Account, mailbox: MailboxId) -> dict[int, str]:
    """The subjects of a mailbox's messages by their UIDs."""
    pages = reading.summaries(store, account, mailbox, EVERYTHING)
    return {int(row.uid): summary.subject async for page in pages for row, summary in page}


class Worker:
    """Operations on one account; each takes messages out of `pool` that no other operation has."""

    def __init__(self, store: MailStore, account: Account, seed: int) -> None:
        self.store = store
        self.account = account
        self.random = random.Random(seed)
        self.pool: dict[int, dict[int, str]] = {}
        self._seed = seed
        self._numbers = 0

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _take(self, most: int) -> tuple[int, dict[int, str]]:
        """Some messages of one mailbox."""
        mailbox = self.random.choice([each for each in self.pool if self.pool[each]] or [0])
        inside = self.pool.get(mailbox, {})
        uids = self.random.sample(sorted(inside), min(len(inside), self.random.randint(1, most)))
        return mailbox, {uid: inside.pop(uid) for uid in sorted(uids)}

    def _put_back(self, mailbox: int, messages: dict[int, str]) -> None:
        self.pool.setdefault(mailbox, {}).update(messages)

    async def deliver(self) -> None:
        """Deliver one, or several together, or a large one."""
        number = self.random.choice((1, 1, 1, 1, 5))
        tokens = [f"{self.account.name}-{self._seed}-{self._number()}" for _ in range(number)]
        body = "text\r\n" * (LARGE // 6 if self.random.random() < 0.03 else 50)
        async with Spool(self.store) as spool:
            incoming: list[Incoming] = []
            for token in tokens[1:]:
                async with Spool(self.store) as other:
                    await other.write(stores.message(token))
                    incoming.append(Incoming(await other.finish()))
            await spool.write(stores.message(tokens[0], body))
            incoming.insert(0, Incoming(await spool.finish()))
            delivered = await deliver.many(self.store, self.account, self.random.choice(TARGETS), incoming)
        self._acknowledge(delivered, tokens)

    def _acknowledge(self, delivered: Sequence[Delivered], tokens: Sequence[str]) -> None:
        for each, token in zip(delivered, tokens, strict=True):
            self._put_back(each.mailbox_id, {each.uid: token})
        say(there=[[each.mailbox_id, each.uid, token] for each, token in zip(delivered, tokens, strict=True)])

    async def copy(self) -> None:
        """Copy some messages."""
        mailbox, taken = self._take(4)
        if taken:
            target = self.random.choice(TARGETS)
            copied = await moving.copy(self.store, self.account, MailboxId(mailbox), ranges_of(taken), target)
            self._copied(copied, taken)
            self._put_back(mailbox, taken)

    def _copied(self, copied: moving.Copied, taken: dict[int, str], gone: Sequence[Place] = ()) -> None:
        there = {copied.first + number: taken[uid] for number, uid in enumerate(copied.sources)}
        say(there=[[copied.target, uid, token] for uid, token in there.items()], gone=list(gone))
        self._put_back(copied.target, there)

    async def move(self) -> None:
        """Move some messages."""
        mailbox, taken = self._take(4)
        if taken:
            gone = [(mailbox, uid) for uid in taken]
            say(taking=gone)
            target = self.random.choice(TARGETS)
            moved = await moving.move(self.store, self.account, MailboxId(mailbox), ranges_of(taken), target)
            self._copied(moved, taken, gone)

    async def expunge(self) -> None:
        """Expunge some messages."""
        mailbox, taken = self._take(3)
        if taken:
            gone = [(mailbox, uid) for uid in taken]
            say(taking=gone)
            expunged = await expunging.erase(self.store, self.account, MailboxId(mailbox), ranges_of(taken))
            if expunged.uids != [Uid(uid) for uid in taken]:
                raise AssertionError(f"expunged {expunged.uids}, not {list(taken)}")
            say(gone=gone)

    async def flag(self) -> None:
        """Flag some messages."""
        mailbox, taken = self._take(10)
        if taken:
            ranges = ranges_of(taken)
            await flagging.store_flags(
                self.store, self.account, MailboxId(mailbox), ranges, Change.ADD, ["\\Flagged", "work"]
            )
            say(flagged=[(mailbox, uid) for uid in taken])
            self._put_back(mailbox, taken)

    async def bring_in(self, source: Path, into: str) -> None:
        """Import an mbox file."""

        async def progress(made: Progress) -> None:
            say(imported=made.messages)

        await importing.run(self.store, self.account, source, importing.Options(into=into), progress)


async def for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """Until the process is killed."""
    while True:
        await work()
        await trio.lowlevel.checkpoint()


async def main(where: Where, seed: int) -> None:
    """Work until killed."""
    say(ready=True)
    async with opened(where) as kit, trio.open_nursery() as nursery:
        for name in ACCOUNTS:
            account = await accounts.ensure(kit.store, name)
            worker = Worker(kit.store, account, seed)
            with suppress(Failure):  # it is there but for the first time
                await mailboxes.create(kit.store, account, TARGETS[-1])
            for row in await mailboxes.listed(kit.store, account):
                if not row.name.startswith("Imported"):
                    worker.pool[row.id] = await known(kit.store, account, row.id)
            works = (worker.deliver,) * 4 + (worker.copy, worker.move, worker.expunge, worker.expunge, worker.flag)
            for work in works:
                nursery.start_soon(for_ever, work)
            if name == ACCOUNTS[0]:
                nursery.start_soon(worker.bring_in, Path(where.directory, "import.mbox"), f"Imported-{seed}")


if __name__ == "__main__":
    trio.run(main, Where(**json.loads(sys.argv[1])), int(sys.argv[2]))
