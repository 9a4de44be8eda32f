"""What a unit works on in Postgres: statements that wait until somebody needs an answer, then travel together.

What must come before the unit's own statements (BEGIN or a savepoint, its accounts locked and their modseqs raised) waits
with them, so it costs no round trip of its own; a unit that fails before it needed any answer has sent nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import psycopg

from storage_backends.errors import NotFound
from storage_backends.index.api import AccountId, Answer, ModSeq, Parameters, Row, Statement
from storage_backends.index.marks import RAISE
from storage_backends.index.postgres_connection import translated
from storage_backends.index.postgres_wire import Asked, Wire
from storage_backends.index.statement import NONE

TOGETHER: Final = 200
"""Statements in one round trip at most, so that what waits to be sent stays bounded."""


class PostgresTransaction:
    """What a unit gets. See `api.Transaction`."""

    __slots__ = ("_asked", "_locks", "_wire", "lacks", "marks")

    def __init__(
        self,
        wire: Wire,
        before: Sequence[Asked] = (),
        accounts: Sequence[AccountId] = (),
        foreseen: Mapping[AccountId, ModSeq] | None = None,
    ) -> None:
        """`before` runs ahead of all else, then `accounts` are locked; the modseqs that they get may be `foreseen`."""
        self._wire = wire
        self._asked = list(before)
        self._locks: dict[AccountId, Asked] = {}
        for account in accounts:
            self._locks[account] = lock = Asked(*RAISE.postgres({"account": account}))
            self._asked.append(lock)
        self.marks: dict[AccountId, ModSeq] = dict(foreseen or {})
        """The modseqs of the accounts, once they are known."""
        self.lacks: AccountId | None = None
        """An account that was to be locked and is not there."""

    def all(self, statement: Statement, parameters: Parameters = NONE) -> list[Row]:
        """See `api.Transaction`."""
        return self._wire.rows(self._run(statement, parameters))

    def one(self, statement: Statement, parameters: Parameters = NONE) -> Row | None:
        """See `api.Transaction`."""
        return self._wire.first(self._run(statement, parameters))

    def run(self, statement: Statement, parameters: Parameters = NONE) -> int:
        """See `api.Transaction`."""
        result = self._run(statement, parameters).result
        return 0 if result is None else result.command_tuples or 0

    def many(self, statement: Statement, parameters: Sequence[Parameters]) -> None:
        """See `api.Transaction`."""
        for each in parameters:
            self._ask(statement, each)
        self.finish()

    def ask(self, statement: Statement, parameters: Parameters = NONE) -> Answer:
        """See `api.Transaction`."""
        asked = self._ask(statement, parameters)

        def answer() -> list[Row]:
            if asked.result is None:
                self.finish()
            return self._wire.rows(asked)

        return answer

    def modseq(self, account: AccountId) -> ModSeq:
        """See `api.Transaction`."""
        if account not in self.marks:
            self.finish()
        return self.marks[account]

    def finish(self) -> None:
        """Run what was asked, in one round trip. NotFound when an account to be locked is not there."""
        if self._asked:
            self._converse()

    def _ask(self, statement: Statement, parameters: Parameters) -> Asked:
        if len(self._asked) >= TOGETHER:
            self._converse()
        asked = Asked(*statement.postgres(parameters))
        self._asked.append(asked)
        return asked

    def _run(self, statement: Statement, parameters: Parameters) -> Asked:
        asked = self._ask(statement, parameters)
        self._converse()
        return asked

    def _converse(self) -> None:
        asked, self._asked = self._asked, []
        try:
            self._wire.converse(asked)
        except psycopg.Error as error:
            self._learn_marks()
            raise translated(error, self._wire) from error
        self._learn_marks()

    def _learn_marks(self) -> None:
        """What locking gave. That an account is not there comes before anything that follows from it."""
        while self._locks:
            account, lock = next(iter(self._locks.items()))
            if lock.result is None:
                return
            row = self._wire.first(lock)
            if row is None:
                self.lacks = account
                raise NotFound(f"no account {account}")
            mark = ModSeq(row[0])
            if self.marks.setdefault(account, mark) != mark:
                raise RuntimeError("the modseq of an account changed under its lock")
            del self._locks[account]
