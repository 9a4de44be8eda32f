"""STARTTLS, AUTHENTICATE, LOGIN, a client certificate, and UNAUTHENTICATE (RFC 9051 6.2, RFC 8437).

What an attempt is, and what is recorded of it, is in `mailstore.entering`; here is what IMAP says about it. After three failed
logins of a session replies come slowly.
"""

from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.imapd import replies
from mox_trio.imapd.heard_annotations import HeardAnnotations
from mox_trio.imapd.state import Session
from mox_trio.mailstore import accounts, attempts, certificates, entering
from mox_trio.mailstore.authenticating import Known
from mox_trio.mailstore.authenticating import by_certificate as certified
from mox_trio.mailstore.entering import FREE, Conversation, Failed
from mox_trio.protocol.imap.commands.general import Unauthenticate
from mox_trio.protocol.imap.commands.login import Authenticate, Login, StartTls
from mox_trio.protocol.imap.events import Response, Wrong
from mox_trio.protocol.imap.responses import Status
from mox_trio.protocol.sasl import server as sasl
from mox_trio.protocol.sasl.server import Rejected
from storage_backends.errors import StorageError

NEEDS_TLS: Final = Status("NO", "begin TLS first", b"PRIVACYREQUIRED")
UNKNOWN: Final = Status("NO", "this mechanism is not offered", b"CANNOT")
WRONG: Final = Status("NO", "user name or password is wrong", b"AUTHENTICATIONFAILED")
BUSY: Final = Status("NO", "cannot check that now; try again later", b"UNAVAILABLE")
CANCELLED: Final = Status("BAD", "as you like")
OTHER_IDENTITY: Final = Status("NO", "to act as another account is not allowed", b"AUTHORIZATIONFAILED")


class _Answered(Exception):
    """The client's answer to a challenge could not be read, and the protocol said so."""


async def starttls(session: Session, command: StartTls) -> Status | None:
    """STARTTLS (RFC 9051 6.2.1). TlsFailed, Silent."""
    dialog = session.dialog
    tls = session.parts.tls()
    if dialog.connection.tls is not None:
        return Status("BAD", "TLS is spoken already")
    if tls is None:
        return Status("NO", "TLS is not offered here", b"UNAVAILABLE")
    session.say(Status("OK", "begin TLS", tag=session.tag))
    await dialog.flush()
    dialog.protocol.discard()
    await dialog.connection.start_tls(tls)
    dialog.protocol.is_tls = True
    session.agent = ""
    return None


async def login(session: Session, command: Login) -> Status | None:
    """LOGIN: as AUTHENTICATE PLAIN, in one command."""
    if "PLAIN" not in session.mechanisms():
        return NEEDS_TLS
    return await _attempt(session, "PLAIN", b"\0%b\0%b" % (command.user, command.password), called="LOGIN")


async def authenticate(session: Session, command: Authenticate) -> Status | None:
    """AUTHENTICATE."""
    mechanisms = session.mechanisms()
    if not mechanisms:
        return NEEDS_TLS
    if command.mechanism not in mechanisms:
        return UNKNOWN
    return await _attempt(session, command.mechanism, command.initial, called=command.mechanism)


async def by_certificate(session: Session) -> None:
    """Who showed a registered certificate is logged in from the beginning: PREAUTH, unless it is to wait for EXTERNAL."""
    shown = session.dialog.connection.client_certificate
    if shown is None or await certificates.waits(session.parts.who.logins, shown):
        return
    attempt = _attempt_of(session, "TLSCLIENTAUTH")
    try:
        await _enter(session, attempt, await certified(attempt.realm))
    except (Failure, StorageError) as error:
        _failed(session, attempt.failed(error))


async def unauthenticate(session: Session, command: Unauthenticate) -> Status:
    """UNAUTHENTICATE (RFC 8437): nobody is logged in; what was enabled is off, TLS and compression stay."""
    leave(session)
    session.enabled.clear()
    session.enabled_changed()
    session.state_changed()
    return replies.DONE


