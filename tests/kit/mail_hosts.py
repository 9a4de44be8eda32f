"""Other hosts that take mail, in memory: what a delivery finds at the addresses it dials.

    network = Network(nursery)
    host = network.host("192.0.2.1", extensions=["PIPELINING", "DSN"], answers={"RCPT": ["550 5.1.1 nobody"]})
    delivering = Delivering(zone, settings, Metrics(), dial=network.dial)
    ...
    assert host.messages == [Received(...)]

A host follows RFC 5321 as far as a good client can tell, and remembers every line. `answers` replace its replies: for each verb
a list that is used up from the front; `{"RCPT <x@y>": ...}` is for one recipient only. An answer "" closes the connection, None
never comes. The verb of the greeting is "connect", of the end of DATA ".".
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

import trio

from mox_trio.protocol.sasl import scram, server
from mox_trio.protocol.sasl.server import (
    Challenge,
    Channel,
    CheckDigest,
    CheckPassword,
    CheckProof,
    GiveParameters,
    Question,
    Rejected,
)
from mox_trio.transport.connection import Broken, Connection, IpAddress, Silent
from mox_trio.transport.dial import Attempt, DialFailed
from mox_trio.transport.tls import TlsFailed
from tests.kit import wires

Answer = str | None
PATIENCE = 100_000.0


@dataclass(frozen=True)
class Received:
    """A message that was answered with 250."""

    sender: str
    """MAIL, with its parameters."""
    recipients: tuple[str, ...]
    """RCPTs that were accepted, with their parameters."""
    content: bytes
    """Without the dots of DATA."""


@dataclass
class Host:
    """What one address answers."""

    extensions: Sequence[str] = ("PIPELINING", "8BITMIME", "SIZE", "DSN", "ENHANCEDSTATUSCODES")
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    name: str = "mail.example"
    certificate: wires.Made | None = None
    """With it, STARTTLS is offered until it began."""
    implicit_tls: bool = False
    knows_ehlo: bool = True
    handshake_fails: bool = False
    lines: list[str] = field(default_factory=list)
    """Everything that was said, of all connections."""
    messages: list[Received] = field(default_factory=list)
    connections: int = 0
    tls_names: list[str] = field(default_factory=list)
    patience: float = PATIENCE
    """Seconds of silence after which it goes."""
    password: str = "secret"
    """Of the user "mary", who may log in by the mechanisms of AUTH in `extensions`."""
    logins: list[str] = field(default_factory=list)
    """Mechanisms that succeeded."""
    broken_bindings: bool = False
    """Knows only a channel binding that nobody has."""


class Network:
    """Hosts by address. What is at no address refuses; an address in `dead` says nothing."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._hosts: dict[tuple[str, int], Host] = {}
        self.dead: set[str] = set()
        self.dialled: list[str] = []
        self.local: list[str] = []
        """Address that each connection came from; "" for any."""

    def host(self, address: str, host: Host | None = None, *, port: int = 25) -> Host:
        """Put a host at an address."""
        made = host or Host()
        self._hosts[(address, port)] = made
        return made

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
        (address,) = addresses
        self.dialled.append(str(address))
        self.local.append(next((str(each) for each in local_addresses if each.version == address.version), ""))
        if str(address) in self.dead:
            await trio.sleep(timeout)
            raise DialFailed([Attempt(address, "no answer in time")])
        await trio.lowlevel.checkpoint()
        host = self._hosts.get((str(address), port))
        if host is None:
            raise DialFailed([Attempt(address, "Connection refused")])
        ours = "203.0.113.7" if address.version == 4 else "2001:db8::7"
        client, theirs = wires.pair(wires.Party(client=ours, server=str(address), server_port=port))
        host.connections += 1
        self._nursery.start_soon(serve, host, theirs)
        return client


async def serve(host: Host, connection: Connection) -> None:
    """Play a host to one connection, until it is over."""
    try:
        await _Conversation(host, connection).run()
    except (Broken, Silent, TlsFailed, _Gone):
        pass
    finally:
        await trio.aclose_forcefully(connection.stream)


def _decoded(written: str) -> bytes:
    return b"" if written == "=" else b64decode(written, validate=True)


class _Gone(Exception):
    """The conversation is over."""


