"""A session with an IMAP server that mail is pulled from: the client of `protocol.imap` over a connection, one command at a time.

TLS is verified, from the first octet or by STARTTLS; a password goes over nothing else. Failures: CREDENTIALS, UNAVAILABLE (the
server is away, silent, or does not speak IMAP), INVALID (it refuses what is asked). Bodies of messages are streamed.
"""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import MailStore
from mox_trio.protocol.imap.client import ClientConnection
from mox_trio.protocol.imap.client_commands import Mailbox, Part, Text
from mox_trio.protocol.imap.client_responses import (
    Fetched,
    Listed,
    LiteralBegins,
    LiteralEnds,
    Namespaces,
    Octets,
    ServerEvent,
)
from mox_trio.protocol.imap.events import NEED_DATA, Ended
from mox_trio.protocol.imap.responses import Continuation, Status
from mox_trio.transport import dial
from mox_trio.transport.connection import Broken, Connection, Silent
from mox_trio.transport.tls import TlsFailed

PATIENCE: Final = 120.0
"""Seconds until the server says something."""
DIAL: Final = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """A server and who logs in."""

    host: str
    user: str
    password: str = field(repr=False)
    port: int = 993
    starttls: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as the server lists it."""

    uid: int
    size: int
    flags: tuple[str, ...]


@dataclass(slots=True)
class Received:
    """A message that came; `spool` is None where it is too large to be taken."""

    uid: int
    flags: tuple[str, ...]
    received: int | None
    spool: Spool | None


class Source:
    """A session; `opened` makes it."""

    def __init__(self, connection: Connection, host: str) -> None:
        self._connection = connection
        self._client = ClientConnection(stream_above=0)
        self._host = host

    async def _event(self) -> ServerEvent:
        while True:
            event = self._client.next_event()
            if isinstance(event, Ended):
                raise Failure(Kind.UNAVAILABLE, f"{self._host} ended the session", event.reason)
            if event is not NEED_DATA:
                return event
            try:
                if output := self._client.take_output():
                    await self._connection.send(output, timeout=PATIENCE)
                self._client.receive(await self._connection.receive(timeout=PATIENCE))
            except (Silent, Broken) as error:
                raise Failure(Kind.UNAVAILABLE, f"{self._host} went away", str(error)) from error

    async def run(self, *parts: Part) -> list[ServerEvent]:
        """All that is said until a command is done. INVALID when it is refused."""
        tag = self._client.send(*parts)
        said: list[ServerEvent] = []
        while True:
            event = await self._event()
            if isinstance(event, Status) and event.tag == tag:
                if event.kind != "OK":
                    raise Failure(Kind.INVALID, f"{self._host} says: {event.text}", event.kind)
                return [*said, event]
            if isinstance(event, Continuation):
                self._client.respond(None)
            else:
                said.append(event)

    async def greet(self) -> None:
        """The server's first line."""
        event = await self._event()
        if not isinstance(event, Status) or event.kind != "OK":
            raise Failure(Kind.UNAVAILABLE, f"{self._host} does not greet", str(event))

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """STARTTLS; what was said before is forgotten (RFC 9051 6.2.1)."""
        await self.run(b"STARTTLS")
        self._client.discard()
        await _secure(self._connection, context, self._host)
        await self.run(b"CAPABILITY")

    async def log_in(self, user: str, password: str) -> None:
        """By AUTHENTICATE PLAIN where the server has it, else by LOGIN. CREDENTIALS."""
        if not self._client.capabilities:
            await self.run(b"CAPABILITY")
        try:
            if "AUTH=PLAIN" in self._client.capabilities:
                await self._plain(user, password)
            else:
                await self.run(b"LOGIN ", Text(user.encode()), b" ", Text(password.encode()))
        except Failure as failure:
            if failure.kind is not Kind.INVALID:
                raise
            raise Failure(Kind.CREDENTIALS, f"{self._host} refuses user {user}", failure.public) from failure
        await self.run(b"CAPABILITY")

    async def _plain(self, user: str, password: str) -> None:
        response = f"\0{user}\0{password}".encode()
        tag = self._client.send(b"AUTHENTICATE PLAIN")
        while True:
            event = await self._event()
            if isinstance(event, Continuation):
                self._client.respond(response)
            elif isinstance(event, Status) and event.tag == tag:
                if event.kind != "OK":
                    raise Failure(Kind.INVALID, event.text, event.kind)
                return

    async def folders(self) -> tuple[list[Listed], str]:
        """All folders of the user, and the prefix that the names of the user's own have."""
        capabilities = self._client.capabilities
        prefix = ""
        if "NAMESPACE" in capabilities or "IMAP4REV2" in capabilities:
            said = [each for each in await self.run(b"NAMESPACE") if isinstance(each, Namespaces)]
            prefix = said[0].personal[0][0] if said and said[0].personal else ""
        extended = "SPECIAL-USE" in capabilities and "LIST-EXTENDED" in capabilities
        command = b'LIST "" * RETURN (SPECIAL-USE)' if extended else b'LIST "" *'
        return [each for each in await self.run(command) if isinstance(each, Listed) and not each.is_lsub], prefix

    async def examine(self, folder: str) -> int:
        """Open a folder without changing it; its UIDVALIDITY."""
        for each in await self.run(b"EXAMINE ", Mailbox(folder)):
            if isinstance(each, Status) and each.code.upper().startswith(b"UIDVALIDITY "):
                return int(each.code[12:])
        return 0

    async def messages(self) -> list[Seen]:
        """All messages of the open folder."""
        said = await self.run(b"UID FETCH 1:* (UID FLAGS RFC822.SIZE)")
        found = {
            each.uid: Seen(each.uid, each.size or 0, each.flags or ())
            for each in said
            if isinstance(each, Fetched) and each.uid is not None
        }
        return [found[uid] for uid in sorted(found)]

    async def fetch(self, store: MailStore, uids: list[int]) -> AsyncIterator[Received]:
        """Messages of the open folder, as they come; the caller closes each spool."""
        numbers = ",".join(map(str, uids)).encode()
        tag = self._client.send(b"UID FETCH " + numbers + b" (UID FLAGS INTERNALDATE BODY.PEEK[])")
        spool: Spool | None = None
        refused = False
        while True:
            event = await self._event()
            if isinstance(event, LiteralBegins):
                spool, refused = Spool(store), False
            elif isinstance(event, Octets) and spool is not None and not refused:
                try:
                    await spool.write(event.data)
                except Failure as failure:
                    if failure.kind is not Kind.LIMIT:
                        raise
                    refused = True
            elif isinstance(event, Fetched) and event.uid is not None and spool is not None:
                yield Received(event.uid, event.flags or (), event.received, None if refused else spool)
                spool = None
            elif isinstance(event, Status) and event.tag == tag:
                if event.kind != "OK":
                    raise Failure(Kind.INVALID, f"{self._host} says: {event.text}", event.kind)
                return
            elif isinstance(event, LiteralEnds):
                continue

    async def log_out(self) -> None:
        """Say goodbye."""
        with trio.move_on_after(5):
            await self.run(b"LOGOUT")


@asynccontextmanager
async def opened(place: Place, context: ssl.SSLContext) -> AsyncIterator[Source]:
    """A session that is logged in. `context` verifies the server."""
    try:
        found = await trio.socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        connection = await dial.connect(addresses, place.port, timeout=DIAL)
    except socket.gaierror as error:
        raise Failure(Kind.UNAVAILABLE, f"there is no host {place.host}", str(error)) from error
    except dial.DialFailed as error:
        raise Failure(Kind.UNAVAILABLE, f"{place.host} port {place.port} does not answer", str(error)) from error
    try:
        source = Source(connection, place.host)
        if not place.starttls:
            await _secure(connection, context, place.host)
        await source.greet()
        if place.starttls:
            await source.start_tls(context)
        await source.log_in(place.user, place.password)
        yield source
        await source.log_out()
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
            await connection.aclose()


async def _secure(connection: Connection, context: ssl.SSLContext, host: str) -> None:
    try:
        await connection.start_tls_client(context, host)
    except (TlsFailed, Broken, trio.TooSlowError) as error:
        raise Failure(
            Kind.UNAVAILABLE,
            f"there is no TLS with {host} that can be trusted; name the host as its certificate does, or the file of its "
            "authority with --ca",
            str(error),
        ) from error
