"""Body stores that rows name and their marks, wrapped keys of accounts, and how far imports came."""

from typing import NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, func, select, update

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import account, body_store, email, import_progress, outgoing, release
from storage_backends.index.statement import insert, prepared

_ADD_MARK = prepared(
    insert(body_store).values(name=p("name"), mark=p("mark")).on_conflict_do_nothing(index_elements=["name"])
)
_MARK = prepared(select(body_store.c.mark).where(body_store.c.name == p("name")))
_DROP_MARK = prepared(delete(body_store).where(body_store.c.name == p("name")))
_NEXT_STORE = tuple(
    prepared(select(func.min(table.c.store)).where(table.c.store > p("after"))) for table in (email, release, outgoing)
)
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
_BEGIN_PROGRESS = prepared(
    insert(import_progress)
    .values(account_id=p("account"), source=p("source"), position=p("position"), imported=0, at=p("at"))
    .on_conflict_do_update(index_elements=["account_id", "source"], set_={"at": p("at")})
    .returning(import_progress.c.position, import_progress.c.imported)
)
_MINE = (
    import_progress.c.account_id == p("account"),
    import_progress.c.source == p("source"),
    import_progress.c.position == p("old"),
)
_SET_PROGRESS = prepared(
    update(import_progress).where(*_MINE).values(position=p("new"), imported=p("new_imported"), at=p("now"))
)
_END_PROGRESS = prepared(delete(import_progress).where(*_MINE))
_PRUNE_PROGRESS = prepared(delete(import_progress).where(import_progress.c.at < p("before")))


class Progress(NamedTuple):
    """How far an import came: a position that its reader understands, sealed, and the number of messages imported."""

    position: bytes
    imported: int


def mark(tx: Transaction, name: str) -> str:
    """The key of the body that marks a store as this index's; empty when it has none yet."""
    row = tx.one(_MARK, {"name": name})
    return "" if row is None else str(row[0])


def add_mark(tx: Transaction, name: str, mark: str) -> str:
    """Set the mark of a store unless there is one; return the one that holds."""
    tx.run(_ADD_MARK, {"name": name, "mark": mark})
    row = tx.one(_MARK, {"name": name})
    assert row is not None  # noqa: S101 - it was just inserted, or was there
    return str(row[0])


def drop_mark(tx: Transaction, name: str) -> None:
    """Forget the mark of a store."""
    tx.run(_DROP_MARK, {"name": name})


def in_use(tx: Transaction) -> set[str]:
    """Names of the body stores that rows name; by the index, one look-up a name."""
    found: set[str] = set()
    for statement in _NEXT_STORE:
        after = ""
        while (row := tx.one(statement, {"after": after})) is not None and row[0] is not None:
            after = row[0]
            found.add(after)
    return found


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


def begin_progress(tx: Transaction, account_id: AccountId, source: str, first: bytes, now: int) -> Progress:
    """How far the import of a source came; when it was not begun or is done, `first` becomes its position."""
    row = tx.one(_BEGIN_PROGRESS, {"account": account_id, "source": source, "position": first, "at": now})
    assert row is not None  # noqa: S101 - RETURNING of an upsert has a row
    return Progress(*row)


def set_progress(
    tx: Transaction, account_id: AccountId, source: str, before: bytes, reached: Progress, now: int
) -> bool:
    """Remember how far the import of a source came; False when its position is not `before` any more."""
    mine = {"account": account_id, "source": source, "old": before}
    return tx.run(_SET_PROGRESS, {**mine, "new": reached.position, "new_imported": reached.imported, "now": now}) == 1


def end_progress(tx: Transaction, account_id: AccountId, source: str, last: bytes) -> None:
    """Forget the import of a source, which is done, unless its position is not `last` any more."""
    tx.run(_END_PROGRESS, {"account": account_id, "source": source, "old": last})


def prune_progress(tx: Transaction, before: int) -> int:
    """Forget imports that were given up: none of their batches came since `before`; return how many."""
    return tx.run(_PRUNE_PROGRESS, {"before": before})
