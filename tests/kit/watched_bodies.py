"""A body store in memory that notes what it is asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storage_backends.bodies import memory


class WatchedStore(memory.MemoryStore):
    """Notes every range that is opened in `asked`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int | None]] = []

    @asynccontextmanager
    async def open(self, ref: str, start: int = 0, stop: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        self.asked.append((start, stop))
        async with super().open(ref, start, stop) as blocks:
            yield blocks
