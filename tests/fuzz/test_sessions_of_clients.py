"""Clients that say anything in any order, in pieces: a session answers each command once, or closes, and no message is two."""

import base64
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from mox_trio.protocol.smtp.server_events import Kind
from mox_trio.smtpd import session
from mox_trio.transport.connection import Badge, Broken, Connection
from tests.kit import loop, wires
from tests.kit.loop import Player
from tests.smtpd import talking
from tests.smtpd.talking import World

FOREVER = 1_000_000
COMMANDS = [
    "EHLO client.example", "HELO client.example", "LHLO client.example", "EHLO", "NOOP", "RSET", "VRFY a", "HELP", "EXPN a",
    "STARTTLS", "AUTH PLAIN AGFAYi5leGFtcGxlAHg=", "AUTH NONE", "AUTH PLAIN !", "MAIL FROM:<>", "MAIL FROM:<a@b.example>",
    "MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME", "MAIL FROM:<a@b.example> SIZE=999999999999", "MAIL FROM:a@b", "MAIL",
    "MAIL FROM:<a@b.example> FOO=1", "RCPT TO:<c@example.org>", "RCPT TO:<d@example.org> NOTIFY=NEVER", "RCPT TO:<>", "RCPT",
    "DATA x", "BDAT", "BDAT x", "BDAT -1", "BURL x", "*", "", "GET / HTTP/1.1", "x" * 600, "MAIL FROM:<ø@b.example>",
]  # fmt: skip
PIECES = [b"a", b"Subject: x", b".", b"..", b"\r\n", b"\r\n", b"\n", b"\r", b"\0", b"\r\n.", b".\r\n", b"QUIT", b"\xff"]

commands = st.sampled_from(COMMANDS).map(str.encode) | st.binary(max_size=40).map(
    lambda data: data.replace(b"\n", b"").replace(b"\r", b"")
)
contents = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)
cuts = st.lists(st.integers(0, 60), max_size=4)


class Client:
    """One connection, and how it looks from the client's end."""

    def __init__(self, world: World, kind: Kind, scope: trio.CancelScope) -> None:
        self.world, self.kind, self.scope = world, kind, scope
        self.connection: Connection
        self.error: Exception | None = None
        self.closed = False
        self._buffer = b""

    async def serve(self, server: Connection) -> None:
        try:
            with self.scope:
                await session.serve(server, None, self.world.of(self.kind), self.world.parts)
        except Exception as error:  # whatever it is, it is what the test is for
            self.error = error
        await server.aclose()

    async def say(self, data: bytes, at: list[int], replies: int) -> list[bytes]:
        """Send bytes in pieces, and wait for so many replies or the end."""
        places = sorted({0, len(data), *(min(each, len(data)) for each in at)})
        try:
            for start, end in itertools.pairwise(places):
                await self.connection.send(data[start:end], timeout=FOREVER)
                await trio.testing.wait_all_tasks_blocked()
        except Broken:
            self.closed = True
        return await self.read(replies)

    async def read(self, count: int) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < count:
            match = re.match(rb"(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n", self._buffer)
            if match is not None:
                found.append(match.group())
                self._buffer = self._buffer[match.end() :]
                continue
            data = await self.connection.receive(timeout=FOREVER)
            if not data:
                self.closed = True
                return found
            self._buffer += data
        return found

    async def close(self) -> None:
        await self.connection.aclose()
        self.scope.cancel()


async def connected(world: World, nursery: trio.Nursery, kind: Kind) -> Client:
    client = Client(world, kind, trio.CancelScope())
    client.connection, server = wires.pair(badge=Badge(id="s1", listener="test", exempt=True))
    nursery.start_soon(client.serve, server)
    await client.read(1)
    return client


