"""Results of checks that are remembered for a moment: who sends much is not checked anew for each message.

A result rests on answers of DNS. It is kept as long as the one of them that may be kept for the shortest time, and never
longer than `LONGEST`; what rests on trouble, or on answers that may not be kept, is forgotten at once.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

from mox_trio.policy.questions import Answer, Status

T = TypeVar("T")

LONGEST: Final = 60
"""Seconds."""
ENTRIES: Final = 4096
"""Results that are remembered; one takes less than a KiB."""


class Remembered(Generic[T]):
    """Results of one kind of check. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float], entries: int = ENTRIES) -> None:
        self._clock = clock
        self._entries = entries
        self._held: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def maybe(self, key: Hashable) -> T | None:
        """The result, if it is still true."""
        held = self._held.get(key)
        if held is None:
            return None
        if held[0] <= self._clock():
            del self._held[key]
            return None
        return held[1]

    def keep(self, key: Hashable, result: T, answers: Sequence[Answer]) -> None:
        """Remember a result that rests on these answers."""
        if not answers:
            return
        seconds = LONGEST
        for each in answers:
            if each.ttl <= 0 or each.status is Status.TROUBLE:
                return
            if each.ttl < seconds:
                seconds = each.ttl
        self._held[key] = (self._clock() + seconds, result)
        self._held.move_to_end(key)
        if len(self._held) > self._entries:
            self._held.popitem(last=False)
