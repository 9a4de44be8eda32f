"""A world for outgoing mail: a store, a queue, a configuration, hosts that answer as a test wants, and one clock for all.

`World.hosts` says what becomes of a recipient: a list of answers, one for each attempt, the last for all further ones. Time is
trio's: with `autojump_clock` days pass in milliseconds.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, TypeVar

import outcome
import trio
import trio.testing

from mox_trio.base.address import Path
from mox_trio.base.failure import Failure
from mox_trio.base.metrics import Metrics
from mox_trio.config import live, load
from mox_trio.config.live import LiveConfig
from mox_trio.config.source import Document, FileSource
from mox_trio.mailqueue import managing
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore import accounts, mailboxes, reading
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.outgoing import prepare
from mox_trio.outgoing.job import Job, Outcome, Result
from mox_trio.outgoing.parts import Parts
from mox_trio.outgoing.scheduler import Scheduler
from mox_trio.outgoing.summary import Summary
from mox_trio.protocol.smtp.reply import Reply
from storage_backends.bodies.api import Bytes, Source
from storage_backends.bodies.memory import MemoryStore
from storage_backends.index.api import AccountId, Index, ModSeq, Transaction
from storage_backends.index.open import open_sqlite
from storage_backends.index.tables.messages import EVERYTHING
from storage_backends.index.tables.queue import NewRecipient
from storage_backends.index.tables.queue_admin import Filter, Listed
from tests.kit import stores
from tests.kit.queued import START

STATIC = 'hostname = "mail.a.example"\n'
DYNAMIC = """
[domains."a.example"]
localpart_catchall_separators = ["+"]
[domains."a.example".aliases.all]
members = ["ann@a.example", "bea@a.example", "cid@a.example"]
[accounts.ann]
addresses = ["ann@a.example"]
[accounts.bea]
addresses = ["bea@a.example"]
[accounts.cid]
addresses = ["cid@a.example"]
"""
MESSAGE = (
    b"From: Ann <ann@a.example>\r\nTo: bob@b.example\r\nSubject: hello\r\nMessage-ID: <one@a.example>\r\n\r\ntext\r\n"
)

T = TypeVar("T")


def delivered(text: str = "ok") -> Reply:
    return Reply.of(250, "2.0.0", text)


def temporary(text: str = "busy", status: str = "4.3.2") -> Reply:
    return Reply.of(450, status, text)


def permanent(text: str = "no such user", status: str = "5.1.1") -> Reply:
    return Reply.of(550, status, text)


@dataclass(frozen=True)
class Now:
    """trio's clock as milliseconds since 1970 UTC, for any thread."""

    clock: trio.testing.MockClock

    def __call__(self) -> int:
        return START + int(self.clock.current_time() * 1000)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call something during which trio's clock does not jump."""
    found: list[outcome.Outcome[T]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stay_awake)
        found.append(await outcome.acapture(call))
        nursery.cancel_scope.cancel()
    return found[0].unwrap()


class PatientBodies(MemoryStore):
    """Bodies in memory, without a jump."""

    async def put(self, account: int, source: Source) -> str:
        put = super().put
        return await patiently(lambda: put(account, source))


class PatientIndex:
    """An index during whose calls trio's clock does not jump: threads work for it, which a clock for tests knows nothing of."""

    def __init__(self, inner: Index) -> None:
        self._inner = inner

    async def read(self, unit: Callable[[Transaction], T]) -> T:
        return await patiently(lambda: self._inner.read(unit))

    async def write(self, accounts: Collection[AccountId], unit: Callable[[Transaction], T]) -> T:
        return await patiently(lambda: self._inner.write(accounts, unit))

    async def past(self, account: AccountId, modseq: ModSeq) -> ModSeq:
        return await self._inner.past(account, modseq)

    async def now(self) -> int:
        return await self._inner.now()

    async def integrity(self) -> Iterable[str]:
        return await self._inner.integrity()

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _stay_awake() -> None:
    while True:
        time.sleep(0.0001)  # noqa: ASYNC251 - lets the threads have the interpreter
        await trio.lowlevel.checkpoint()


@dataclass
class Hosts:
    """All other hosts, as a Deliverer."""

    answers: dict[str, list[Reply]] = field(default_factory=dict)
    """By address; who is not named takes everything."""
    jobs: list[Job] = field(default_factory=list)
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    """Address and message of each delivery, in order."""
    seen: list[bytes] = field(default_factory=list)
    """The message of each job, in order."""
    times: list[float] = field(default_factory=list)
    seconds: float = 0.0
    """How long an attempt takes."""
    speaks_dsn: bool = True
    running: int = 0
    most_running: int = 0

    async def deliver(self, job: Job) -> list[Result]:
        """See Deliverer."""
        self.jobs.append(job)
        self.times.append(trio.current_time())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            data = b"".join([block async for block in job.message.blocks()])
            self.seen.append(data)
            await trio.sleep(self.seconds)
        except Failure as failure:
            return [Result(each, Outcome.TEMPORARY, status="4.3.0", detail=failure.public) for each in job.recipients]
        finally:
            self.running -= 1
        return [self._one(each.path, job, data, number) for number, each in enumerate(job.recipients)]

    def _one(self, path: Path, job: Job, data: bytes, number: int) -> Result:
        address = str(path)[1:-1]
        answers = self.answers.get(address, [delivered()])
        reply = answers.pop(0) if len(answers) > 1 else answers[0]
        outcome = Outcome.DELIVERED if self.speaks_dsn else Outcome.RELAYED
        if reply.is_positive:
            self.taken.append((address, data))
        else:
            outcome = Outcome.PERMANENT if reply.is_permanent else Outcome.TEMPORARY
        where = {"mx.b.example": ("192.0.2.1",)}
        return Result(
            job.recipients[number], outcome, reply, reply.enhanced, "", "mx.b.example", "192.0.2.1", dialled=where
        )


