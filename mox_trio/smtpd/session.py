"""One connection of SMTP, submission or LMTP, from its greeting to its end.

The protocol says what the client's bytes mean, the receiver what the message deserves; this room carries between them.
- A client that says nothing for too long, and one that is connected while the server stops, hears 421; a transaction
  that has begun is finished first. What the network breaks ends here with one line in the log.
- A `Failure` or `StorageError` of the receiver becomes its reply (`replies`), and the session goes on. Any other
  exception is a fault of the program and passes through to the guard.
- The reply to a message is sent even when the task is cancelled meanwhile: what was promised is on disk.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from mox_trio.protocol.smtp.reply import Reply
from mox_trio.protocol.smtp.server_events import (
    NEED_DATA,
    Auth,
    Block,
    ChunkEnd,
    ContentEnd,
    Data,
    Ended,
    Event,
    Handled,
    Hello,
    Kind,
    Mail,
    Quit,
    Rcpt,
    Reset,
    StartTls,
)
from mox_trio.smtpd import auth, commands, content, replies
from mox_trio.smtpd.dialog import Dialog
from mox_trio.smtpd.settings import Parts, Settings
from mox_trio.transport.admission import Refused
from mox_trio.transport.connection import Broken, Connection, Silent
from mox_trio.transport.tls import TlsFailed

logger = logging.getLogger(__name__)

_HANDLERS: Final[dict[type, Callable[[Dialog, Any], Awaitable[Event | None]]]] = {
    Hello: commands.hello,
    StartTls: commands.starttls,
    Auth: auth.authenticate,
    Mail: commands.mail,
    Rcpt: commands.rcpt,
    Data: content.receive,
    Block: content.receive,
    ChunkEnd: content.receive,
    ContentEnd: content.receive,
    Handled: commands.handled,
    Reset: commands.handled,
}


async def serve(connection: Connection, refused: Refused | None, settings: Settings, parts: Parts) -> None:
    """Serve a connection, or say why it is not served. The caller closes it."""
    parts.metrics.count("smtpserver_connection_total", kind=settings.kind.value)
    dialog = Dialog(connection, settings, parts)
    try:
        refusal = _refusal(dialog, refused)
        if refusal is not None:  # RFC 5321 3.1
            dialog.protocol.greet(refusal)
        else:
            with dialog.waits:
                await commands.channel(dialog)
                service = "LMTP" if settings.kind is Kind.LMTP else "ESMTP"
                dialog.protocol.greet(Reply.of(220, "", f"{settings.hostname} {service} mox-trio"))
                await _talk(dialog)
            if dialog.waits.cancelled_caught:
                dialog.protocol.close(replies.STOPPING if parts.closing.is_set else replies.SILENT)
        await dialog.flush_finally()
    except (Silent, Broken) as error:
        logger.debug("connection ended", extra=dialog.fields(reason=str(error)))
    except TlsFailed as error:
        logger.info("TLS handshake failed", extra=dialog.fields(reason=error.reason, detail=str(error)))
    finally:
        parts.closing.forget(dialog.waits)


def _refusal(dialog: Dialog, refused: Refused | None) -> Reply | None:
    parts = dialog.parts
    if refused is not None:
        return replies.TOO_MANY_SESSIONS if refused is Refused.SESSIONS else replies.TOO_OFTEN
    if parts.closing.is_set:
        return replies.STOPPING
    if parts.who is not None and not dialog.client.exempt and not parts.who.failures.may_try(dialog.client.address):
        parts.metrics.count("authentication_ratelimited_total", kind=dialog.settings.kind.value)
        return replies.TOO_MANY_FAILED
    return None


async def _talk(dialog: Dialog) -> None:
    event: Event | None = None
    while True:
        event = event or dialog.protocol.next_event()
        if event is NEED_DATA:
            event = None
            await dialog.flush()
            await dialog.receive()
        elif isinstance(event, Ended | Quit):
            if isinstance(event, Ended) and event.reason not in ("eof", "closed"):
                logger.info("session cut off", extra=dialog.fields(reason=event.reason))
            await dialog.flush()
            return
        else:
            event = await _HANDLERS[type(event)](dialog, event)
