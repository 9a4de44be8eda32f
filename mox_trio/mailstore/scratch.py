"""Temporary files for messages that are too large for memory: they have no name, so a crash leaves nothing.

A sealed kind, whose key exists only in memory, is built by `app` where bodies are encrypted. All calls block; call
them in a thread.
"""

import os
import tempfile
from collections.abc import Iterator
from typing import Protocol

from storage_backends.bodies.api import BLOCK


class Scratch(Protocol):
    """Bytes that are appended, then read."""

    def append(self, data: bytes) -> None:
        """Add bytes at the end. OSError when the disk is full."""

    def blocks(self) -> Iterator[bytes]:
        """All bytes from the beginning in blocks of at most `BLOCK`."""

    def read(self, start: int, stop: int) -> bytes:
        """A range, cut to what exists."""

    def close(self) -> None:
        """Give the space back."""


class Plain:
    """An unlinked temporary file in a directory."""

    def __init__(self, directory: str | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115 - closed by close()

    def append(self, data: bytes) -> None:
        """Write all of it."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def blocks(self) -> Iterator[bytes]:
        """Read on from the beginning."""
        position = 0
        while block := os.pread(self._file.fileno(), BLOCK, position):
            yield block
            position += len(block)

    def read(self, start: int, stop: int) -> bytes:
        """Read a range."""
        return os.pread(self._file.fileno(), max(stop - start, 0), start)

    def close(self) -> None:
        """Close, which removes the file."""
        self._file.close()


def plain() -> Scratch:
    """A readable temporary file in the system's directory."""
    return Plain()
