"""One transaction on Postgres, unit after unit.

What a unit needs before its first statement (BEGIN or a savepoint, the end of the savepoint before it, its accounts
locked and their modseqs raised) travels with that statement. The first unit needs no savepoint. All units of a batch lock the
same accounts, so from the second on their modseqs are known before the server says them.
"""

from collections.abc import Sequence
from typing import Final

import outcome
import psycopg

from storage_backends.errors import NotFound
from storage_backends.index.api import AccountId, ModSeq
from storage_backends.index.calls import Call
from storage_backends.index.postgres_connection import Again, Lost, translated
from storage_backends.index.postgres_transaction import PostgresTransaction
from storage_backends.index.postgres_wire import Asked, Wire

BEGIN: Final = ("BEGIN", "SELECT pg_current_xact_id()::text")


class Batch:
    """A transaction that begins with its first unit."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._before: tuple[str, ...] = BEGIN
        self._in_savepoint = False
        self._begin: Sequence[Asked] = ()
        self.marks: dict[AccountId, ModSeq] = {}
        """The modseqs that it raises."""

    @property
    def transaction(self) -> str:
        """Its id, for `pg_xact_status`."""
        return next((str(self._wire.rows(each)[0][0]) for each in self._begin[1:]), "")

    def run(self, call: Call) -> None:
        """Run a unit and keep its outcome; one that raised is rolled back. Again and Lost end the whole batch."""
        before = [Asked(sql) for sql in self._before]
        if self._before[-len(BEGIN) :] == BEGIN:
            self._begin = before[-len(BEGIN) :]
        foreseen = {account: ModSeq(mark + 1) for account, mark in self.marks.items()}
        tx = PostgresTransaction(self._wire, before, call.accounts, foreseen)
        call.outcome = outcome.capture(self._unit, tx, call)
        if isinstance(call.outcome, outcome.Value):
            self._before = ("RELEASE unit", "SAVEPOINT unit") if self._in_savepoint else ("SAVEPOINT unit",)
            self._in_savepoint = True
            self.marks.update(tx.marks)
            return
        if isinstance(call.outcome.error, Again | Lost):
            raise call.outcome.error
        if before[0].result is not None:  # else it has sent nothing
            self._before = ("ROLLBACK TO unit",) if self._in_savepoint else ("ROLLBACK", *BEGIN)

    def commit(self) -> None:
        """End the transaction. Raises Again, and Lost when nobody knows whether it was committed."""
        if not self._in_savepoint:
            if self._wire.in_transaction:
                say(self._wire, "ROLLBACK")  # the only unit failed
            return
        undo = self._before if self._before == ("ROLLBACK TO unit",) else ()
        if say(self._wire, *undo, "COMMIT") != b"COMMIT":
            raise Again("the server rolled the transaction back at COMMIT")

    def _unit(self, tx: PostgresTransaction, call: Call) -> object:
        value: object = call.unit(tx)
        tx.finish()
        if tx.lacks is not None:
            raise NotFound(f"no account {tx.lacks}")
        if self._wire.in_error:
            raise RuntimeError("a unit went on after one of its statements had failed")
        return value


def say(wire: Wire, *statements: str) -> bytes | None:
    """Run statements without parameters in one round trip. Returns what the server says of the last. Raises what
    `translated` gives.
    """
    asked = [Asked(sql) for sql in statements]
    try:
        wire.converse(asked)
    except psycopg.Error as error:
        raise translated(error, wire) from error
    result = asked[-1].result
    return None if result is None else result.command_status
