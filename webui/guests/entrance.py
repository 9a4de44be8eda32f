"""Who may come in: passwords become sessions, cookies become guests.

1. `prepare` gives a login token in a cookie and to the page, for half a minute; a form of another site has neither.
2. `enter` checks the token, then the password, then the one-time code where the account asks for one (the page sends all again
   with it), with the limits on failed logins of all protocols, and records the attempt.
3. The session's cookie is HttpOnly, SameSite=Strict, Secure where the browser speaks TLS, and for this application's path alone.
4. What changes something also brings the session's CSRF token in a header.

Failures: CREDENTIALS, DISABLED, RATE, TRY_LATER, FORBIDDEN (token), EXPIRED (session); errors of the stores.
"""

import hmac
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final, cast

from mox_trio.base import ids
from mox_trio.base.address import Address
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import attempts, entering, totp, web_sessions
from mox_trio.mailstore.authenticating import Known
from mox_trio.mailstore.entering import Who
from mox_trio.mailstore.logins import Protocols
from mox_trio.mailstore.store import Account
from mox_trio.mailstore.web_sessions import Session
from mox_trio.protocol.sasl.server import CheckPassword, Rejected
from mox_trio.protocol.smtp.envelope import Tls
from mox_trio.running import Visitor, Web
from webui.guests.endings import Endings

LOGIN_SECONDS: Final = 30
"""For which a login token is good: a page asks for it when its form is sent."""
LONGEST: Final = 2000
"""Characters of a name or password that are looked at."""
CSRF_HEADER: Final = "x-mox-csrf"
MECHANISM: Final = "weblogin"


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who is logged in, with the account."""

    session: Session
    account: Account
    address: Address
    """Logged in with."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the form sends."""

    token: str
    """The login token."""
    address: str
    password: str
    code: str = ""
    """One-time, or one for the case of loss."""


class Entrance:
    """Of one application."""

    def __init__(self, web: Web, kind: str) -> None:
        """`kind` names the application: webmail, account."""
        self.web = web
        self.kind = kind
        self.endings = Endings()
        config = web.services.config

        def disabled(name: str) -> str | None:
            account = config.current.directory.account(name)
            return account.login_disabled or None if account else None

        self._who = Who(
            web.services.logins,
            web.failed_logins,
            web.attempts,
            lambda address: config.current.directory.login(address),
            disabled,
        )

    @property
    def session_cookie(self) -> str:
        """Its name."""
        return f"{self.kind}session"

    @property
    def login_cookie(self) -> str:
        """Its name."""
        return f"{self.kind}login"

    def login_token(self) -> str:
        """A new one."""
        return ids.url_safe(self.web.services.mail.entropy(ids.SECRET_BYTES))

    async def enter(self, given: Credentials, cookie: str, visitor: Visitor, user_agent: str) -> str | None:
        """Log somebody in and return the token of the session; None where a one-time code is wanted besides."""
        if not given.token or not hmac.compare_digest(given.token.encode(), cookie.encode()):
            raise Failure(Kind.FORBIDDEN, "the login form is too old; try again", "login token")
        if not self._who.failures.may_try(visitor.address):
            self.web.metrics.count("authentication_ratelimited_total", kind=self.kind)
            raise Failure(Kind.RATE, "too many failed logins from your network; wait a minute")
        known = await self._checked(given, visitor, user_agent)
        if known is None:
            return None
        visit = web_sessions.Visit(self.kind, str(known.address), str(visitor.address), user_agent)
        return await web_sessions.begin(self.web.services.mail, known.login.account_id, visit)

    async def _checked(self, given: Credentials, visitor: Visitor, user_agent: str) -> Known | None:
        version, _, cipher = visitor.tls.partition(" ")
        visit = entering.Visit(
            kind=self.kind,
            protocol=Protocols.WEB,
            address=visitor.address,
            local_address=visitor.local_address,
            tls=Tls(version, cipher) if version else None,
            certificate=None,
            fields={"session": visitor.session, "remote": str(visitor.address), "service": self.kind},
        )
        login = entering.Login(self._who, visit, self.web.metrics, MECHANISM)
        login.user_agent = attempts.attempted_name(user_agent)
        try:
            conversed = await login.converse(_asks(given), _never)
            if conversed is None:
                raise RuntimeError("a password is no conversation")
            if not await self._is_whole(conversed[0], given.code):
                return None
        except (Failure, Rejected, *entering.STORAGE_ERRORS) as error:
            login.failed(error)
            raise
        login.succeeded(conversed[0])
        return conversed[0]

    async def _is_whole(self, known: Known, code: str) -> bool:
        """Whether nothing is wanted besides the password; a code that came is used up. CREDENTIALS, RATE."""
        logins, account_id = self.web.services.logins, known.login.account_id
        if not await totp.is_on(logins, account_id):
            return True
        if not code.strip():
            return False
        await totp.check(logins, account_id, code)
        return True

    async def guest(self, token: str) -> Guest:
        """Who a session's token belongs to: still a session, an account, and an address of it."""
        mail = self.web.services.mail
        session = await web_sessions.find(mail, token[:LONGEST], self.kind)
        address = Address.parse(session.login)
        if self._who.account_of(address) != session.account:
            await web_sessions.end(mail, session.account_id, session.hash)
            raise Failure(Kind.EXPIRED, web_sessions.ENDED, "the address is no longer one of the account")
        if (text := self._who.disabled(session.account)) is not None:
            raise Failure(Kind.DISABLED, text)
        return Guest(session, await self.web.outgoing.account_named(session.account), address)


def _asks(given: Credentials) -> Generator[Any, Any, bytes | None]:
    yield CheckPassword(given.address.strip()[:LONGEST], given.password[:LONGEST])
    return None


async def _never(challenge: bytes) -> bytes | None:
    return None


def visitor(scope: Any) -> Visitor:
    """Who makes a request."""
    return cast("Visitor", scope["state"]["visitor"])


def check_csrf(token: str, given: str) -> None:
    """FORBIDDEN where a request does not come from a page of ours."""
    if not given or not hmac.compare_digest(web_sessions.csrf(token).encode(), given.encode()):
        raise Failure(Kind.FORBIDDEN, "the page is too old; load it again", "csrf token")
