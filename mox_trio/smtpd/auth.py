"""AUTH (RFC 4954), and logging in with a client certificate.

A wrong name and a wrong password get one answer after the same work. Each failed login writes one line to the log with
`remote=`, for tools that shut guessers out, and counts for the address; after three of a session replies come slowly. A client
that tries CRAM-MD5 before other mechanisms, as Python's smtplib does, has another line where no password is for it.
"""

import logging
from collections.abc import Generator
from dataclasses import replace
from typing import Any, Final

import trio

from mox_trio.base import ids
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import attempts, authenticating
from mox_trio.mailstore.attempts import Attempt
from mox_trio.mailstore.authenticating import Known, Realm
from mox_trio.mailstore.entropy import Pool
from mox_trio.mailstore.logins import NO_CRAM_MD5, Protocols
from mox_trio.protocol.sasl import server as sasl
from mox_trio.protocol.sasl.server import Challenge, Channel, Rejected, Trouble
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.protocol.smtp.server_events import NEED_DATA, Auth, AuthResponse, Event
from mox_trio.smtpd import replies
from mox_trio.smtpd.dialog import Dialog
from mox_trio.smtpd.settings import Who
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)

FREE: Final = 3
"""Failed logins of a session before it is made to wait."""
_ENTROPY: Final = Pool(18)
_TLS_1_3: Final = "TLSv1.3"
_BINDINGS: Final = {"tls-unique", "tls-server-end-point"}
"""What clients may choose below TLS 1.3 (RFC 5929)."""

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
    connection = dialog.connection
    if dialog.settings.tls_required and connection.tls is None:
        return ()
    # Clients of TLS 1.3 choose tls-exporter (RFC 9266), which Python's ssl does not give.
    is_older = connection.tls is not None and connection.tls.version != _TLS_1_3
    plus = is_older and connection.channel_bindings().keys() >= _BINDINGS
    return sasl.offered(has_certificate=connection.client_certificate is not None, plus=plus)


async def by_certificate(dialog: Dialog, who: Who) -> None:
    """Who showed a registered certificate is logged in from the beginning."""
    if dialog.connection.client_certificate is None:
        return
    attempt = _Login(dialog, who, "TLSCLIENTAUTH")
    try:
        attempt.succeeded(await authenticating.by_certificate(attempt.realm))
    except (Failure, StorageError) as error:
        attempt.failed(error)


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
    login = _Login(dialog, who, event.mechanism)
    conversation = sasl.begin(event.mechanism, event.initial, _channel(dialog))
    if conversation is None:
        raise RuntimeError(f"{event.mechanism} is offered and not known")
    try:
        reply = await login.run(conversation)
    except (Failure, StorageError, Rejected) as error:
        reply = login.failed(error)
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


def _channel(dialog: Dialog) -> Channel:
    return Channel(
        hostname=dialog.settings.hostname,
        nonce=ids.url_safe(_ENTROPY.take()),
        now=dialog.parts.store.now(),
        bindings=dialog.connection.channel_bindings(),
        offers_plus=any(each.endswith(sasl.PLUS) for each in dialog.protocol.context.mechanisms),
    )


class _Interrupted(Exception):
    """The client did something else than to answer; the event is to be handled by who handles events."""

    def __init__(self, event: Event) -> None:
        super().__init__(type(event).__name__)
        self.event = event


