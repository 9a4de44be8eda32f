"""Rows of web sessions: who is logged in to web pages."""

from typing import NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, select, update

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import account, web_session
from storage_backends.index.statement import insert, prepared


class SessionRow(NamedTuple):
    """One session; instants in milliseconds."""

    hash: bytes
    account_id: AccountId
    kind: str
    login: str
    remote_ip: str
    user_agent: str
    created: int
    last_used: int


_COLUMNS = tuple(web_session.c[name] for name in SessionRow._fields)
_ADD = prepared(insert(web_session).values({name: p(name) for name in SessionRow._fields}))
_FIND = prepared(
    select(*_COLUMNS, account.c.name, account.c.state)
    .join(account, account.c.id == web_session.c.account_id)
    .where(web_session.c.hash == p("token"))
)
_USED = prepared(update(web_session).where(web_session.c.hash == p("token")).values(last_used=p("now")))
_OF_ACCOUNT = prepared(
    select(*_COLUMNS)
    .where(web_session.c.account_id == p("account"))
    .order_by(web_session.c.last_used.desc(), web_session.c.hash)
)
_REMOVE = prepared(
    delete(web_session).where(web_session.c.account_id == p("account"), web_session.c.hash == p("token"))
)
_REMOVE_OTHERS = prepared(
    delete(web_session).where(web_session.c.account_id == p("account"), web_session.c.hash != p("token"))
)
_REMOVE_OLD = prepared(
    delete(web_session).where(
        web_session.c.hash.in_(
            select(web_session.c.hash).where(web_session.c.last_used < p("before")).limit(p("most")).scalar_subquery()
        )
    )
)


def add(tx: Transaction, row: SessionRow) -> None:
    """Add a session."""
    tx.run(_ADD, row._asdict())


def find(tx: Transaction, token: bytes) -> tuple[SessionRow, str, str] | None:
    """The session with this hash, and the name and state of its account."""
    row = tx.one(_FIND, {"token": token})
    return None if row is None else (SessionRow(*row[:-2]), row[-2], row[-1])


def used(tx: Transaction, token: bytes, now: int) -> None:
    """Remember that it was used."""
    tx.run(_USED, {"token": token, "now": now})


def of_account(tx: Transaction, account_id: AccountId) -> list[SessionRow]:
    """Those of an account, the last used first."""
    return [SessionRow(*row) for row in tx.all(_OF_ACCOUNT, {"account": account_id})]


def remove(tx: Transaction, account_id: AccountId, token: bytes) -> bool:
    """End one; whether there was one."""
    return tx.run(_REMOVE, {"account": account_id, "token": token}) == 1


def remove_others(tx: Transaction, account_id: AccountId, token: bytes) -> int:
    """End all of an account but one (b"": all); return how many."""
    return tx.run(_REMOVE_OTHERS, {"account": account_id, "token": token})


def remove_old(tx: Transaction, before: int, most: int) -> int:
    """Delete at most so many that were last used before an instant; return how many."""
    return tx.run(_REMOVE_OLD, {"before": before, "most": most})