class _Conversation:
    def __init__(self, host: Host, connection: Connection) -> None:
        self.host = host
        self.connection = connection
        self.buffer = b""
        self.sender = ""
        self.recipients: list[str] = []
        self.chunks = b""

    async def run(self) -> None:
        if self.host.implicit_tls:
            await self._shake_hands()
        await self._answer("connect", f"220 {self.host.name} ESMTP")
        while True:
            line = (await self._until(b"\r\n"))[:-2].decode()
            self.host.lines.append(line)
            await self._take(line)

    async def _take(self, line: str) -> None:
        verb = line.split(" ")[0].split(":")[0].upper()
        match verb:
            case "EHLO" if self.host.knows_ehlo:
                await self._answer("EHLO", self._extensions())
            case "MAIL":
                self.sender, self.recipients, self.chunks = "", [], b""
                if await self._answer("MAIL", "250 2.1.0 ok"):
                    self.sender = line.removeprefix("MAIL FROM:")
            case "RCPT":
                named = f"RCPT {line.removeprefix('RCPT TO:').split(' ')[0]}"
                key = named if named in self.host.answers else "RCPT"
                if await self._answer(key, "250 2.1.5 ok" if self.sender else "503 5.5.1 MAIL first"):
                    self.recipients.append(line.removeprefix("RCPT TO:"))
            case "DATA":
                if await self._answer("DATA", "354 go" if self.recipients else "554 5.5.1 no valid recipients"):
                    await self._read_data()
            case "BDAT":
                await self._read_chunk(line)
            case "STARTTLS" if self.host.certificate and self.connection.tls is None:
                if await self._answer("STARTTLS", "220 go"):
                    await self._shake_hands()
            case "AUTH":
                await self._authenticate(line)
            case "QUIT":
                await self._answer("QUIT", "221 bye")
                raise _Gone
            case "HELO" | "RSET" | "NOOP":
                await self._answer(verb, "250 ok")
            case _:
                await self._answer(verb, "500 5.5.1 what")

    def _extensions(self) -> str:
        offered = list(self.host.extensions)
        if self.host.certificate and self.connection.tls is None:
            offered.append("STARTTLS")
        lines = [self.host.name, *offered]
        return "\r\n".join(f"250{'-' if number < len(lines) else ' '}{each}" for number, each in enumerate(lines, 1))

    async def _read_data(self) -> None:
        self.buffer = b"\r\n" + self.buffer
        stuffed = await self._until(b"\r\n.\r\n")
        content = stuffed[:-3].replace(b"\r\n.", b"\r\n")[2:]
        if await self._answer(".", "250 2.0.0 taken" if self.recipients else "554 5.5.1 no valid recipients"):
            self._keep(content)

    async def _read_chunk(self, line: str) -> None:
        _, size, *last = line.split(" ")
        self.chunks += await self._exactly(int(size))
        if not self.recipients:
            await self._answer("BDAT", "503 5.5.1 no valid recipients")
        elif await self._answer("BDAT", "250 2.0.0 ok") and last:
            self._keep(self.chunks)

    def _keep(self, content: bytes) -> None:
        self.host.messages.append(Received(self.sender, tuple(self.recipients), content))
        self.sender, self.recipients, self.chunks = "", [], b""

    async def _answer(self, key: str, usual: str) -> bool:
        """Whether the answer is positive."""
        scripted = self.host.answers.get(key)
        answer = scripted.pop(0) if scripted else usual
        if answer is None:
            await trio.sleep_forever()
        if not answer:
            raise _Gone
        if answer == "usual":
            answer = usual
        await self.connection.send(answer.encode() + b"\r\n", timeout=PATIENCE)
        if answer.startswith("421"):
            raise _Gone
        return answer[0] in "23"

    async def _authenticate(self, line: str) -> None:
        _, mechanism, *initial = line.split(" ")
        bindings = {} if self.host.broken_bindings else self.connection.channel_bindings()
        channel = Channel("mail.example", "servernonce", 0, bindings, offers_plus="-PLUS" in str(self.host.extensions))
        conversation = server.begin(mechanism, _decoded(initial[0]) if initial else None, channel)
        assert conversation is not None
        sent: object = None
        try:
            while True:
                step = conversation.send(sent)
                sent = await self._challenge(step.data) if isinstance(step, Challenge) else self._check(step)
        except StopIteration as done:
            if done.value is not None:
                await self._challenge(done.value)
            if await self._answer("AUTH", "235 2.7.0 welcome"):
                self.host.logins.append(mechanism)
        except (Rejected, PermissionError):
            await self._answer("AUTH", "535 5.7.8 no")

    async def _challenge(self, data: bytes) -> bytes:
        await self.connection.send(b"334 " + b64encode(data) + b"\r\n", timeout=PATIENCE)
        return _decoded((await self._until(b"\r\n"))[:-2].decode())

    def _check(self, question: Question) -> object:
        """What a store of secrets would say; PermissionError when it is not mary."""
        password, salt = self.host.password.encode(), scram.Parameters(b"saltsaltsalt", 4096)
        match question:
            case GiveParameters():
                return salt
            case CheckProof(name="mary", proof=proof):
                keys = scram.derive(proof.mechanism, password, salt)
                if scram.proves(proof, keys):
                    return scram.server_signature(proof, keys)
            case CheckDigest(name="mary", challenge=challenge, digest=digest):
                if hmac.digest(password, challenge, "md5").hex().encode() == digest:
                    return None
            case CheckPassword(name="mary", password=self.host.password):
                return None
        raise PermissionError

    async def _shake_hands(self) -> None:
        if self.host.handshake_fails:
            raise _Gone
        assert self.host.certificate is not None
        await self.connection.start_tls(wires.Fixed(self.host.certificate))
        assert self.connection.tls is not None
        self.host.tls_names.append(self.connection.tls.server_name)

    async def _until(self, end: bytes) -> bytes:
        seen = 0
        while self.buffer.find(end, max(0, seen - len(end))) < 0:
            seen = len(self.buffer)
            await self._read()
        line, _, self.buffer = self.buffer.partition(end)
        return line + end

    async def _exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            await self._read()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    async def _read(self) -> None:
        data = await self.connection.receive(timeout=self.host.patience)
        if not data:
            raise _Gone
        self.buffer += data


def ips(*addresses: str) -> tuple[IpAddress, ...]:
    """Addresses from text."""
    return tuple(ip_address(each) for each in addresses)


@dataclass
class Message:
    """An `OutgoingMessage` from blocks."""

    parts: Sequence[bytes] = (b"Subject: hi\r\n\r\nhello\r\n",)
    failure: Exception | None = None
    """Raised behind the parts."""
    closed: int = 0

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        try:
            for part in self.parts:
                await trio.lowlevel.checkpoint()
                yield part
            if self.failure is not None:
                raise self.failure
        finally:
            self.closed += 1
