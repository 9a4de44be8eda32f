"""Attempts to log in, recorded for users and administrators to look at.

`record` costs a log-in nothing: attempts that are alike are counted in memory, and `LoginAttempts.run` writes what has
gathered every few seconds. When more gathers than `MOST_WAITING` different ones, further ones are dropped; what is not
written when the process dies is lost. Rows are kept for 30 days, and of failed ones the newest 10,000 an account (and of
all names that are nobody's together).
"""

import logging
from dataclasses import astuple, dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Final

import trio

from mox_trio.base import text
from mox_trio.mailstore.store import DAY, Account, MailStore
from storage_backends.errors import StorageError
from storage_backends.index.api import NO_ACCOUNT, AccountId, Transaction
from storage_backends.index.tables import login_attempts as rows
from storage_backends.index.tables.login_attempts import AttemptRow

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 1000
PAUSE: Final = 2.0
"""Seconds for which attempts gather."""
KEPT: Final = 30 * DAY
MOST_FAILED: Final = 10_000
LONGEST: Final = 256
"""Characters of a name that are kept."""
PAGE: Final = 500

OK: Final = rows.OK
BAD_CREDENTIALS: Final = "bad-credentials"
WRONG_CODE: Final = "wrong-code"
"""The password was right, the one-time code was not."""
OPENS_WEB_ALONE: Final = "needs-app-password"
"""The main password was right, but opens web pages alone."""
DISABLED: Final = "disabled"
ABORTED: Final = "aborted"
ERROR: Final = "error"
"""Results, beside the words of `protocol.sasl.server.Trouble`."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who tried what. Two attempts that are equal are one row, counted."""

    account: str
    """Name of the account; empty for a name that is nobody's."""
    login: str
    """The name as it was sent; empty where it never came to that."""
    remote_ip: str
    local_ip: str
    tls: str
    """Version and cipher; empty without."""
    protocol: str
    mechanism: str
    result: str
    user_agent: str = ""
    """What the client says of itself; many say nothing, or say it after they logged in."""

    def key(self) -> bytes:
        """What identifies the row."""
        return blake2b("\0".join(astuple(self)).encode(errors="replace"), digest_size=16).digest()


@dataclass(slots=True)
class _Waiting:
    first: int
    last: int
    times: int


class LoginAttempts:
    """Of one server."""

    def __init__(self, store: MailStore) -> None:
        self._store = store
        self._waiting: dict[Attempt, _Waiting] = {}
        self._some = trio.Event()

    def record(self, attempt: Attempt) -> None:
        """Remember an attempt, to be written by `run`."""
        now = self._store.now()
        waiting = self._waiting.get(attempt)
        if waiting is not None:
            waiting.last, waiting.times = now, waiting.times + 1
        elif len(self._waiting) < MOST_WAITING:
            self._waiting[attempt] = _Waiting(now, now, 1)
        self._some.set()

    def name_client(self, attempt: Attempt, user_agent: str) -> None:
        """Say what program it was, of an attempt that was recorded a moment ago; nothing where it is written already."""
        waiting = self._waiting.get(attempt)
        if waiting is None:
            return
        waiting.times -= 1
        if not waiting.times:
            del self._waiting[attempt]
        self.record(replace(attempt, user_agent=user_agent))

    async def run(self) -> None:
        """Write what gathers, until cancelled; what waits then is still written."""
        try:
            while True:
                await self._some.wait()
                await trio.sleep(PAUSE)
                await self.flush()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + PAUSE):
                await self.flush()

    async def flush(self) -> None:
        """Write what waits. What cannot be written now is dropped: it must not gather for ever."""
        waiting, self._waiting, self._some = self._waiting, {}, trio.Event()
        if not waiting:
            return
        try:
            await self._store.index.write(NO_ACCOUNT, partial(_add, waiting=waiting))
        except StorageError as error:
            logger.warning("login attempts not recorded", extra={"attempts": len(waiting), "why": str(error)})


def attempted_name(name: str) -> str:
    """A name as it is kept: bounded, on one line."""
    return text.without_controls(name[:LONGEST])


async def latest(store: MailStore, account: Account, most: int = 100) -> list[AttemptRow]:
    """The newest attempts at an account first."""
    return await store.index.read(lambda tx: rows.latest(tx, account.id, most))


async def prune(store: MailStore) -> int:
    """Delete what is old or too much; return how many rows went."""
    gone = 0
    before = store.now() - KEPT
    while page := await store.index.write(NO_ACCOUNT, lambda tx: rows.remove_old(tx, before, PAGE)):
        gone += page
    for account_id in await store.index.read(lambda tx: rows.crowded(tx, MOST_FAILED)):
        surplus = partial(rows.remove_surplus, account_id=account_id, kept=MOST_FAILED, most=PAGE)
        while page := await store.index.write(NO_ACCOUNT, surplus):
            gone += page
    return gone


def _add(tx: Transaction, waiting: dict[Attempt, _Waiting]) -> None:
    names = sorted({attempt.account for attempt in waiting if attempt.account})
    ids = rows.account_ids(tx, names) if names else {}
    rows.add(tx, [_row(attempt, times, ids.get(attempt.account)) for attempt, times in _in_order(waiting)])


def _in_order(waiting: dict[Attempt, _Waiting]) -> list[tuple[Attempt, _Waiting]]:
    """In one order in all processes, so that two that write the same rows do not wait for each other in a circle."""
    return sorted(waiting.items(), key=lambda each: each[0].key())


def _row(attempt: Attempt, seen: _Waiting, account_id: AccountId | None) -> AttemptRow:
    return AttemptRow(
        attempt.key(),
        account_id,
        attempt.login,
        attempt.remote_ip,
        attempt.local_ip,
        attempt.tls,
        attempt.protocol,
        attempt.mechanism,
        attempt.result,
        attempt.user_agent,
        seen.first,
        seen.last,
        seen.times,
    )
