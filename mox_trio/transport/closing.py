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
        self._waiting: dict[trio.CancelScope, float] = {}
        """How many seconds each may still take."""

    def set(self) -> None:
        """End all waits, and every later one at once."""
        self.is_set = True
        for scope, seconds in self._waiting.items():
            _end(scope, seconds)

    def watch(self, scope: trio.CancelScope) -> None:
        """From here to `forget`, `set` cancels a scope that the session has for all of its waits."""
        self.hurry(scope, 0)

    def hurry(self, scope: trio.CancelScope, seconds: float) -> None:
        """The same for what may still take some seconds then, as a send to a client that is slow; `forget` leaves the scope's
        deadline as it is.
        """
        if self.is_set:
            _end(scope, seconds)
        self._waiting[scope] = seconds

    def forget(self, scope: trio.CancelScope) -> None:
        """The wait is over."""
        self._waiting.pop(scope, None)

    @contextmanager
    def interruptible(self) -> Iterator[trio.CancelScope]:
        """A wait that `set` cancels; the scope says by `cancelled_caught` whether it did."""
        with trio.CancelScope() as scope:
            self.watch(scope)
            try:
                yield scope
            finally:
                self.forget(scope)


def _end(scope: trio.CancelScope, seconds: float) -> None:
    if seconds:
        scope.deadline = min(scope.deadline, trio.current_time() + seconds)
    else:
        scope.cancel()
