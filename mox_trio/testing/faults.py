"""Faults that a test asks for: replies, delays, connections that end, TLS that fails.

    faults.reply(451, recipient="ann@*", times=2)       the first two RCPT for her
    faults.replies([None, 421, 550], at="data")         the first message is taken, the second and third are not
    faults.delay(5, at="mail"), faults.disconnect(at="data"), faults.tls("expired")

A fault is met by sessions of SMTP and submission, by who it names and as often as it says; of several that fit, the oldest
that is not used up is the one. `on="smtp"` leaves submissions alone, so that the server's own queue meets it.
"""

import threading
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal

import trio

from mox_trio.mailstore.spool import Spooled
from mox_trio.protocol.smtp.envelope import Client, Envelope, Recipient
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.smtpd.receiver import Receiver
from mox_trio.transport.connection import Broken

At = Literal["mail", "rcpt", "data"]
On = Literal["smtp", "submission", "any"]
Tls = Literal["absent", "broken", "expired", "untrusted"]

SERVICES: Final[dict[str, On]] = {"smtp": "smtp", "submission": "submission", "submissions": "submission"}
"""Services of the configuration, and what `on` calls them."""
ALWAYS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Where:
    """Who meets a fault. Patterns are those of file names (`*@example.org`), in whatever case."""

    at: At | Literal["tls"]
    on: On = "any"
    sender: str = "*"
    recipient: str = "*"

    def fits(self, at: str, on: On, sender: str, recipient: str) -> bool:
        """Whether these are meant."""
        return (
            self.at == at
            and self.on in ("any", on)
            and fnmatchcase(sender.lower(), self.sender.lower())
            and fnmatchcase(recipient.lower(), self.recipient.lower())
        )


@dataclass(slots=True)
class _Fault:
    where: Where
    happens: Sequence["_Happening | None"]
    """In this order; None is nothing."""
    times: int
    """How often the whole sequence is gone through."""
    met: int = 0

    @property
    def is_over(self) -> bool:
        return self.met >= self.times * len(self.happens)

    def next(self) -> "_Happening | None":
        self.met += 1
        return self.happens[(self.met - 1) % len(self.happens)]


@dataclass(frozen=True, slots=True)
class _Happening:
    code: int = 0
    text: str = ""
    delay: float = 0.0
    ends: bool = False
    tls: Tls | None = None


_ABSENT: Final = (_Happening(tls="absent"),)


