"""The modseq of an account: raised by every write, read by those who wait for changes."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import bindparam, select, update

from storage_backends.errors import NotFound
from storage_backends.index.api import AccountId, ModSeq, Transaction
from storage_backends.index.schema import account
from storage_backends.index.statement import any_of, prepared

Marks = Mapping[AccountId, ModSeq]

RAISE: Final = prepared(
    update(account)
    .where(account.c.id == bindparam("account"))
    .values(modseq=account.c.modseq + 1)
    .returning(account.c.modseq)
)
CURRENT: Final = prepared(select(account.c.id, account.c.modseq).where(any_of(account.c.id, "accounts")))


def raised(tx: Transaction, account_id: AccountId) -> ModSeq:
    """Lock the account's row for this transaction, raise its modseq and return it. NotFound."""
    row = tx.one(RAISE, {"account": account_id})
    if row is None:
        raise NotFound(f"no account {account_id}")
    return ModSeq(row[0])


def current(tx: Transaction, accounts: list[AccountId]) -> dict[AccountId, ModSeq]:
    """The modseqs of those of the accounts that exist."""
    return {AccountId(row[0]): ModSeq(row[1]) for row in tx.all(CURRENT, {"accounts": accounts})}
