"""Reading from SQLite: readers never wait for the writer.

A unit runs in one read transaction, so all its statements see one snapshot. A connection that failed is closed and the
next unit gets a new one; the unit that saw the failure gets Unavailable or Corrupt.
"""

import sqlite3
from pathlib import Path

import outcome

from storage_backends.errors import Corrupt, StorageError, Unavailable
from storage_backends.index.calls import Call
from storage_backends.index.sqlite_connection import SqliteTransaction, connect, translated


class SqliteReader:
    """See `readers.Reader`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def run(self, call: Call) -> None:
        """See `readers.Reader`."""
        try:
            self._connection = self._connection or connect(self._path, query_only=True)
        except StorageError as error:
            call.fail(error)
        else:
            if not _read(self._connection, call):
                self.close()

    def close(self) -> None:
        """See `readers.Reader`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _read(connection: sqlite3.Connection, call: Call) -> bool:
    """Run the unit on one snapshot; False when the connection should not be used again."""
    try:
        connection.execute("BEGIN")
        call.outcome = outcome.capture(call.unit, SqliteTransaction(connection))
        connection.rollback()
    except sqlite3.Error as error:
        call.fail(translated(error))
        return False
    return not (isinstance(call.outcome, outcome.Error) and isinstance(call.outcome.error, (Unavailable, Corrupt)))
