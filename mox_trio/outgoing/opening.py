"""Begins a conversation with one address of a host: connect, greeting, TLS as the level asks, login.

Raises NotReached when nobody answers there, and `smtp_dialog.Refused` or `Trouble` when somebody does but the conversation
cannot begin; the connection is closed then. Where TLS is used only because it is offered and its handshake fails, the host is
connected to once more and spoken to in the clear (RFC 7435): mail that could be read on its way is worth more than none.
"""

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from mox_trio.base.metrics import Metrics
from mox_trio.outgoing import logging_in, way
from mox_trio.outgoing.smtp_dialog import Dialog, Refused, Timeouts, Trouble
from mox_trio.outgoing.way import Settings, Way
from mox_trio.policy.tls_level import Use
from mox_trio.protocol.smtp.envelope import IpAddress
from mox_trio.transport import socks
from mox_trio.transport.connection import Connection, Silent
from mox_trio.transport.dial import DialFailed
from mox_trio.transport.tls import TlsFailed

logger = logging.getLogger(__name__)

THREADS: Final = 4
"""Threads that compute proofs and read certificates and passwords."""


class NotReached(Exception):
    """Nobody answers at the address; `str()` says why."""


class HandshakeFailed(Exception):
    """TLS could not begin, and the connection is of no more use."""


class Dial(Protocol):
    """`transport.dial.connect`, or the network of a test."""

    async def __call__(
        self,
        addresses: Sequence[IpAddress],
        port: int,
        *,
        local_addresses: Sequence[IpAddress] = (),
        timeout: float,
        session: str = "",
    ) -> Connection:
        """The first connection that opens. DialFailed."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to, by which way."""

    to: Way
    host: str
    """Name in A-labels: what TLS asks for and verifies. For an address: the address."""
    ip: IpAddress
    proxy: tuple[IpAddress, ...] = ()
    """Addresses of the proxy of the way, if it has one."""


class Opener:
    """Begins conversations, for one server."""

    def __init__(self, settings: Settings, metrics: Metrics, dial: Dial, timeouts: Timeouts) -> None:
        self._settings = settings
        self._metrics = metrics
        self._dial = dial
        self._timeouts = timeouts
        self._limiter = trio.CapacityLimiter(THREADS)
        self._contexts: dict[bool, ssl.SSLContext] = {}

    async def open(self, target: Target, timeout: float) -> Dialog:
        """A conversation in which a transaction may begin. `timeout` is for connecting."""
        use = target.to.level.use
        try:
            return await self._open(target, timeout, use)
        except HandshakeFailed as error:
            if use is not Use.WHERE_OFFERED:
                raise Trouble("4.7.5", f"TLS failed: {error}") from None
            reason = str(error)
        logger.info("plaintext after TLS failed", extra={"host": target.host, "ip": str(target.ip), "reason": reason})
        self._metrics.count("queue_plaintext_fallback_total")
        return await self._open(target, timeout, Use.NEVER)

    async def _open(self, target: Target, timeout: float, use: Use) -> Dialog:
        connection = await self._connect(target, timeout)
        is_open = False
        try:
            if target.to.implicit_tls:
                await self._shake_hands(connection, target)
            dialog = Dialog(connection, target.to.name, self._metrics, self._timeouts)
            await dialog.greet()
            if not target.to.implicit_tls:
                await self._start_tls(dialog, target, use)
            if target.to.login is not None:
                await logging_in.log_in(dialog, target.to.login, self._limiter)
            is_open = True
            return dialog
        finally:
            if not is_open:
                await connection.aclose()

    async def _connect(self, target: Target, timeout: float) -> Connection:
        port = target.to.port
        try:
            if target.to.proxy is not None:
                proxy = socks.Proxy(target.proxy, target.to.proxy.port)
                connection = await socks.connect(proxy, target.ip, port, timeout=timeout)
            else:
                local = self._settings.local_addresses if target.to.is_direct else ()
                connection = await self._dial((target.ip,), port, local_addresses=local, timeout=timeout)
        except DialFailed as error:
            self._metrics.count("queue_connection_total", result="error")
            raise NotReached(f"connecting to {target.host} failed: {error}") from None
        self._metrics.count("queue_connection_total", result="ok")
        return connection

    async def _start_tls(self, dialog: Dialog, target: Target, use: Use) -> None:
        if use is Use.NEVER or (use is Use.WHERE_OFFERED and not dialog.offers.starttls):
            return
        try:
            # Where TLS is needed it is asked for without an offer: somebody in between may have taken that out.
            await dialog.ask_for_tls()
        except Refused as refused:
            if use is Use.WHERE_OFFERED:
                return  # the conversation goes on as it is
            raise Trouble("4.7.4", f"TLS is needed and the host refuses it: {refused.reply}") from None
        await self._shake_hands(dialog.connection, target)
        await dialog.tls_began()

    async def _shake_hands(self, connection: Connection, target: Target) -> None:
        context = await self._context(target.to.level.verify)
        try:
            await connection.start_tls_client(context, target.host)
        except (TlsFailed, Silent) as error:
            raise HandshakeFailed(str(error)) from None

    async def _context(self, verify: bool) -> ssl.SSLContext:
        if verify not in self._contexts:
            if not verify:
                self._contexts[verify] = way.opportunistic()
            else:
                try:
                    made = await trio.to_thread.run_sync(way.verifying, self._settings.tls, limiter=self._limiter)
                except (OSError, ssl.SSLError) as error:
                    raise Trouble("4.7.5", f"the certificate authorities cannot be read: {error}") from None
                self._contexts[verify] = made
        return self._contexts[verify]
