"""Reading from Postgres: a unit sees one snapshot and cannot write.

A connection that was lost is opened again and the unit run once more, since it changes nothing.
"""

import outcome
import psycopg

from storage_backends.errors import StorageError, Unavailable
from storage_backends.index.calls import Call
from storage_backends.index.postgres_batch import say
from storage_backends.index.postgres_connection import Again, Connection, Connector, Lost, PostgresTransaction, close


class PostgresReader:
    """See `readers.Reader`."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._connection: Connection | None = None

    def run(self, call: Call) -> None:
        """See `readers.Reader`."""
        for last in (False, True):
            try:
                self._connection = self._connection or self._connector.connect()
                _read(self._connection, call)
                return
            except (Again, Lost, StorageError, psycopg.Error) as error:
                self.close()
                if last or isinstance(error, StorageError):
                    call.fail(error if isinstance(error, StorageError) else Unavailable(str(error)))
                    return

    def close(self) -> None:
        """See `readers.Reader`."""
        close(self._connection)
        self._connection = None


def _read(connection: Connection, call: Call) -> None:
    say(connection, ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",))
    call.outcome = outcome.capture(call.unit, PostgresTransaction(connection))
    if isinstance(call.outcome, outcome.Error) and isinstance(call.outcome.error, Again | Lost):
        raise call.outcome.error
    say(connection, ("ROLLBACK",))
