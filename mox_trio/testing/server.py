"""What a test holds in hand: a server that runs, in calls that wait and in calls for trio.

    with server.running() as mail:
        smtplib.SMTP(mail.host, mail.smtp).send_message(...)
        message = mail.wait_for_message(to="ann@mail.test")

The server has a thread of its own, so a test may be of any kind: one that waits, one on trio (`mail.trio`), one on asyncio that
gives the waiting calls a thread. What cannot be done is an exception of the call that asked for it; a server that ends by
itself is one of every call after it, and of the end of the block.
"""

import shutil
import ssl
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import trio

from mox_trio.testing import inside
from mox_trio.testing.clock import TurnableClock
from mox_trio.testing.configuration import DOMAIN, EVERYBODY
from mox_trio.testing.faults import Faults
from mox_trio.testing.faulty_tls import TRUSTED
from mox_trio.testing.inside import PASSWORD, Inside, Queued
from mox_trio.testing.messages import Message, Wanted

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds that a message is waited for unless a test says otherwise."""
HOUR: Final = 3600.0


class NotArrived(AssertionError):
    """The messages that a test waited for did not come; `str()` says what did."""


class Ended(Exception):
    """The server runs no more."""


@dataclass(frozen=True, slots=True)
class User:
    """An account, and what opens it: SMTP AUTH, IMAP, the webmail."""

    name: str
    address: str
    password: str


class Calls:
    """The thread of a server, and calls into it."""

    def __init__(self) -> None:
        self._began: Future[Inside] = Future()
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._stop = trio.Event()
        self._failed: BaseException | None = None
        self._thread: threading.Thread | None = None

    def start(self, directory: Path, faults: Faults, *, web: bool) -> Inside:
        """Start the thread and its server. Raises what keeps it from serving."""
        clock = TurnableClock()
        serve = partial(self._serve, directory, clock, faults, web)
        self._thread = threading.Thread(target=self._run, args=(serve, clock), name="mail-server", daemon=True)
        self._thread.start()
        return self._began.result()

    def ask(self, call: Callable[[], Awaitable[T]]) -> "Future[T]":
        """Have the server's thread make a call. The future has what comes of it, or Ended."""
        answer: Future[T] = Future()

        async def answered() -> None:
            try:
                answer.set_result(await call())
            except trio.Cancelled:
                answer.set_exception(Ended("the server was stopped"))
                raise
            except Exception as error:
                answer.set_exception(error)

        if self._token is None or self._nursery is None:
            raise Ended("the server was not started")
        try:
            self._token.run_sync_soon(self._begin, answered, answer)
        except trio.RunFinishedError:
            raise Ended("the server runs no more") from self._failed
        return answer

    def _begin(self, answered: Callable[[], Awaitable[None]], answer: "Future[T]") -> None:
        assert self._nursery is not None  # noqa: S101 - `ask` looked
        try:
            self._nursery.start_soon(answered)
        except RuntimeError:
            answer.set_exception(Ended("the server runs no more"))

    def stop(self) -> None:
        """Stop the server and wait for its end. Raises what ended it, if it ended by itself."""
        if self._token is not None and self._thread is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._stop.set)
            self._thread.join()
        if self._failed is not None:
            raise Ended("the server ended by itself") from self._failed

    def _run(self, serve: Callable[[], Awaitable[None]], clock: TurnableClock) -> None:
        try:
            trio.run(serve, clock=clock)
        except BaseException as error:
            if self._began.done():
                self._failed = error
            else:
                self._began.set_exception(error)

    async def _serve(self, directory: Path, clock: TurnableClock, faults: Faults, web: bool) -> None:
        async with inside.opened(directory, clock, faults, web=web) as opened, trio.open_nursery() as nursery:
            self._token = trio.lowlevel.current_trio_token()
            self._nursery = nursery
            self._began.set_result(opened)
            await self._stop.wait()
            nursery.cancel_scope.cancel()


