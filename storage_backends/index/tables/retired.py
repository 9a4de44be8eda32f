"""Recipients that left the queue, for as long as their account keeps the record."""

from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, select

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema_outgoing import queued, retired
from storage_backends.index.statement import any_of, insert, prepared

PAGE: Final = 500


class RetiredRow(NamedTuple):
    """What is kept of a recipient; `id` is that of its queue row. `summary` is sealed."""

    id: int
    account_id: AccountId
    outgoing_id: int
    object_id: str
    summary: bytes
    size: int
    sender: str
    from_id: str
    recipient: str
    queued: int
    attempts: int
    retired: int
    outcome: str
    results: str
    keep_until: int


_COLUMNS = tuple(retired.c[name] for name in RetiredRow._fields)
_ADD = prepared(insert(retired).values({name: p(name) for name in RetiredRow._fields}))
_LIST = prepared(
    select(*_COLUMNS)
    .where(retired.c.account_id == p("account"), retired.c.id < p("before"))
    .order_by(retired.c.id.desc())
    .limit(p("most"))
)
# The partial indexes hold only ids that are not empty.
_BY_FROM_ID = prepared(
    select(*_COLUMNS).where(
        retired.c.from_id == p("from_id"), retired.c.from_id != "", retired.c.account_id == p("account")
    )
)
_FROM_ID_TAKEN = prepared(
    select(queued.c.id)
    .where(queued.c.from_id == p("from_id"), queued.c.from_id != "")
    .union_all(select(retired.c.id).where(retired.c.from_id == p("from_id"), retired.c.from_id != ""))
    .limit(1)
)
_OLD = prepared(select(retired.c.id).where(retired.c.keep_until <= p("now")).order_by(retired.c.keep_until).limit(PAGE))
_REMOVE = prepared(delete(retired).where(any_of(retired.c.id, "ids")))


def add(tx: Transaction, row: RetiredRow) -> None:
    """Keep a record."""
    tx.ask(_ADD, row._asdict())


def listed(tx: Transaction, account: AccountId, before: int, most: int = PAGE) -> list[RetiredRow]:
    """The next records of an account, newest first, with ids below `before`."""
    return [RetiredRow(*row) for row in tx.all(_LIST, {"account": account, "before": before, "most": most})]


def by_from_id(tx: Transaction, account: AccountId, from_id: str) -> RetiredRow | None:
    """The record of the recipient whose reverse-path had this id."""
    row = tx.one(_BY_FROM_ID, {"account": account, "from_id": from_id})
    return None if row is None else RetiredRow(*row)


def from_id_taken(tx: Transaction, from_id: str) -> bool:
    """Whether a recipient in the queue or in the records has this id."""
    return tx.one(_FROM_ID_TAKEN, {"from_id": from_id}) is not None


def prune(tx: Transaction, now: int) -> int:
    """Forget a page of records whose time is over; return how many."""
    ids = [row[0] for row in tx.all(_OLD, {"now": now})]
    return tx.run(_REMOVE, {"ids": ids}) if ids else 0
