"""Reading from Postgres: a unit sees one snapshot and cannot write.

A connection that was lost is opened again and the unit run once more, since it changes nothing.
"""

from typing import Final

import outcome
import psycopg

from storage_backends.errors import StorageError, Unavailable
from storage_backends.index.calls import Call
from storage_backends.index.postgres_batch import say
from storage_backends.index.postgres_connection import Again, Connector, Lost
from storage_backends.index.postgres_transaction import PostgresTransaction
from storage_backends.index.postgres_wire import Asked, Wire

BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresReader:
    """See `readers.Reader`."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._wire: Wire | None = None

    def run(self, call: Call) -> None:
        """See `readers.Reader`."""
        for last in (False, True):
            try:
                self._wire = self._wire or self._connector.wire()
                _read(self._wire, call)
                return
            except (Again, Lost, StorageError, psycopg.Error) as error:
                self.close()
                if last or isinstance(error, StorageError):
                    call.fail(error if isinstance(error, StorageError) else Unavailable(str(error)))
                    return

    def close(self) -> None:
        """See `readers.Reader`."""
        if self._wire is not None:
            self._wire.close()
        self._wire = None


def _read(wire: Wire, call: Call) -> None:
    tx = PostgresTransaction(wire, [Asked(BEGIN)])
    call.outcome = outcome.capture(call.unit, tx)
    if isinstance(call.outcome, outcome.Error) and isinstance(call.outcome.error, Again | Lost):
        raise call.outcome.error
    if wire.in_transaction:  # else the unit asked nothing
        say(wire, "ROLLBACK")
