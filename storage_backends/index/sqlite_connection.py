"""Connections to SQLite as this program needs them, transactions on them, and what their errors mean.

Durable means WAL with synchronous=FULL: a commit returns after its pages are synced. Who asks for less, as a server inside a
test does, gets synchronous=OFF. Every setting is read back, because SQLite ignores what it cannot do. Rows are tuples;
transactions begin and end by our own statements only.

Nothing but SQLite may open the database, its -wal or its -shm in this process: closing any descriptor of a file drops
all of the process's POSIX locks on it, and another process would then reset the WAL under our feet.
"""

import os
import sqlite3
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from storage_backends.errors import Conflict, Corrupt, Refused, Unavailable
from storage_backends.index import marks
from storage_backends.index.api import AccountId, Answer, ModSeq, Parameters, Row, Statement
from storage_backends.index.statement import NONE

BUSY_MS: Final = 5000
SETTINGS: Final[tuple[tuple[str, str, Any], ...]] = (
    ("busy_timeout", str(BUSY_MS), BUSY_MS),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("temp_store", "MEMORY", 2),
    ("foreign_keys", "ON", 1),
    ("wal_autocheckpoint", "0", 0),  # the checkpointer does it, so that no commit waits for one
    ("cache_size", "-16384", -16384),
)

UNSYNCED: Final = ("synchronous", "OFF", 0)

CONFLICTS: Final = frozenset(
    (
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
        sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    )
)
DAMAGED: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
PASSING: Final = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    )
)


def create(path: Path) -> None:
    """Make an empty file with mode 0600 (SQLite gives it to the files beside it) when there is none. Unavailable."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)  # SQLite does it for the WAL only
        finally:
            os.close(directory)
    except FileExistsError:
        return
    except OSError as error:
        raise Unavailable(f"cannot make {path}: {error.strerror}") from error


def connect(path: Path, *, query_only: bool = False, durable: bool = True) -> sqlite3.Connection:
    """Open a database that is there; without `durable`, so that no commit waits for the disk.

    Unavailable when it cannot be opened now, Corrupt when it is no database, Refused when SQLite cannot be durable there.
    """
    try:
        connection = sqlite3.connect(
            f"file:{urllib.parse.quote(str(path))}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
    except sqlite3.Error as error:
        raise translated(error) from error
    try:
        for name, value, expected in SETTINGS if durable else (*SETTINGS, UNSYNCED):
            _set(connection, name, value, expected)
        if query_only:
            _set(connection, "query_only", "ON", 1)
    except sqlite3.Error as error:
        connection.close()
        raise translated(error) from error
    except Refused:
        connection.close()
        raise
    return connection


def _set(connection: sqlite3.Connection, name: str, value: str, expected: Any) -> None:
    connection.execute(f"PRAGMA {name} = {value}").fetchall()
    (found,) = connection.execute(f"PRAGMA {name}").fetchone()
    if found != expected:
        raise Refused(f"SQLite keeps {name} at {found} where {value} is needed; is this a local file system?")


def translated(error: sqlite3.Error) -> Exception:
    """The storage error that a driver's error means; a mistake in a statement stays what it is."""
    # Errors of the module itself have no code.
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in CONFLICTS:
        return Conflict(str(error))
    if code & 0xFF in DAMAGED:
        return Corrupt(str(error))
    if code & 0xFF in PASSING:
        return Unavailable(str(error))
    return error


class SqliteTransaction:
    """What a unit gets. See `api.Transaction`."""

    __slots__ = ("_connection", "marks")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.marks: dict[AccountId, ModSeq] = {}
        """The accounts whose modseq this unit raised."""

    def lock(self, accounts: tuple[AccountId, ...]) -> None:
        """Raise the modseqs of the unit's accounts. NotFound."""
        for account in accounts:
            self.marks[account] = marks.raised(self, account)

    def all(self, statement: Statement, parameters: Parameters = NONE) -> list[Row]:
        """See `api.Transaction`."""
        sql, values = statement.sqlite(parameters)
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from error

    def one(self, statement: Statement, parameters: Parameters = NONE) -> Row | None:
        """See `api.Transaction`."""
        sql, values = statement.sqlite(parameters)
        try:
            cursor = self._connection.execute(sql, values)
            row: Row | None = cursor.fetchone()
            cursor.close()  # a statement that returns rows is at work until its end: COMMIT would fail
        except sqlite3.Error as error:
            raise translated(error) from error
        return row

    def run(self, statement: Statement, parameters: Parameters = NONE) -> int:
        """See `api.Transaction`."""
        sql, values = statement.sqlite(parameters)
        try:
            cursor = self._connection.execute(sql, values)
            cursor.close()
        except sqlite3.Error as error:
            raise translated(error) from error
        return cursor.rowcount

    def many(self, statement: Statement, parameters: Sequence[Parameters]) -> None:
        """See `api.Transaction`."""
        if not parameters:
            return
        sql, _ = statement.sqlite(parameters[0])
        try:
            self._connection.executemany(sql, (statement.sqlite(each)[1] for each in parameters))
        except sqlite3.Error as error:
            raise translated(error) from error

    def ask(self, statement: Statement, parameters: Parameters = NONE) -> Answer:
        """See `api.Transaction`. There is no round trip to save."""
        rows = self.all(statement, parameters)
        return lambda: rows

    def modseq(self, account: AccountId) -> ModSeq:
        """See `api.Transaction`."""
        return self.marks[account]
