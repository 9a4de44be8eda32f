"""An attempt to log in, for the servers of every protocol: the conversation is carried between client and store, and what comes
of it is recorded, counted and logged, each once.

A wrong name and a wrong password get one answer after the same work. Each failed login writes one line to the log with
`remote=`, for tools that shut guessers out, and counts for the address. A client that tries CRAM-MD5 before other mechanisms,
as Python's smtplib does, has another line where no password is for it.
"""

import logging
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mox_trio.base import ids
from mox_trio.base.address import Address
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.metrics import Metrics
from mox_trio.mailstore import attempts, authenticating, totp
from mox_trio.mailstore.attempts import Attempt, LoginAttempts
from mox_trio.mailstore.authenticating import Known, Realm
from mox_trio.mailstore.entropy import Pool
from mox_trio.mailstore.logins import NO_CRAM_MD5, Logins, Protocols
from mox_trio.protocol.sasl import server as sasl
from mox_trio.protocol.sasl.server import Challenge, Channel, Rejected
from mox_trio.protocol.smtp.envelope import IpAddress, Tls
from mox_trio.transport.connection import Connection
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)

FREE: Final = 3
"""Failed logins of a session before it is made to wait."""
_ENTROPY: Final = Pool(18)
_TLS_1_3: Final = "TLSv1.3"
_BINDINGS: Final = {"tls-unique", "tls-server-end-point"}
"""What clients may choose below TLS 1.3 (RFC 5929)."""

RIGHT: Final = (attempts.DISABLED, attempts.OPENS_WEB_ALONE)
"""Results of a right password that opens nothing here."""

Conversation = Generator[Any, Any, bytes | None]
STORAGE_ERRORS: Final = (StorageError,)
"""What the stores fail with, for who does not know them."""
Respond = Callable[[bytes], Awaitable[bytes | None]]
"""Sends a challenge and gives the client's answer; None where it gives up."""


class FailedLogins(Protocol):
    """Failed logins of addresses and their neighbourhoods, shared by all protocols (`policy.ratelimit` counts them)."""

    def may_try(self, address: IpAddress) -> bool:
        """Whether a login from there is looked at."""

    def failed(self, address: IpAddress) -> None:
        """Somebody there failed."""

    def succeeded(self, address: IpAddress) -> None:
        """Somebody there got in: forget the address's failures."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who may log in."""

    logins: Logins
    failures: FailedLogins
    attempts: LoginAttempts
    account_of: Callable[[Address], str | None]
    """The account that an address logs in to; None for none."""
    disabled: Callable[[str], str | None]
    """The text for an account whose logins are switched off; None for others."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The connection that somebody logs in over."""

    kind: str
    """submission or imap: in metrics and in the table of attempts."""
    protocol: Protocols
    address: IpAddress
    local_address: IpAddress | None
    tls: Tls | None
    certificate: bytes | None
    """DER, of the client and verified."""
    fields: Mapping[str, object]
    """What every log line of the session says."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody is logged in. Of `error` the client hears what its protocol makes of it."""

    result: str
    """As in `attempts`."""
    error: Failure | StorageError | Rejected

    @property
    def is_busy(self) -> bool:
        """It could not be checked now."""
        return self.result == attempts.ERROR

    @property
    def counts(self) -> bool:
        """It was a guess, and not a right password for an account that is switched off."""
        return self.result not in (attempts.ERROR, *RIGHT)

    @property
    def is_told(self) -> bool:
        """The client may hear the reason: it knows the password."""
        return self.result in RIGHT


def offered(connection: Connection, *, tls_required: bool) -> tuple[str, ...]:
    """The mechanisms that a connection allows, best first; none where TLS has to come first."""
    if tls_required and connection.tls is None:
        return ()
    # Clients of TLS 1.3 choose tls-exporter (RFC 9266), which Python's ssl does not give.
    is_older = connection.tls is not None and connection.tls.version != _TLS_1_3
    plus = is_older and connection.channel_bindings().keys() >= _BINDINGS
    return sasl.offered(has_certificate=connection.client_certificate is not None, plus=plus)


