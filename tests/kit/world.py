"""A world of whole servers in one process: memory instead of wires, a dict instead of DNS, one clock for all.

    async with world.opened(directory, clock, "one", "two", "three") as net:
        await net["one"].submit("ann", ["bob@two.example"])
        await net.hours(20)
        assert await net["two"].mails("bob")

A server is joined and run by `mox_trio.app` itself (`build.services`, `server.assemble`, `supervise.run`); what it lacks is
sockets and the loops that look at files. Server `one` is mx.one.example at 192.0.2.1, and so on in the order of their names;
each signs with DKIM, has SPF and DMARC p=reject, and the accounts ann, bob and cid. `net.hosts` has further hosts, which answer
as a test wants. trio's clock jumps when nobody does anything, but not while a thread works.
"""

import base64
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path as FilePath
from typing import Any, Final, TypeVar

import trio
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair

from mox_trio.app import build, doors, entrances, keys, plugins, supervise
from mox_trio.app import server as app_server
from mox_trio.app.doors import Door
from mox_trio.app.server import Server as Joined
from mox_trio.app.server import Variant
from mox_trio.app.supervise import Stop
from mox_trio.base.address import Path
from mox_trio.base.metrics import Metrics
from mox_trio.config.live import LiveConfig
from mox_trio.config.models.static import Static
from mox_trio.config.source import FileSource
from mox_trio.mailqueue import managing
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore import accounts, credentials, mailboxes, reading
from mox_trio.mailstore.logins import Logins
from mox_trio.mailstore.server_key import ServerKey
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.services import Services
from mox_trio.transport.accepting import Accepting, Entrance
from mox_trio.transport.connection import Connection, Ends, IpAddress
from mox_trio.transport.dial import Attempt, DialFailed
from storage_backends.index.tables.messages import EVERYTHING
from storage_backends.index.tables.queue_admin import Filter, Listed
from tests.kit import mail_hosts, wires, world_settings
from tests.kit.dns import Zone
from tests.kit.sending import Now
from tests.kit.still import Still, StillIndex
from tests.kit.world_settings import Settings
from tests.smtpd.talking import Clients

T = TypeVar("T")

NAMES: Final = ("one", "two", "three")
PASSWORD: Final = "correct horse battery"
CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
LOOK: Final = 300.0
HOUR: Final = 3600.0
STRANGER: Final = "203.0.113.7"
"""A client that no domain vouches for."""


class Memory(Accepting):
    """Accepts what a test brings, instead of what a socket does."""

    def __init__(self, static: Static, metrics: Metrics) -> None:
        super().__init__(entrances.admitted(static, time.time), metrics)
        self.doors: dict[str, tuple[Entrance, trio.Nursery]] = {}

    async def run(self, listening: trio.socket.SocketType, entrance: Entrance, sessions: trio.Nursery) -> None:
        """Until cancelled."""
        self.doors[entrance.protocol] = entrance, sessions
        try:
            await trio.sleep_forever()
        finally:
            del self.doors[entrance.protocol]


