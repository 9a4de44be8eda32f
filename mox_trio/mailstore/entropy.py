"""Random bytes in pieces of one size, drawn from the system a few hundred at a time.

Each call into the system gives up the interpreter's lock, which under load costs more than the bytes. Pieces are never
given twice: taking one is a single step for all threads, and a forked child begins with an empty pool.
"""

import os
from typing import Final

PIECES: Final = 256


class Pool:
    """Gives pieces of `size` bytes. For any thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._ready: list[bytes] = []
        os.register_at_fork(after_in_child=self._ready.clear)

    def take(self) -> bytes:
        """The next piece."""
        while True:
            try:
                return self._ready.pop()
            except IndexError:
                drawn = os.urandom(self._size * PIECES)
                self._ready.extend(drawn[at : at + self._size] for at in range(0, len(drawn), self._size))
