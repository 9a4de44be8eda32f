"""One-time codes as the second thing that a login to web pages asks for, and codes for who has lost what makes them.

While they are on, the main password opens web pages alone: programs need passwords of their own. A code counts once, also of
several processes that are asked at once. An account whose codes were guessed wrong `MOST_WRONG` times within `WHILE` is asked
to wait (RATE), beside the limits on failed logins: who guesses knows its password.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import passwords
from mox_trio.mailstore.logins import Logins, Protocols
from mox_trio.mailstore.store import Account
from mox_trio.protocol import one_time
from storage_backends.index.api import NO_ACCOUNT, AccountId, Transaction
from storage_backends.index.tables import credentials, web_sessions
from storage_backends.index.tables import totp as rows
from storage_backends.index.tables.totp import TotpRow

CODES: Final = 10
"""For the case of loss."""
_CODE_GROUPS: Final = 4
MOST_WRONG: Final = 20
WHILE: Final = 10 * 60_000
"""Milliseconds."""
LONGEST: Final = 64
"""Characters of a code that are looked at."""
WRONG: Final = "wrong one-time code"
"""What is said to the log."""


@dataclass(frozen=True, slots=True)
class State:
    """What an account has."""

    since: int
    """Milliseconds since 1970 UTC; 0: they are off."""
    codes_left: int


async def state(logins: Logins, account_id: AccountId) -> State:
    """Whether codes are asked for, and how many are left for the case of loss."""

    def unit(tx: Transaction) -> State:
        row = rows.find(tx, account_id)
        return State(row.confirmed if row else 0, rows.codes_left(tx, account_id))

    return await logins.store.index.read(unit)


async def is_on(logins: Logins, account_id: AccountId) -> bool:
    """Whether codes are asked for."""
    return await logins.store.index.read(partial(rows.is_on, account_id=account_id))


async def begin(logins: Logins, account: Account) -> bytes:
    """A new secret, which counts when a code of it was confirmed. EXISTS where codes are on."""
    secret = logins.store.entropy(one_time.SECRET_BYTES)
    sealed = logins.sealing.seal(_place(account.id), secret)
    if not await logins.store.index.write(NO_ACCOUNT, partial(rows.begin, account_id=account.id, secret=sealed)):
        raise Failure(Kind.EXISTS, "one-time codes are on already; switch them off first")
    return secret


async def confirm(logins: Logins, account: Account, code: str, keep_session: bytes = b"") -> list[str]:
    """Switch codes on with the first one, and return those for the case of loss, which nobody can be told again.

    Other web sessions end, since nobody showed a code there. CREDENTIALS, NOT_FOUND (no secret waits), Corrupt.
    """
    row = await logins.store.index.read(partial(rows.find, account_id=account.id))
    if row is None or row.confirmed:
        raise Failure(Kind.NOT_FOUND, "no secret waits to be confirmed; begin again")
    step = one_time.maybe_step(_secret(logins, row), _typed(code), _seconds(logins))
    if step is None:
        raise _wrong()
    codes = _new_codes(logins)

    def unit(tx: Transaction) -> None:
        if not rows.confirm(tx, account.id, step, logins.store.now()):
            raise Failure(Kind.NOT_FOUND, "no secret waits to be confirmed; begin again")
        rows.set_codes(tx, account.id, [_digest(each) for each in codes])
        credentials.open_kind(tx, account.id, credentials.MAIN, Protocols.WEB)
        web_sessions.remove_others(tx, account.id, keep_session)

    await logins.store.index.write([account.id], unit)
    return codes


async def check(logins: Logins, account_id: AccountId, given: str) -> None:
    """Use up a code of an account that has codes on. CREDENTIALS, RATE, Corrupt."""
    now, typed = logins.store.now(), _typed(given)
    row = await logins.store.index.read(partial(rows.find, account_id=account_id))
    if row is None or not row.confirmed:
        return
    if row.wrong >= MOST_WRONG and now - row.wrong_since < WHILE:
        raise Failure(Kind.RATE, "too many wrong codes; wait ten minutes", "too many wrong one-time codes")
    step = one_time.maybe_step(_secret(logins, row), typed, _seconds(logins), row.step)

    def unit(tx: Transaction) -> bool:
        if step is not None and rows.take(tx, account_id, step):
            return True
        if typed and rows.use_code(tx, account_id, _digest(typed)):
            return True
        rows.count_wrong(tx, account_id, now, anew=now - row.wrong_since >= WHILE)
        return False

    if not await logins.store.index.write(NO_ACCOUNT, unit):
        raise _wrong()


async def new_codes(logins: Logins, account: Account, code: str) -> list[str]:
    """New codes for the case of loss in the place of all others. CREDENTIALS, RATE, NOT_FOUND."""
    await _check_on(logins, account, code)
    codes = _new_codes(logins)
    hashes = [_digest(each) for each in codes]
    await logins.store.index.write(NO_ACCOUNT, partial(rows.set_codes, account_id=account.id, hashes=hashes))
    return codes


async def switch_off(logins: Logins, account: Account, code: str) -> None:
    """Ask for no codes any more. CREDENTIALS, RATE, NOT_FOUND."""
    await _check_on(logins, account, code)
    await switch_off_without(logins, account)


async def switch_off_without(logins: Logins, account: Account) -> None:
    """The same without a code, for who administers the server. NOT_FOUND."""

    def unit(tx: Transaction) -> None:
        if not rows.remove(tx, account.id):
            raise _off()
        credentials.open_kind(tx, account.id, credentials.MAIN, Protocols.EVERYTHING)

    await logins.store.index.write([account.id], unit)


async def _check_on(logins: Logins, account: Account, code: str) -> None:
    if not await is_on(logins, account.id):
        raise _off()
    await check(logins, account.id, code)


def _off() -> Failure:
    return Failure(Kind.NOT_FOUND, "one-time codes are off")


def _wrong() -> Failure:
    return Failure(Kind.CREDENTIALS, "the code is wrong, or was used already", WRONG)


def _place(account_id: AccountId) -> str:
    return f"totp {account_id}"


def _secret(logins: Logins, row: TotpRow) -> bytes:
    return logins.sealing.open(_place(row.account_id), row.secret)


def _seconds(logins: Logins) -> float:
    return logins.store.now() / 1000


def _typed(code: str) -> str:
    """A code without the spaces that people put into it."""
    return "".join(code[:LONGEST].split())


def _digest(code: str) -> bytes:
    return passwords.digest(code.encode("utf-8", "replace"))


def _new_codes(logins: Logins) -> list[str]:
    """80 random bits each."""
    made = (passwords.generated(logins.store.entropy(passwords.GENERATED_BYTES)) for _ in range(CODES))
    return ["-".join(each.split("-")[:_CODE_GROUPS]) for each in made]