def stored(content: bytes) -> bytes | None:
    """What is to be kept of content up to CRLF.CRLF (RFC 5321 4.5.2, 2.3.8); None where it is to be refused."""
    whole = b"\r\n" + content + b"\r\n"
    if re.search(rb"\r(?!\n)|\0", whole) or re.search(rb"\n\.\r?\n", whole):
        return None
    # What a bare LF begins is no line on the wire: its dot stays.
    return re.sub(rb"\r?\n", b"\r\n", whole.replace(b"\r\n.", b"\r\n")[2:])


class Session(RuleBasedStateMachine):
    """See above. A message that is taken is what was sent, and there is never another."""

    def __init__(self, play: Player, world: World, nursery: trio.Nursery) -> None:
        super().__init__()
        self.play, self.world, self.nursery = play, world, nursery
        self.expected: list[bytes] = []
        self.last = b""
        self.recipients = 0

    @initialize(kind=st.sampled_from(Kind))
    def connect(self, kind: Kind) -> None:
        self.world.receiver.taken.clear()
        self.client = self.play(connected, self.world, self.nursery, kind)

    def _say(self, data: bytes, at: list[int], replies: int = 1) -> list[bytes]:
        found = self.play(self.client.say, data, at, replies)
        assert self.client.error is None
        assert len(found) == replies or self.client.closed
        self.last = found[-1] if found else b""
        return found

    @precondition(lambda self: self.client.closed)
    @rule(kind=st.sampled_from(Kind))
    def connect_again(self, kind: Kind) -> None:
        self.play(self.client.close)
        self.client = self.play(connected, self.world, self.nursery, kind)
        self.last, self.recipients = b"", 0

    def _is_open(self) -> bool:
        return not self.client.closed and not self.last.startswith((b"334", b"220"))

    @precondition(_is_open)
    @rule(line=commands, at=cuts)
    def command(self, line: bytes, at: list[int]) -> None:
        if line.upper().split(b" ")[0] in (b"DATA", b"BDAT", b"QUIT") and line not in (b"DATA x", b"BDAT", b"BDAT x"):
            return
        self._say(line + b"\r\n", at)
        self._count(line)

    @precondition(_is_open)
    @rule(at=cuts, recipients=st.integers(1, 3))
    def begin(self, at: list[int], recipients: int) -> None:
        hello = b"LHLO" if self.client.kind is Kind.LMTP else b"EHLO"
        lines = [hello + b" x.example"]
        if self.client.kind is Kind.SUBMISSION:
            lines.append(b"AUTH PLAIN " + base64.b64encode(f"\0{talking.ADDRESS}\0{talking.PASSWORD}".encode()))
        lines += [b"MAIL FROM:<a@b.example>"] + [b"RCPT TO:<c@example.org>"] * recipients
        for line in lines:
            if not self.client.closed:
                self._say(line + b"\r\n", at)
                self._count(line)

    def _count(self, line: bytes) -> None:
        """How many recipients the transaction has."""
        verb = line.upper()[:4]
        if self.last.startswith(b"2") and verb in (b"MAIL", b"RSET", b"EHLO", b"HELO", b"LHLO"):
            self.recipients = 0
        elif self.last.startswith(b"250") and verb == b"RCPT":
            self.recipients += 1

    @precondition(lambda self: not self.client.closed and self.last.startswith(b"334"))
    @rule(line=commands, at=cuts)
    def respond(self, line: bytes, at: list[int]) -> None:
        self._say(line + b"\r\n", at)

    @precondition(_is_open)
    @rule(content=contents, at=cuts)
    def data(self, content: bytes, at: list[int]) -> None:
        content = (b"\r\n" + content + b"\r\n.\r\n").partition(b"\r\n.\r\n")[0][2:]
        self._say(b"DATA\r\n", at)
        if not self.last.startswith(b"354"):
            return
        is_lmtp = self.client.kind is Kind.LMTP
        found = self._say((content + b"\r\n" if content else b"") + b".\r\n", at, self.recipients if is_lmtp else 1)
        self.recipients = 0
        kept = stored(content) if content else b""
        if kept is None:
            assert all(each.startswith(b"5") for each in found)
        elif found:
            assert all(each.startswith(b"250") for each in found)
            self.expected.append(kept)
        self._check()

    @precondition(_is_open)
    @rule(chunks=st.lists(st.binary(max_size=30), min_size=1, max_size=3), at=cuts)
    def bdat(self, chunks: list[bytes], at: list[int]) -> None:
        whole = b"".join(chunks)
        if b"\r" in whole or b"\n" in whole or b"\0" in whole:
            return
        for number, chunk in enumerate(chunks, 1):
            is_last = number == len(chunks)
            many = self.recipients if is_last and self.client.kind is Kind.LMTP and self.recipients else 1
            found = self._say(b"BDAT %d%b\r\n%b" % (len(chunk), b" LAST" if is_last else b"", chunk), at, many)
            if not self.last.startswith(b"250"):
                return
            if is_last and found:
                self.recipients = 0
                self.expected.append(whole)
        self._check(exactly=False)

    def _check(self, *, exactly: bool = True) -> None:
        taken = [each.content for each in self.world.receiver.taken]
        assert len(taken) == len(self.expected)
        for got, sent in zip(taken, self.expected, strict=True):
            assert got == sent if exactly else got.removesuffix(b"\r\n") == sent.removesuffix(b"\r\n")

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self.play(self.client.close)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[tuple[World, trio.Nursery]]:
    async with talking.world(directory) as world, trio.open_nursery() as nursery:
        yield world, nursery
        nursery.cancel_scope.cancel()


