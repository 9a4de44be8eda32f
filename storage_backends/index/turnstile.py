"""Turns between the writers of a database in several processes.

SQLite's own lock is polled with growing pauses, so a process that writes without pause would shut all others out. Here
who waits holds the door `next` and who writes holds `turn`: who has just written finds the door held and comes after.
The kernel drops both when a process ends. A process that is stopped in its turn costs the others Unavailable, never a
wait for ever.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from storage_backends.errors import Unavailable

PAUSE: Final = 0.0005
"""Seconds between tries while another process writes; its turn takes 20 ms at most."""
PATIENCE: Final = 10.0
"""Seconds until Unavailable."""


class Turnstile:
    """One user of the two locks, which are files in `directory`. Used by one thread."""

    def __init__(self, directory: Path) -> None:
        self._next = os.open(directory / "next", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._turn = os.open(directory / "turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn. Unavailable when it does not come."""
        deadline = time.monotonic() + PATIENCE
        _lock(self._next, deadline)
        try:
            _lock(self._turn, deadline)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the locks back."""
        os.close(self._next)
        os.close(self._turn)


def _lock(descriptor: int, deadline: float) -> None:
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() > deadline:
            raise Unavailable("another process holds the database")
        time.sleep(PAUSE)
