"""What was made of mails and is asked for again and again, kept in memory.

A mail never changes and its number is never used again, so that nothing kept becomes wrong; where columns of mails are
rendered again, which a newer program does once, and where an account is erased, `forget` is called. What was not used for
longest goes when there is too much, a whole shelf at a time, and what does not fit beside a single shelf is not kept. Threads
of the database share it.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from mox_trio.base import limits
from storage_backends.index.api import AccountId, EmailId

ENTRY: Final = 192
"""Octets that an entry takes beside its value, and parts of that, about."""

_EMPTY: Final[Mapping[EmailId, Any]] = {}


class Kept:
    """Values by account, kind and mail."""

    def __init__(self, most: int = limits.KEPT_OCTETS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._shelves: OrderedDict[tuple[AccountId, str], dict[EmailId, Any]] = OrderedDict()
        self._octets: dict[tuple[AccountId, str], int] = {}
        self._all = 0

    @property
    def octets(self) -> int:
        """How much is kept, about."""
        return self._all

    def of(self, account: AccountId, kind: str) -> Mapping[EmailId, Any]:
        """What is kept of a kind: it may grow while it is looked at, and is not to be changed."""
        with self._lock:
            shelf = self._shelves.get((account, kind))
            if shelf is None:
                return _EMPTY
            self._shelves.move_to_end((account, kind))
            return shelf

    def keep(self, account: AccountId, kind: str, values: Mapping[EmailId, Any], octets: int) -> None:
        """Keep more of a kind; `octets` is what the values take."""
        key, octets = (account, kind), octets + ENTRY * len(values)
        with self._lock:
            while self._all + octets > self._most and next(iter(self._shelves), key) != key:
                oldest, _ = self._shelves.popitem(last=False)
                self._all -= self._octets.pop(oldest)
            if self._all + octets > self._most:
                return
            self._shelves.setdefault(key, {}).update(values)
            self._shelves.move_to_end(key)
            self._octets[key] = self._octets.get(key, 0) + octets
            self._all += octets

    def forget(self, account: AccountId) -> None:
        """Keep nothing of an account."""
        with self._lock:
            for key in [each for each in self._shelves if each[0] == account]:
                del self._shelves[key]
                self._all -= self._octets.pop(key)