def test_each_command_is_answered_once_and_no_message_is_two(tmp_path: Path) -> None:
    with loop.running(partial(opened, tmp_path)) as (play, (world, nursery)):
        machine: Any = partial(Session, play, world, nursery)
        run_state_machine_as_test(machine, settings=settings(max_examples=100, stateful_step_count=30))


BURSTS = [
    "EHLO x.example", "HELO x.example", "NOOP", "RSET", "VRFY a", "FOO", "", "MAIL FROM:<a@b.example>",
    "MAIL FROM:<a@b.example> X=1", "RCPT TO:<c@example.org>", "RCPT TO:<d@example.org>", "RCPT TO:<>",
    "BDAT 3\r\nabc", "BDAT 4 LAST\r\nend.",
    "BDAT 0 LAST",
]  # fmt: skip


async def answered(world: World, nursery: trio.Nursery, pieces: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """All that is said to these pieces and QUIT, sent one after another, and what was taken."""
    world.receiver.taken.clear()
    client = await connected(world, nursery, Kind.SMTP)
    for piece in [*pieces, b"QUIT\r\n"]:
        with contextlib.suppress(Broken):
            await client.connection.send(piece, timeout=FOREVER)
        await trio.testing.wait_all_tasks_blocked()
    said = b""
    while data := await client.connection.receive(timeout=FOREVER):
        said += data
    await client.close()
    assert client.error is None
    return said, [each.content for each in world.receiver.taken]


def test_a_burst_of_commands_is_answered_as_one_after_another(tmp_path: Path) -> None:
    with loop.running(partial(opened, tmp_path)) as (play, (world, nursery)):

        @settings(max_examples=100)
        @given(lines=st.lists(st.sampled_from(BURSTS), max_size=25), at=st.lists(st.integers(0, 900), max_size=3))
        def test(lines: list[str], at: list[int]) -> None:
            pieces = [
                line.encode() + (b"" if line[-1:] in ("c", ".") else b"\r\n") for line in ["EHLO x.example", *lines]
            ]
            whole = b"".join(pieces)
            places = sorted({0, len(whole), *(min(each, len(whole)) for each in at)})
            burst = [whole[start:end] for start, end in itertools.pairwise(places)]
            assert play(answered, world, nursery, burst) == play(answered, world, nursery, pieces)

        test()
