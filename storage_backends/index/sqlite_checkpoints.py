"""A thread that moves pages from the WAL into the database file, so that no commit has to.

Passive checkpoints stop nobody and run after about `PAGES` written pages. Under writes without a pause they never reach
the end of the WAL, which would grow for ever: beyond `BOUND` pages the thread takes a writer's turn, so that the WAL
starts from its beginning again. A reader that stays long can put that off, not prevent it. When nothing was written for
a while the WAL is emptied. A failure (disk full) is tried again after the next writes; nothing is lost by it.
"""

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage_backends.errors import StorageError
from storage_backends.index.sqlite_connection import connect
from storage_backends.index.turnstile import Turnstile

PAGES: Final = 2000
BOUND: Final = 32_000
"""Pages of 4 KiB: 128 MiB."""
IDLE_SECONDS: Final = 2.0


class Checkpoints:
    """The thread; `turnstile` is its own."""

    def __init__(
        self, path: Path, turnstile: Turnstile, *, pages: int = PAGES, bound: int = BOUND, durable: bool = True
    ) -> None:
        self._durable = durable
        self._every = pages
        self._bound = bound
        self._path = path
        self._turnstile = turnstile
        self._connection: sqlite3.Connection | None = None
        self._pages = 0
        self._due = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name="sqlite-checkpoints", daemon=True)
        self._thread.start()

    def wrote(self, pages: int) -> None:
        """From the writer: about so many pages came."""
        before, self._pages = self._pages, self._pages + pages
        if before == 0 or self._pages >= self._every:
            self._due.set()

    def close(self) -> None:
        """A last checkpoint, and the end of the thread. Blocks."""
        self._closing = True
        self._due.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._closing:
            before = self._pages
            idle = not self._due.wait(IDLE_SECONDS if before else None) and self._pages == before
            self._due.clear()
            if idle or self._pages >= self._every:
                self._pages = 0
                self._checkpoint("TRUNCATE" if idle else "PASSIVE")
        self._checkpoint("TRUNCATE")
        self._disconnect()

    def _checkpoint(self, mode: str) -> None:
        try:
            connection = self._connection = self._connection or connect(self._path, durable=self._durable)
            # It may wait for the writer's or a reader's lock: a little only, there is a next time.
            connection.execute("PRAGMA busy_timeout = 20").fetchall()
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if mode == "TRUNCATE" or pages > self._bound:
                with self._turnstile.turn():
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except (sqlite3.Error, StorageError):
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
