"""Connections to Postgres as this program needs them, and what their errors mean.

Every wait has an end: for the connection, for a lock, for a statement, for a peer that fell silent. While the database
is away one thread at a time tries to reach it, and after a failure all callers get Unavailable at once for a moment.
"""

import threading
import time
from contextlib import suppress
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import errors
from psycopg.conninfo import make_conninfo

from storage_backends.errors import Conflict, Corrupt, Unavailable
from storage_backends.index.api import Row
from storage_backends.index.postgres_wire import Wire

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

    def wire(self, **settings: str) -> Wire:
        """As `connect`, for units."""
        return Wire(self.connect(**settings))


def close(connection: Connection | None) -> None:
    """Close without complaint."""
    if connection is not None:
        with suppress(psycopg.Error):
            connection.close()


def translated(error: psycopg.Error, wire: Wire) -> Exception:
    """What a driver's error means; a mistake in a statement stays what it is."""
    # The message alone: the details of an error quote values.
    text = error.diag.message_primary or _first_line(error)
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected):
        return Again(text)
    if isinstance(error, errors.UniqueViolation | errors.ForeignKeyViolation):
        return Conflict(text)
    if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted):
        return Corrupt(text)
    if wire.lost:
        return Lost(text)
    if isinstance(error, psycopg.OperationalError | errors.ReadOnlySqlTransaction):
        return Unavailable(text)
    return error


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0]
