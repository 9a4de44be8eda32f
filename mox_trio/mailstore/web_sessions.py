"""Who is logged in to web pages: rows in the index, so that every process knows them and can end them.

The browser has a token of 128 random bits in a cookie, the index only its hash. A session ends a day after it was last used,
when it is ended here, and when the main password is set. An account has at most `MOST`; the one that was not used for
longest makes room. That one was used is written once a minute at most.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from mox_trio.base import ids, text
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.store import DAY, MailStore
from storage_backends.errors import NotFound, Unavailable
from storage_backends.index.api import NO_ACCOUNT, AccountId, Transaction
from storage_backends.index.tables import accounts
from storage_backends.index.tables import web_sessions as rows
from storage_backends.index.tables.web_sessions import SessionRow

LIFE: Final = DAY
"""Milliseconds without use after which a session ends."""
TOUCH: Final = 60_000
MOST: Final = 100
LONGEST: Final = 256
"""Characters of what a browser says of itself that are kept."""
PAGE: Final = 500
ENDED: Final = "you are not logged in any more; log in again"


@dataclass(frozen=True, slots=True)
class Visit:
    """Where somebody logs in from, and to what."""

    kind: str
    """webmail, account: a session opens that alone."""
    login: str
    """The address that was typed."""
    remote_ip: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    hash: bytes
    account_id: AccountId
    account: str
    """Name of the account."""
    kind: str
    login: str
    remote_ip: str
    user_agent: str
    created: int
    last_used: int


def hashed(token: str) -> bytes:
    """What the index knows of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def csrf(token: str) -> str:
    """What requests that change something say besides: pages know it, forms of other sites do not."""
    return ids.url_safe(hmac.digest(token.encode("utf-8", "replace"), b"mox-trio csrf", "sha256")[:16])


async def begin(store: MailStore, account_id: AccountId, visit: Visit) -> str:
    """Make a session and return its token, which nobody can be told again. The stores' NotFound."""
    token = ids.url_safe(store.entropy(ids.SECRET_BYTES))
    now = store.now()
    agent = text.without_controls(visit.user_agent[:LONGEST])
    row = SessionRow(hashed(token), account_id, visit.kind, visit.login[:LONGEST], visit.remote_ip, agent, now, now)
    await store.index.write(NO_ACCOUNT, partial(_add, row=row))
    return token


def _add(tx: Transaction, *, row: SessionRow) -> None:
    for surplus in rows.of_account(tx, row.account_id)[MOST - 1 :]:
        rows.remove(tx, row.account_id, surplus.hash)
    rows.add(tx, row)


async def find(store: MailStore, token: str, kind: str) -> Session:
    """Whose token this is. EXPIRED where it is nobody's any more, DISABLED."""
    now = store.now()
    found = await store.index.read(lambda tx: rows.find(tx, hashed(token))) if token else None
    if found is None or found[0].kind != kind or found[0].last_used < now - LIFE or found[2] == accounts.REMOVING:
        raise Failure(Kind.EXPIRED, ENDED)
    row, account, state = found
    if state == accounts.DISABLED:
        raise Failure(Kind.DISABLED, "the account is disabled; ask the administrator")
    if row.last_used < now - TOUCH:
        await _touch(store, row, now)
    return _shown(row, account)


async def _touch(store: MailStore, row: SessionRow, now: int) -> None:
    try:
        await store.index.write(NO_ACCOUNT, lambda tx: rows.used(tx, row.hash, now))
    except Unavailable:
        return


async def listed(store: MailStore, account_id: AccountId, name: str) -> Sequence[Session]:
    """Those of an account that are open, the last used first."""
    found = await store.index.read(lambda tx: rows.of_account(tx, account_id))
    after = store.now() - LIFE
    return [_shown(row, name) for row in found if row.last_used >= after]


async def end(store: MailStore, account_id: AccountId, token_hash: bytes) -> bool:
    """End one session; whether there was one."""
    return await store.index.write(NO_ACCOUNT, lambda tx: rows.remove(tx, account_id, token_hash))


async def end_others(store: MailStore, account_id: AccountId, token_hash: bytes = b"") -> int:
    """End all sessions of an account but one; return how many."""
    return await store.index.write(NO_ACCOUNT, lambda tx: rows.remove_others(tx, account_id, token_hash))


async def prune(store: MailStore) -> int:
    """Delete what ended by itself; return how many."""
    gone, before = 0, store.now() - LIFE
    while page := await store.index.write(NO_ACCOUNT, lambda tx: rows.remove_old(tx, before, PAGE)):
        gone += page
    return gone


async def is_open(store: MailStore, token_hash: bytes) -> bool:
    """Whether a session that was found is still open: for what lasts longer than a request."""
    try:
        found = await store.index.read(lambda tx: rows.find(tx, token_hash))
    except (NotFound, Unavailable):
        return True  # what cannot be asked now is not an answer
    return found is not None and found[2] not in (accounts.DISABLED, accounts.REMOVING)


def _shown(row: SessionRow, account: str) -> Session:
    return Session(
        row.hash,
        row.account_id,
        account,
        row.kind,
        row.login,
        row.remote_ip,
        row.user_agent,
        row.created,
        row.last_used,
    )
