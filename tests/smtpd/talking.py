"""A server in memory and a client that speaks to it line by line."""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio
from argon2 import PasswordHasher

from mox_trio.base.address import Address
from mox_trio.base.metrics import Metrics
from mox_trio.mailstore import accounts, credentials
from mox_trio.mailstore.attempts import LoginAttempts
from mox_trio.mailstore.entering import Who
from mox_trio.mailstore.logins import Logins
from mox_trio.mailstore.server_key import ServerKey
from mox_trio.mailstore.spool import Spooled
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.policy.ratelimit import FailedLogins, Most
from mox_trio.protocol.smtp.envelope import Client, Envelope, Recipient
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.protocol.smtp.server_events import Kind
from mox_trio.smtpd import session
from mox_trio.smtpd.settings import Parts, Settings
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import Badge, Connection
from storage_backends.bodies.memory import MemoryStore
from storage_backends.index import open as opening
from tests.kit import wires

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
PASSWORD = "correct horse battery"
ADDRESS = "mia@example.org"
TAKEN = Reply.of(250, "2.0.0", "taken")


@dataclass
class Taken:
    """A message that a receiver was given."""

    client: Client
    envelope: Envelope
    content: bytes


@dataclass
class Recording:
    """A receiver that takes everything but what it was told to refuse, and remembers it."""

    taken: list[Taken] = field(default_factory=list)
    senders: dict[str, Exception] = field(default_factory=dict)
    recipients: dict[str, Exception] = field(default_factory=dict)
    answers: dict[str, Reply] = field(default_factory=dict)
    """After content, by recipient."""
    trouble: Exception | None = None
    """What `data` raises."""
    begun: list[Envelope] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    """How many recipients there were at each RCPT."""
    at_the_end: Callable[[], None] = lambda: None
    """Called when a message was taken."""

    async def mail(self, client: Client, envelope: Envelope) -> None:
        self.begun.append(envelope)
        _raise(self.senders, str(envelope.reverse_path))

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> None:
        self.before.append(len(envelope.recipients))
        _raise(self.recipients, str(recipient.path))

    async def data(self, client: Client, envelope: Envelope, message: Spooled) -> Sequence[Reply]:
        if self.trouble is not None:
            raise self.trouble
        self.taken.append(Taken(client, envelope, b"".join(message.blocks())))
        self.at_the_end()
        return [self.answers.get(str(each.path), TAKEN) for each in envelope.recipients]


def _raise(table: dict[str, Exception], key: str) -> None:
    if key in table:
        raise table[key]


def refusal(code: int = 550, enhanced: str = "5.1.1", text: str = "no such user") -> Refusal:
    return Refusal(Reply.of(code, enhanced, text), "test")


@dataclass
class Clients:
    """The client's end of a connection."""

    connection: Connection

    async def send(self, text: str | bytes) -> None:
        await self.connection.send(text if isinstance(text, bytes) else text.encode(), timeout=math.inf)

    async def replies(self, count: int = 1) -> list[str]:
        """So many whole replies, lines joined by LF."""
        found: list[str] = []
        lines: list[str] = []
        while len(found) < count:
            line = await self._line()
            lines.append(line)
            if line[3:4] != "-":
                found.append("\n".join(lines))
                lines = []
        return found

    async def say(self, text: str | bytes, count: int = 1) -> str:
        """Send a line and return the reply, or the replies joined by LF."""
        await self.send((text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return "\n".join(await self.replies(count))

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        data = self._buffer
        while more := await self.connection.receive(timeout=math.inf):
            data += more
        return data

    _buffer: bytes = b""

    async def _line(self) -> str:
        while b"\n" not in self._buffer:
            more = await self.connection.receive(timeout=math.inf)
            assert more, f"the server closed after {self._buffer!r}"
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        assert line.endswith(b"\r")
        return line[:-1].decode()

    async def hello(self, name: str = "client.example") -> str:
        """The greeting, then EHLO."""
        await self.replies()
        return await self.say(f"EHLO {name}")

    async def begin(self, sender: str = "a@b.example", *recipients: str) -> None:
        """MAIL and RCPT, all accepted."""
        assert (await self.say(f"MAIL FROM:<{sender}>")).startswith("250")
        for each in recipients or ("c@example.org",):
            assert (await self.say(f"RCPT TO:<{each}>")).startswith("250")

    async def message(self, content: bytes = b"Subject: x\r\n\r\nhello\r\n") -> str:
        """DATA and a message."""
        assert (await self.say("DATA")).startswith("354")
        return await self.say(content + b".")


@dataclass
class World:
    """A server's parts."""

    store: MailStore
    account: Account
    receiver: Recording
    settings: Settings
    parts: Parts
    failures: FailedLogins
    attempts: LoginAttempts
    logins: Logins
    disabled: dict[str, str]

    @asynccontextmanager
    async def client(
        self,
        settings: Settings | None = None,
        *,
        pair: tuple[Connection, Connection] | None = None,
        exempt: bool = False,
    ) -> AsyncIterator[Clients]:
        """A client with a session of its own."""
        client, server = pair or wires.pair(badge=Badge(id="s1", listener="test", exempt=exempt))

        async def serve() -> None:
            await session.serve(server, None, settings or self.settings, self.parts)
            await server.aclose()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            yield Clients(client)
            await client.aclose()

    def of(self, kind: Kind, **more: object) -> Settings:
        """Settings of another kind."""
        return replace(self.settings, kind=kind, **more)  # type: ignore[arg-type]

    @property
    def submission(self) -> Settings:
        return self.of(Kind.SUBMISSION)


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    """A store with the account mia, who logs in as ADDRESS with PASSWORD; a server that records."""
    index = await opening.open_sqlite(directory / "index.sqlite")
    try:
        store = MailStore(index, {"memory": MemoryStore()}, "memory")
        account = await accounts.create(store, "mia")
        logins = Logins(store, ServerKey(bytes(range(32))), hasher=CHEAP)
        await credentials.set_password(logins, account, PASSWORD)
        many = Most(10, 30, 90)
        failures = FailedLogins(many, Most(50, 150, 450), exempt=lambda address: False, now=trio.current_time)
        attempts = LoginAttempts(store)
        receiver = Recording()
        disabled: dict[str, str] = {}
        who = Who(logins, failures, attempts, _account_of, disabled.get)
        parts = Parts(receiver, store, Metrics(), Closing(), who=who)
        settings = Settings(Kind.SMTP, "mx.example.org")
        yield World(store, account, receiver, settings, parts, failures, attempts, logins, disabled)
    finally:
        with trio.CancelScope(shield=True):
            await index.aclose()


def _account_of(address: Address) -> str | None:
    return "mia" if address.domain.ascii == "example.org" and address.localpart in ("mia", "mia.m") else None
