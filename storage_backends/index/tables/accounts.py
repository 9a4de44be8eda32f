"""Rows of accounts: the anchor of everything else, and the lock of every write."""

from typing import Any, Final, NamedTuple

from sqlalchemy import Column, delete, literal_column, select, update
from sqlalchemy import bindparam as p

from storage_backends.errors import NotFound
from storage_backends.index.api import AccountId, ModSeq, Transaction
from storage_backends.index.schema import (
    account,
    correspondent,
    expunged,
    hook,
    idempotency,
    mailbox,
    message_extra,
    outgoing,
    pulled,
    queued,
    release,
    retired,
    suppression,
    thread_key,
)
from storage_backends.index.statement import any_of, insert, prepared

PAGE: Final = 500
"""Rows that a removal deletes at once."""

CREATING: Final = "creating"
ACTIVE: Final = "active"
DISABLED: Final = "disabled"
REMOVING: Final = "removing"


class AccountRow(NamedTuple):
    """An account as it is stored; `created` in milliseconds."""

    id: AccountId
    name: str
    state: str
    modseq: ModSeq
    created: int


# Written into the text: a bound value would keep SQLite from its partial index.
_THERE = account.c.state != literal_column(f"'{REMOVING}'")
_COLUMNS = (account.c.id, account.c.name, account.c.state, account.c.modseq, account.c.created)
_INSERT = prepared(
    insert(account)
    .values(name=p("name"), state=CREATING, next_uidvalidity=p("uidvalidity"), created=p("now"))
    .returning(account.c.id)
)
_BY_NAME = prepared(select(*_COLUMNS).where(account.c.name == p("name"), _THERE))
_BY_ID = prepared(select(*_COLUMNS).where(account.c.id == p("account")))
_ALL = prepared(select(*_COLUMNS).order_by(account.c.id))
_SET_STATE = prepared(update(account).where(account.c.id == p("account")).values(state=p("new_state")))
_DELETE = prepared(delete(account).where(account.c.id == p("account")))
# What an account may have without bound, each with the column that names a row within the account.
_PAGED: Final[tuple[Column[Any], ...]] = (
    thread_key.c.key,
    correspondent.c.address_key,
    release.c.id,
    queued.c.id,
    outgoing.c.id,
    retired.c.id,
    suppression.c.id,
    hook.c.id,
    message_extra.c.outgoing_id,
    idempotency.c.name,
    pulled.c.uid,
)
_FIND = [
    prepared(select(column).where(column.table.c.account_id == p("account")).order_by(column).limit(PAGE))
    for column in _PAGED
]
_ERASE = [
    prepared(delete(column.table).where(column.table.c.account_id == p("account"), any_of(column, "keys")))
    for column in _PAGED
]
_EXPUNGED = prepared(
    select(expunged.c.mailbox_id, expunged.c.uid)
    .join(mailbox, mailbox.c.id == expunged.c.mailbox_id)
    .where(mailbox.c.account_id == p("account"))
    .limit(PAGE)
)
_ERASE_EXPUNGED = prepared(
    delete(expunged).where(expunged.c.mailbox_id == p("mailbox"), any_of(expunged.c.uid, "keys"))
)
_NEXT_UIDVALIDITY = prepared(
    update(account)
    .where(account.c.id == p("account"))
    .values(next_uidvalidity=account.c.next_uidvalidity + 1)
    .returning(account.c.next_uidvalidity - 1)
)


def add(tx: Transaction, name: str, *, now: int) -> AccountId:
    """Add an account in the state CREATING and return its id. Conflict when an account of this name is there.

    UIDVALIDITY starts at the seconds of now, so that an account added again never repeats one (RFC 9051 2.3.1.1).
    """
    row = tx.one(_INSERT, {"name": name, "uidvalidity": now // 1000, "now": now})
    assert row is not None  # noqa: S101 - RETURNING of an INSERT has a row
    return AccountId(row[0])


def by_name(tx: Transaction, name: str) -> AccountRow | None:
    """The account of this name, unless it is being removed."""
    row = tx.one(_BY_NAME, {"name": name})
    return None if row is None else AccountRow(*row)


def by_id(tx: Transaction, account_id: AccountId) -> AccountRow:
    """The account of this id, in any state. NotFound when it is gone."""
    row = tx.one(_BY_ID, {"account": account_id})
    if row is None:
        raise NotFound(f"no account {account_id}")
    return AccountRow(*row)


def all_rows(tx: Transaction) -> list[AccountRow]:
    """Every account, also those being removed, in the order of their ids."""
    return [AccountRow(*row) for row in tx.all(_ALL, {})]


def set_state(tx: Transaction, account_id: AccountId, state: str) -> None:
    """Set one of the states."""
    tx.run(_SET_STATE, {"account": account_id, "new_state": state})


def remove(tx: Transaction, account_id: AccountId) -> None:
    """Delete the account and, by its foreign keys, all rows that belong to it."""
    tx.run(_DELETE, {"account": account_id})


def next_uidvalidity(tx: Transaction, account_id: AccountId) -> int:
    """Take the UIDVALIDITY for a new mailbox; never given twice in an account."""
    row = tx.one(_NEXT_UIDVALIDITY, {"account": account_id})
    if row is None:
        raise NotFound(f"no account {account_id}")
    return int(row[0])


def erase_some(tx: Transaction, account_id: AccountId) -> int:
    """Delete a page of what is left of an account that goes, whose cascade would have no bound; 0 when nothing is."""
    for find, erase in zip(_FIND, _ERASE, strict=True):
        if keys := [row[0] for row in tx.all(find, {"account": account_id})]:
            return tx.run(erase, {"account": account_id, "keys": keys})
    tombstones = tx.all(_EXPUNGED, {"account": account_id})
    if not tombstones:
        return 0
    first = tombstones[0][0]
    return tx.run(_ERASE_EXPUNGED, {"mailbox": first, "keys": [uid for box, uid in tombstones if box == first]})
