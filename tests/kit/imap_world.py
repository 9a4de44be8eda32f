"""An IMAP server in memory, and clients that speak to it line by line.

    async with imap_world.world(directory) as world, world.user() as client:
        answer = await client.do("SELECT INBOX")
        assert answer.is_ok
        assert b"* 0 EXISTS" in answer.lines

Sessions are those of `mox_trio.imapd` on memory streams; several clients of one account, or of other accounts, may be there at
once. `world.fresh_process` is another process over the same stores, as far as sessions can tell.
"""

import math
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trio
from argon2 import PasswordHasher

from mox_trio.base.address import Address
from mox_trio.base.metrics import Metrics
from mox_trio.base.quota import UNLIMITED, Quota
from mox_trio.imapd import session
from mox_trio.imapd.feeds import Feeds
from mox_trio.imapd.settings import Parts, Settings
from mox_trio.mailstore import accounts, credentials
from mox_trio.mailstore.attempts import LoginAttempts
from mox_trio.mailstore.deliver import Delivered
from mox_trio.mailstore.entering import Who
from mox_trio.mailstore.logins import Logins
from mox_trio.mailstore.server_key import ServerKey
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.policy.ratelimit import FailedLogins, Most
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import Badge, Connection
from tests.kit import stores, wires
from tests.kit.stores import Kit

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
PASSWORD = "correct horse battery"
ADDRESS = "mia@example.org"
PATIENCE = 20.0
"""Seconds of the test's clock that a client waits."""

