"""The index in one SQLite file: one writer thread, four readers, a checkpointer and wake-ups to other processes.

See `sqlite_writer` for what happens when a step of a write fails, `sqlite_connection` for how durable it is. Beside the
database lies the directory `<database>-wake` with the locks of the writers' turns and the processes' sockets; what is in
it may be removed when no process runs.
"""

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import trio

from storage_backends.errors import StorageError
from storage_backends.index import marks
from storage_backends.index.api import AccountId, ModSeq, Transaction
from storage_backends.index.calls import Call, Desk
from storage_backends.index.readers import Readers
from storage_backends.index.sqlite_checkpoints import Checkpoints
from storage_backends.index.sqlite_connection import SqliteTransaction, connect, translated
from storage_backends.index.sqlite_readers import SqliteReader
from storage_backends.index.sqlite_writer import Writer
from storage_backends.index.turnstile import Turnstile
from storage_backends.index.wake_local import LocalWakes, directory_of
from storage_backends.index.watches import Watches

T = TypeVar("T")

READERS: Final = 4


class SqliteIndex:
    """See `api.Index`. The database exists and has the current schema: `open.open_sqlite` sees to it."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Without `durable` no commit waits for the disk."""
        self._path = path
        directory = directory_of(path)
        self._writes = Desk()
        self._reads = Desk()
        self._watches = Watches()
        self._turnstiles = [Turnstile(directory), Turnstile(directory)]
        self._readers = Readers(partial(SqliteReader, path), READERS, self._reads.hand_out)
        self._checkpoints = Checkpoints(path, self._turnstiles[0], durable=durable)
        self._wakes = LocalWakes(directory, self._watches.heard_in_thread, self._compare)
        self._writer = Writer(path, self._turnstiles[1], self._committed, durable=durable)

    async def read(self, unit: Callable[[Transaction], T]) -> T:
        """See `api.Index`."""
        return await self._reads.read(self._readers.submit, unit)

    async def write(self, accounts: Collection[AccountId], unit: Callable[[Transaction], T]) -> T:
        """See `api.Index`."""
        return await self._writes.write(self._writer.submit, accounts, unit)

    async def past(self, account: AccountId, modseq: ModSeq) -> ModSeq:
        """See `api.Index`."""
        return await self._watches.past(account, modseq, lambda: self.read(lambda tx: marks.current(tx, [account])))

    async def now(self) -> int:
        """See `api.Index`. SQLite's clock is this machine's."""
        await trio.lowlevel.checkpoint()
        return time.time_ns() // 1_000_000

    async def integrity(self) -> Iterable[str]:
        """See `api.Index`. Reads the whole file."""
        self._reads.check_open()
        return await trio.to_thread.run_sync(_check, self._path)

    async def aclose(self) -> None:
        """See `api.Index`."""
        if self._writes.closed:
            return
        self._writes.close()
        self._reads.close()  # here and not in the thread, so that nothing is handed over after the end
        self._watches.close()
        with trio.CancelScope(shield=True):  # closing
            await trio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._wakes.close()
        self._readers.close()
        self._checkpoints.close()
        for turnstile in self._turnstiles:
            turnstile.close()

    def _committed(self, calls: list[Call], touched: marks.Marks, pages: int) -> None:
        self._writes.hand_out(calls, lambda: self._watches.heard(touched))
        self._wakes.tell(touched)
        if pages:
            self._checkpoints.wrote(pages)

    def _compare(self) -> None:
        watched = self._watches.watched()
        if not watched:
            return
        with suppress(StorageError, sqlite3.Error):
            connection = connect(self._path, query_only=True)
            try:
                found = marks.current(SqliteTransaction(connection), watched)
            finally:
                connection.close()
            self._watches.compared_in_thread(watched, found)


def _check(path: Path) -> list[str]:
    connection = connect(path, query_only=True)
    try:
        problems = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
            problems.append(f"row {row} of {table} names a row of {parent} that is not there")
    except sqlite3.Error as error:
        raise translated(error) from error
    finally:
        connection.close()
    return problems
