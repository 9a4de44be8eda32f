"""Threads that read, for either engine: each has a `Reader` with a connection of its own, and readers wait for nobody."""

import queue
import threading
from collections.abc import Callable
from typing import Protocol

from storage_backends.index.calls import Call


class Reader(Protocol):
    """What one thread reads with. It connects when it first has to, and again after a connection failed."""

    def run(self, call: Call) -> None:
        """Run the unit on one snapshot and set its outcome; raises nothing."""

    def close(self) -> None:
        """Close the connection if there is one."""


class Readers:
    """The threads and their queue."""

    def __init__(self, make: Callable[[], Reader], threads: int, hand_out: Callable[[list[Call]], None]) -> None:
        """Start `threads` threads with a reader each; `hand_out` gets every call when it has run."""
        self._make = make
        self._hand_out = hand_out
        self._queue: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._loop, name=f"index-reader-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Call) -> None:
        """Hand a unit over."""
        self._queue.put(call)

    def close(self) -> None:
        """Finish what was handed over and end the threads. Blocks."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _loop(self) -> None:
        reader = self._make()
        while (call := self._queue.get()) is not None:
            reader.run(call)
            self._hand_out([call])
            del call  # its result would stay in memory until the next unit
        reader.close()
