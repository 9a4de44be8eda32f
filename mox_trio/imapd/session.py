"""One connection of IMAP, from its greeting to its end.

The protocol says what the client's bytes mean, `dispatch` what is done about it. A client that says nothing for too long, and
one that is connected while the server stops, hears BYE; a command that has begun is finished first. What the network
breaks ends here with one line in the log; faults of the program pass through to the guard.
"""

import logging

import trio

from mox_trio.imapd import dispatch, replies, updates
from mox_trio.imapd.commands import login
from mox_trio.imapd.compressing import Damaged, TooMuch
from mox_trio.imapd.dialog import Dialog
from mox_trio.imapd.settings import Parts, Settings
from mox_trio.imapd.state import Session
from mox_trio.protocol.imap.events import Command, Ended, Event, Wrong
from mox_trio.protocol.imap.responses import Status
from mox_trio.transport.admission import Refused
from mox_trio.transport.connection import Broken, Connection, Silent
from mox_trio.transport.tls import TlsFailed

logger = logging.getLogger(__name__)


async def serve(connection: Connection, refused: Refused | None, settings: Settings, parts: Parts) -> None:
    """Serve a connection, or say why it is not served. The caller closes it."""
    parts.metrics.count("imap_connection_total", service="imap" if connection.tls is None else "imaps")
    dialog = Dialog(connection, settings, parts.closing)
    session = Session(dialog, settings, parts)
    try:
        refusal = _refusal(session, refused)
        if refusal is not None:  # RFC 9051 7.1.5: BYE as a greeting
            session.say(refusal)
        else:
            with dialog.waits:
                await _greet(session)
                await _talk(session)
            if dialog.waits.cancelled_caught:
                session.say(replies.STOPPING if parts.closing.is_set else replies.SILENT)
        await dialog.flush_finally()
    except (Silent, Broken) as error:
        logger.debug("connection ended", extra=session.fields(reason=str(error)))
    except TlsFailed as error:
        logger.info("TLS handshake failed", extra=session.fields(reason=error.reason, detail=str(error)))
    finally:
        parts.closing.forget(dialog.waits)
        login.leave(session)


def _refusal(session: Session, refused: Refused | None) -> Status | None:
    parts = session.parts
    if refused is not None:
        return replies.TOO_MANY_SESSIONS if refused is Refused.SESSIONS else replies.TOO_OFTEN
    if parts.closing.is_set:
        return replies.STOPPING
    if not session.is_exempt and not parts.who.failures.may_try(session.dialog.connection.peer_address):
        parts.metrics.count("authentication_ratelimited_total", kind="imap")
        return replies.TOO_MANY_FAILED
    return None


async def _greet(session: Session) -> None:
    session.dialog.protocol.is_tls = session.dialog.connection.tls is not None
    await login.by_certificate(session)
    session.state_changed()
    code = f"CAPABILITY {' '.join(session.capabilities())}".encode("ascii")
    text = f"{session.settings.hostname} mox-trio"
    session.say(Status("OK" if session.account is None else "PREAUTH", text, code))


async def _talk(session: Session) -> None:
    try:
        while not session.is_over:
            event = await _next(session)
            if isinstance(event, Command):
                await dispatch.run(session, event)
            elif isinstance(event, Wrong):
                if event.saves_nothing:
                    session.saved = ()
                dispatch.observe(session, event.name or "other", "badsyntax", trio.current_time())
            elif isinstance(event, Ended):
                _log_end(session, event)
                return
            # Anything else belongs to a command that was refused meanwhile.
    except replies.SessionOver as over:
        session.say(over.status)
    except replies.Ended as ended:
        _log_end(session, ended.event)
    except (TooMuch, Damaged) as error:
        logger.info("session cut off", extra=session.fields(reason=type(error).__name__))
        session.say(replies.DEFLATED)


def _log_end(session: Session, event: Event) -> None:
    if isinstance(event, Ended) and event.reason != "eof":
        logger.info("session cut off", extra=session.fields(reason=event.reason))


async def _next(session: Session) -> Event:
    """The client's next event; between commands, what NOTIFY asked for is told as it comes (RFC 5465)."""
    while session.notify is not None:
        event = await session.dialog.event_or_wake()
        if event is not None:
            return event
        await updates.tell(session, expunges=True, pushing=True)
    return await session.dialog.next_event()
