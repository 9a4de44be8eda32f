"""A conversation with another server, over one connection: greeting, TLS, login, goodbye; `smtp_transaction` sends mail in it.

`protocol.smtp.client` knows what may be said; here it is said and the answers are waited for, each as long as RFC 5321 4.5.3.2
asks. What goes wrong is `Refused` (the server says no to something that everything depends on: the conversation may go on
unless it is closing) or `Trouble` (no more can be said: close). `Trouble.in_doubt` means that the end of a message was sent
and no answer came: the server may have it, so it is not for another host.
"""

import math
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

import trio

from mox_trio.base.metrics import Metrics
from mox_trio.protocol.smtp import client_commands as commands
from mox_trio.protocol.smtp.client import Answered, BadReply, ClientConnection, Phase
from mox_trio.protocol.smtp.client_commands import Command, Step
from mox_trio.protocol.smtp.client_offers import Offers
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.transport.connection import Broken, Connection, Silent

T = TypeVar("T")

NOT_KNOWN: Final = frozenset({500, 501, 502, 503, 504})
"""Codes with which a host says that it does not know a command (RFC 5321 4.2.4)."""

RESTED: Final = 0.2
"""Seconds of rest after which a host may have gone."""
GLANCE: Final = 0.001
"""Seconds to see whether it has."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; RFC 5321 4.5.3.2."""

    greeting: float = 300
    command: float = 300
    """Also for STARTTLS, AUTH and RSET."""
    data: float = 120
    """For the reply to DATA."""
    block: float = 180
    """For sending a part of the content."""
    final: float = 600
    """For the reply to the end of the message."""
    goodbye: float = 5

    def of(self, step: Step) -> float:
        """How long the reply may take."""
        match step:
            case Step.CONTENT | Step.BDAT:
                return self.final
            case Step.DATA:
                return self.data
            case Step.GREETING:
                return self.greeting
            case Step.QUIT:
                return self.goodbye
            case _:
                return self.command


class Refused(Exception):
    """The server said no."""

    def __init__(self, step: Step, reply: Reply) -> None:
        super().__init__(f"{step.value}: {reply}")
        self.step = step
        self.reply = reply


class Trouble(Exception):
    """The conversation cannot go on; `str()` says why. `status` is an enhanced code of class 4."""

    def __init__(self, status: str, detail: str, *, in_doubt: bool = False, reply: Reply | None = None) -> None:
        """`reply` is what the server said, if that is the trouble."""
        super().__init__(detail)
        self.status = status
        self.in_doubt = in_doubt
        self.reply = reply


class ClaimEnds(Trouble):
    """The claim on the message does not last for another step: this attempt is over, at every host."""


