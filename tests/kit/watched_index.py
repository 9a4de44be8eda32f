"""An index that lets a test do something between the calls of what it tests."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from mox_trio.mailstore.store import MailStore
from storage_backends.index.api import AccountId, Index, ModSeq, Transaction

T = TypeVar("T")

After = Callable[[int], Awaitable[None]]
"""Gets the number of the call that is done, from 1."""


async def nothing(number: int) -> None:
    """Does nothing."""


class WatchedIndex:
    """Calls back after each read and after each write, before the caller goes on."""

    def __init__(self, inner: Index, *, after_read: After = nothing, after_write: After = nothing) -> None:
        self._inner = inner
        self._after_read = after_read
        self._after_write = after_write
        self.reads = 0
        self.writes = 0

    async def read(self, unit: Callable[[Transaction], T]) -> T:
        """See `api.Index`."""
        result = await self._inner.read(unit)
        self.reads += 1
        await self._after_read(self.reads)
        return result

    async def write(self, accounts: Collection[AccountId], unit: Callable[[Transaction], T]) -> T:
        """See `api.Index`."""
        result = await self._inner.write(accounts, unit)
        self.writes += 1
        await self._after_write(self.writes)
        return result

    async def past(self, account: AccountId, modseq: ModSeq) -> ModSeq:
        """See `api.Index`."""
        return await self._inner.past(account, modseq)

    async def now(self) -> int:
        """See `api.Index`."""
        return await self._inner.now()

    async def integrity(self) -> Iterable[str]:
        """See `api.Index`."""
        return await self._inner.integrity()

    async def aclose(self) -> None:
        """See `api.Index`."""
        await self._inner.aclose()


def over(store: MailStore, *, after_read: After = nothing, after_write: After = nothing) -> MailStore:
    """The same mail store over a watched index."""
    return replace(store, index=WatchedIndex(store.index, after_read=after_read, after_write=after_write))