BY_NUMBER = frozenset({b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD", b"COPY", b"MOVE", b"REPLACE"})

_LITERAL = re.compile(rb"\{([0-9]+)\}\r\n\Z")
_UIDFETCH = re.compile(rb"\* ([0-9]+) UIDFETCH \((.*)", re.DOTALL)
_ONLY_FLAGS = re.compile(rb"FLAGS \([^)]*\)(?: MODSEQ \([0-9]+\))?\)")
_CODE = re.compile(rb"\[([^\]]*)\]")


@dataclass
class Answer:
    """What the server said to one command."""

    lines: list[bytes]
    """Untagged responses, each with its literals, without the CRLF at the end."""
    completion: bytes
    """The tagged line without its tag."""

    @property
    def kind(self) -> str:
        """OK, NO or BAD."""
        return self.completion.split(b" ")[0].decode()

    @property
    def is_ok(self) -> bool:
        return self.kind == "OK"

    @property
    def code(self) -> str:
        """The response code of the completion, without brackets; empty for none."""
        found = _CODE.match(self.completion.partition(b" ")[2])
        return found[1].decode() if found else ""

    def starting(self, start: str | bytes) -> list[bytes]:
        """Untagged responses that begin so, without "* "."""
        wanted = b"* " + (start if isinstance(start, bytes) else start.encode())
        return [line[2:] for line in self.lines if line.startswith(wanted)]

    def holding(self, words: str | bytes) -> list[bytes]:
        """Untagged responses that hold this, without "* "."""
        wanted = words if isinstance(words, bytes) else words.encode()
        return [line[2:] for line in self.lines if wanted in line]


class Closed(Exception):
    """The server closed the connection."""


@dataclass
class Client:
    """The client's end of a connection."""

    connection: Connection
    tags: int = 0
    said: list[bytes] = field(default_factory=list)
    """All responses so far."""
    uid_only: bool = False
    """Commands that would use sequence numbers are given with UIDs, which in a new mailbox are the same; UIDFETCH is heard as
    the FETCH that stands for it else.
    """
    _buffer: bytes = b""
    _asks_no_uid: bool = False
    """The command in progress is FETCH without UID, where that may be."""
    _asks_flags: bool = False
    """For flags alone."""

    async def send(self, data: str | bytes) -> None:
        """Octets as they are."""
        await self.connection.send(data if isinstance(data, bytes) else data.encode(), timeout=math.inf)

    async def response(self) -> bytes:
        """The next response, with its literals, without the CRLF at its end. Closed."""
        whole = b""
        with trio.fail_after(PATIENCE):
            while True:
                line = await self._line()
                whole += line
                found = _LITERAL.search(line)
                if found is None:
                    break
                whole += await self.octets(int(found[1]))
        heard = self._numbered(whole[:-2]) if self.uid_only else whole[:-2]
        self.said.append(heard)
        return heard

    def _numbered(self, line: bytes) -> bytes:
        """The same without UIDONLY (RFC 9586 3.3)."""
        assert re.match(rb"\* [0-9]+ (FETCH|EXPUNGE)\b", line) is None, line
        found = _UIDFETCH.match(line)
        if found is None:
            return line
        is_news = _ONLY_FLAGS.fullmatch(found[2]) and not self._asks_flags
        needs_none = found[2].startswith(b"UID ") or (self._asks_no_uid and not is_news)
        uid = b"" if needs_none else b"UID %b " % found[1]
        return b"* %b FETCH (%b%b" % (found[1], uid, found[2])

    async def octets(self, count: int) -> bytes:
        """So many octets."""
        while len(self._buffer) < count:
            await self._more()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    async def greeting(self) -> bytes:
        """The first response."""
        return await self.response()

    async def begin(self, command: str | bytes) -> str:
        """Send a command, and nothing that follows it; its tag."""
        self.tags += 1
        tag = f"a{self.tags}"
        octets = command if isinstance(command, bytes) else command.encode()
        is_by_number = octets.partition(b" ")[0] in BY_NUMBER
        self._asks_no_uid = octets.startswith(b"FETCH ")
        self._asks_flags = octets.endswith((b" FLAGS", b" (FLAGS)"))
        if self.uid_only and is_by_number:
            octets = b"UID " + octets
        await self.send(tag.encode() + b" " + octets + b"\r\n")
        return tag

    async def finish(self, tag: str) -> Answer:
        """Everything up to the completion of a command."""
        lines: list[bytes] = []
        while True:
            line = await self.response()
            if line.startswith(tag.encode() + b" "):
                return Answer(lines, line[len(tag) + 1 :])
            lines.append(line)

    async def do(self, command: str | bytes, *more: bytes) -> Answer:
        """Send a command and wait for its completion. `more` is sent, one after another, each time the server says "+"."""
        tag = await self.begin(command)
        before: list[bytes] = []
        for each in more:
            line = await self.response()
            while not line.startswith(b"+"):
                if line.startswith(tag.encode() + b" "):
                    return Answer(before, line[len(tag) + 1 :])
                before.append(line)
                line = await self.response()
            await self.send(each)
        answer = await self.finish(tag)
        return Answer([*before, *answer.lines], answer.completion)

    async def ok(self, command: str | bytes, *more: bytes) -> Answer:
        """The same; it must be OK."""
        answer = await self.do(command, *more)
        assert answer.is_ok, (command, answer)
        return answer

    def gone(self, number: int) -> bytes:
        """What is heard when the message of this number, and of this UID, goes."""
        return b"* VANISHED %d" % number if self.uid_only else b"* %d EXPUNGE" % number

    async def idle(self) -> str:
        """Begin IDLE; its tag, for `done`. What is pending is heard before "+" or behind it."""
        tag = await self.begin("IDLE")
        while not (await self.response()).startswith(b"+"):
            pass
        return tag

    async def done(self, tag: str) -> Answer:
        """End IDLE."""
        await self.send(b"DONE\r\n")
        return await self.finish(tag)

    async def login(self, user: str = ADDRESS, password: str = PASSWORD) -> None:
        """LOGIN, which must work."""
        await self.ok(f'LOGIN "{user}" "{password}"')

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        with trio.fail_after(PATIENCE):
            while more := await self.connection.receive(timeout=math.inf):
                self._buffer += more
        data, self._buffer = self._buffer, b""
        return data

    async def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            await self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line + b"\r\n"

    async def _more(self) -> None:
        more = await self.connection.receive(timeout=math.inf)
        if not more:
            raise Closed(self._buffer)
        self._buffer += more


@dataclass
class World:
    """A server's parts, and accounts: mia, who logs in as ADDRESS with PASSWORD, and whom `add` adds."""

    kit: Kit
    account: Account
    settings: Settings
    parts: Parts
    failures: FailedLogins
    attempts: LoginAttempts
    logins: Logins
    addresses: dict[str, str]
    """Accounts by their addresses."""
    disabled: dict[str, str]
    """Texts for accounts that are switched off."""
    hidden: dict[str, frozenset[str]]
    """Capabilities that are switched off for accounts."""
    quotas: dict[str, Quota]
    uid_only: bool = False
    """Users enable UIDONLY too."""

    @property
    def store(self) -> MailStore:
        return self.kit.store

    async def add(self, name: str) -> Account:
        """Another account, with the address <name>@example.org and PASSWORD."""
        account = await accounts.create(self.store, name)
        await credentials.set_password(self.logins, account, PASSWORD)
        self.addresses[f"{name}@example.org"] = name
        return account

    async def deliver(
        self, subject: str = "hello", body: str = "text\r\n", mailbox: str = "Inbox", flags: Sequence[str] = ()
    ) -> int:
        """A small message to mia, behind the back of all sessions; its UID."""
        return (await self.put(stores.message(subject, body), mailbox, flags=flags)).uid

    async def put(self, data: bytes, mailbox: str = "Inbox", **more: Any) -> Delivered:
        """Any message to mia; `more` as in `stores.put`."""
        return await stores.put(self.store, self.account, data, mailbox, **more)

    def of(self, **more: Any) -> Settings:
        """Other settings."""
        return replace(self.settings, **more)

    @asynccontextmanager
    async def client(
        self,
        settings: Settings | None = None,
        *,
        pair: tuple[Connection, Connection] | None = None,
        exempt: bool = False,
        parts: Parts | None = None,
        greeted: bool = True,
    ) -> AsyncIterator[Client]:
        """A client with a session of its own, that has heard the greeting."""
        theirs, ours = pair or wires.pair(badge=Badge(id="s1", listener="test", exempt=exempt))

        async def serve() -> None:
            await session.serve(ours, None, settings or self.settings, parts or self.parts)
            await ours.aclose()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            client = Client(theirs)
            if greeted:
                await client.greeting()
            try:
                yield client
            finally:
                with trio.CancelScope(shield=True):
                    await theirs.aclose()

    @asynccontextmanager
    async def user(
        self, select: str = "", *enabled: str, login: str = ADDRESS, parts: Parts | None = None
    ) -> AsyncIterator[Client]:
        """A client that has logged in, enabled what is named, and selected a mailbox where one is given."""
        if self.uid_only:
            enabled = (*enabled, "UIDONLY")
        async with self.client(parts=parts) as client:
            await client.login(login)
            if enabled:
                await client.ok("ENABLE " + " ".join(enabled))
            client.uid_only = self.uid_only
            if select:
                await client.ok(f'SELECT "{select}"')
            yield client

    @asynccontextmanager
    async def fresh_process(self) -> AsyncIterator[Parts]:
        """What sessions of another process over the same stores would work with."""
        async with trio.open_nursery() as nursery:
            feeds = Feeds(self.store)
            nursery.start_soon(feeds.run)
            yield replace(self.parts, feeds=feeds, closing=Closing())
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def world(directory: Path, **more: Any) -> AsyncIterator[World]:
    """A server over a store in a directory; `more` as in `stores.opened`: sealing, index, bodies."""
    async with stores.opened(directory, **more) as kit, trio.open_nursery() as nursery:
        store = kit.store
        account = await accounts.create(store, "mia")
        logins = Logins(store, ServerKey(bytes(range(32))), hasher=CHEAP)
        await credentials.set_password(logins, account, PASSWORD)
        many = Most(10, 30, 90)
        failures = FailedLogins(many, Most(50, 150, 450), exempt=lambda address: False, now=trio.current_time)
        attempts = LoginAttempts(store)
        addresses, disabled = {ADDRESS: "mia", "mia.m@example.org": "mia"}, dict[str, str]()
        hidden, quotas = dict[str, frozenset[str]](), dict[str, Quota]()
        feeds = Feeds(store)
        nursery.start_soon(feeds.run)

        def account_of(address: Address) -> str | None:
            return addresses.get(str(address))

        who = Who(logins, failures, attempts, account_of, disabled.get)
        parts = Parts(
            store,
            Metrics(),
            Closing(),
            feeds,
            who,
            disabled_capabilities=lambda name: hidden.get(name, frozenset()),
            quota=lambda name: quotas.get(name, UNLIMITED),
        )
        settings = Settings("imap.example.org", version="1.0", tls_required=False)
        yield World(kit, account, settings, parts, failures, attempts, logins, addresses, disabled, hidden, quotas)
        nursery.cancel_scope.cancel()
