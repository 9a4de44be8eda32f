"""One transaction on Postgres, unit after unit.

What a unit needs before its first statement (BEGIN or a savepoint, the end of the savepoint before it, its accounts
locked and their modseqs raised) travels in one message, so a batch of n units costs n + 1 round trips and what the units do
themselves. The first unit needs no savepoint.
"""

from typing import Final

import outcome
import psycopg

from storage_backends.errors import NotFound
from storage_backends.index.api import AccountId, ModSeq, Row
from storage_backends.index.calls import Call
from storage_backends.index.postgres_connection import (
    Again,
    Connection,
    Lost,
    PostgresTransaction,
    in_error,
    translated,
)

BEGIN: Final = ("BEGIN", "SELECT pg_current_xact_id()::text")
LOCK: Final = "UPDATE account SET modseq = modseq + 1 WHERE id = {:d} RETURNING modseq"


class Batch:
    """A transaction that begins with its first unit."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._before: tuple[str, ...] = BEGIN
        self._in_savepoint = False
        self.transaction = ""
        """Its id, for `pg_xact_status`."""
        self.marks: dict[AccountId, ModSeq] = {}
        """The modseqs that it raises."""

    def run(self, call: Call) -> None:
        """Run a unit and keep its outcome; one that raised is rolled back. Again and Lost end the whole batch."""
        tx = PostgresTransaction(self._connection)
        call.outcome = outcome.capture(self._unit, tx, call)
        if isinstance(call.outcome, outcome.Error):
            if isinstance(call.outcome.error, Again | Lost):
                raise call.outcome.error
            self._before = ("ROLLBACK TO unit",) if self._in_savepoint else ("ROLLBACK", *BEGIN)
        else:
            self._before = ("RELEASE unit", "SAVEPOINT unit") if self._in_savepoint else ("SAVEPOINT unit",)
            self._in_savepoint = True
            self.marks.update(tx.marks)

    def commit(self) -> None:
        """End the transaction. Raises Again, and Lost when nobody knows whether it was committed."""
        if not self._in_savepoint:
            say(self._connection, ("ROLLBACK",))  # the only unit failed
            return
        undo = self._before if self._before == ("ROLLBACK TO unit",) else ()
        say(self._connection, (*undo, "COMMIT"))

    def _unit(self, tx: PostgresTransaction, call: Call) -> object:
        rows = say(self._connection, (*self._before, *map(LOCK.format, call.accounts)))
        if BEGIN[0] in self._before:
            self.transaction = rows.pop(0)[0]
        # In the order of their ids, and none where there is no such account.
        if len(rows) < len(call.accounts):
            raise NotFound(f"no account {call.accounts}")
        for account, row in zip(call.accounts, rows, strict=True):
            tx.marks[account] = ModSeq(row[0])
        value: object = call.unit(tx)
        tx.finish()
        if in_error(self._connection):
            raise RuntimeError("a unit went on after one of its statements had failed")
        return value


def say(connection: Connection, statements: tuple[str, ...]) -> list[Row]:
    """Send statements without parameters in one message and return their rows. Raises what `translated` gives."""
    rows: list[Row] = []
    try:
        # One message holds several statements only where the server does not prepare it.
        cursor = connection.execute("; ".join(statements).encode(), prepare=False)
        while True:
            if cursor.description is not None:
                rows.extend(cursor.fetchall())
            if not cursor.nextset():
                break
    except psycopg.Error as error:
        raise translated(error, connection) from error
    if statements[-1] == "COMMIT" and cursor.statusmessage != "COMMIT":
        raise Again("the server rolled the transaction back at COMMIT")
    return rows
