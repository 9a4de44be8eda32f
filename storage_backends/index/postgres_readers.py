"""Threads that read from Postgres, each with a connection: a unit sees one snapshot and cannot write.

A connection that was lost is opened again and the unit run once more, since it changes nothing.
"""

import queue
import threading
from collections.abc import Callable

import outcome
import psycopg

from storage_backends.errors import StorageError, Unavailable
from storage_backends.index.calls import Call
from storage_backends.index.postgres_batch import say
from storage_backends.index.postgres_connection import Again, Connection, Connector, Lost, PostgresTransaction, close


class Readers:
    """The threads and their queue."""

    def __init__(self, connector: Connector, threads: int, hand_out: Callable[[list[Call]], None]) -> None:
        self._connector = connector
        self._hand_out = hand_out
        self._queue: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._loop, name=f"postgres-reader-{number}", daemon=True)
            for number in range(threads)
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
        connection: Connection | None = None
        while (call := self._queue.get()) is not None:
            for last in (False, True):
                try:
                    connection = connection or self._connector.connect()
                    _read(connection, call)
                    break
                except (Again, Lost, StorageError, psycopg.Error) as error:
                    close(connection)
                    connection = None
                    if last or isinstance(error, StorageError):
                        call.fail(error if isinstance(error, StorageError) else Unavailable(str(error)))
                        break
            self._hand_out([call])
            del call  # its result would stay in memory until the next unit
        close(connection)


def _read(connection: Connection, call: Call) -> None:
    say(connection, ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",))
    call.outcome = outcome.capture(call.unit, PostgresTransaction(connection))
    if isinstance(call.outcome, outcome.Error) and isinstance(call.outcome.error, Again | Lost):
        raise call.outcome.error
    say(connection, ("ROLLBACK",))
