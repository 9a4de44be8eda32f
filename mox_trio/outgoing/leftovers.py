"""Bodies whose last recipient went: they are deleted together, beside what comes next, because each hop to a thread costs more
than the deletion.

While `run` is not running a body is deleted at once. What is not deleted, because the store is away or the process dies, is
an orphan that `upkeep` removes.
"""

from contextlib import suppress
from typing import Final

import trio

from storage_backends.bodies.api import BodyStore
from storage_backends.errors import StorageError

TOGETHER: Final = 0.05
"""Seconds in which others join."""
MOST: Final = 1000
"""Bodies that wait; beyond it whoever has one more deletes it itself, and so waits for the store."""
FAREWELL: Final = 5.0
"""Seconds for what is left at the end."""


class Leftovers:
    """The bodies of one server that are to be deleted."""

    def __init__(self) -> None:
        self._waiting: list[tuple[BodyStore, str]] = []
        self._change = trio.Event()
        self._is_running = False

    async def discard(self, bodies: BodyStore, ref: str) -> None:
        """Delete a body, soon."""
        if self._is_running and len(self._waiting) < MOST:
            self._waiting.append((bodies, ref))
            self._change.set()
            return
        with suppress(StorageError):
            await bodies.delete([ref])

    async def run(self) -> None:
        """Delete what comes, until cancelled, and then what is left."""
        self._is_running = True
        try:
            while True:
                await self._change.wait()
                self._change = trio.Event()
                await trio.sleep(TOGETHER)
                await self._delete()
        finally:
            self._is_running = False
            with trio.move_on_after(FAREWELL, shield=True):
                await self._delete()

    async def _delete(self) -> None:
        batch = list(self._waiting)
        by_store: dict[int, tuple[BodyStore, list[str]]] = {}
        for bodies, ref in batch:
            by_store.setdefault(id(bodies), (bodies, []))[1].append(ref)
        for bodies, refs in by_store.values():
            with suppress(StorageError):
                await bodies.delete(refs)
        del self._waiting[: len(batch)]
