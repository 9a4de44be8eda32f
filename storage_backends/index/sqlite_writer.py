"""The one thread that writes to SQLite in this process: what waits becomes one transaction.

A batch begins with the unit that waits longest and takes what comes while it runs, until 20 ms or 200 units, so that
another process gets its turn. Its first unit needs no savepoint, each later one has its own. Outcomes go out after the
commit, which is one sync for all.

- A unit raises: rolled back alone, its caller gets the exception; the rest of the batch goes on.
- SQLite ended the transaction (disk full, I/O error, no memory roll back everything) or COMMIT failed: nothing of the
  batch happened. The connection is closed and each unit is run again alone, once; what fails then is Unavailable.
- The turn does not come, or the database does not open: Unavailable, at once also for all that wait, who would else
  wait as long one after the other.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import outcome

from storage_backends.errors import StorageError, Unavailable
from storage_backends.index.api import AccountId, ModSeq
from storage_backends.index.calls import Call
from storage_backends.index.marks import Marks
from storage_backends.index.sqlite_connection import SqliteTransaction, connect
from storage_backends.index.turnstile import Turnstile

BATCH_SECONDS: Final = 0.020
BATCH_UNITS: Final = 200

Committed = Callable[[list[Call], Marks, int], None]
"""Gets the calls of a batch, the modseqs that it committed, and about how many pages it wrote."""


class Ended(Exception):
    """SQLite rolled the whole transaction back."""


class Writer:
    """The thread and its queue."""

    def __init__(self, path: Path, turnstile: Turnstile, committed: Committed, *, durable: bool = True) -> None:
        self._path = path
        self._durable = durable
        self._turnstile = turnstile
        self._committed = committed
        self._connection: sqlite3.Connection | None = None
        self._queue: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._open = True
        self._thread = threading.Thread(target=self._loop, name="sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, call: Call) -> None:
        """Hand a unit over."""
        self._queue.put(call)

    def close(self) -> None:
        """Finish what was handed over and end the thread. Blocks."""
        self._queue.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while self._open and (first := self._queue.get()) is not None:
            begun = [first]
            try:
                self._batch(self._waiting(first), begun)
            except StorageError as error:
                self._give_up([*begun, *self._all_waiting()], error)
            except (sqlite3.Error, MemoryError, Ended):
                self._disconnect()
                for call in begun:
                    self._alone(call)
            del first, begun  # what units hold would stay in memory until the next write
        self._disconnect()

    def _all_waiting(self) -> Iterator[Call]:
        """What waits now."""
        for _ in range(self._queue.qsize()):
            if (call := self._queue.get()) is None:
                self._open = False
                return
            yield call

    def _waiting(self, first: Call) -> Iterator[Call]:
        """The units of a batch, as they come."""
        deadline = time.monotonic() + BATCH_SECONDS
        yield first
        for _ in range(BATCH_UNITS - 1):
            try:
                call = self._queue.get_nowait()
            except queue.Empty:
                return
            if call is None:
                self._open = False
                return
            yield call
            if time.monotonic() > deadline:
                return

    def _batch(self, calls: Iterator[Call], begun: list[Call]) -> None:
        """One transaction; `begun` is filled with the units that were taken."""
        marks: dict[AccountId, ModSeq] = {}
        with self._turnstile.turn():
            connection = self._connected()
            changes = connection.total_changes
            _begin(connection)
            first = next(calls)
            if not _run(connection, first, marks):
                _execute(connection, "ROLLBACK", "BEGIN IMMEDIATE")
            for call in calls:
                begun.append(call)
                connection.execute("SAVEPOINT unit")
                if not _run(connection, call, marks):
                    connection.execute("ROLLBACK TO unit")
                connection.execute("RELEASE unit")
            connection.execute("COMMIT")
        self._committed(begun, marks, connection.total_changes - changes + len(begun))

    def _alone(self, call: Call) -> None:
        try:
            self._batch(iter((call,)), [call])
        except (sqlite3.Error, StorageError, MemoryError, Ended) as error:
            self._give_up([call], error)

    def _give_up(self, calls: list[Call], error: Exception) -> None:
        self._disconnect()
        for call in calls:
            call.fail(error if isinstance(error, StorageError) else Unavailable(_reason(error)))
        self._committed(calls, {}, 0)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path, durable=self._durable)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _run(connection: sqlite3.Connection, call: Call, marks: dict[AccountId, ModSeq]) -> bool:
    """Run a unit and keep its outcome; whether it returned."""
    tx = SqliteTransaction(connection)

    def unit() -> object:
        tx.lock(call.accounts)
        return call.unit(tx)

    call.outcome = outcome.capture(unit)
    if not connection.in_transaction:
        raise Ended from getattr(call.outcome, "error", None)
    if isinstance(call.outcome, outcome.Error):
        return False
    marks.update(tx.marks)
    return True


def _begin(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        raise Unavailable("a program that is not ours holds the database") from error


def _execute(connection: sqlite3.Connection, *statements: str) -> None:
    for each in statements:
        connection.execute(each)


def _reason(error: BaseException) -> str:
    return str(error.__cause__ or error) or "out of memory"
