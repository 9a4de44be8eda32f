"""Methods about keys of the API: for who logged in with a password, never with a key."""

from collections.abc import Sequence
from typing import Final

from mox_trio.base.address import Address
from mox_trio.base.domain import InvalidAddress
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import api_keys, credentials
from mox_trio.mailstore.api_keys import Grant, Scope
from mox_trio.mailstore.credentials import Credential, Terms
from mox_trio.mailstore.logins import Protocols
from mox_trio.outgoing import senders
from mox_trio.outgoing.senders import May
from mox_trio.protocol.webapi import methods
from mox_trio.protocol.webapi.shapes import Empty, instant
from webui.webapi.calling import Call
from webui.webapi.errors import Refused

SCOPES: Final = {each.name.lower(): each for each in api_keys.GRANTABLE if each.name}


async def add(call: Call, request: methods.KeyAddRequest) -> methods.KeyAddResult:
    """Make a key."""
    chosen = api_keys.GRANTABLE
    if request.scopes:
        chosen = Scope(0)
        for name in request.scopes:
            chosen |= SCOPES[name]
    expires = None if request.expires is None else int(request.expires.timestamp() * 1000)
    grant = Grant(chosen, tuple(_address(call, each) for each in request.addresses))
    terms = Terms(request.name, Protocols.WEBAPI, expires)
    made = await api_keys.add(call.web.services.logins, call.account, terms, grant)
    return methods.KeyAddResult(key=_shown(made.credential, grant), secret=made.secret)


async def listed(call: Call, request: Empty) -> methods.KeyListResult:
    """All keys."""
    found: Sequence[tuple[Credential, Grant]] = await api_keys.listed(call.web.services.logins, call.account)
    return methods.KeyListResult(keys=tuple(_shown(*each) for each in found))


async def remove(call: Call, request: methods.KeyRequest) -> Empty:
    """Take a key away."""
    held = {each.id for each, _ in await api_keys.listed(call.web.services.logins, call.account)}
    if request.id not in held:
        raise Refused("error", "there is no such key")
    try:
        await credentials.remove_credential(call.web.services.logins, call.account, request.id)
    except Failure as failure:
        if failure.kind is not Kind.NOT_FOUND:
            raise
        raise Refused("error", "there is no such key") from None
    return Empty()


def _address(call: Call, written: str) -> str:
    try:
        address = Address.parse(written)
    except InvalidAddress as error:
        raise Refused("badAddress", str(error)) from None
    if senders.may_send(call.web.services.config.current, call.account.name, address) is May.NO:
        raise Refused("badAddress", "the account may not send from this address")
    return str(address).lower()


def _shown(credential: Credential, grant: Grant) -> methods.Key:
    names = [name for name, scope in SCOPES.items() if scope & grant.scopes]
    return methods.Key(
        id=credential.id,
        name=credential.name,
        scopes=() if grant.scopes == api_keys.GRANTABLE else tuple(names),
        addresses=grant.addresses,
        created=instant(credential.created),
        last_used=None if credential.last_used is None else instant(credential.last_used),
        expires=None if credential.expires is None else instant(credential.expires),
    )