def channel(connection: Connection, hostname: str, now: int, mechanisms: tuple[str, ...]) -> Channel:
    """What a conversation depends on, where these mechanisms were offered."""
    return Channel(
        hostname=hostname,
        nonce=ids.url_safe(_ENTROPY.take()),
        now=now,
        bindings=connection.channel_bindings(),
        offers_plus=any(each.endswith(sasl.PLUS) for each in mechanisms),
    )


class Login:
    """One attempt."""

    def __init__(self, who: Who, visit: Visit, metrics: Metrics, mechanism: str) -> None:
        self._who = who
        self._visit = visit
        self._metrics = metrics
        self._mechanism = mechanism
        self._name = ""
        self.user_agent = ""
        """What the client says that it is."""
        self._recorded: Attempt | None = None
        self.realm = Realm(who.logins, who.account_of, who.disabled, visit.protocol, visit.certificate)

    async def converse(self, conversation: Conversation, respond: Respond) -> tuple[Known, bytes | None] | None:
        """Who it is, and the last word to the client where the mechanism has one; None where the client gave up.

        Failure, StorageError, Rejected, and what `respond` raises.
        """
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
                given = await respond(step.data)
                if given is None:
                    return None
                continue
            self._name = getattr(step, "name", self._name)
            answered = await authenticating.answer(self.realm, step)
            given, known = answered.value, answered.known or known
        if known is None:
            raise RuntimeError(f"{self._mechanism} ended without a question")
        return known, last

    def succeeded(self, known: Known) -> None:
        """Somebody is logged in."""
        self._who.failures.succeeded(self._visit.address)
        self.record(attempts.OK, known)
        logger.info("login", extra={**self._visit.fields, "account": known.login.account, "mechanism": self._mechanism})

    def came_by(self, user_agent: str) -> None:
        """The client says of itself what it is, after it logged in."""
        if user_agent != self.user_agent and self._recorded is not None:
            self.user_agent = user_agent
            self._who.attempts.name_client(self._recorded, user_agent)

    def failed(self, error: Failure | StorageError | Rejected) -> Failed:
        """Nobody is logged in: count it, and say it to the log once."""
        fields = self._visit.fields
        if isinstance(error, StorageError) or (isinstance(error, Failure) and error.kind is Kind.TRY_LATER):
            self.record(attempts.ERROR)
            logger.warning("login not checked", extra={**fields, "reason": str(error)})
            return Failed(attempts.ERROR, error)
        result, detail = _failure(error)
        self.record(result)
        login = attempts.attempted_name(self._name)
        extra = {**fields, "login": login, "mechanism": self._mechanism, "result": result, "reason": detail}
        if detail == NO_CRAM_MD5:
            logger.info("login by another mechanism is possible", extra=extra)
        else:
            logger.warning("login failed", extra=extra)
        if result not in RIGHT:
            self._who.failures.failed(self._visit.address)
        return Failed(result, error)

    def record(self, result: str, known: Known | None = None) -> None:
        """Into the table of attempts, and the metrics."""
        visit = self._visit
        name = str(known.address) if known is not None and not self._name else self._name
        account = self.realm.account(name) if name else ""
        self._recorded = Attempt(
            account="" if account.startswith(authenticating.NOBODYS) else account,
            login=attempts.attempted_name(name),
            remote_ip=str(visit.address),
            local_ip=str(visit.local_address or ""),
            tls=f"{visit.tls.version} {visit.tls.cipher}" if visit.tls else "",
            protocol=visit.kind,
            mechanism=self._mechanism,
            result=result,
            user_agent=self.user_agent,
        )
        self._who.attempts.record(self._recorded)
        mechanism = self._mechanism.lower()
        self._metrics.count("authentication_total", kind=visit.kind, variant=mechanism, result=result)


def _failure(error: Failure | Rejected) -> tuple[str, str]:
    """Result for the table, detail for the log."""
    if isinstance(error, Rejected):
        return error.trouble.value, str(error)
    if error.kind is Kind.DISABLED:
        return attempts.DISABLED, error.public
    if error.kind is Kind.FORBIDDEN:
        return attempts.OPENS_WEB_ALONE, error.private
    if error.private == totp.WRONG:
        return attempts.WRONG_CODE, error.private
    return attempts.BAD_CREDENTIALS, error.private