@dataclass
class Server:
    """One server of the world: one process."""

    net: "Net"
    name: str
    address: str
    services: Services
    index: StillIndex
    joined: Joined
    accepting: Memory
    stop: Stop = field(default_factory=Stop)
    life: trio.CancelScope = field(default_factory=trio.CancelScope)
    over: trio.Event = field(default_factory=trio.Event)

    @property
    def store(self) -> MailStore:
        return self.services.mail

    @property
    def queue(self) -> Mailqueue:
        return self.joined.mail_out.queue

    def at(self, local: str) -> str:
        """An address of its domain."""
        return local if "@" in local else f"{local}@{self.name}.example"

    async def run(self) -> None:
        """Be a process until told to stop, or killed."""
        plan = self.joined.plan(trio.sleep_forever, {})
        wanted = ("queue", "conversations", "login-attempts", "webhooks", "imap-changes")
        loops = {name: loop for name, loop in plan.loops.items() if name in wanted or name.startswith("web-")}
        started = trio.Event()

        async def ready() -> None:
            started.set()

        with self.life:
            await supervise.run(replace(plan, accepting=self.accepting, loops=loops), self.stop, ready)
        self.over.set()

    async def die(self) -> None:
        """As by SIGKILL: what it was doing is not finished, and nothing is said to anybody."""
        self.index.stopped = trio.Event()
        self.life.cancel()
        await self.over.wait()

    async def halt(self) -> None:
        """Stop in order, as by SIGTERM."""
        self.stop.order()
        await self.over.wait()

    async def end_leases(self) -> None:
        """Let all leases end: they go by the database's clock, which is not the world's."""
        file = self.services.static.data_directory / "index.db"
        await trio.to_thread.run_sync(_end_leases, file)

    def accept(self, service: str, client: str = STRANGER) -> Connection:
        """A connection to one of its ports, from a client's address: the client's end. DialFailed when nobody is there."""
        if service not in self.accepting.doors:
            raise DialFailed([Attempt(ip_address(self.address), "Connection refused")])
        entrance, sessions = self.accepting.doors[service]
        ours, theirs = lockstep_stream_pair() if self.net.lockstep else memory_stream_pair()
        peer, local = ip_address(client), ip_address(self.address)
        sessions.start_soon(self.accepting.serve, theirs, Ends(peer, 40000, local, 25), entrance)
        return Connection(ours, Ends(local, 25, peer, 40000))

    @asynccontextmanager
    async def client(self, service: str = "smtp", client: str = STRANGER) -> AsyncIterator[Clients]:
        """Somebody who speaks to it, after EHLO."""
        connection = self.accept(service, client)
        try:
            clients = Clients(connection)
            await clients.hello()
            yield clients
        finally:
            await connection.aclose()

    @asynccontextmanager
    async def user(self, login: str = "ann") -> AsyncIterator[Clients]:
        """A user who has logged in to submit, over TLS."""
        connection = self.accept("submission")
        try:
            plain = Clients(connection)
            await plain.hello()
            assert (await plain.say("STARTTLS")).startswith("220")
            await connection.start_tls_client(self.net.certificate.client_context(), f"mx.{self.name}.example")
            user = Clients(connection)
            await user.say("EHLO laptop")
            token = base64.b64encode(f"\0{self.at(login)}\0{PASSWORD}".encode()).decode()
            assert (await user.say(f"AUTH PLAIN {token}")).startswith("235")
            yield user
        finally:
            await connection.aclose()

    async def submit(
        self, login: str, to: Iterable[str], data: bytes = b"", *, sender: str = "", mail: str = "", rcpt: str = ""
    ) -> str:
        """Submit a message; the reply to it, or to the command that was refused."""
        async with self.user(login) as user:
            lines = [f"MAIL FROM:<{sender or self.at(login)}> {mail}".rstrip()]
            lines += [f"RCPT TO:<{each}> {rcpt}".rstrip() for each in to]
            return await send(user, lines, data or message(self.at(login), next(iter(to))))

    async def account(self, name: str) -> Account:
        return await accounts.ensure(self.store, name)

    async def mails(self, name: str = "ann", mailbox: str = "Inbox") -> list[bytes]:
        """The messages of a mailbox."""
        account = await self.account(name)
        box = next((each for each in await mailboxes.listed(self.store, account) if each.name == mailbox), None)
        found = []
        for row in await reading.rows(self.store, box.id, EVERYTHING) if box else []:
            async with reading.open_mail(self.store, account, row.email_id) as blocks:
                found.append(b"".join([block async for block in blocks]))
        return found

    async def queued(self, chosen: Filter = Filter()) -> list[Listed]:  # noqa: B008 - a frozen value
        """What is in its queue."""
        return await managing.listed(self.queue, chosen)

    async def configure(self, *, template: str = world_settings.DYNAMIC, **parts: str) -> None:
        """Put another dynamic configuration in force: `ann` is more of that account, `more` is at the end."""
        file = trio.Path(self.services.static.domains_file)
        await file.write_text(template.format(**{"name": self.name, "ann": "", "more": "", **parts}))
        await self.services.config.reload()
        assert self.services.config.problem is None


