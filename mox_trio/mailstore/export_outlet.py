"""What a streamed export is written to: bytes until somebody takes them, in memory or, when many, in a temporary file."""

import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import trio

from mox_trio.mailstore.scratch import Scratch

MEMORY: Final = 2 * 1024 * 1024
"""Bytes that are kept in memory."""


class Outlet(io.RawIOBase):
    """Written to in threads, emptied by a task, never at once."""

    def __init__(self, scratch: Callable[[], Scratch]) -> None:
        self._make = scratch
        self._held: list[bytes] = []
        self._size = 0
        self._spilt: Scratch | None = None

    def writable(self) -> bool:
        """It is written to."""
        return True

    def write(self, data: Any) -> int:
        """Keep bytes. OSError when there is no room."""
        block = bytes(data)
        if self._spilt is None and self._size + len(block) > MEMORY:
            self._spilt = self._make()
            for each in self._held:
                self._spilt.append(each)
            self._held = []
        if self._spilt is not None:
            self._spilt.append(block)
        else:
            self._held.append(block)
            self._size += len(block)
        return len(block)

    def close(self) -> None:
        """Give the space back."""
        if self._spilt is not None:
            self._spilt.close()
            self._spilt = None
        super().close()

    async def taken(self, limiter: trio.CapacityLimiter) -> AsyncIterator[bytes]:
        """All that was written since, which is then forgotten."""
        held, spilt = self._held, self._spilt
        self._held, self._size, self._spilt = [], 0, None
        if spilt is None:
            if held:
                yield b"".join(held)
            return
        try:
            blocks = spilt.blocks()
            while block := await trio.to_thread.run_sync(_next, blocks, limiter=limiter):
                yield block
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(spilt.close)


def _next(blocks: Iterator[bytes]) -> bytes:
    return next(blocks, b"")
