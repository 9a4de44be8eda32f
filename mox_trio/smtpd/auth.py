"""AUTH (RFC 4954), and logging in with a client certificate.

What an attempt is, and what is recorded of it, is in `mailstore.entering`; here is what SMTP says about it. After three failed
logins of a session replies come slowly.
"""

from dataclasses import replace
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import attempts, entering
from mox_trio.mailstore.authenticating import Known
from mox_trio.mailstore.authenticating import by_certificate as certified
from mox_trio.mailstore.entering import FREE, Conversation, Failed, Login, Visit, Who
from mox_trio.mailstore.logins import Protocols
from mox_trio.protocol.sasl import server as sasl
from mox_trio.protocol.sasl.server import Rejected, Trouble
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.protocol.smtp.server_events import NEED_DATA, Auth, AuthResponse, Event
from mox_trio.smtpd import replies
from mox_trio.smtpd.dialog import Dialog
from storage_backends.errors import StorageError

WELCOME: Final = Reply.of(235, "2.7.0", "welcome")
WRONG: Final = Reply.of(535, "5.7.8", "user name or password is wrong")
UNKNOWN: Final = Reply.of(504, "5.5.4", "this mechanism is not offered")
NEEDS_TLS: Final = Reply.of(538, "5.7.11", "begin TLS first")
CANCELLED: Final = Reply.of(501, "5.7.0", "as you like")
BUSY: Final = Reply.of(454, "4.7.0", "cannot check that now; try again later")
_TROUBLES: Final = {
    Trouble.PROTOCOL: Reply.of(535, "5.7.0", "that is not the mechanism"),
    Trouble.CHANNEL_BINDING: Reply.of(535, "5.7.7", "the channel binding is another"),
}


def offered(dialog: Dialog) -> tuple[str, ...]:
    """The mechanisms that the channel allows; none where TLS has to come first."""
    return entering.offered(dialog.connection, tls_required=dialog.settings.tls_required)


async def by_certificate(dialog: Dialog, who: Who) -> None:
    """Who showed a registered certificate is logged in from the beginning."""
    if dialog.connection.client_certificate is None:
        return
    login = _login(dialog, who, "TLSCLIENTAUTH")
    try:
        _succeeded(dialog, login, await certified(login.realm))
    except (Failure, StorageError) as error:
        _failed(dialog, login.failed(error))


async def authenticate(dialog: Dialog, event: Auth) -> Event | None:
    """AUTH; what is returned is to be handled next."""
    began = trio.current_time()
    dialog.takes_its_time()
    who = dialog.parts.who
    refusal = _may_not_try(dialog, event, who)
    if refusal is not None or who is None:
        dialog.answer("AUTH", refusal or UNKNOWN, began)
        return None
    if not dialog.client.exempt and dialog.failed_logins > FREE:
        await trio.sleep(dialog.failed_logins - FREE)
    login = _login(dialog, who, event.mechanism)
    mechanisms = dialog.protocol.context.mechanisms
    channel = entering.channel(dialog.connection, dialog.settings.hostname, dialog.parts.store.now(), mechanisms)
    conversation = sasl.begin(event.mechanism, event.initial, channel)
    if conversation is None:
        raise RuntimeError(f"{event.mechanism} is offered and not known")
    try:
        reply = await _conversed(dialog, login, conversation)
    except _Interrupted as interrupted:
        login.record(attempts.ABORTED)
        return interrupted.event
    dialog.answer("AUTH", reply, began)
    if dialog.failed_logins >= dialog.settings.failed_logins:
        await dialog.flush()
        dialog.protocol.close(replies.TOO_MANY_FAILED)
    return None


def _may_not_try(dialog: Dialog, event: Auth, who: Who | None) -> Reply | None:
    if dialog.settings.tls_required and dialog.client.tls is None:
        return NEEDS_TLS
    if event.mechanism not in dialog.protocol.context.mechanisms:
        return UNKNOWN
    if who is not None and not dialog.client.exempt and not who.failures.may_try(dialog.client.address):
        dialog.parts.metrics.count("authentication_ratelimited_total", kind=dialog.settings.kind.value)
        return replies.TOO_MANY_FAILED
    return None


class _Interrupted(Exception):
    """The client did something else than to answer; the event is to be handled by who handles events."""

    def __init__(self, event: Event) -> None:
        super().__init__(type(event).__name__)
        self.event = event


def _login(dialog: Dialog, who: Who, mechanism: str) -> Login:
    client = dialog.client
    visit = Visit(
        kind=dialog.settings.kind.value,
        protocol=Protocols.SUBMISSION,
        address=client.address,
        local_address=client.local_address,
        tls=client.tls,
        certificate=dialog.connection.client_certificate,
        fields=dialog.fields(),
    )
    return Login(who, visit, dialog.parts.metrics, mechanism)


async def _conversed(dialog: Dialog, login: Login, conversation: Conversation) -> Reply:
    """The reply to an attempt. _Interrupted."""

    async def respond(data: bytes) -> bytes | None:
        return await _response(dialog, data)

    try:
        result = await login.converse(conversation, respond)
        # RFC 4954 4: SMTP has no other place for the last word of a mechanism than a challenge.
        if result is None or (result[1] is not None and await respond(result[1]) is None):
            login.record(attempts.ABORTED)
            return CANCELLED
        return _succeeded(dialog, login, result[0])
    except (Failure, StorageError, Rejected) as error:
        return _failed(dialog, login.failed(error))


async def _response(dialog: Dialog, data: bytes) -> bytes | None:
    """What the client answers to a challenge; None where it gives up."""
    dialog.protocol.challenge(data)
    while True:
        event = dialog.protocol.next_event()
        if event is NEED_DATA:
            await dialog.flush()
            await dialog.receive()
        elif isinstance(event, AuthResponse):
            dialog.takes_its_time()
            return event.data
        else:
            raise _Interrupted(event)


def _succeeded(dialog: Dialog, login: Login, known: Known) -> Reply:
    """Somebody is logged in; who was before, by a certificate, stays the same account."""
    if dialog.client.login and dialog.client.login != known.login.account:
        error = Failure(Kind.CREDENTIALS, "", "another account than that of the certificate")
        return _failed(dialog, login.failed(error))
    dialog.client = replace(dialog.client, login=known.login.account, login_address=known.address)
    dialog.failed_logins = 0
    dialog.is_slow = False
    login.succeeded(known)
    return WELCOME


def _failed(dialog: Dialog, failed: Failed) -> Reply:
    """Nobody is logged in: the client hears no more than it may know."""
    if failed.counts:
        dialog.failed_logins += 1
        if dialog.failed_logins >= FREE:
            dialog.slow_down()
    error = failed.error
    if isinstance(error, Rejected):
        return _TROUBLES[error.trouble]
    if failed.is_busy:
        return BUSY
    if failed.result == attempts.OPENS_WEB_ALONE and isinstance(error, Failure):
        return Reply.of(534, "5.7.9", error.public)  # RFC 4954 6: what was offered is too weak for this user
    return replies.of(error) if failed.result == attempts.DISABLED else WRONG
