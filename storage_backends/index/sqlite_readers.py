"""Threads that read from SQLite, each with a connection of its own: readers never wait for the writer.

A unit runs in one read transaction, so all its statements see one snapshot. A connection that failed is closed and the
next unit gets a new one; the unit that saw the failure gets Unavailable or Corrupt.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import outcome

from storage_backends.errors import Corrupt, StorageError, Unavailable
from storage_backends.index.calls import Call
from storage_backends.index.sqlite_connection import SqliteTransaction, connect, translated

THREADS: Final = 4


class Readers:
    """The threads and their queue."""

    def __init__(self, path: Path, hand_out: Callable[[list[Call]], None]) -> None:
        self._path = path
        self._hand_out = hand_out
        self._queue: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._loop, name=f"sqlite-reader-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Call) -> None:
        """Hand a unit over."""
        self._queue.put(call)

    def close(self) -> None:
        """Finish what was handed over and end the threads. Blocks."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _loop(self) -> None:
        connection: sqlite3.Connection | None = None
        while (call := self._queue.get()) is not None:
            try:
                connection = connection or connect(self._path, query_only=True)
            except StorageError as error:
                call.fail(error)
            else:
                if not _read(connection, call):
                    connection.close()
                    connection = None
            self._hand_out([call])
            del call  # its result would stay in memory until the next unit
        if connection is not None:
            connection.close()


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
