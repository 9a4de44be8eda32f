"""Hosts that answer anything: each recipient has its result, in bounded time, and what counts as delivered was taken."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.base.metrics import Metrics
from mox_trio.outgoing.delivering import SESSION, Delivering
from mox_trio.outgoing.job import Job, Outcome, Result
from mox_trio.outgoing.way import Settings
from mox_trio.protocol.smtp.envelope import Recipient
from mox_trio.transport.connection import Broken, Connection, IpAddress
from tests.kit import wires
from tests.kit.dns import Zone
from tests.kit.mail_hosts import Message

FOREVER = 1_000_000
GOOD = b"good"
"""Stands for the reply that is expected."""
ANSWERS = [
    GOOD, GOOD, GOOD, GOOD, GOOD, GOOD,
    b"250 2.0.0 ok\r\n", b"250-a\r\n250 b\r\n", b"354 go\r\n", b"220 hi\r\n", b"421 4.3.2 closing\r\n", b"450 4.2.0 later\r\n",
    b"452 4.5.3 too many\r\n", b"550 5.1.1 nobody\r\n", b"554 no\r\n", b"500 what\r\n", b"250\r\n", b"250 ok\n", b"", None,
    b"250-never\r\n", b"25 x\r\n", b"hello\r\n", b"999 x\r\n", b"250-a\r\n550 b\r\n", b"250 " + b"x" * 5000 + b"\r\n",
    b"\xff\r\n", b"250 2.0.0 ok\r\n250 2.0.0 ok\r\n", b"334 \r\n", b"100 x\r\n",
]  # fmt: skip
"""None never comes, b"" closes."""
OFFERS = [
    "PIPELINING",
    "CHUNKING",
    "SIZE 1000000",
    "SIZE 1",
    "SIZE x",
    "DSN",
    "8BITMIME",
    "SMTPUTF8",
    "STARTTLS",
    "LIMITS RCPTMAX=1",
]

answers = st.lists(st.sampled_from(ANSWERS), max_size=12)
offers = st.lists(st.sampled_from(OFFERS), max_size=5, unique=True)
GREETINGS = {"EHLO": b"", "connect": b"220 mx.far.example\r\n", "DATA": b"354 go\r\n", "STARTTLS": b"454 no\r\n"}


@dataclass
class AnyHost:
    """Answers what it was told, and notes what a client may rely on."""

    answers: list[bytes | None]
    offers: Sequence[str]
    piece: int
    taken: list[set[str]] = field(default_factory=list)
    """The recipients of each message that was answered with 2xx."""

    async def serve(self, connection: Connection) -> None:
        with contextlib.suppress(Broken, EOFError):
            await self._talk(connection)
        await connection.aclose()

    async def _talk(self, connection: Connection) -> None:
        buffer = b""
        accepted: set[str] = set()
        await self._answer(connection, "connect")
        while True:
            while b"\r\n" not in buffer:
                buffer += await self._more(connection)
            line, _, buffer = buffer.partition(b"\r\n")
            verb = line[:4].upper().decode()
            if verb in ("MAIL", "RSET", "EHLO"):
                accepted = set()
            if verb == "BDAT":
                size = int(line.split()[1])
                while len(buffer) < size:
                    buffer += await self._more(connection)
                buffer = buffer[size:]
            code = await self._answer(connection, verb)
            if verb == "RCPT" and code == b"2":
                accepted.add(line.decode().partition("<")[2].partition(">")[0])
            if verb == "DATA" and code == b"3":
                buffer = b"\r\n" + buffer
                while b"\r\n.\r\n" not in buffer:
                    buffer += await self._more(connection)
                buffer = buffer.partition(b"\r\n.\r\n")[2]
                code, verb = await self._answer(connection, "."), "BDAT"
            if verb == "BDAT" and code == b"2":
                self.taken.append(set(accepted))

    async def _answer(self, connection: Connection, verb: str) -> bytes:
        """The class of the reply."""
        answer = self.answers.pop(0) if self.answers else GOOD
        if answer == GOOD:
            lines = ["mx.far.example", *self.offers]
            ehlo = "".join(f"250{'-' if n < len(lines) else ' '}{each}\r\n" for n, each in enumerate(lines, 1)).encode()
            answer = ehlo if verb == "EHLO" else GREETINGS.get(verb, b"250 2.0.0 ok\r\n")
        if answer is None:
            await trio.sleep_forever()
        if not answer:
            raise EOFError
        for start in range(0, len(answer), self.piece):
            await connection.send(answer[start : start + self.piece], timeout=FOREVER)
        return re.split(rb"\r\n", answer.removesuffix(b"\r\n"))[-1][:1]

    async def _more(self, connection: Connection) -> bytes:
        data = await connection.receive(timeout=FOREVER)
        if not data:
            raise EOFError
        return data


async def deliver(host: AnyHost, recipients: int) -> list[Result]:
    zone = Zone({"far.example": {"MX": [(10, "mx.far.example")]}, "mx.far.example": {"A": ["198.41.0.4"]}})
    async with trio.open_nursery() as nursery:

        async def dial(
            addresses: Sequence[IpAddress],
            port: int,
            *,
            local_addresses: Sequence[IpAddress] = (),
            timeout: float,
            session: str = "",
        ) -> Connection:
            ours, theirs = wires.pair()
            nursery.start_soon(host.serve, theirs)
            return ours

        delivering = Delivering(zone, Settings("mx.one.example"), Metrics(), dial=dial, random=lambda: 0.5)
        job = Job(
            sender=Path.parse("<ann@one.example>"),
            recipients=tuple(Recipient(Path.parse(f"<r{number}@far.example>")) for number in range(recipients)),
            host=Domain.parse("far.example"),
            message=Message((b"Subject: hi\r\n\r\n.dot\r\nbare\nlf\rcr\r\n", b"end")),
            time_left=lambda: 100_000.0,
        )
        results = await delivering.deliver(job)
        assert trio.current_time() < SESSION + 900
        nursery.cancel_scope.cancel()
    return results


@settings(max_examples=100)
@given(answers=answers, offered=offers, piece=st.sampled_from([1, 7, 100_000]), recipients=st.integers(1, 3))
def test_whatever_a_host_answers_each_recipient_has_a_true_result(
    answers: list[bytes | None], offered: list[str], piece: int, recipients: int
) -> None:
    host = AnyHost(list(answers), offered, piece)
    results = trio.run(deliver, host, recipients, clock=MockClock(autojump_threshold=0))
    assert len(results) == recipients
    for number, result in enumerate(results):
        if result.outcome in (Outcome.DELIVERED, Outcome.RELAYED):
            assert any(f"r{number}@far.example" in each for each in host.taken)
        else:
            assert result.status[:1] == ("4" if result.outcome is Outcome.TEMPORARY else "5")
