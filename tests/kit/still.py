"""A clock of trio that jumps when nobody does anything, but not while a thread works, which such a clock knows nothing of."""

import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import trio
from trio.testing import MockClock

from storage_backends.index.api import AccountId, Index, ModSeq, Transaction

T = TypeVar("T")


@dataclass
class Still:
    """Keeps the clock from jumping while something works that it knows nothing of: a thread."""

    clock: MockClock
    _working: int = 0

    @contextmanager
    def working(self) -> Iterator[None]:
        """Something works."""
        self._working += 1
        self.clock.autojump_threshold = math.inf
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self.clock.autojump_threshold = 0

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Within it, every thread that is waited for counts as work."""
        run = trio.to_thread.run_sync

        async def run_still(*args: Any, **kwargs: Any) -> Any:
            with self.working():
                return await run(*args, **kwargs)

        trio.to_thread.run_sync = run_still  # type: ignore[assignment]
        try:
            yield
        finally:
            trio.to_thread.run_sync = run


class StillIndex:
    """An index whose threads keep the clock. While `stopped` is set nothing is done and nothing returns, as in a process that
    died or was stopped. `fuse` counts calls down: at 0 it stops, before the call or, with `after`, behind it.
    """

    def __init__(self, inner: Index, still: Still) -> None:
        self.inner = inner
        self.stopped: trio.Event | None = None
        self.fuse: int | None = None
        self.after = False
        self._still = still

    async def read(self, unit: Callable[[Transaction], T]) -> T:
        return await self._call(lambda: self.inner.read(unit))

    async def write(self, accounts: Collection[AccountId], unit: Callable[[Transaction], T]) -> T:
        return await self._call(lambda: self.inner.write(accounts, unit))

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        is_last = self._burn()
        if is_last and not self.after:
            self.stopped = trio.Event()
        if self.stopped is not None:
            await self.stopped.wait()
        with self._still.working():
            found = await call()
        if is_last and self.after:
            self.stopped = trio.Event()
        if self.stopped is not None:
            await self.stopped.wait()
        return found

    def _burn(self) -> bool:
        if self.fuse is None:
            return False
        self.fuse -= 1
        return self.fuse == 0

    async def past(self, account: AccountId, modseq: ModSeq) -> ModSeq:
        return await self.inner.past(account, modseq)

    async def now(self) -> int:
        return await self.inner.now()

    async def integrity(self) -> Iterable[str]:
        return await self.inner.integrity()

    async def aclose(self) -> None:
        await self.inner.aclose()