class MailServer:
    """A running server. Every call waits; `trio` has the same for tests on trio."""

    host: Final = "127.0.0.1"
    domain: Final = DOMAIN

    def __init__(self, calls: Calls, opened: Inside, directory: Path) -> None:
        self._calls = calls
        self._inside = opened
        self.ports = dict(opened.ports)
        """By the names of the configuration: smtp, submission, submissions, imap, imaps."""
        self.certificate = directory / TRUSTED
        """A file of authorities, PEM: clients that trust it verify the server, as localhost or 127.0.0.1."""
        self.everybody = User(EVERYBODY, f"{EVERYBODY}@{DOMAIN}", PASSWORD)
        """Who gets all that nobody else gets."""
        self.faults = opened.faults
        self.trio = TrioCalls(self)

    @property
    def smtp(self) -> int:
        """The port where other servers bring mail, for anybody."""
        return self.ports["smtp"]

    @property
    def submission(self) -> int:
        """The port where users hand mail in, with STARTTLS for who wants it."""
        return self.ports["submission"]

    @property
    def submissions(self) -> int:
        """The same with TLS from the start."""
        return self.ports["submissions"]

    @property
    def imap(self) -> int:
        """The port of IMAP, with STARTTLS for who wants it."""
        return self.ports["imap"]

    @property
    def imaps(self) -> int:
        """The same with TLS from the start."""
        return self.ports["imaps"]

    @property
    def url(self) -> str:
        """Of the webmail and the HTTP API, for a server with `web`."""
        return f"http://{self.host}:{self.ports['webmail_http']}/"

    def client_context(self) -> ssl.SSLContext:
        """TLS of a client that trusts this server and nobody else."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def add_user(self, name: str, *, domain: str = DOMAIN, password: str = PASSWORD) -> User:
        """A new account with the address name@domain. Failure where it cannot be."""
        return self._calls.ask(partial(self._add_user, name, domain, password)).result()

    async def _add_user(self, name: str, domain: str, password: str) -> User:
        return User(name, await self._inside.add_account(name, domain, password), password)

    def messages(
        self,
        to: str | None = None,
        *,
        subject: str | None = None,
        account: str | None = None,
        mailbox: str = "Inbox",
    ) -> list[Message]:
        """What has arrived and fits, in the order in which it came: the envelope's recipient, a part of the subject."""
        wanted = Wanted(to, subject, account, mailbox)
        return self._calls.ask(partial(self._inside.messages, wanted)).result()

    def wait_for_messages(
        self,
        count: int,
        to: str | None = None,
        *,
        subject: str | None = None,
        account: str | None = None,
        mailbox: str = "Inbox",
        seconds: float = PATIENCE,
    ) -> list[Message]:
        """The same once there are so many. NotArrived."""
        wanted = Wanted(to, subject, account, mailbox)
        return self._calls.ask(partial(self._wait, wanted, count, seconds)).result()

    def wait_for_message(
        self,
        to: str | None = None,
        *,
        subject: str | None = None,
        account: str | None = None,
        mailbox: str = "Inbox",
        seconds: float = PATIENCE,
    ) -> Message:
        """The first that fits, once it is there. NotArrived."""
        wanted = Wanted(to, subject, account, mailbox)
        return self._calls.ask(partial(self._wait, wanted, 1, seconds)).result()[0]

    async def _wait(self, wanted: Wanted, count: int, seconds: float) -> list[Message]:
        found = await self._inside.wait(wanted, count, seconds)
        if len(found) < count:
            here = await self._inside.messages(Wanted(mailbox=wanted.mailbox))
            lines = [f"  to {each.recipient}: {each.subject}" for each in here]
            lines += [f"  in the queue, to {each.recipient}: {each.last_error}" for each in await self._inside.queued()]
            text = f"{len(found)} of {count} messages came within {seconds:g} seconds for {wanted}; there are\n"
            raise NotArrived(text + ("\n".join(lines) or "  none"))
        return found

    def queue(self) -> list[Queued]:
        """What waits in the server's queue: submitted for other domains, and not delivered yet."""
        return self._calls.ask(self._inside.queued).result()

    def turn(self, *, hours: float = 0.0, seconds: float = 0.0) -> None:
        """Turn the server's clock forward. Each attempt of the queue that falls into the time is made, at its time, before
        this returns.
        """
        self._calls.ask(partial(self._inside.turn, hours * HOUR + seconds)).result()

    def now(self) -> float:
        """Seconds since 1970 UTC by the server's clock."""
        return self._inside.clock.wall() / 1000


class TrioCalls:
    """The calls of a server for tests on trio: the loop of the test goes on while they wait."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def add_user(self, name: str, *, domain: str = DOMAIN, password: str = PASSWORD) -> User:
        """See `MailServer.add_user`."""
        return await _in_thread(partial(self._server.add_user, name, domain=domain, password=password))

    async def messages(self, to: str | None = None, **wanted: str) -> list[Message]:
        """See `MailServer.messages`."""
        return await _in_thread(partial(self._server.messages, to, **wanted))

    async def wait_for_messages(
        self, count: int, to: str | None = None, *, seconds: float = PATIENCE, **wanted: str
    ) -> list[Message]:
        """See `MailServer.wait_for_messages`."""
        return await _in_thread(partial(self._server.wait_for_messages, count, to, seconds=seconds, **wanted))

    async def wait_for_message(self, to: str | None = None, *, seconds: float = PATIENCE, **wanted: str) -> Message:
        """See `MailServer.wait_for_message`."""
        return await _in_thread(partial(self._server.wait_for_message, to, seconds=seconds, **wanted))

    async def queue(self) -> list[Queued]:
        """See `MailServer.queue`."""
        return await _in_thread(self._server.queue)

    async def turn(self, *, hours: float = 0.0, seconds: float = 0.0) -> None:
        """See `MailServer.turn`."""
        await _in_thread(partial(self._server.turn, hours=hours, seconds=seconds))


async def _in_thread(call: Callable[[], T]) -> T:
    return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


@contextmanager
def running(*, web: bool = False) -> Iterator[MailServer]:
    """A server until the end of the block; with `web`, its webmail and HTTP API too. Ended, or what keeps it from serving."""
    directory = Path(tempfile.mkdtemp(prefix="mox-trio-test-"))
    calls = Calls()
    try:
        opened = calls.start(directory, Faults(), web=web)
        try:
            yield MailServer(calls, opened, directory)
        finally:
            calls.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
