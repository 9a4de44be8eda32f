"""What keys of the HTTP API open: kinds of methods, and the addresses that mail may be sent from.

A key that says nothing opens everything, as the main password does; no key makes keys.
"""

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.base.address import Address
from mox_trio.mailstore import credentials
from mox_trio.mailstore.credentials import Credential, Generated, Terms
from mox_trio.mailstore.logins import Login, Logins
from mox_trio.mailstore.store import Account
from storage_backends.index.api import Transaction
from storage_backends.index.tables import api_requests as rows
from storage_backends.index.tables.api_requests import KeyRow
from storage_backends.index.tables.credentials import API


class Scope(enum.IntFlag):
    """Kinds of methods; bits of `api_key.scopes`."""

    SEND = 1
    READ = 2
    WRITE = 4
    SUPPRESSIONS = 8
    WEBHOOKS = 16
    TEMPLATES = 32
    KEYS = 64
    """Making and removing keys: never a key's own."""


GRANTABLE: Final = Scope.SEND | Scope.READ | Scope.WRITE | Scope.SUPPRESSIONS | Scope.WEBHOOKS | Scope.TEMPLATES
EVERYTHING: Final = GRANTABLE | Scope.KEYS


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do."""

    scopes: Scope = GRANTABLE
    addresses: tuple[str, ...] = ()
    """May send from these only; none is all of the account."""

    def may_send_from(self, address: Address) -> bool:
        """Whether the grant allows a sender."""
        return not self.addresses or str(address).lower() in self.addresses


WHOLE: Final = Grant(EVERYTHING)


async def add(logins: Logins, account: Account, terms: Terms, grant: Grant) -> Generated:
    """Make a key. INVALID (name, expiry), LIMIT (number)."""

    def limit(tx: Transaction, made: Credential) -> None:
        rows.add_key(tx, KeyRow(made.id, int(grant.scopes), json.dumps(grant.addresses) if grant.addresses else ""))

    return await credentials.add_api_key(logins, account, terms, limit)


async def granted(logins: Logins, login: Login) -> Grant:
    """What somebody who logged in may do."""
    if login.kind != API:
        return WHOLE
    found = await logins.store.index.read(lambda tx: rows.keys(tx, [login.credential_id]))
    return _grant(found.get(login.credential_id))


async def listed(logins: Logins, account: Account) -> Sequence[tuple[Credential, Grant]]:
    """The keys of an account, and what they open."""
    held = [each for each in await credentials.list_credentials(logins, account) if each.kind == API]
    found = await logins.store.index.read(lambda tx: rows.keys(tx, [each.id for each in held]))
    return [(each, _grant(found.get(each.id))) for each in held]


def _grant(row: KeyRow | None) -> Grant:
    if row is None:
        return Grant()
    return Grant(Scope(row.scopes) & GRANTABLE, tuple(json.loads(row.addresses)) if row.addresses else ())
