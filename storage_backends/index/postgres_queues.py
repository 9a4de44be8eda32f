"""Units that wait for Postgres, one queue for each set of accounts.

A worker takes a queue, works on a batch of it, and puts it back at the end of the line: an account holds one
connection at most, and however many units a busy one has waiting, each other account is served in its turn.
"""

import threading
from collections import deque

from storage_backends.index.api import AccountId
from storage_backends.index.calls import Call

Accounts = tuple[AccountId, ...]


class Queues:
    """Thread-safe. A queue exists while it has units or a worker."""

    def __init__(self) -> None:
        self._queues: dict[Accounts, deque[Call]] = {}
        self._ready: deque[Accounts] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, call: Call) -> None:
        """Let a unit wait."""
        with self._changed:
            if (queue := self._queues.get(call.accounts)) is not None:
                queue.append(call)
                return
            self._queues[call.accounts] = deque((call,))
            self._ready.append(call.accounts)
            self._changed.notify()

    def take(self) -> Accounts | None:
        """Wait for a queue that no other worker has; None when closed and empty."""
        with self._changed:
            while not self._ready:
                if self._closed and not self._queues:
                    return None
                self._changed.wait()
            return self._ready.popleft()

    def next(self, accounts: Accounts) -> Call | None:
        """The next unit of a queue that was taken."""
        with self._changed:
            queue = self._queues[accounts]
            return queue.popleft() if queue else None

    def give_back(self, accounts: Accounts) -> None:
        """The worker is done with its batch."""
        with self._changed:
            if self._queues[accounts]:
                self._ready.append(accounts)
                self._changed.notify()
            else:
                del self._queues[accounts]
                if self._closed:
                    self._changed.notify_all()

    def close(self) -> None:
        """Let the workers finish what waits and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
