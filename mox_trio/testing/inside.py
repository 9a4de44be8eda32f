"""The server inside a test, on trio: what `server` calls from other threads.

    async with inside.opened(directory, clock, faults) as server:
        ports = server.ports

It is joined by `mox_trio.app` as every server is. What differs: bodies are in memory, no commit waits for the disk, passwords
are hashed with little work, every domain leads to this server, all mail that nobody else gets goes to one account, and time
is a clock that is turned. A failure to start is raised by `opened`.
"""

import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import trio
from argon2 import PasswordHasher

from mox_trio.admin import accounts
from mox_trio.admin.accounts import Desk
from mox_trio.app import build, doors, keys, plugins, supervise
from mox_trio.app import server as app_server
from mox_trio.app.doors import Door
from mox_trio.app.server import Server, Variant
from mox_trio.app.supervise import Stop
from mox_trio.app.testing import Testing
from mox_trio.base.address import Address
from mox_trio.base.metrics import Metrics
from mox_trio.config import edit
from mox_trio.config.live import LiveConfig
from mox_trio.config.models.static import Static
from mox_trio.config.source import FileSource
from mox_trio.mailqueue import managing
from mox_trio.mailstore import accounts as opened_accounts
from mox_trio.mailstore import credentials, logins
from mox_trio.mailstore.logins import Logins
from mox_trio.mailstore.server_key import ServerKey
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import results
from mox_trio.policy import public_suffix
from mox_trio.services import Services
from mox_trio.smtpd.receiver import Receiver
from mox_trio.testing import configuration
from mox_trio.testing.clock import TurnableClock
from mox_trio.testing.configuration import EVERYBODY
from mox_trio.testing.faults import SERVICES, Faults, Faulty
from mox_trio.testing.faulty_tls import FaultyCertificates, Wrong
from mox_trio.testing.messages import Message, Reader, Wanted
from mox_trio.transport import listening
from mox_trio.transport.local_resolver import LocalResolver
from mox_trio.transport.resolver import Resolver
from storage_backends.index import open as opening
from storage_backends.index.api import ModSeq
from storage_backends.index.tables.queue_admin import Filter, Listed

PASSWORD: Final = "moxmoxmox"  # noqa: S105 - of accounts that live as long as a test
CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
ITERATIONS: Final = 4096
"""Of SCRAM: the least that there may be (RFC 7677 4)."""
LOOK: Final = 0.2
"""Seconds after which a new account is looked at, too."""
PATIENCE: Final = 60.0
"""Seconds that a turn of the clock waits for the queue to come to rest."""
REST: Final = 0.005


class NotAtRest(Exception):
    """The queue did not come to rest."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A recipient that waits in the queue."""

    sender: str
    recipient: str
    attempts: int
    """How many there were."""
    next_attempt: int
    """Milliseconds since 1970 UTC, by the server's clock."""
    last_error: str


