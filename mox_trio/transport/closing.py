"""The server stops: how sessions that wait for their client hear of it.

A session that is in the middle of something finishes it and looks at `is_set`; one that waits for a client's next
command waits within `interruptible`, which ends the wait. Costs an idle session a cancel scope and no task.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio


class Closing:
    """One a server. Once set it stays set."""

    def __init__(self) -> None:
        self.is_set = False
        self._waiting: set[trio.CancelScope] = set()

    def set(self) -> None:
        """End all waits, and every later one at once."""
        self.is_set = True
        for scope in self._waiting:
            scope.cancel()

    def watch(self, scope: trio.CancelScope) -> None:
        """From here to `forget`, `set` cancels a scope that the session has for all of its waits."""
        if self.is_set:
            scope.cancel()
        self._waiting.add(scope)

    def forget(self, scope: trio.CancelScope) -> None:
        """The wait is over."""
        self._waiting.discard(scope)

    @contextmanager
    def interruptible(self) -> Iterator[trio.CancelScope]:
        """A wait that `set` cancels; the scope says by `cancelled_caught` whether it did."""
        with trio.CancelScope() as scope:
            self.watch(scope)
            try:
                yield scope
            finally:
                self.forget(scope)
