"""A copy of an index at one instant, as a SQLite file, while servers go on: what a backup begins with.

From SQLite by `VACUUM INTO`, which reads one snapshot and holds up no writer. From any other index row by row in one read unit,
so in one snapshot too; restored to such an index by `copying`. The file is durable when the call returns. A copy that was cut
off leaves a file that the next one replaces.

`trial` brings a copy to the schema of this program, so that an upgrade is seen to work before it is made.

Raises Refused, Corrupt, Unavailable.
"""

import os
import shutil
import sqlite3
from functools import partial
from pathlib import Path
from typing import Final

import trio
from sqlalchemy import Table, bindparam, select, tuple_

from storage_backends.errors import Unavailable
from storage_backends.index import migrate, schema, sqlite_connection, wake_local
from storage_backends.index.api import Index, Row, Transaction
from storage_backends.index.copying import last_id, set_last_id
from storage_backends.index.sqlite_connection import SqliteTransaction, translated
from storage_backends.index.statement import insert, prepared

PAGE: Final = 500
"""Rows that are in memory at the same time."""
BESIDE: Final = ("-wal", "-shm", "-journal")


async def of_sqlite(source: Path, target: Path) -> None:
    """Copy the database at `source` to a file that is replaced when it is there."""
    await trio.to_thread.run_sync(_vacuum, source, target)


async def of_rows(index: Index, target: Path) -> None:
    """Copy all rows of any index to a file that is replaced when it is there."""
    await index.read(partial(_unit, target=target))


def _vacuum(source: Path, target: Path) -> None:
    remove(target)
    connection = sqlite_connection.connect(source, query_only=False)
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise translated(error) from error
    except OSError as error:
        raise Unavailable(f"cannot make {target}: {error.strerror}") from error
    finally:
        connection.close()
    _sync(target)


def remove(path: Path) -> None:
    """Remove a database that nobody has open, with the files beside it."""
    for each in (path, *(path.with_name(path.name + end) for end in BESIDE)):
        each.unlink(missing_ok=True)
    shutil.rmtree(wake_local.directory_of(path), ignore_errors=True)


def settle(path: Path) -> None:
    """Make a database that nobody has open one file again, whole in itself. Blocks."""
    connection = sqlite_connection.connect(path)
    try:
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    except sqlite3.Error as error:
        raise translated(error) from error
    finally:
        connection.close()
    shutil.rmtree(wake_local.directory_of(path), ignore_errors=True)
    _sync(path)


def _unit(tx: Transaction, *, target: Path) -> None:
    remove(target)  # a unit may be run more than once
    sqlite_connection.create(target)
    migrate.sqlite(target)
    connection = sqlite_connection.connect(target, durable=False)
    try:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("BEGIN")
        into = SqliteTransaction(connection)
        for table in schema.metadata.sorted_tables:
            _copy(tx, into, table)
            set_last_id(into, table=table, last=last_id(tx, table=table))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise translated(error) from error
    finally:
        connection.close()
    settle(target)


def _copy(tx: Transaction, into: SqliteTransaction, table: Table) -> None:
    keys = list(table.primary_key.columns)
    columns = [column.name for column in table.columns]
    positions = [columns.index(key.name) for key in keys]
    filling = prepared(insert(table).values({name: bindparam(name) for name in columns}))
    after = tuple_(*(bindparam(f"after_{key.name}", type_=key.type) for key in keys))
    following = prepared(select(table).where(tuple_(*keys) > after).order_by(*keys).limit(PAGE))
    page = tx.all(prepared(select(table).order_by(*keys).limit(PAGE)), {})
    while page:
        into.many(filling, [dict(zip(columns, map(_plain, row), strict=True)) for row in page])
        page = tx.all(following, _last(page, [key.name for key in keys], positions)) if len(page) == PAGE else []


def _last(page: list[Row], names: list[str], positions: list[int]) -> dict[str, object]:
    return {f"after_{name}": page[-1][position] for name, position in zip(names, positions, strict=True)}


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def _sync(path: Path) -> None:
    for each, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(each, flags | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_VERSION: Final = "SELECT version_num FROM alembic_version"


def version(path: Path) -> str:
    """The revision of a SQLite database; empty when it has none. Blocks."""
    connection = sqlite_connection.connect(path, query_only=True)
    try:
        row = connection.execute(_VERSION).fetchone()
    except sqlite3.OperationalError:
        return ""
    finally:
        connection.close()
    return str(row[0]) if row else ""


def trial(path: Path) -> tuple[str, str]:
    """Bring a copy to the schema of this program; the revisions before and after. Blocks. Refused for a newer one."""
    before = version(path)
    migrate.sqlite(path)
    return before, version(path)
