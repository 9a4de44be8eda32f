"""Rows of attempts to log in. Those that are alike in all but their time are one row, counted."""

from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, func, select

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import account, login_attempt
from storage_backends.index.statement import any_of, greatest, insert, prepared

OK: Final = "ok"


class AttemptRow(NamedTuple):
    """One row; instants in milliseconds."""

    key: bytes
    account_id: AccountId | None
    login: str
    remote_ip: str
    local_ip: str
    tls: str
    protocol: str
    mechanism: str
    result: str
    user_agent: str
    first: int
    last: int
    times: int


_COLUMNS = tuple(login_attempt.c[name] for name in AttemptRow._fields)
_NEW = insert(login_attempt).values({name: p(name) for name in AttemptRow._fields})
_ADD = prepared(
    _NEW.on_conflict_do_update(
        index_elements=[login_attempt.c.key],
        set_={
            "last": greatest(login_attempt.c.last, _NEW.excluded.last),
            "times": login_attempt.c.times + _NEW.excluded.times,
        },
    )
)
_ACCOUNTS = prepared(
    select(account.c.name, account.c.id).where(any_of(account.c.name, "names"), account.c.state != "removing")
)
_LATEST = prepared(
    select(*_COLUMNS)
    .where(login_attempt.c.account_id == p("account"))
    .order_by(login_attempt.c.last.desc(), login_attempt.c.key)
    .limit(p("most"))
)
_OLD = prepared(
    delete(login_attempt).where(
        login_attempt.c.key.in_(
            select(login_attempt.c.key).where(login_attempt.c.last < p("before")).limit(p("most")).scalar_subquery()
        )
    )
)
_FAILED: Final = login_attempt.c.result != OK
_CROWDED = prepared(
    select(login_attempt.c.account_id)
    .where(_FAILED)
    .group_by(login_attempt.c.account_id)
    .having(func.count() > p("kept"))
)
_OF_ONE: Final = func.coalesce(login_attempt.c.account_id, 0) == p("account")
_SURPLUS = prepared(
    delete(login_attempt).where(
        login_attempt.c.key.in_(
            select(login_attempt.c.key)
            .where(_FAILED, _OF_ONE)
            .order_by(login_attempt.c.last.desc(), login_attempt.c.key)
            .limit(p("most"))
            .offset(p("kept"))
            .scalar_subquery()
        )
    )
)
NOBODY: Final = 0
"""Stands for the account of names that are nobody's, in `crowded` and `remove_surplus`."""


def account_ids(tx: Transaction, names: list[str]) -> dict[str, AccountId]:
    """The ids of the accounts of these names that exist."""
    return {row[0]: AccountId(row[1]) for row in tx.all(_ACCOUNTS, {"names": names})}


def add(tx: Transaction, rows: list[AttemptRow]) -> None:
    """Add rows; those whose key is there are added to it."""
    tx.many(_ADD, [row._asdict() for row in rows])


def latest(tx: Transaction, account_id: AccountId, most: int) -> list[AttemptRow]:
    """The newest of an account first."""
    return [AttemptRow(*row) for row in tx.all(_LATEST, {"account": account_id, "most": most})]


def remove_old(tx: Transaction, before: int, most: int) -> int:
    """Delete up to `most` that were last seen before an instant; return how many went."""
    return tx.run(_OLD, {"before": before, "most": most})


def crowded(tx: Transaction, kept: int) -> list[int]:
    """The accounts, NOBODY among them, with more than `kept` failed attempts."""
    return [row[0] or NOBODY for row in tx.all(_CROWDED, {"kept": kept})]


def remove_surplus(tx: Transaction, account_id: int, kept: int, most: int) -> int:
    """Delete up to `most` failed attempts of an account but the newest `kept`; return how many went."""
    return tx.run(_SURPLUS, {"account": account_id, "kept": kept, "most": most})
