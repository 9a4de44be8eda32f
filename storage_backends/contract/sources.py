"""Sources for the suites: long ones that take no memory, and ones that stall or fail on the way."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from storage_backends.bodies import api

_PATTERN: Final = hashlib.shake_128(b"pattern").digest(api.BLOCK)


@dataclass(frozen=True, slots=True)
class Long:
    """`size` bytes in which no two blocks are alike, made while they are read."""

    size: int

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes."""
        for number, start in enumerate(range(0, self.size, api.BLOCK)):
            yield (number.to_bytes(8, "big") + _PATTERN)[: min(api.BLOCK, self.size - start)]

    def digest(self) -> str:
        """SHA-256 of all bytes."""
        found = hashlib.sha256()
        for block in self.blocks():
            found.update(block)
        return found.hexdigest()


class SourceFailed(Exception):
    """A source could not be read."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A source of `size` bytes that raises SourceFailed when it has given half of them."""

    size: int

    def blocks(self) -> Iterator[bytes]:
        """Yield half."""
        yield from Long(self.size // 2).blocks()
        raise SourceFailed


@dataclass(frozen=True, slots=True)
class Stalling:
    """A source that gives half of its bytes, sets `reached`, and goes on when `go_on` is set."""

    size: int
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes; stalls in the middle."""
        for number, block in enumerate(Long(self.size).blocks()):
            if number * api.BLOCK >= self.size // 2 and not self.reached.is_set():
                self.reached.set()
                self.go_on.wait(60)
            yield block