@dataclass
class Net:
    """All of them."""

    zone: Zone
    hosts: mail_hosts.Network
    still: Still
    certificate: wires.Made
    nursery: trio.Nursery
    directory: FilePath
    now: Now
    servers: dict[str, Server] = field(default_factory=dict)
    unreachable: set[str] = field(default_factory=set)
    """Names of servers whose ports refuse everybody."""
    at_dial: Callable[[], None] = lambda: None
    """Called when anybody dials."""
    lockstep: bool = False
    """Nothing is between the ends of a wire: who sends waits until it is received."""
    web: dict[str, Callable[[Connection], Awaitable[None]]] = field(default_factory=dict)
    """What answers at the ports of the web of an address."""
    connections: list[tuple[float, str]] = field(default_factory=list)
    """When a server or host was dialled, in hours, and its address."""

    def __getitem__(self, name: str) -> Server:
        return self.servers[name]

    @property
    def hour(self) -> float:
        """What the clock shows."""
        return trio.current_time() / HOUR

    async def hours(self, count: float) -> None:
        """Let time pass."""
        await trio.sleep(count * HOUR)

    async def quiet(self, hours: float = 1.0) -> None:
        """Until all queues are empty, but for what is held."""
        with trio.fail_after(hours * HOUR):
            while [row for each in self.servers.values() if each.index.stopped is None for row in await each.queued()]:  # noqa: ASYNC110 - on a clock that jumps
                await trio.sleep(10)

    def host(self, domain: str, host: mail_hosts.Host | None = None, address: str = "198.51.100.1") -> mail_hosts.Host:
        """A host that takes the mail of another domain."""
        self.zone.set(domain, "MX", [(10, f"mx.{domain}")])
        self.zone.set(f"mx.{domain}", "A", [address])
        return self.hosts.host(address, host)

    async def dial(
        self,
        addresses: Sequence[IpAddress],
        port: int,
        *,
        local_addresses: Sequence[IpAddress] = (),
        timeout: float,
        session: str = "",
    ) -> Connection:
        """As `transport.dial.connect`."""
        if port in (80, 443) and str(addresses[0]) in self.web:
            near, far = wires.pair()
            self.nursery.start_soon(self.web[str(addresses[0])], far)
            return near
        (address,) = addresses
        self.connections.append((self.hour, str(address)))
        self.at_dial()
        server = next((each for each in self.servers.values() if each.address == str(address)), None)
        if server is None:
            return await self.hosts.dial(addresses, port, local_addresses=local_addresses, timeout=timeout)
        await trio.lowlevel.checkpoint()
        if server.name in self.unreachable or port != 25:
            raise DialFailed([Attempt(address, "Connection refused")])
        return server.accept("smtp", str(local_addresses[0]))

    async def start(self, name: str, number: int, settings: Settings, beside: Server | None = None) -> Server:
        """Start a server; `beside` is another process over the same stores."""
        stack = settings.stack
        directory = self.directory / name
        static = await world_settings.configured(directory, name, f"192.0.2.{number}", settings, self.certificate)
        if beside is None:
            self._publish(name, number, world_settings.dkim_key(directory))
            services = await stack.enter_async_context(build.services(static))
            inner = services.mail.index
        else:
            services, inner = beside.services, beside.index.inner
            source = FileSource(static.domains_file)
            services = replace(services, config=await LiveConfig.open(static, source))
        index = StillIndex(settings.index(inner), self.still)
        bodies = {each: settings.bodies(store) for each, store in services.mail.bodies.items()}
        mail = replace(services.mail, index=index, bodies=bodies, now=self.now)
        logins = Logins(mail, ServerKey(await keys.server_key(static)), hasher=CHEAP)
        services = replace(services, mail=mail, logins=logins)
        variant = Variant(resolver=lambda static, metrics: self.zone, dial=self.dial, look=LOOK)
        stop = Stop()
        joined = await app_server.assemble(services, list(_doors(static)), variant, stop)
        server = Server(self, name, f"192.0.2.{number}", services, index, joined, Memory(static, joined.metrics), stop)
        if beside is None:
            for login in ("ann", "bob"):
                await credentials.set_password(logins, await server.account(login), PASSWORD)
        self.nursery.start_soon(server.run)
        await trio.testing.wait_all_tasks_blocked()
        return server

    def _publish(self, name: str, number: int, key: ed25519.Ed25519PrivateKey) -> None:
        zone, domain, address = self.zone, f"{name}.example", f"192.0.2.{number}"
        public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        zone.set(domain, "MX", [(10, f"mx.{domain}")])
        zone.set(domain, "TXT", [f"v=spf1 ip4:{address} -all"])
        zone.set(f"mx.{domain}", "A", [address])
        zone.set(f"mx.{domain}", "TXT", [f"v=spf1 ip4:{address} -all"])
        zone.set(f"{number}.2.0.192.in-addr.arpa", "PTR", [f"mx.{domain}"])
        zone.set(f"_dmarc.{domain}", "TXT", ["v=DMARC1; p=reject"])
        zone.set(f"sel._domainkey.{domain}", "TXT", [f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"])


def _end_leases(file: FilePath) -> None:
    with closing(sqlite3.connect(file, timeout=60)) as database, database:
        database.execute("UPDATE queued SET lease_until = 1 WHERE lease_until > 0")


@asynccontextmanager
async def opened(directory: FilePath, clock: MockClock, *names: str, **settings: dict[str, Any]) -> AsyncIterator[Net]:
    """A world with these servers; `settings` are arguments of `Settings`, by the name of a server."""
    still = Still(clock)
    async with AsyncExitStack() as stack:
        stack.enter_context(still.threads())
        async with trio.open_nursery() as nursery:
            network = mail_hosts.Network(nursery)
            everywhere = tuple(f"mx.{name}.example" for name in NAMES)
            net = Net(Zone({}), network, still, wires.certificate(*everywhere), nursery, directory, Now(clock))
            with still.working():
                for number, name in enumerate(names or NAMES, 1):
                    chosen = Settings(stack, **settings.get(name, {}))
                    net.servers[name] = await net.start(name, number, chosen)
            yield net
            for server in net.servers.values():
                server.life.cancel()
            nursery.cancel_scope.cancel()


async def send(client: Clients, lines: Iterable[str], data: bytes) -> str:
    """Say lines and send a message; the reply to it, or to the line that was refused."""
    for line in lines:
        reply = await client.say(line)
        if not reply.startswith("250"):
            return reply
    reply = await client.say("DATA")
    return await client.say(data + b".") if reply.startswith("354") else reply


def message(sender: str, to: str, subject: str = "hello", body: str = "text\r\n", more: str = "") -> bytes:
    """A small message."""
    return f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n{more}\r\n{body}".encode()


def _doors(static: Static) -> Iterator[Door]:
    """What `doors.opened` would bind; the sockets are never used."""
    for name, listener in static.listeners.items():
        for first, *others in doors.grouped(name, listener, plugins.kinds()):
            for address in listener.ips:
                yield Door(name, listener, first, address, trio.socket.socket(), tuple(others))


def recipient(address: str) -> Path:
    """The forward-path of an address."""
    return Path.parse(f"<{address}>")
