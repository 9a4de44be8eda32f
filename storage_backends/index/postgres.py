"""The index in Postgres: a few writing and reading threads with a connection each, and wake-ups by NOTIFY.

See `postgres_writer` for what happens when a step of a write fails. While the database is away every call gets
Unavailable after a short try; when it is back the next call succeeds.
"""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Final, TypeVar

import trio
from sqlalchemy import select

from storage_backends.index import marks
from storage_backends.index.api import AccountId, ModSeq, Transaction
from storage_backends.index.calls import Call, Desk
from storage_backends.index.postgres_connection import Connector
from storage_backends.index.postgres_readers import PostgresReader
from storage_backends.index.postgres_wakes import NotifyWakes
from storage_backends.index.postgres_writer import Writers
from storage_backends.index.readers import Readers
from storage_backends.index.statement import clock, prepared
from storage_backends.index.watches import Watches

T = TypeVar("T")

WRITERS: Final = 8
READERS: Final = 4
NOW: Final = prepared(select(clock()))


class PostgresIndex:
    """See `api.Index`. The database has the current schema: `open.open_postgres` sees to it."""

    def __init__(self, conninfo: str, *, writers: int = WRITERS, readers: int = READERS) -> None:
        """`conninfo` is libpq's; writers, readers and two more connections are opened when they are needed."""
        connector = Connector(conninfo)
        self._writes = Desk()
        self._reads = Desk()
        self._watches = Watches()
        self._readers = Readers(partial(PostgresReader, connector), readers, self._reads.hand_out)
        self._wakes = NotifyWakes(
            connector, self._watches.watched, self._watches.heard_in_thread, self._watches.compared_in_thread
        )
        self._writers = Writers(connector, writers, self._committed)

    async def read(self, unit: Callable[[Transaction], T]) -> T:
        """See `api.Index`."""
        return await self._reads.read(self._readers.submit, unit)

    async def write(self, accounts: Collection[AccountId], unit: Callable[[Transaction], T]) -> T:
        """See `api.Index`."""
        return await self._writes.write(self._writers.submit, accounts, unit)

    async def past(self, account: AccountId, modseq: ModSeq) -> ModSeq:
        """See `api.Index`."""
        return await self._watches.past(account, modseq, lambda: self.read(lambda tx: marks.current(tx, [account])))

    async def now(self) -> int:
        """See `api.Index`."""
        row = await self.read(lambda tx: tx.one(NOW, {}))
        return int(row[0]) if row else 0

    async def integrity(self) -> Iterable[str]:
        """See `api.Index`. Postgres checks its pages as it reads them: reachable is all that can be said."""
        await self.now()
        return []

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
        self._writers.close()
        self._wakes.close()
        self._readers.close()

    def _committed(self, calls: list[Call], touched: marks.Marks) -> None:
        self._writes.hand_out(calls, lambda: self._watches.heard(touched))
        self._wakes.tell(touched)
