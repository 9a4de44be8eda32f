"""The order in which a mailbox is listed, and what changes in it: positions, not messages. Pure.

The newest message stands at position 0. With threads a row is a thread, at the place of its newest message in the mailbox.
Every change is written to a log of `Op`s that are applied one after the other; who follows remembers how far it has come
(`version`) and asks for what is new. The log is bounded: who comes too late begins anew.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from mox_trio.mailstore.listing import Order, Placed, uid_of

LOG: Final = 2000
"""Changes that are remembered."""
FEW: Final = 4
"""Rows that are looked up one by one; more are found in one walk."""


class Op(NamedTuple):
    """A row came, went, or looks otherwise; `position` is that at this moment in the row of changes."""

    kind: Literal["+", "-", "="]
    position: int
    key: int


class Ordering:
    """One mailbox, with threads or without."""

    def __init__(self, order: Order, *, threaded: bool) -> None:
        self.threaded = threaded
        self.version = 0
        """Changes so far."""
        self._log: list[Op] = []
        self._uids = array("I", [uid_of(key) for key in order.keys])
        self._keys = order.keys
        self._threads = order.threads
        self._heads = array("Q", sorted(self._newest().values() if threaded else order.keys))

    def _newest(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for thread, key in zip(self._threads, self._keys, strict=True):
            if key > found.get(thread, -1):
                found[thread] = key
        return found

    def __len__(self) -> int:
        return len(self._heads)

    @property
    def messages(self) -> int:
        """How many messages, however many rows they make."""
        return len(self._keys)

    def window(self, start: int, stop: int) -> list[int]:
        """The keys of the rows from one position to another, which may lie beyond the end."""
        total = len(self._heads)
        start, stop = max(start, 0), min(stop, total)
        return list(reversed(self._heads[total - stop : total - start])) if start < stop else []

    def position(self, key: int) -> int | None:
        """Where the row with this key stands."""
        index = bisect_left(self._heads, key)
        found = index < len(self._heads) and self._heads[index] == key
        return len(self._heads) - 1 - index if found else None

    def position_of_uid(self, uid: int) -> int | None:
        """Where the row stands that a message is in."""
        index = self._find(uid)
        return None if index is None else self.position(self._head(index))

    def since(self, version: int) -> list[Op] | None:
        """What changed after a version; None where that is not known any more."""
        missing = self.version - version
        if missing > len(self._log):
            return None
        return self._log[len(self._log) - missing :]

    def members(self, key: int) -> list[int]:
        """The keys of the messages that make a row, the newest first."""
        if not self.threaded:
            return [key]
        index = self._find(uid_of(key))
        return sorted(self._of_thread(self._threads[index]), reverse=True) if index is not None else [key]

    def members_of(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """The same of several rows, in one walk through the mailbox."""
        if not self.threaded:
            return {key: [key] for key in keys}
        if len(keys) <= FEW:
            return {key: self.members(key) for key in keys}
        wanted = {}
        for key in keys:
            index = self._find(uid_of(key))
            if index is not None:
                wanted[self._threads[index]] = key
        found: dict[int, list[int]] = {key: [] for key in wanted.values()}
        for thread, key in zip(self._threads, self._keys, strict=True):
            if (head := wanted.get(thread)) is not None:
                found[head].append(key)
        return {key: sorted(each, reverse=True) for key, each in found.items()}

    def has(self, uid: int) -> bool:
        """Whether the message is listed."""
        return self._find(uid) is not None

    def add(self, placed: Placed) -> None:
        """A message came."""
        uid = uid_of(placed.key)
        if self.has(uid):
            self.touch(uid)
            return
        before = max(self._of_thread(placed.thread), default=None) if self.threaded else None
        index = bisect_left(self._uids, uid)
        self._uids.insert(index, uid)
        self._keys.insert(index, placed.key)
        self._threads.insert(index, placed.thread)
        if before is not None and before > placed.key:
            self._note("=", before)
            return
        if before is not None:
            self._take(before)
        self._put(placed.key)

    def remove(self, uid: int) -> None:
        """A message went."""
        index = self._find(uid)
        if index is None:
            return
        key, thread = self._keys[index], self._threads[index]
        for each in (self._uids, self._keys, self._threads):
            del each[index]
        left = max(self._of_thread(thread), default=None) if self.threaded else None
        if left is not None and left > key:
            self._note("=", left)
            return
        self._take(key)
        if left is not None:
            self._put(left)

    def touch(self, uid: int) -> None:
        """A message looks otherwise."""
        index = self._find(uid)
        if index is not None:
            self._note("=", self._head(index))

    def _head(self, index: int) -> int:
        return max(self._of_thread(self._threads[index])) if self.threaded else self._keys[index]

    def _find(self, uid: int) -> int | None:
        index = bisect_left(self._uids, uid)
        return index if index < len(self._uids) and self._uids[index] == uid else None

    def _of_thread(self, thread: int) -> Iterator[int]:
        start = 0
        while True:
            try:
                start = self._threads.index(thread, start)
            except ValueError:
                return
            yield self._keys[start]
            start += 1

    def _put(self, key: int) -> None:
        index = bisect_left(self._heads, key)
        self._heads.insert(index, key)
        self._write(Op("+", len(self._heads) - 1 - index, key))

    def _take(self, key: int) -> None:
        position = self.position(key)
        if position is not None:
            del self._heads[len(self._heads) - 1 - position]
            self._write(Op("-", position, key))

    def _note(self, kind: Literal["="], key: int) -> None:
        position = self.position(key)
        if position is not None:
            self._write(Op(kind, position, key))

    def _write(self, op: Op) -> None:
        self.version += 1
        self._log.append(op)
        if len(self._log) > 2 * LOG:
            del self._log[:-LOG]
