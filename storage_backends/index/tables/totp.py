"""Rows of one-time codes: the sealed secret of an account, what was made of it, and codes for who has lost it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, func, select, update

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import recovery_code, totp
from storage_backends.index.statement import insert, prepared


class TotpRow(NamedTuple):
    """The secret of an account; instants in milliseconds. Its repr shows no secret."""

    account_id: AccountId
    secret: bytes
    confirmed: int
    """0 where no code was ever shown to be known: none is asked for."""
    step: int
    wrong: int
    wrong_since: int

    def __repr__(self) -> str:
        return f"TotpRow(account_id={self.account_id}, confirmed={self.confirmed})"


_COLUMNS = tuple(totp.c[name] for name in TotpRow._fields)
_MINE: Final = totp.c.account_id == p("account")
_FIND = prepared(select(*_COLUMNS).where(_MINE))
_ADD = prepared(insert(totp).values(account_id=p("account"), secret=p("new_secret")))
_REMOVE_NEW = prepared(delete(totp).where(_MINE, totp.c.confirmed == 0))
_REMOVE = prepared(delete(totp).where(_MINE))
_CONFIRM = prepared(update(totp).where(_MINE, totp.c.confirmed == 0).values(confirmed=p("now"), step=p("new_step")))
_TAKE = prepared(update(totp).where(_MINE, totp.c.step < p("new_step")).values(step=p("new_step"), wrong=0))
_COUNT_AGAIN = prepared(update(totp).where(_MINE).values(wrong=1, wrong_since=p("now")))
_COUNT_ON = prepared(update(totp).where(_MINE).values(wrong=totp.c.wrong + 1))
_FORGIVE = prepared(update(totp).where(_MINE).values(wrong=0))
_OURS: Final = recovery_code.c.account_id == p("account")
_CODES = prepared(select(func.count()).where(_OURS))
_ADD_CODE = prepared(insert(recovery_code).values(account_id=p("account"), hash=p("new_hash")))
_USE_CODE = prepared(delete(recovery_code).where(_OURS, recovery_code.c.hash == p("hash")))
_REMOVE_CODES = prepared(delete(recovery_code).where(_OURS))


def find(tx: Transaction, account_id: AccountId) -> TotpRow | None:
    """The secret of an account."""
    row = tx.one(_FIND, {"account": account_id})
    return None if row is None else TotpRow(*row)


def is_on(tx: Transaction, account_id: AccountId) -> bool:
    """Whether codes are asked for."""
    row = find(tx, account_id)
    return row is not None and row.confirmed > 0


def begin(tx: Transaction, account_id: AccountId, secret: bytes) -> bool:
    """Set a secret that is not confirmed yet; False where there is one that is."""
    tx.run(_REMOVE_NEW, {"account": account_id})
    if find(tx, account_id) is not None:
        return False
    tx.run(_ADD, {"account": account_id, "new_secret": secret})
    return True


def confirm(tx: Transaction, account_id: AccountId, step: int, now: int) -> bool:
    """The first code came; False where it had come already."""
    return tx.run(_CONFIRM, {"account": account_id, "new_step": step, "now": now}) == 1


def take(tx: Transaction, account_id: AccountId, step: int) -> bool:
    """The code of a step is used; False where it, or a later one, was before."""
    return tx.run(_TAKE, {"account": account_id, "new_step": step}) == 1


def count_wrong(tx: Transaction, account_id: AccountId, now: int, *, anew: bool) -> None:
    """A wrong code came; `anew` begins to count at one."""
    if anew:
        tx.run(_COUNT_AGAIN, {"account": account_id, "now": now})
    else:
        tx.run(_COUNT_ON, {"account": account_id})


def remove(tx: Transaction, account_id: AccountId) -> bool:
    """Forget the secret and all codes; False where there is none."""
    tx.run(_REMOVE_CODES, {"account": account_id})
    return tx.run(_REMOVE, {"account": account_id}) == 1


def codes_left(tx: Transaction, account_id: AccountId) -> int:
    """How many codes for the case of loss were not used."""
    row = tx.one(_CODES, {"account": account_id})
    return int(row[0]) if row else 0


def set_codes(tx: Transaction, account_id: AccountId, hashes: Sequence[bytes]) -> None:
    """Set these codes in the place of all others."""
    tx.run(_REMOVE_CODES, {"account": account_id})
    tx.many(_ADD_CODE, [{"account": account_id, "new_hash": each} for each in hashes])


def use_code(tx: Transaction, account_id: AccountId, digest: bytes) -> bool:
    """Use one up; False where there is no such code."""
    if tx.run(_USE_CODE, {"account": account_id, "hash": digest}) != 1:
        return False
    tx.run(_FORGIVE, {"account": account_id})
    return True
