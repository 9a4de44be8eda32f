"""Open an index by where it is: the database is made or brought to the current schema first.

Unavailable when it cannot be reached, Refused when a newer program made it, or an older one where `upgrading` is not allowed.
"""

from functools import partial
from pathlib import Path

import trio

from storage_backends.index import migrate
from storage_backends.index.api import Index
from storage_backends.index.sqlite import SqliteIndex


async def open_postgres(conninfo: str, connections: int = 16, *, upgrading: bool = True) -> Index:
    """Open the database that a libpq connection string or URI names. Any number of processes may.

    At least four connections: two for wake-ups, the others for writers and readers.
    """
    from storage_backends.index.postgres import PostgresIndex  # only who uses Postgres loads its driver

    await trio.to_thread.run_sync(partial(migrate.postgres, conninfo, upgrading=upgrading))
    readers = max(1, (connections - 2) // 3)
    writers = connections - 2 - readers
    return await trio.to_thread.run_sync(lambda: PostgresIndex(conninfo, writers=writers, readers=readers))


async def open_sqlite(path: Path, *, durable: bool = True, upgrading: bool = True) -> Index:
    """Open the SQLite database at `path`, whose directory exists. Any number of processes may.

    Without `durable`, for tests, no commit waits for the disk, and a power cut may damage what is there.
    """
    await trio.to_thread.run_sync(partial(migrate.sqlite, path, durable=durable, upgrading=upgrading))
    return await trio.to_thread.run_sync(partial(SqliteIndex, path, durable=durable))
