"""What is so in one connection, and the few things that all its commands do: wait, send, answer, ask the receiver."""

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from mox_trio.base.failure import Failure
from mox_trio.protocol.smtp.envelope import Client
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.protocol.smtp.server import ServerConnection
from mox_trio.protocol.smtp.server_events import Kind
from mox_trio.smtpd import replies
from mox_trio.smtpd.settings import Parts, Settings
from mox_trio.transport import tarpit
from mox_trio.transport.connection import Connection
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)

GOODBYE: Final = 10.0
"""Seconds that a last reply may take."""


class Dialog:
    """One connection with its client."""

    def __init__(self, connection: Connection, settings: Settings, parts: Parts) -> None:
        self.connection = connection
        self.settings = settings
        self.parts = parts
        self.protocol = ServerConnection(settings.terms, parts.store.now)
        self.waits = trio.CancelScope()
        """Around the whole session, with a deadline while it waits for the client: a scope for each wait costs too much."""
        self.is_slow = False
        """Replies are drawn out."""
        self.failed_logins = 0
        self._good = 0
        self._bad = 0
        """Transactions."""
        self._trouble = False
        """Something was refused in the present one."""
        self.client = Client(
            connection.peer_address,
            connection.peer_port,
            connection.local_address,
            tls=connection.tls,
            session=connection.id,
            exempt=connection.exempt,
        )

    def fields(self, **more: object) -> dict[str, object]:
        """What every log line of the session says."""
        kind = self.settings.kind.value
        return {"session": self.client.session, "kind": kind, "remote": str(self.client.address), **more}

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing but refused transactions came."""
        return self._bad >= self.settings.bad_transactions and not self._good and not self.client.exempt

    async def receive(self, timeout: float | None = None) -> None:
        """Wait for the client's next bytes and give them to the protocol. `waits` ends a wait of `timeout` seconds, and between
        transactions one during which the server stops.
        """
        if self.is_slow:
            self.takes_its_time()
            await trio.sleep(self.settings.tarpit)
        wait = self.settings.command_timeout if timeout is None else timeout
        is_idle = not self.protocol.in_transaction
        if is_idle:
            self.parts.closing.watch(self.waits)
        self.waits.deadline = trio.current_time() + wait
        data = await self.connection.receive(timeout=math.inf)
        if is_idle:
            self.parts.closing.forget(self.waits)
        self.protocol.receive(data)

    def takes_its_time(self) -> None:
        """What comes now is our own doing, or meant to be slow: the client's deadline does not end it."""
        if self.waits.deadline != math.inf:
            self.waits.deadline = math.inf

    async def flush(self) -> None:
        """Send what there is to send, at the pace that the client deserves; `waits` ends it."""
        output = self.protocol.take_output()
        if output and self.is_slow:
            await tarpit.send(self._send_slowly, output, pause=self.settings.tarpit)
        elif output:
            await self._send(output)

    async def flush_finally(self) -> None:
        """Send what there is to send, also when the session is cancelled meanwhile."""
        output = self.protocol.take_output()
        output = output[self.connection.send_some(output) :]
        if output:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + GOODBYE):
                await self.connection.send(output, timeout=math.inf)

    async def _send(self, data: bytes) -> None:
        data = data[self.connection.send_some(data) :]
        if not data:
            return
        if self.waits.deadline == math.inf:
            self.waits.deadline = trio.current_time() + self.settings.command_timeout
        await self.connection.send(data, timeout=math.inf)

    async def _send_slowly(self, data: bytes) -> None:
        await self._send(data)
        self.takes_its_time()

    def slow_down(self) -> None:
        """From now on replies are drawn out, but for networks without limits."""
        self.is_slow = not self.client.exempt and self.settings.tarpit > 0

    def answer(self, verb: str, reply: Reply, began: float) -> None:
        """Settle the present event with a reply."""
        reply = replies.with_session(reply, self.client.session)
        self.protocol.answer(reply)
        self.observe(verb, reply, began)

    def observe(self, verb: str, reply: Reply, began: float) -> None:
        """Count a command that was settled."""
        self.parts.metrics.observe(
            "smtpserver_command_duration_seconds",
            trio.current_time() - began,
            kind=self.settings.kind.value,
            cmd=verb,
            code=str(reply.code),
            ecode=reply.enhanced,
        )

    async def decided(self, asking: Callable[[], Awaitable[None]], accepted: Reply, verb: str) -> Reply:
        """What the receiver says about a sender or a recipient."""
        self.takes_its_time()
        try:
            await asking()
        except Refusal as refusal:
            self._trouble = True
            logger.info("refused", extra=self.fields(cmd=verb, reason=refusal.reason, reply=str(refusal.reply)))
            return refusal.reply
        except (Failure, StorageError) as error:
            self._trouble = True
            logger.warning("cannot decide", extra=self.fields(cmd=verb, reason=_private(error)))
            return replies.of(error)
        return accepted

    def message_settled(self, accepted: bool) -> None:
        """A transaction came to its end with content."""
        self._trouble = not accepted
        if accepted:
            self._good += 1
        else:
            self.transaction_over()
            if self.settings.kind is Kind.SMTP:
                self.slow_down()

    def transaction_over(self) -> None:
        """A transaction came to its end without content, or with content that was refused."""
        if self._trouble:
            self._bad += 1
            self._trouble = False


def _private(error: Failure | StorageError) -> str:
    return error.private or error.public if isinstance(error, Failure) else str(error)
