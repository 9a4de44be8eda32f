"""Logging in with each request: Basic (RFC 7617) with a password or a key of the API, or Bearer (RFC 6750) with such a key.

Failed attempts count with those of all other protocols; who failed too often is not looked at (429). A browser sends a password
that it remembers to whoever asks for it, so requests that come from pages of others are refused (`is_from_elsewhere`).
"""

import base64
import binascii
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from mox_trio.base.address import Address, InvalidAddress
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import api_keys, entering, logins
from mox_trio.mailstore.api_keys import Grant
from mox_trio.mailstore.authenticating import Known
from mox_trio.mailstore.entering import Login, Visit, Who
from mox_trio.mailstore.logins import Protocols
from mox_trio.mailstore.store import Account
from mox_trio.protocol.sasl.server import CheckPassword
from mox_trio.protocol.smtp.envelope import Tls
from mox_trio.running import Visitor, Web

GENERATED: Final = 28
"""Characters of a generated secret without its hyphens: an API key may stand in the place of a password."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is logged in."""

    account: Account
    address: Address
    """What they logged in as; with a key, the first address of its account or of its own."""
    grant: Grant
    visitor: Visitor


class NotLoggedIn(Exception):
    """The request is not carried out. The status is 401, 429 or 503."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


async def caller(web: Web, visitor: Visitor, authorization: str, user_agent: str = "") -> Caller:
    """Who the header Authorization names. Raises NotLoggedIn."""
    if not visitor.exempt and not web.failed_logins.may_try(visitor.address):
        web.metrics.count("authentication_ratelimited_total", kind="webapi")
        raise NotLoggedIn(429, "too many failed logins; wait a minute")
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return await _with_key(web, visitor, given.strip(), None, user_agent)
    if scheme.lower() != "basic":
        raise NotLoggedIn(401, "log in with an address and its password, or with a key of the API")
    try:
        name, colon, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name, colon, password = "", "", ""
    if not colon:
        raise NotLoggedIn(401, "the header Authorization cannot be read")
    if len(password.replace("-", "")) == GENERATED:
        try:
            return await _with_key(web, visitor, password, name, user_agent, quiet=True)
        except NotLoggedIn:
            pass  # it may be an app password, which looks the same
    return await _with_password(web, visitor, name, password, user_agent)


def _login(web: Web, visitor: Visitor, mechanism: str, user_agent: str) -> Login:
    config = web.services.config

    def account_of(address: Address) -> str | None:
        return config.current.directory.login(address)

    def disabled(name: str) -> str | None:
        account = config.current.directory.account(name)
        return account.login_disabled or None if account else None

    version, _, cipher = visitor.tls.partition(" ")
    who = Who(web.services.logins, web.failed_logins, web.attempts, account_of, disabled)
    visit = Visit(
        kind="webapi",
        protocol=Protocols.WEBAPI,
        address=visitor.address,
        local_address=visitor.local_address,
        tls=Tls(version, cipher) if version else None,
        certificate=None,
        fields={"session": visitor.session, "remote": str(visitor.address), "service": "webapi"},
    )
    login = Login(who, visit, web.metrics, mechanism)
    login.user_agent = user_agent
    return login


async def _with_password(web: Web, visitor: Visitor, name: str, password: str, user_agent: str) -> Caller:
    login = _login(web, visitor, "HTTPBASIC", user_agent)

    def conversation() -> Generator[Any, Any, bytes | None]:
        yield CheckPassword(name, password, "")
        return None

    try:
        answered = await login.converse(conversation(), _nothing)
    except (Failure, *entering.STORAGE_ERRORS) as error:
        raise _refused(login, error) from None
    if answered is None:
        raise RuntimeError("nothing was asked of the client")
    return await _entered(web, visitor, login, answered[0])


async def _nothing(challenge: bytes) -> bytes | None:
    """There are no challenges."""
    return None


async def _with_key(
    web: Web, visitor: Visitor, key: str, name: str | None, user_agent: str, *, quiet: bool = False
) -> Caller:
    """By a key; `name` is the address that came with it, which must be one of the account. `quiet` tells nobody of failure."""
    login = _login(web, visitor, "BEARER", user_agent)
    try:
        found = await logins.verify_api_key(web.services.logins, key)
        addresses = _addresses(web, found.account)
        address = addresses[0] if name is None else Address.parse(name)
        if login.realm.account(str(address)) != found.account:
            raise logins.wrong("the key is another account's")
        if (text := login.realm.disabled(found.account)) is not None:
            raise Failure(Kind.DISABLED, text)
    except InvalidAddress:
        raise NotLoggedIn(401, "user name or password is wrong") from None
    except (Failure, *entering.STORAGE_ERRORS) as error:
        if quiet:
            raise NotLoggedIn(401, "user name or password is wrong") from None
        raise _refused(login, error) from None
    return await _entered(web, visitor, login, Known(found, address))


def _addresses(web: Web, account: str) -> list[Address]:
    """The account's own addresses. CREDENTIALS when it has none."""
    settings = web.services.config.current.directory.account(account)
    found = [each for each in settings.addresses if isinstance(each, Address)] if settings else []
    if not found:
        raise logins.wrong("the account has no address")
    return found


async def _entered(web: Web, visitor: Visitor, login: Login, known: Known) -> Caller:
    login.succeeded(known)
    account = await web.outgoing.account_named(known.login.account)
    grant = await api_keys.granted(web.services.logins, known.login)
    address = known.address
    if grant.addresses and not grant.may_send_from(address):
        address = Address.parse(grant.addresses[0])
    return Caller(account, address, grant, visitor)


def _refused(login: Login, error: Any) -> NotLoggedIn:
    failed = login.failed(error)
    if failed.is_busy:
        return NotLoggedIn(503, "cannot check that now; try again later")
    if isinstance(error, Failure) and failed.is_told:
        return NotLoggedIn(401, error.public)
    return NotLoggedIn(401, "user name or password is wrong")


def is_from_elsewhere(headers: Any) -> bool:
    """Whether a page of another site makes the request (Fetch Metadata, RFC 6454 7)."""
    site = headers.get("Sec-Fetch-Site", "none")
    if site == "same-origin":
        return False  # the Origin of a form of ours is null, since our pages send no Referer
    if site != "none":
        return True
    origin = headers.get("Origin")
    if origin is None:
        return False
    return bool(urlsplit(origin).netloc.lower() != headers.get("Host", "").lower())
