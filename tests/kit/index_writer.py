"""A process that writes to an index until it is done or killed, for tests of several processes.

    python -m tests.kit.index_writer sqlite:/path/index.db ACCOUNT COUNT CALLERS

Each write takes the next UID of the account's first mailbox and adds a row that carries UID and modseq; after the commit
the process prints `uid modseq`.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import trio
from sqlalchemy import bindparam, select, update

from storage_backends.index import open, schema
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index, Transaction
from storage_backends.index.statement import insert, prepared
from storage_backends.index.tables import accounts

MAILBOX: Final = schema.mailbox.c
ROW: Final = schema.setting.c
MAKE: Final = prepared(insert(schema.mailbox).values(account_id=bindparam("account"), name="Inbox"))
TAKE_UID: Final = prepared(
    update(schema.mailbox)
    .where(MAILBOX.account_id == bindparam("account"))
    .values(uidnext=MAILBOX.uidnext + 1)
    .returning(MAILBOX.uidnext - 1)
)
ADD: Final = prepared(
    insert(schema.setting).values(
        account_id=bindparam("account"), name=bindparam("uid"), value=b"", modseq=bindparam("modseq")
    )
)
ROWS: Final = prepared(select(ROW.name, ROW.modseq).where(ROW.account_id == bindparam("account")).order_by(ROW.modseq))


@asynccontextmanager
async def opened(where: str) -> AsyncIterator[Index]:
    """`sqlite:PATH` or `postgres:CONNINFO`."""
    kind, _, place = where.partition(":")
    index = await open.open_sqlite(Path(place)) if kind == "sqlite" else await open.open_postgres(place)
    try:
        yield index
    finally:
        with trio.CancelScope(shield=True):
            await index.aclose()


async def make_account(index: Index) -> AccountId:
    """An account with one mailbox."""
    account = await index.write(NO_ACCOUNT, lambda tx: accounts.add(tx, "a", now=0))
    await index.write(NO_ACCOUNT, lambda tx: tx.run(MAKE, {"account": account}))
    return account


def add(tx: Transaction, account: AccountId) -> tuple[int, int]:
    """Take a UID and add its row."""
    modseq = tx.modseq(account)
    row = tx.one(TAKE_UID, {"account": account})
    assert row is not None
    tx.run(ADD, {"account": account, "uid": str(row[0]), "modseq": modseq})
    return row[0], modseq


def added(tx: Transaction, account: AccountId) -> list[tuple[int, int]]:
    """All rows: UID and modseq, in the order of modseqs."""
    return [(int(uid), modseq) for uid, modseq in tx.all(ROWS, {"account": account})]


async def main(where: str, account: AccountId, count: int, callers: int) -> None:
    """What the process does."""
    async with opened(where) as index:

        async def caller() -> None:
            for _ in range(count // callers):
                uid, modseq = await index.write((account,), lambda tx: add(tx, account))
                sys.stdout.write(f"{uid} {modseq}\n")
                sys.stdout.flush()

        async with trio.open_nursery() as nursery:
            for _ in range(callers):
                nursery.start_soon(caller)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], AccountId(int(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4]))
