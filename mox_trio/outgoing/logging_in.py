"""Logging in at a relay (RFC 4954), with the first mechanism of the configuration that both sides know.

The password is fetched for each new connection, because it may have changed, and computed with in a thread. What fails is
`Refused` or `Trouble` as anything else in a conversation, always temporary: the password of the configuration is wrong, and the
mail of users waits until the administrator has seen it in the log. A refusal of a -PLUS mechanism is followed by one attempt
with the same mechanism without the binding, unless only -PLUS was configured: other implementations bind differently.
"""

import logging
import secrets
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from typing import Final

import trio

from mox_trio.config.models.secret import SecretUnreadable
from mox_trio.config.models.transports import RelayLogin
from mox_trio.outgoing.smtp_dialog import Dialog, Refused, Trouble
from mox_trio.protocol.sasl import client as sasl
from mox_trio.protocol.smtp import client_commands as commands
from mox_trio.protocol.smtp.client_commands import Step
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.transport.connection import Connection

logger = logging.getLogger(__name__)

MOST_CHALLENGES: Final = 8
"""No mechanism has as many."""
NONCE: Final = 18
"""Bytes."""


async def log_in(dialog: Dialog, login: RelayLogin, limiter: trio.CapacityLimiter) -> None:
    """Log in, or raise Refused or Trouble. `limiter` is of threads that compute."""
    try:
        password = await trio.to_thread.run_sync(login.password.read, limiter=limiter)
    except SecretUnreadable as error:
        raise Trouble("4.7.0", f"the password for the relay cannot be read: {error}") from None
    credentials = sasl.Credentials(login.username, password)
    wanted: Sequence[str] = login.mechanisms
    while True:
        exchange = sasl.choose(
            wanted, dialog.offers.mechanisms, credentials, bindings(dialog.connection), secrets.token_bytes(NONCE)
        )
        if exchange is None:
            offered = " ".join(dialog.offers.mechanisms) or "none"
            raise Trouble("4.7.0", f"the relay offers no mechanism of those configured; it offers {offered:.200}")
        reply = await _exchange(dialog, exchange, limiter)
        if reply.code == 235:
            return
        logger.warning("login at relay failed", extra={"mechanism": exchange.mechanism, "reply": str(reply)})
        wanted = [each for each in wanted if not each.endswith("-PLUS")]
        if not exchange.mechanism.endswith("-PLUS") or not wanted:
            raise Refused(Step.AUTH, reply)


def bindings(connection: Connection) -> Mapping[str, bytes]:
    """The channel bindings that a server accepts, best first.

    A server of TLS 1.3 binds with tls-exporter (RFC 9266), which Python's ssl lacks: there is none then. Below that
    tls-unique is the one every server has to know (RFC 5802 6).
    """
    found = connection.channel_bindings()
    if connection.tls is None or connection.tls.version == "TLSv1.3":
        return {name: data for name, data in found.items() if name == "tls-exporter"}
    return {name: found[name] for name in ("tls-unique", "tls-server-end-point") if name in found}


async def _exchange(dialog: Dialog, exchange: sasl.Exchange, limiter: trio.CapacityLimiter) -> Reply:
    """The reply that ends it. Trouble when the server breaks the rules of the mechanism."""
    try:
        reply = await dialog.say(commands.auth(exchange.mechanism, exchange.start()))
        for _ in range(MOST_CHALLENGES):
            if reply.code != 334:
                break
            challenge = _decoded(reply)
            response = await trio.to_thread.run_sync(exchange.respond, challenge, limiter=limiter)
            reply = await dialog.say(commands.auth_response(response))
        else:
            raise sasl.BadChallenge("the server sends challenges without end")
        if reply.is_positive:
            exchange.succeeded()
    except sasl.BadChallenge as error:
        raise Trouble("4.7.0", f"{exchange.mechanism} failed: {error}") from None
    return reply


def _decoded(reply: Reply) -> bytes:
    try:
        return b64decode(reply.text.strip(), validate=True)
    except (NotBase64, ValueError):
        raise sasl.BadChallenge("a challenge is not base64") from None
