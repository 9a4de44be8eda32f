"""Names of body stores that rows may name, wrapped keys of accounts, and how far imports came."""

from typing import NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, select, update

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import account, body_store, import_progress
from storage_backends.index.statement import insert, prepared

_ADD_STORE = prepared(insert(body_store).values(name=p("name")).on_conflict_do_nothing(index_elements=["name"]))
_DROP_STORE = prepared(delete(body_store).where(body_store.c.name == p("name")))
_STORES = prepared(select(body_store.c.name).order_by(body_store.c.name))
_KEY = prepared(select(account.c.wrapped_key).where(account.c.id == p("account")))
_KEYS = prepared(
    select(account.c.id, account.c.wrapped_key).where(account.c.wrapped_key.is_not(None)).order_by(account.c.id)
)
_SET_KEY = prepared(
    update(account)
    .where(account.c.id == p("account"), account.c.wrapped_key.is_(None), account.c.state != "removing")
    .values(wrapped_key=p("wrapped"))
)
_REPLACE_KEY = prepared(
    update(account)
    .where(account.c.id == p("account"), account.c.wrapped_key == p("old"))
    .values(wrapped_key=p("wrapped"))
)
_DROP_KEY = prepared(update(account).where(account.c.id == p("account")).values(wrapped_key=None))
_PROGRESS = prepared(
    select(import_progress.c.position, import_progress.c.imported).where(
        import_progress.c.account_id == p("account"), import_progress.c.source == p("source")
    )
)
_SET_PROGRESS = prepared(
    insert(import_progress)
    .values(account_id=p("account"), source=p("source"), position=p("position"), imported=p("imported"), at=p("at"))
    .on_conflict_do_update(
        index_elements=["account_id", "source"],
        set_={"position": p("position"), "imported": p("imported"), "at": p("at")},
    )
)
_END_PROGRESS = prepared(
    delete(import_progress).where(import_progress.c.account_id == p("account"), import_progress.c.source == p("source"))
)


class Progress(NamedTuple):
    """How far an import came: a position that its reader understands, and the number of messages imported."""

    position: str
    imported: int


def register(tx: Transaction, name: str) -> None:
    """Say that rows may name this store from now on."""
    tx.run(_ADD_STORE, {"name": name})


def unregister(tx: Transaction, name: str) -> None:
    """Say that no row names this store any more."""
    tx.run(_DROP_STORE, {"name": name})


def registered(tx: Transaction) -> list[str]:
    """Stores that rows may name."""
    return [row[0] for row in tx.all(_STORES, {})]


def wrapped_key(tx: Transaction, account_id: AccountId) -> bytes | None:
    """The wrapped key of an account, if it has one."""
    row = tx.one(_KEY, {"account": account_id})
    return None if row is None else row[0]


def wrapped_keys(tx: Transaction) -> list[tuple[AccountId, bytes]]:
    """All wrapped keys in the order of the accounts."""
    return [(AccountId(row[0]), row[1]) for row in tx.all(_KEYS, {})]


def add_wrapped_key(tx: Transaction, account_id: AccountId, wrapped: bytes) -> bytes | None:
    """Set the wrapped key unless there is one; return the one that holds, None for an account without (being
    removed).
    """
    tx.run(_SET_KEY, {"account": account_id, "wrapped": wrapped})
    return wrapped_key(tx, account_id)


def replace_wrapped_key(tx: Transaction, account_id: AccountId, old: bytes, new: bytes) -> bool:
    """Replace the wrapped key when it still is `old`."""
    return tx.run(_REPLACE_KEY, {"account": account_id, "old": old, "wrapped": new}) == 1


def drop_wrapped_key(tx: Transaction, account_id: AccountId) -> None:
    """Erase an account's mail by forgetting its key."""
    tx.run(_DROP_KEY, {"account": account_id})


def progress(tx: Transaction, account_id: AccountId, source: str) -> Progress | None:
    """How far the import of a source came, None when it was not begun or is done."""
    row = tx.one(_PROGRESS, {"account": account_id, "source": source})
    return None if row is None else Progress(*row)


def set_progress(tx: Transaction, account_id: AccountId, source: str, reached: Progress, now: int) -> None:
    """Remember how far the import of a source came."""
    tx.run(_SET_PROGRESS, {"account": account_id, "source": source, **reached._asdict(), "at": now})


def end_progress(tx: Transaction, account_id: AccountId, source: str) -> None:
    """Forget the import of a source: it is done."""
    tx.run(_END_PROGRESS, {"account": account_id, "source": source})
