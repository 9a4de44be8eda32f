"""How much mail an account gets from one client, its neighbourhood and its region, so that nobody fills mailboxes: counters
in memory, of this process, in fixed windows.

What is refused is not counted. Memory is bounded: when a window has `MOST` counters, clients that are new to it are not
counted until the next window, and their neighbourhoods and regions still are where those have counters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mox_trio.policy import ratelimit
from mox_trio.policy.ratelimit import DAY, MINUTE, IpAddress, Most

MOST: Final = 100_000
"""Counters of one window: about 25 MB when full."""
MIB: Final = 1024 * 1024

MESSAGES: Final = Most(500, 1500, 4500)
"""A minute; twenty times as many a day."""
BYTES: Final = Most(1000 * MIB, 3000 * MIB, 9000 * MIB)
"""A minute; three times as many a day."""

_Key = tuple[str, int, ratelimit.Key]


@dataclass(slots=True)
class _Window:
    name: str
    seconds: int
    messages: Most
    size: Most
    number: int = -1
    counts: dict[_Key, tuple[int, int]] = field(default_factory=dict)

    def at(self, now: float) -> None:
        number = int(now // self.seconds)
        if number != self.number:
            self.number = number
            self.counts = {}

    def exceeded(self, keys: Sequence[_Key], size: int) -> str:
        limits = zip(keys, self.messages.of_classes(), self.size.of_classes(), strict=True)
        for key, most_messages, most_bytes in limits:
            messages, total = self.counts.get(key, (0, 0))
            if messages + 1 > most_messages:
                return f"{most_messages} messages a {self.name}"
            if total + size > most_bytes:
                return f"{most_bytes // MIB} MiB a {self.name}"
        return ""

    def add(self, keys: Sequence[_Key], size: int) -> None:
        for key in keys:
            messages, total = self.counts.get(key, (0, 0))
            if messages or len(self.counts) < MOST:
                self.counts[key] = (messages + 1, total + size)


class Rates:
    """The counters of all accounts. `now` gives seconds."""

    def __init__(self, now: Callable[[], float], messages: Most = MESSAGES, size: Most = BYTES) -> None:
        self._now = now
        self._windows = (
            _Window("minute", MINUTE, messages, size),
            _Window("day", DAY, messages.times(20), size.times(3)),
        )

    def exceeded(self, account: str, address: IpAddress, size: int) -> str:
        """Which limit one more message of this size would exceed, in words; empty for none. Counts nothing."""
        keys, now = _keys(account, address), self._now()
        for window in self._windows:
            window.at(now)
        return next(filter(None, (window.exceeded(keys, size) for window in self._windows)), "")

    def add(self, account: str, address: IpAddress, size: int) -> None:
        """Count a message that was taken."""
        keys, now = _keys(account, address), self._now()
        for window in self._windows:
            window.at(now)
            window.add(keys, size)


def _keys(account: str, address: IpAddress) -> list[_Key]:
    return [(account, number, key) for number, key in enumerate(ratelimit.keys(address))]
