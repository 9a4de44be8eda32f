"""Upgrade the index on a copy first: what does not work there never touches the index.

SQLite is copied beside the index, in the data directory, while servers go on. Postgres is upgraded in a transaction that is
rolled back, which locks what the migrations change for as long as they take; a copy of another kind is a restore of a backup.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import trio

from mox_trio.app import stores
from mox_trio.config.models.static import Static
from mox_trio.config.models.storage import PostgresIndex, SqliteIndex
from storage_backends.index import migrate, snapshot
from storage_backends.index import open as opening


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was done."""

    before: str
    """The revision; empty where it is not known before."""
    after: str
    problems: tuple[str, ...] = ()
    """What is wrong with the upgraded copy; then the index was not touched."""


async def run(static: Static, *, dry_run: bool) -> Upgraded:
    """Try, and upgrade unless it is a dry run. Refused for an index of a newer program, Unavailable."""
    index = static.storage.index
    if isinstance(index, PostgresIndex):
        conninfo = await stores.conninfo(index)
        await trio.to_thread.run_sync(lambda: migrate.postgres(conninfo, keep=not dry_run))
        return Upgraded("", migrate.HEAD)
    done = await _tried(index)
    if not dry_run and not done.problems and done.before != done.after:
        await trio.to_thread.run_sync(migrate.sqlite, index.file)
    return done


async def _tried(index: SqliteIndex) -> Upgraded:
    with tempfile.TemporaryDirectory(prefix=".upgrade-", dir=index.file.parent) as place:
        path = Path(place, "index.db")
        await snapshot.of_sqlite(index.file, path)
        before, after = await trio.to_thread.run_sync(snapshot.trial, path)
        copied = await opening.open_sqlite(path)
        try:
            return Upgraded(before, after, tuple(await copied.integrity()))
        finally:
            with trio.CancelScope(shield=True):
                await copied.aclose()
