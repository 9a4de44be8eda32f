"""Threads that write to Postgres, each with a connection: what waits for an account becomes one transaction.

Locking an account's row and raising its modseq is the first statement of a unit, so commit order is modseq order. A unit
over several accounts waits in a queue of its own and locks them in the order of their ids.

- A unit raises: rolled back to its savepoint, its caller gets the exception; the rest of the batch goes on.
- Deadlock, serialisation failure, connection lost before COMMIT was sent: nothing happened, each unit of the batch is
  run again alone, a few times within a second; then Unavailable. Without a connection to begin with it is Unavailable at
  once, so that callers do not pile up while the database is away.
- Connection lost during COMMIT: `pg_xact_status` on a new connection tells what became of it. Only an aborted one is
  run again. A database that stays away for a minute leaves it unknown; that too is Unavailable, as `api` warns.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import psycopg
from psycopg import errors

from storage_backends.errors import StorageError, Unavailable
from storage_backends.index.calls import Call
from storage_backends.index.marks import Marks
from storage_backends.index.postgres_batch import Batch
from storage_backends.index.postgres_connection import Again, Away, Connector, Lost
from storage_backends.index.postgres_queues import Accounts, Queues
from storage_backends.index.postgres_wire import Asked, Wire

BATCH_SECONDS: Final = 0.020
BATCH_UNITS: Final = 200
TRIES: Final = 5
ASK_SECONDS: Final = 60.0
"""How long to ask what became of a COMMIT: longer than the server keeps a transaction whose client fell silent."""
ASK_PAUSE: Final = 0.1
STATUS: Final = "SELECT pg_xact_status(%(transaction)s::text::xid8)"

Committed = Callable[[list[Call], Marks], None]
"""Gets the calls of a batch and the modseqs that it committed."""


class Writers:
    """The threads; each takes the queue that waits longest."""

    def __init__(self, connector: Connector, threads: int, committed: Committed) -> None:
        self._queues = Queues()
        workers = [Worker(connector, self._queues, committed) for _ in range(threads)]
        self._threads = [
            threading.Thread(target=worker.loop, name=f"postgres-writer-{number}", daemon=True)
            for number, worker in enumerate(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Call) -> None:
        """Hand a unit over."""
        self._queues.put(call)

    def close(self) -> None:
        """Finish what was handed over and end the threads. Blocks."""
        self._queues.close()
        for thread in self._threads:
            thread.join()


class Worker:
    """One thread's work."""

    def __init__(self, connector: Connector, queues: Queues, committed: Committed) -> None:
        self._connector = connector
        self._queues = queues
        self._committed = committed
        self._wire: Wire | None = None

    def loop(self) -> None:
        """Until the queues close."""
        while (accounts := self._queues.take()) is not None:
            begun: list[Call] = []
            try:
                self._transaction(self._waiting(accounts), begun)
            except (Again, Lost):
                self._disconnect()
                for call in begun:
                    self._alone(call)
            except (StorageError, psycopg.Error) as error:
                self._give_up(begun, error)
            self._queues.give_back(accounts)
            del begun  # what units hold would stay in memory until the next write
        self._disconnect()

    def _waiting(self, accounts: Accounts) -> Iterator[Call]:
        deadline = time.monotonic() + BATCH_SECONDS
        for _ in range(BATCH_UNITS):
            call = self._queues.next(accounts)
            if call is None:
                return
            yield call
            if time.monotonic() > deadline:
                return

    def _alone(self, call: Call) -> None:
        reason: Exception = Unavailable("")
        for turn in range(TRIES):
            try:
                self._transaction(iter((call,)), [])
            except (Again, Lost, Away) as error:
                reason = error
            except (StorageError, psycopg.Error) as error:
                reason = error
                break
            else:
                return
            self._disconnect()
            time.sleep(random.uniform(0.5, 1.5) * 0.02 * 2**turn)  # noqa: S311 - only spreads retries
        self._give_up([call], reason)

    def _give_up(self, calls: list[Call], reason: Exception) -> None:
        self._disconnect()
        for call in calls:
            call.fail(reason if isinstance(reason, StorageError) else Unavailable(str(reason)))
        self._committed(calls, {})

    def _transaction(self, calls: Iterator[Call], begun: list[Call]) -> None:
        """`begun` is filled with the units that were taken. Raises Again and Lost when nothing happened."""
        batch: Batch | None = None
        for call in calls:
            begun.append(call)
            batch = batch or Batch(self._connected())
            batch.run(call)
        if batch is None:
            return
        try:
            batch.commit()
        except Lost:
            self._disconnect()
            if not self._was_committed(batch.transaction):
                raise
        self._committed(begun, batch.marks)

    def _was_committed(self, transaction: str) -> bool:
        """Ask a new connection. Unavailable when there is none for a minute."""
        deadline = time.monotonic() + ASK_SECONDS
        while time.monotonic() < deadline:
            asked = Asked(STATUS, {"transaction": transaction})
            try:
                wire = self._connected()
                wire.converse((asked,))
                row = wire.first(asked)
            except errors.InvalidParameterValue:
                return False  # a crash forgot that the id was ever given
            except psycopg.OperationalError:
                self._disconnect()
            except Unavailable:
                pass  # tried again below
            else:
                if row is not None and row[0] in ("committed", "aborted"):
                    return bool(row[0] == "committed")
            time.sleep(ASK_PAUSE)
        raise Unavailable("the connection went during COMMIT and the database does not tell what became of it")

    def _connected(self) -> Wire:
        if self._wire is None:
            self._wire = self._connector.wire()
        return self._wire

    def _disconnect(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None
