"""What the contract of indexes works on: accounts, and rows that carry the modseq of the write that made them."""

import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import trio
from sqlalchemy import bindparam as p
from sqlalchemy import select

from storage_backends.errors import StorageError
from storage_backends.index import schema
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index, ModSeq, Transaction
from storage_backends.index.statement import any_of, greatest, insert, prepared
from storage_backends.index.tables import accounts

SETTING: Final = schema.setting.c
_NEW = insert(schema.setting).values(account_id=p("account"), name=p("name"), value=p("value"), modseq=p("modseq"))
PUT: Final = prepared(
    _NEW.on_conflict_do_update(
        index_elements=[SETTING.account_id, SETTING.name],
        set_={"value": _NEW.excluded.value, "modseq": greatest(SETTING.modseq, _NEW.excluded.modseq)},
    )
)
ADD: Final = prepared(_NEW)
NAMES: Final = prepared(select(SETTING.name).where(SETTING.account_id == p("account")).order_by(SETTING.modseq))
VALUES: Final = prepared(select(SETTING.value).where(SETTING.account_id == p("account")))
MODSEQS: Final = prepared(select(SETTING.modseq).where(any_of(SETTING.name, "names")).order_by(SETTING.modseq))
Opener = Callable[[], AbstractAsyncContextManager[Index]]
"""Opens the database of a test; see `index`."""
PATIENCE: Final = 60.0
"""Seconds until a test gives up waiting for another thread."""


async def account(index: Index, name: str = "a") -> AccountId:
    """A new account."""
    return await index.write(NO_ACCOUNT, lambda tx: accounts.add(tx, name, now=0))


def put(tx: Transaction, account_id: AccountId, name: str) -> ModSeq:
    """Write a row of the account that carries the modseq of this write."""
    modseq = tx.modseq(account_id)
    tx.run(PUT, {"account": account_id, "name": name, "value": b"", "modseq": modseq})
    return modseq


async def write(index: Index, account_id: AccountId, name: str) -> ModSeq:
    """`put` in a transaction of its own."""
    return await index.write((account_id,), lambda tx: put(tx, account_id, name))


def names(tx: Transaction, account_id: AccountId) -> list[str]:
    """The rows of an account in the order of their modseq."""
    return [name for (name,) in tx.all(NAMES, {"account": account_id})]


async def failure(doing: Awaitable[object]) -> BaseException | None:
    """What an operation raises."""
    try:
        await doing
    except (StorageError, ZeroDivisionError) as error:
        return error
    return None


async def waiting(event: threading.Event) -> None:
    """Wait for a database thread."""
    assert await trio.to_thread.run_sync(event.wait, PATIENCE)


async def at_once(*functions: Callable[[], Awaitable[object]]) -> None:
    """Run all, side by side."""
    async with trio.open_nursery() as nursery:
        for each in functions:
            nursery.start_soon(each)