class Dialog:
    """One conversation."""

    def __init__(self, connection: Connection, name: str, metrics: Metrics, timeouts: Timeouts | None = None) -> None:
        """`name` is what we call ourselves: a domain name in A-labels."""
        self.connection = connection
        self._name = name
        self._metrics = metrics
        self.timeouts = timeouts or Timeouts()
        self.client = ClientConnection()
        self.needs_reset = False
        """A transaction may have begun that did not end."""
        self.began = trio.current_time()
        self.mails = 0
        """Transactions until now."""
        self.rests_since = self.began
        """When nobody used it any more."""
        self._scope: trio.CancelScope | None = None
        """Of `together`."""
        self._latest = math.inf
        self._overdue = Trouble("4.4.2", "")

    @property
    def offers(self) -> Offers:
        """What the server can do."""
        return self.client.offers

    @property
    def is_reusable(self) -> bool:
        """Whether another transaction may follow."""
        most = self.offers.most_mails  # RFC 9422
        return self.client.phase is not Phase.CLOSING and not self.client.awaits and (most is None or self.mails < most)

    async def greet(self) -> None:
        """Wait for the greeting, then say EHLO, or HELO where that is not known. Refused, Trouble."""
        greeting = await self.reply()
        if not greeting.is_positive:
            raise Refused(Step.GREETING, greeting)
        await self.hello()

    async def hello(self) -> None:
        """EHLO (RFC 5321 3.2), also after TLS began. Refused, Trouble."""
        reply = await self.say(commands.ehlo(self._name))
        if reply.code in NOT_KNOWN:
            reply = await self.say(commands.helo(self._name))
            if not reply.is_positive:
                raise Refused(Step.HELO, reply)
        elif not reply.is_positive:
            raise Refused(Step.EHLO, reply)

    async def ask_for_tls(self) -> None:
        """STARTTLS; after it the caller shakes hands on the connection and says `tls_began`. Refused, Trouble."""
        reply = await self.say(commands.starttls())
        if reply.code != 220:  # RFC 3207 4
            raise Refused(Step.STARTTLS, reply)

    async def tls_began(self) -> None:
        """What was said before counts no more: says EHLO again. Refused, Trouble."""
        self.client.tls_began()
        await self.hello()

    async def is_alive(self) -> bool:
        """Whether the host has neither gone nor said that it goes, as far as is known here; asks nothing of it."""
        if trio.current_time() - self.rests_since < RESTED:
            return True
        try:
            await self.connection.receive(timeout=GLANCE)
        except Silent:
            return True
        except Broken:
            return False
        return False  # the end, or a 421 before it

    async def say_goodbye(self, *, wait: bool = True) -> None:
        """QUIT, and close; without `wait` the answer is not heard. Raises nothing but for cancellation."""
        try:
            if Step.QUIT in self.client.may_send:
                await self.send(self.client.send(commands.goodbye()), self.timeouts.goodbye)
                if wait:
                    await self.reply()
        except Trouble:
            return  # it was only a politeness
        finally:
            await self.connection.aclose()

    async def together(self, work: Awaitable[T]) -> T:
        """Wait for `work`, whose waits share a scope with a deadline that moves, because one for each costs as much as what is
        said. In it each `send` is followed by `reply`.
        """
        self._scope = scope = trio.CancelScope()
        try:
            with scope:
                return await work
        finally:
            self._scope, self._latest = None, math.inf
        raise self._overdue

    def hurry(self, seconds: float) -> None:
        """Within `together`: from now on everything is over after so many seconds, and then in doubt."""
        self._latest = trio.current_time() + seconds

    def _allow(self, scope: trio.CancelScope, seconds: float, trouble: Trouble) -> None:
        end = trio.current_time() + seconds
        if end < self._latest:
            self._overdue = trouble
        else:
            end = self._latest
            self._overdue = Trouble("4.4.2", "the host did not say whether it has the message", in_doubt=True)
        scope.deadline = end

    async def say(self, command: Command) -> Reply:
        """Send a command and wait for its reply, whatever it is. OutOfPlace, Trouble."""
        await self.send(self.client.send(command), self.timeouts.command)
        return await self.reply()

    async def send(self, data: bytes, timeout: float) -> None:
        """Bytes that the `client` made. After Trouble the host does not have all of them."""
        # The network nearly always takes them at once, and whoever sends waits for a reply next: then others have their turn.
        await trio.lowlevel.checkpoint_if_cancelled()
        data = data[self.connection.send_some(data) :]
        if not data:
            return
        if self._scope is None:
            await self.send_part(data, timeout)
            return
        self._allow(self._scope, timeout, _lost("sending", f"nothing taken for {timeout:g} s"))
        await self.send_part(data, math.inf)

    async def send_part(self, data: bytes, timeout: float) -> None:
        """The same with a deadline of its own, also in `together`: nothing is answered yet."""
        try:
            await self.connection.send(data, timeout=timeout)
        except (Silent, Broken) as error:
            raise _lost("sending", str(error)) from None

    async def reply(self, *, in_doubt: bool = False) -> Reply:
        """The reply to what was sent first of all that has none; `in_doubt` is that of Trouble.

        421 is Trouble, because the host is gone (RFC 5321 3.8), unless it answers the greeting or the end of a message.
        """
        try:
            answered = await self._answered(in_doubt)
        except Trouble as trouble:
            raise Trouble(trouble.status, str(trouble), in_doubt=in_doubt) from None
        reply = answered.reply
        if reply.code == 421 and answered.step not in (Step.GREETING, Step.CONTENT, Step.BDAT):
            raise Trouble(reply.enhanced or "4.3.2", f"the host closes the connection: {reply}", reply=reply)
        return reply

    async def _answered(self, in_doubt: bool) -> Answered:
        began = trio.current_time()
        timeout = self.timeouts.of(self.client.awaited_step)
        while True:
            try:
                answered = self.client.next()
            except BadReply as error:
                raise Trouble("4.5.0", f"the host does not follow the protocol: {error}") from None
            if answered is not None:
                break
            self.client.receive(await self._receive(timeout, in_doubt))
        if self._scope is not None and not self.client.awaits:
            self._scope.deadline = math.inf  # what comes next may be a wait for the store
        self._metrics.observe(
            "smtpclient_command_duration_seconds",
            trio.current_time() - began,
            cmd=answered.step.value if answered.step else "none",
            code=str(answered.reply.code),
            secode=answered.reply.enhanced.rpartition(".")[0],
        )
        return answered

    async def _receive(self, timeout: float, in_doubt: bool) -> bytes:
        if self._scope is not None:
            silent = _lost("waiting for a reply", f"nothing received for {timeout:g} s", in_doubt=in_doubt)
            self._allow(self._scope, timeout, silent)
            timeout = math.inf
        try:
            data = await self.connection.receive(timeout=timeout)
        except (Silent, Broken) as error:
            raise _lost("waiting for a reply", str(error)) from None
        if not data:
            raise Trouble("4.4.2", "the host closed the connection without a reply")
        return data


def _lost(doing: str, why: str, *, in_doubt: bool = False) -> Trouble:
    return Trouble("4.4.2", f"the connection was lost while {doing}: {why}", in_doubt=in_doubt)