def leave(session: Session) -> None:
    """Nobody is logged in any more."""
    session.deselect()
    session.notify = None
    session.annotations = HeardAnnotations()
    if session.feed is not None:
        session.feed.listeners.discard(session)
        session.parts.feeds.close(session.feed)
    session.feed = session.account = session.known = session.login = session.room = None
    session.dialog.idle_timeout = session.settings.login_timeout


async def _attempt(session: Session, mechanism: str, initial: bytes | None, *, called: str) -> Status | None:
    if not session.is_exempt and not session.parts.who.failures.may_try(session.dialog.connection.peer_address):
        session.parts.metrics.count("authentication_ratelimited_total", kind="imap")
        raise replies.SessionOver(replies.TOO_MANY_FAILED)
    if not session.is_exempt and session.failed_logins > FREE:
        await trio.sleep(session.failed_logins - FREE)
    dialog, settings = session.dialog, session.settings
    channel = entering.channel(dialog.connection, settings.hostname, session.store.now(), session.mechanisms())
    conversation = sasl.begin(mechanism, initial, channel)
    if conversation is None:
        raise RuntimeError(f"{mechanism} is offered and not known")
    status = await _conversed(session, _attempt_of(session, called), conversation)
    if session.failed_logins >= settings.failed_logins:
        raise replies.SessionOver(replies.TOO_MANY_FAILED)
    return status


def _attempt_of(session: Session, mechanism: str) -> entering.Login:
    attempt = entering.Login(session.parts.who, session.visit(), session.parts.metrics, mechanism)
    attempt.user_agent = session.agent
    return attempt


async def _conversed(session: Session, attempt: entering.Login, conversation: Conversation) -> Status | None:
    """The completion of an attempt; None where the protocol has said it: what the client sent was not base64. Ended."""

    async def respond(data: bytes) -> bytes | None:
        session.dialog.protocol.challenge(data)
        event = await session.dialog.next_event()
        if not isinstance(event, Response):
            attempt.record(attempts.ABORTED)
            raise _Answered if isinstance(event, Wrong) else replies.Ended(event)
        return event.data

    try:
        result = await attempt.converse(conversation, respond)
        # RFC 9051 6.2.2: the last word of a mechanism is a challenge, and its answer is empty.
        if result is None or (result[1] is not None and await respond(result[1]) is None):
            attempt.record(attempts.ABORTED)
            return CANCELLED
        await _enter(session, attempt, result[0])
    except _Answered:
        return None
    except (Failure, StorageError, Rejected) as error:
        return _failed(session, attempt.failed(error))
    return Status("OK", "welcome", b"CAPABILITY " + " ".join(session.capabilities()).encode("ascii"))


async def _enter(session: Session, attempt: entering.Login, known: Known) -> None:
    """Somebody is logged in. Failure, StorageError."""
    account = await accounts.open(session.store, known.login.account)
    feed = await session.parts.feeds.open(account)
    session.account, session.feed, session.known, session.login = account, feed, known, attempt
    feed.listeners.add(session)
    session.failed_logins = 0
    session.dialog.is_slow = False
    session.dialog.idle_timeout = session.settings.idle_timeout
    session.state_changed()
    attempt.succeeded(known)


def _failed(session: Session, failed: Failed) -> Status:
    """Nobody is logged in: the client hears no more than it may know."""
    if failed.counts:
        session.failed_logins += 1
        if session.failed_logins >= FREE:
            session.dialog.slow_down(exempt=session.is_exempt)
    error = failed.error
    if failed.is_busy:
        return BUSY
    if isinstance(error, Failure) and failed.is_told:
        # An alert is what clients show to their users (RFC 3501 7.1).
        return replies.of(error) if error.kind is Kind.DISABLED else Status("NO", error.public, b"ALERT")
    return WRONG