@dataclass(slots=True)
class Faults:
    """What a server shall do wrong. Any thread may ask for it, at any time."""

    _faults: list[_Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asleep: list[float] = field(default_factory=list)

    def reply(
        self,
        code: int,
        text: str = "as the test asks for",
        *,
        at: At = "rcpt",
        on: On = "any",
        sender: str = "*",
        recipient: str = "*",
        times: int = ALWAYS,
    ) -> None:
        """Refuse with a code from 400 to 599."""
        self._add(Where(at, on, sender, recipient), [_refusing(code, text)], times)

    def replies(
        self, codes: Sequence[int | None], *, at: At = "rcpt", on: On = "any", sender: str = "*", recipient: str = "*"
    ) -> None:
        """Refuse one after the other with these codes, once; None goes well."""
        happens = [None if code is None else _refusing(code, "as the test asks for") for code in codes]
        self._add(Where(at, on, sender, recipient), happens, 1)

    def delay(
        self,
        seconds: float,
        *,
        at: At = "rcpt",
        on: On = "any",
        sender: str = "*",
        recipient: str = "*",
        times: int = ALWAYS,
    ) -> None:
        """Answer later, and then well. A turn of the clock ends it."""
        self._add(Where(at, on, sender, recipient), [_Happening(delay=seconds)], times)

    def disconnect(
        self, *, at: At = "data", on: On = "any", sender: str = "*", recipient: str = "*", times: int = ALWAYS
    ) -> None:
        """End the connection instead of answering."""
        self._add(Where(at, on, sender, recipient), [_Happening(ends=True)], times)

    def tls(self, kind: Tls, *, on: On = "any", times: int = ALWAYS) -> None:
        """Let TLS fail: an end in the handshake (`broken`), or a certificate that is `expired` or `untrusted`; or let STARTTLS
        not be offered (`absent`), however often, until `clear`. IMAP meets what submission meets.
        """
        self._add(Where("tls", on), (_Happening(tls=kind),), times)

    def clear(self) -> None:
        """Do nothing wrong any more."""
        with self._lock:
            self._faults.clear()

    @property
    def wakes(self) -> float | None:
        """When the first delay ends by the server's clock; None while there is none."""
        with self._lock:
            return min(self._asleep, default=None)

    def is_without_tls(self, on: On) -> bool:
        """Whether TLS shall not be offered."""
        with self._lock:
            return any(fault.happens == _ABSENT and fault.where.fits("tls", on, "", "") for fault in self._faults)

    def maybe_tls(self, on: On) -> Tls | None:
        """What shall be wrong with the handshake of a connection."""
        with self._lock:
            for fault in self._faults:
                if not fault.is_over and fault.happens != _ABSENT and fault.where.fits("tls", on, "", ""):
                    happening = fault.next()
                    return happening.tls if happening is not None else None
        return None

    async def meet(self, at: At, on: On, sender: str, recipients: Sequence[str]) -> None:
        """Do wrong what is asked for here. Refusal, Broken."""
        happening = self._next(at, on, sender, recipients)
        if happening is None:
            return
        if happening.delay:
            await self._sleep(happening.delay)
        if happening.ends:
            raise Broken("as the test asks for")
        if happening.code:
            reply = Reply.of(happening.code, f"{happening.code // 100}.0.0", happening.text)
            raise Refusal(reply, "provoked")

    def _next(self, at: At, on: On, sender: str, recipients: Sequence[str]) -> _Happening | None:
        with self._lock:
            for fault in self._faults:
                if not fault.is_over and any(fault.where.fits(at, on, sender, each) for each in recipients):
                    return fault.next()
        return None

    async def _sleep(self, seconds: float) -> None:
        until = trio.current_time() + seconds
        with self._lock:
            self._asleep.append(until)
        try:
            await trio.sleep_until(until)
        finally:
            with self._lock:
                self._asleep.remove(until)

    def _add(self, where: Where, happens: Sequence[_Happening | None], times: int) -> None:
        if times < 1 or not happens:
            raise ValueError("a fault happens at least once")
        with self._lock:
            self._faults.append(_Fault(where, happens, times))


def _refusing(code: int, text: str) -> _Happening:
    if not 400 <= code <= 599:
        raise ValueError(f"{code} does not refuse: choose a code from 400 to 599")
    return _Happening(code=code, text=text)


@dataclass(frozen=True, slots=True)
class Faulty:
    """A receiver that does wrong what is asked for, and else what another does."""

    receiver: Receiver
    faults: Faults
    on: On

    async def mail(self, client: Client, envelope: Envelope) -> None:
        """See `Receiver`."""
        await self._meet("mail", envelope, [""])
        await self.receiver.mail(client, envelope)

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> None:
        """See `Receiver`."""
        await self._meet("rcpt", envelope, [_bare(str(recipient.path))])
        await self.receiver.rcpt(client, envelope, recipient)

    async def data(self, client: Client, envelope: Envelope, message: Spooled) -> Sequence[Reply]:
        """See `Receiver`."""
        await self._meet("data", envelope, [_bare(str(each.path)) for each in envelope.recipients])
        return await self.receiver.data(client, envelope, message)

    def _meet(self, at: At, envelope: Envelope, recipients: Sequence[str]) -> Awaitable[None]:
        return self.faults.meet(at, self.on, _bare(str(envelope.reverse_path)), recipients)


def _bare(path: str) -> str:
    return path.removeprefix("<").removesuffix(">")