@dataclass
class Inside:
    """A server that serves."""

    services: Services
    joined: Server
    clock: TurnableClock
    faults: Faults
    reader: Reader
    ports: dict[str, int]
    _handles: dict[str, Account] = field(default_factory=dict)

    @property
    def _desk(self) -> Desk:
        return Desk(self.services.static, self.services.source, self.services.config, self.services.mail)

    async def add_account(self, name: str, domain: str, password: str) -> str:
        """An account with an address; returns that. The domain is made when it is new."""
        address = Address.parse(f"{name}@{domain}")
        if address.domain not in self.services.config.current.dynamic.domains:
            await accounts.change(self._desk, edit.add_domain(address.domain))
        await accounts.add(self._desk, name, [address])
        await self.set_password(name, password)
        return str(address)

    async def set_password(self, name: str, password: str) -> None:
        """Give an account a password."""
        await credentials.set_password(self.services.logins, await self._account(name), password)

    async def _account(self, name: str) -> Account:
        if name not in self._handles:
            self._handles[name] = await opened_accounts.ensure(self.services.mail, name)
        return self._handles[name]

    async def messages(self, wanted: Wanted) -> list[Message]:
        """What fits, in the order in which it came."""
        found = []
        for name in self._names(wanted):
            async for message in self.reader.mailbox(await self._account(name), wanted.mailbox):
                if wanted.fits(message):
                    found.append(message)
        return sorted(found, key=lambda message: (message.received, message.uid))

    async def wait(self, wanted: Wanted, count: int, seconds: float) -> list[Message]:
        """So many that fit, or as many as there are when the seconds have passed, which no turn of the clock shortens."""
        ends = time.monotonic() + seconds
        while True:
            changed = trio.Event()
            async with trio.open_nursery() as watching:
                for name in self._names(wanted):
                    await watching.start(self._watch, await self._account(name), changed)
                found = await self.messages(wanted)
                left = ends - time.monotonic()
                if len(found) < count and left > 0:
                    with trio.move_on_after(min(left, LOOK)):
                        await changed.wait()
                watching.cancel_scope.cancel()
            if len(found) >= count or left <= 0:
                return found

    async def _watch(
        self,
        account: Account,
        changed: trio.Event,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        index = self.services.mail.index
        modseq = await index.past(account.id, ModSeq(-1))
        task_status.started()
        await index.past(account.id, modseq)
        changed.set()

    def _names(self, wanted: Wanted) -> list[str]:
        return [wanted.account] if wanted.account is not None else list(self.services.config.current.dynamic.accounts)

    async def queued(self) -> list[Queued]:
        """What waits in the queue."""
        return [_shown(row) for row in await self._rows()]

    async def _rows(self) -> list[Listed]:
        return await managing.listed(self.joined.mail_out.queue, Filter())

    async def turn(self, seconds: float) -> None:
        """Turn the clock; every attempt of the queue that falls into the time is made at its time. NotAtRest."""
        until = self.clock.wall() + round(seconds * 1000)
        while True:
            rows = await self._at_rest(until)
            due = min((row.next_attempt for row in rows if not row.held), default=until + 1)
            self.clock.turn((min(due, until) - self.clock.wall()) / 1000)
            if due > until:
                break
        await self._at_rest(until)

    async def _at_rest(self, until: int) -> list[Listed]:
        """The queue when nothing of it is due or in delivery. Delays that a test asked for are passed over until `until`."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            rows = await self._rows()
            now = self.services.mail.now()
            if not any(row.lease_until > 0 or (not row.held and row.next_attempt <= now) for row in rows):
                return rows
            wakes = self.faults.wakes
            if wakes is not None:
                self.clock.turn(min(wakes - trio.current_time(), (until - now) / 1000))
            await trio.sleep(REST)
        raise NotAtRest(f"the queue goes on for more than {PATIENCE:g} seconds: {await self.queued()}")


def _shown(row: Listed) -> Queued:
    past = results.read(row.results)
    sender, recipient = (each.removeprefix("<").removesuffix(">") for each in (row.sender, row.recipient))
    return Queued(sender, recipient, row.attempts, row.next_attempt, past[-1].text if past else "")


@asynccontextmanager
async def opened(directory: Path, clock: TurnableClock, faults: Faults, *, web: bool = False) -> AsyncIterator[Inside]:
    """Start a server in an empty directory, and stop it at the end."""
    static = configuration.prepare(directory, web=web)
    with ExitStack() as sockets:
        bound = await doors.opened(static, sockets, web=plugins.kinds() if web else ())
        ports = {each.name: listening.port_of(door.socket) for door in bound for each in door.services}
        await trio.to_thread.run_sync(public_suffix.load)
        async with AsyncExitStack() as stack:
            services = await _services(static, clock, stack)
            stop = Stop()
            joined = await app_server.assemble(services, bound, _variant(directory, ports["smtp"]), stop)
            joined = _faulty(joined, faults, await Wrong.make(directory))
            inside = Inside(services, joined, clock, faults, Reader(services.mail), ports)
            await inside.set_password(EVERYBODY, PASSWORD)
            started = trio.Event()

            async def ready() -> None:
                started.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(supervise.run, joined.plan(trio.sleep_forever, {}), stop, ready)
                await started.wait()
                yield inside
                stop.order()


async def _services(static: Static, clock: TurnableClock, stack: AsyncExitStack) -> Services:
    index = await opening.open_sqlite(static.data_directory / "index.db", durable=False)
    stack.push_async_callback(index.aclose)
    mail = replace(await stack.enter_async_context(build.opened_mail(static, index)), now=clock.wall)
    source = FileSource(static.domains_file)
    config = await LiveConfig.open(static, source)
    key = ServerKey(await keys.server_key(static))
    settings = logins.Settings(iterations=ITERATIONS, main_by_cram_md5=True)
    return Services(static, source, config, mail, Logins(mail, key, settings, CHEAP))


def _variant(directory: Path, port: int) -> Variant:
    def resolver(static: Static, metrics: Metrics) -> Resolver:
        return LocalResolver(configuration.HOSTNAME, addresses=["127.0.0.1"])

    # Reading all authorities of the system would take a third of the start, and there is nobody else to believe.
    trusted = partial(ssl.create_default_context, cafile=directory / "localhost.crt")
    return Variant(resolver=resolver, testing=Testing(EVERYBODY, port), trusted=trusted)


def _faulty(joined: Server, faults: Faults, wrong: Wrong) -> Server:
    """The same, whose doors do wrong what is asked for."""
    right: Callable[[Door], Receiver] = joined.common.receiver

    def receiver(door: Door) -> Receiver:
        return Faulty(right(door), faults, SERVICES[door.service.name])

    certificates = FaultyCertificates(joined.common.certificates, wrong, faults)
    return replace(joined, common=replace(joined.common, receiver=receiver, certificates=certificates))
