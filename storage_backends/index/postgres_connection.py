"""Connections to Postgres as this program needs them, transactions on them, and what their errors mean.

Every wait has an end: for the connection, for a lock, for a statement, for a peer that fell silent. While the database
is away one thread at a time tries to reach it, and after a failure all callers get Unavailable at once for a moment.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import errors, pq
from psycopg.conninfo import make_conninfo

from storage_backends.errors import Conflict, Corrupt, Unavailable
from storage_backends.index.api import AccountId, Answer, ModSeq, Parameters, Row, Statement
from storage_backends.index.statement import NONE

Connection: TypeAlias = psycopg.Connection[Row]

SERVER_SETTINGS: Final = {
    "default_transaction_isolation": "read\\ committed",
    "synchronous_commit": "on",
    "statement_timeout": "120s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "30s",
    "client_encoding": "UTF8",
}
CLIENT_SETTINGS: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "application_name": "mox-trio",
}
PAUSE: Final = 0.5
"""Seconds after a failure to connect in which nobody tries again."""


class Again(Exception):
    """The transaction was rolled back through no fault of its own and is to be run again."""


class Lost(Exception):
    """The connection went before COMMIT was sent, so nothing happened; to be run again."""


class Away(Unavailable):
    """There is no connection to the database now."""


class Connector:
    """Opens connections to one database. From any thread."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._lock = threading.Lock()
        self._failed_at = float("-inf")
        self._reason = ""

    def connect(self, **settings: str) -> Connection:
        """A connection in which transactions begin and end by our own statements. Unavailable."""
        options = " ".join(f"-c {name}={value}" for name, value in {**SERVER_SETTINGS, **settings}.items())
        with self._lock:
            if time.monotonic() < self._failed_at + PAUSE:
                raise Away(self._reason)
            try:
                return psycopg.connect(
                    make_conninfo(self._conninfo, options=options, **CLIENT_SETTINGS), autocommit=True
                )
            except psycopg.OperationalError as error:
                self._failed_at = time.monotonic()
                self._reason = f"cannot reach the database: {_first_line(error)}"
                raise Away(self._reason) from error


def close(connection: Connection | None) -> None:
    """Close without complaint."""
    if connection is not None:
        with suppress(psycopg.Error):
            connection.close()


def translated(error: psycopg.Error, connection: Connection) -> Exception:
    """What a driver's error means; a mistake in a statement stays what it is."""
    # The message alone: the details of an error quote values.
    text = error.diag.message_primary or _first_line(error)
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected):
        return Again(text)
    if isinstance(error, errors.UniqueViolation | errors.ForeignKeyViolation):
        return Conflict(text)
    if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted):
        return Corrupt(text)
    if connection.closed or connection.broken:
        return Lost(text)
    if isinstance(error, psycopg.OperationalError | errors.ReadOnlySqlTransaction):
        return Unavailable(text)
    return error


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0]


class PostgresTransaction:
    """What a unit gets. See `api.Transaction`."""

    __slots__ = ("_asked", "_connection", "_cursor", "marks")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor(binary=True)
        self._asked: list[_Asked] = []
        self.marks: dict[AccountId, ModSeq] = {}
        """The accounts whose modseq this unit raised."""

    def all(self, statement: Statement, parameters: Parameters = NONE) -> list[Row]:
        """See `api.Transaction`."""
        return self._executed(statement, parameters).fetchall()

    def one(self, statement: Statement, parameters: Parameters = NONE) -> Row | None:
        """See `api.Transaction`."""
        return self._executed(statement, parameters).fetchone()

    def run(self, statement: Statement, parameters: Parameters = NONE) -> int:
        """See `api.Transaction`."""
        return self._executed(statement, parameters).rowcount

    def many(self, statement: Statement, parameters: Sequence[Parameters]) -> None:
        """See `api.Transaction`. Sent in one go."""
        if not parameters:
            return
        self.finish()
        sql, _ = statement.postgres(parameters[0])
        try:
            self._cursor.executemany(sql.encode(), [statement.postgres(each)[1] for each in parameters])
        except psycopg.Error as error:
            raise translated(error, self._connection) from error

    def ask(self, statement: Statement, parameters: Parameters = NONE) -> Answer:
        """See `api.Transaction`."""
        sql, values = statement.postgres(parameters)
        asked = _Asked(sql.encode(), values)
        self._asked.append(asked)

        def answer() -> list[Row]:
            if asked.rows is None:
                self.finish()
            return asked.rows or []

        return answer

    def modseq(self, account: AccountId) -> ModSeq:
        """See `api.Transaction`."""
        return self.marks[account]

    def finish(self) -> None:
        """Run what was asked, in one round trip."""
        asked, self._asked = self._asked, []
        if asked:
            self._converse(asked)

    def _executed(self, statement: Statement, parameters: Parameters) -> psycopg.Cursor[Row]:
        sql, values = statement.postgres(parameters)
        asked, self._asked = self._asked, []
        if asked:
            return self._converse(asked, _Asked(sql.encode(), values))
        try:
            return self._cursor.execute(sql.encode(), values)
        except psycopg.Error as error:
            raise translated(error, self._connection) from error

    def _converse(self, asked: list["_Asked"], *last: "_Asked") -> psycopg.Cursor[Row]:
        """Run all in one round trip and keep the rows of those asked. Returns the cursor of the last."""
        try:
            with self._connection.pipeline():
                cursors = [
                    self._connection.cursor(binary=True).execute(each.sql, each.values) for each in (*asked, *last)
                ]
            for each, cursor in zip(asked, cursors, strict=False):
                each.rows = cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise translated(error, self._connection) from error
        return cursors[-1]


@dataclass(slots=True, eq=False)
class _Asked:
    """A statement whose rows somebody may want."""

    sql: bytes
    values: Parameters
    rows: list[Row] | None = None


def in_error(connection: Connection) -> bool:
    """Whether a statement of the transaction failed, so that only a rollback is left."""
    return connection.info.transaction_status == pq.TransactionStatus.INERROR
