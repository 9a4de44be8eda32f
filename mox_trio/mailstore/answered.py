"""Requests that are carried out once: who asks again with the same key gets the answer that the first request got.

The answer is written in the transaction that does the work, so that it is there exactly when the work is done. Answers are
kept for a day. Two requests at the same time: one does the work, the other finds its own transaction refused (Repeated) and
reads the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.store import DAY, Account, MailStore
from storage_backends.index.api import NO_ACCOUNT, Transaction
from storage_backends.index.tables import api_requests as rows
from storage_backends.index.tables.api_requests import Answered

KEPT: Final = DAY


class Repeated(Failure):
    """Another request with this key was first."""

    def __init__(self) -> None:
        super().__init__(Kind.EXISTS, "a request with this key was carried out already")


@dataclass(frozen=True, slots=True)
class Once:
    """A request that has a key."""

    name: str
    request: bytes
    """A hash of what is asked."""


async def maybe_answer(store: MailStore, account: Account, once: Once) -> bytes | None:
    """What a request with this key was answered; None for a new one. CONFLICT where it asked for something else."""
    row = await store.index.read(lambda tx: rows.answered(tx, account.id, once.name))
    if row is None:
        return None
    if row.request != once.request:
        raise Failure(Kind.CONFLICT, "the key was used for another request")
    return account.codec.open(_place(once.name), row.answer)


def remember(store: MailStore, account: Account, once: Once) -> Callable[[Transaction, bytes], None]:
    """A unit that keeps the answer. Raises Repeated."""

    def unit(tx: Transaction, answer: bytes) -> None:
        sealed = account.codec.seal(_place(once.name), answer)
        if not rows.remember(tx, Answered(account.id, once.name, once.request, sealed, store.now())):
            raise Repeated

    return unit


async def prune(store: MailStore) -> int:
    """Forget old answers, and what was to be repeated about messages that are gone; return how many rows."""
    gone = 0
    before = store.now() - KEPT
    while page := await store.index.write(NO_ACCOUNT, partial(rows.forget, before=before)):
        gone += page
    while page := await store.index.write(NO_ACCOUNT, rows.prune_extras):
        gone += page
    return gone


def _place(name: str) -> str:
    return f"answer {name}"