class _Login:
    """One attempt."""

    def __init__(self, dialog: Dialog, who: Who, mechanism: str) -> None:
        self._dialog = dialog
        self._who = who
        self._mechanism = mechanism
        self._name = ""
        self.realm = Realm(
            who.logins,
            who.account_of,
            who.disabled,
            Protocols.SUBMISSION,
            dialog.connection.client_certificate,
        )

    async def run(self, conversation: Generator[Any, Any, bytes | None]) -> Reply:
        """Carry between the client and the store. Failure, StorageError, Rejected, _Interrupted."""
        known: Known | None = None
        last: bytes | None = None
        given: object = None
        while True:
            try:
                step = conversation.send(given)
            except StopIteration as done:
                last = done.value
                break
            if isinstance(step, Challenge):
                given = await self._response(step.data)
                if given is None:
                    return self._cancelled()
                continue
            self._name = getattr(step, "name", self._name)
            self._dialog.takes_its_time()
            answered = await authenticating.answer(self.realm, step)
            given, known = answered.value, answered.known or known
        if last is not None and await self._response(last) is None:  # RFC 4954 4: SMTP has no other place for it
            return self._cancelled()
        if known is None:
            raise RuntimeError(f"{self._mechanism} ended without a question")
        return self.succeeded(known)

    async def _response(self, data: bytes) -> bytes | None:
        """What the client answers to a challenge; None where it gives up."""
        dialog = self._dialog
        dialog.protocol.challenge(data)
        while True:
            event = dialog.protocol.next_event()
            if event is NEED_DATA:
                await dialog.flush()
                await dialog.receive()
            elif isinstance(event, AuthResponse):
                return event.data
            else:
                raise _Interrupted(event)

    def _cancelled(self) -> Reply:
        self.record(attempts.ABORTED)
        return CANCELLED

    def succeeded(self, known: Known) -> Reply:
        """Somebody is logged in; who was before, by a certificate, stays the same account."""
        dialog = self._dialog
        if dialog.client.login and dialog.client.login != known.login.account:
            return self.failed(Failure(Kind.CREDENTIALS, "", "another account than that of the certificate"))
        dialog.client = replace(dialog.client, login=known.login.account, login_address=known.address)
        dialog.failed_logins = 0
        dialog.is_slow = False
        self._who.failures.succeeded(dialog.client.address)
        self.record(attempts.OK, known)
        logger.info("login", extra=dialog.fields(account=known.login.account, mechanism=self._mechanism))
        return WELCOME

    def failed(self, error: Failure | StorageError | Rejected) -> Reply:
        """Nobody is logged in: count it, say it to the log once, and to the client no more than it may know."""
        if isinstance(error, StorageError) or (isinstance(error, Failure) and error.kind is Kind.TRY_LATER):
            self.record(attempts.ERROR)
            logger.warning("login not checked", extra=self._dialog.fields(reason=str(error)))
            return BUSY
        result, detail, reply = _failure(error)
        self.record(result)
        dialog = self._dialog
        login = attempts.attempted_name(self._name)
        extra = dialog.fields(login=login, mechanism=self._mechanism, result=result, reason=detail)
        if detail == NO_CRAM_MD5:
            logger.info("login by another mechanism is possible", extra=extra)
        else:
            logger.warning("login failed", extra=extra)
        if result == attempts.DISABLED:  # the password was right
            return reply
        dialog.failed_logins += 1
        if dialog.failed_logins >= FREE:
            dialog.slow_down()
        self._who.failures.failed(dialog.client.address)
        return reply

    def record(self, result: str, known: Known | None = None) -> None:
        """Into the table of attempts, and the metrics."""
        dialog = self._dialog
        client = dialog.client
        name = str(known.address) if known is not None and not self._name else self._name
        account = self.realm.account(name) if name else ""
        self._who.attempts.record(
            Attempt(
                account="" if account.startswith(authenticating.NOBODYS) else account,
                login=attempts.attempted_name(name),
                remote_ip=str(client.address),
                local_ip=str(client.local_address or ""),
                tls=f"{client.tls.version} {client.tls.cipher}" if client.tls else "",
                protocol=dialog.settings.kind.value,
                mechanism=self._mechanism,
                result=result,
            )
        )
        kind = dialog.settings.kind.value
        dialog.parts.metrics.count("authentication_total", kind=kind, variant=self._mechanism.lower(), result=result)


def _failure(error: Failure | StorageError | Rejected) -> tuple[str, str, Reply]:
    """Result for the table, detail for the log, reply."""
    if isinstance(error, Rejected):
        return error.trouble.value, str(error), _TROUBLES[error.trouble]
    if isinstance(error, Failure) and error.kind is Kind.DISABLED:
        return attempts.DISABLED, error.public, replies.of(error)
    return attempts.BAD_CREDENTIALS, error.private if isinstance(error, Failure) else "", WRONG
