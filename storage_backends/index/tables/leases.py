"""Leases: of the processes that share an index, one at a time does a kind of work.

Times are the database's clock. Every claim has a number of its own; renewing and settling compare it and the time, so a
process that was stopped for longer than its lease settles nothing. `settle` belongs in the transaction of the work.
"""

from typing import Final, NewType

from sqlalchemy import BigInteger, and_, update
from sqlalchemy import bindparam as p

from storage_backends.errors import Conflict
from storage_backends.index.api import Transaction
from storage_backends.index.schema import lease
from storage_backends.index.statement import clock, insert, prepared

Claim = NewType("Claim", int)

_END = clock() + p("milliseconds", type_=BigInteger)
_MINE: Final = and_(lease.c.name == p("lease"), lease.c.claim == p("mine"), lease.c.expires > clock())
_NEW = insert(lease).values(name=p("lease"), claim=1, holder=p("who"), expires=_END)
_CLAIM = prepared(
    _NEW.on_conflict_do_update(
        index_elements=[lease.c.name],
        set_={"claim": lease.c.claim + 1, "holder": _NEW.excluded.holder, "expires": _NEW.excluded.expires},
        where=lease.c.expires <= clock(),
    ).returning(lease.c.claim)
)
_RENEW = prepared(update(lease).where(_MINE).values(expires=_END))
_SETTLE = prepared(update(lease).where(_MINE).values(claim=lease.c.claim))  # takes the row's lock on Postgres
_RELEASE = prepared(update(lease).where(_MINE).values(expires=0))


def claim(tx: Transaction, name: str, holder: str, milliseconds: int) -> Claim | None:
    """Claim a lease that nobody holds. `holder` is for people who look; None when another holds it."""
    row = tx.one(_CLAIM, {"lease": name, "who": holder, "milliseconds": milliseconds})
    return None if row is None else Claim(row[0])


def renew(tx: Transaction, name: str, mine: Claim, milliseconds: int) -> None:
    """Hold it from now for so long. Conflict when it ran out."""
    _expect_mine(tx.run(_RENEW, {"lease": name, "mine": mine, "milliseconds": milliseconds}), name)


def settle(tx: Transaction, name: str, mine: Claim) -> None:
    """Let what this transaction does count only if the lease is still mine. Conflict when it ran out."""
    _expect_mine(tx.run(_SETTLE, {"lease": name, "mine": mine}), name)


def release(tx: Transaction, name: str, mine: Claim) -> None:
    """Give it back; nothing happens when it ran out."""
    tx.run(_RELEASE, {"lease": name, "mine": mine})


def _expect_mine(rows: int, name: str) -> None:
    if not rows:
        raise Conflict(f"the lease {name} ran out")
