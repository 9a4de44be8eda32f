"""Faults of an index, as an object: wrap one, say which call or which statement goes wrong, and run what uses it.

    FaultyIndex(inner, Schedule(fail_at(3)))                 the third read or write raises Unavailable, nothing happened
    FaultyIndex(inner, Schedule(fail_at(3, effect=True)))    the third is done, and its answer is lost
    FaultyIndex(inner, statement=4)                          the fourth statement of units fails, in its transaction

`schedule.calls` and `statements` count, so that a first run without faults tells how many places there are to fail. A
read that fails after its effect is a read whose answer is lost; a write that fails so has been committed, which no index
may do: it shows what a caller does who is told the wrong thing.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from storage_backends import errors
from storage_backends.contract.faults import Schedule
from storage_backends.index.api import AccountId, Answer, Index, ModSeq, Parameters, Row, Statement, Transaction
from storage_backends.index.statement import NONE

T = TypeVar("T")


class FaultyIndex:
    """An index whose calls `read` and `write` follow a schedule, and whose statement number `statement` (from 1) fails."""

    def __init__(self, inner: Index, schedule: Schedule | None = None, *, statement: int = 0) -> None:
        self._inner = inner
        self._schedule = schedule or Schedule()
        self._failing = statement
        self.statements = 0

    async def read(self, unit: Callable[[Transaction], T]) -> T:
        """See `api.Index`."""
        return await self._schedule.around("read", lambda: self._inner.read(lambda tx: unit(self._counted(tx))))

    async def write(self, accounts: Collection[AccountId], unit: Callable[[Transaction], T]) -> T:
        """See `api.Index`."""
        return await self._schedule.around(
            "write", lambda: self._inner.write(accounts, lambda tx: unit(self._counted(tx)))
        )

    async def past(self, account: AccountId, modseq: ModSeq) -> ModSeq:
        """See `api.Index`."""
        return await self._inner.past(account, modseq)

    async def now(self) -> int:
        """See `api.Index`."""
        return await self._inner.now()

    async def integrity(self) -> Iterable[str]:
        """See `api.Index`."""
        return await self._inner.integrity()

    async def aclose(self) -> None:
        """See `api.Index`."""
        await self._inner.aclose()

    def step(self) -> None:
        """Called for each statement: Unavailable at the one that is to fail."""
        self.statements += 1
        if self.statements == self._failing:
            raise errors.Unavailable(f"fault at statement {self._failing}")

    def _counted(self, tx: Transaction) -> Transaction:
        return _FaultyTransaction(tx, self.step)


class _FaultyTransaction:
    """See `api.Transaction`."""

    __slots__ = ("_inner", "_step")

    def __init__(self, inner: Transaction, step: Callable[[], None]) -> None:
        self._inner = inner
        self._step = step

    def all(self, statement: Statement, parameters: Parameters = NONE) -> list[Row]:
        self._step()
        return self._inner.all(statement, parameters)

    def one(self, statement: Statement, parameters: Parameters = NONE) -> Row | None:
        self._step()
        return self._inner.one(statement, parameters)

    def run(self, statement: Statement, parameters: Parameters = NONE) -> int:
        self._step()
        return self._inner.run(statement, parameters)

    def many(self, statement: Statement, parameters: Sequence[Parameters]) -> None:
        self._step()
        self._inner.many(statement, parameters)

    def ask(self, statement: Statement, parameters: Parameters = NONE) -> Answer:
        self._step()
        return self._inner.ask(statement, parameters)

    def modseq(self, account: AccountId) -> ModSeq:
        return self._inner.modseq(account)