@dataclass
class World:
    """One server, whose index may be shared with others."""

    parts: Parts
    hosts: Hosts
    directory: FilePath

    @property
    def store(self) -> MailStore:
        return self.parts.store

    @property
    def queue(self) -> Mailqueue:
        return self.parts.queue

    async def account(self, name: str = "ann") -> Account:
        return await accounts.ensure(self.store, name)

    async def send(self, *to: str | NewRecipient, data: bytes = MESSAGE, **changes: Any) -> tuple[int, ...]:
        """Queue a message of ann's for these addresses; `changes` are those of the message."""
        rows = [each if isinstance(each, NewRecipient) else row(each) for each in to]
        outgoing = replace(prepare.Outgoing(b"Received: here\r\n", Summary("hello", "one@a.example")), **changes)
        queued = await prepare.queue(self.parts, await self.account(), Bytes(data), outgoing, rows)
        return queued.ids

    async def mails(self, name: str = "ann", mailbox: str = "Inbox") -> list[bytes]:
        """The messages of a mailbox."""
        account = await self.account(name)
        box = next((each for each in await mailboxes.listed(self.store, account) if each.name == mailbox), None)
        found = []
        for message in await reading.rows(self.store, box.id, EVERYTHING) if box else []:
            async with reading.open_mail(self.store, account, message.email_id) as blocks:
                found.append(b"".join([block async for block in blocks]))
        return found

    async def listed(self, chosen: Filter = Filter()) -> list[Listed]:  # noqa: B008 - a frozen value
        return await managing.listed(self.queue, chosen)

    async def bodies(self) -> int:
        return len([info async for info in self.store.bodies["main"].refs()])

    @asynccontextmanager
    async def running(self, *, lease: float = 1200.0) -> AsyncIterator[Scheduler]:
        """With its scheduler."""
        scheduler = Scheduler(self.parts, self.hosts, lease=lease, look=300)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scheduler.run)
            yield scheduler
            nursery.cancel_scope.cancel()

    async def until(self, condition: Callable[[], bool], hours: float = 1.0) -> None:
        """Wait, looking now and then."""
        with trio.fail_after(hours * 3600):
            while not condition():  # noqa: ASYNC110 - on a clock that jumps
                await trio.sleep(hours * 10)

    async def until_empty(self, hours: float = 1.0) -> None:
        """Wait until nothing is in the queue."""
        with trio.fail_after(hours * 3600):
            while await self.listed():  # noqa: ASYNC110 - on a clock that jumps
                await trio.sleep(hours * 10)


def row(address: str, **changes: Any) -> NewRecipient:
    """A row for an address."""
    path = Path.parse(f"<{address}>")
    made = NewRecipient("<ann@a.example>", f"<{address}>", prepare.destination(path), 0)
    return made._replace(**changes)


def config(directory: FilePath, settings: str = STATIC, dynamic: str = DYNAMIC) -> LiveConfig:
    """A configuration in force."""
    path = directory / "mox-trio.toml"
    first = live.snapshot(load.static_text(settings, path), Document(dynamic, "1"), "domains.toml")
    return LiveConfig(first, FileSource(directory / "domains.toml"))


@asynccontextmanager
async def opened(
    directory: FilePath,
    clock: trio.testing.MockClock,
    *,
    index: Index | None = None,
    sealing: bool = False,
    settings: str = STATIC,
    dynamic: str = DYNAMIC,
) -> AsyncIterator[World]:
    """A world in a directory."""
    async with AsyncExitStack() as stack:
        patient = PatientIndex(await stack.enter_async_context(_sqlite(directory)) if index is None else index)
        kit = await stack.enter_async_context(
            stores.opened(directory, sealing=sealing, index=patient, bodies=PatientBodies())
        )
        store = replace(kit.store, now=Now(clock))
        yield of(store, config(directory, settings, dynamic), directory)


@asynccontextmanager
async def _sqlite(directory: FilePath) -> AsyncIterator[Index]:
    index = await open_sqlite(directory / "index.db")
    yield index
    with trio.CancelScope(shield=True):
        await index.aclose()


def of(store: MailStore, configured: LiveConfig, directory: FilePath) -> World:
    """A world over a store: several over one are several processes."""
    parts = Parts(store, Mailqueue(store.index, store.now), configured, Metrics(), random=lambda: 0.5)
    return World(parts, Hosts(), directory)
