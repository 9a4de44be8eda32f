"""A clock that runs like any other, and that a test can turn forward."""

import time
from typing import Final

import trio

_BEGIN: Final = 1_000_000.0
"""What it shows at first: no deadline of anybody is so small."""


class TurnableClock(trio.abc.Clock):
    """The clock of a trio run: real time, and what it was turned forward by.

    `turn` is called in the run itself, which then looks at its deadlines again.
    """

    def __init__(self) -> None:
        self._started = 0.0
        self._turned = 0.0

    def start_clock(self) -> None:
        """See `trio.abc.Clock`."""
        self._started = time.perf_counter()

    def current_time(self) -> float:
        """See `trio.abc.Clock`."""
        return _BEGIN + time.perf_counter() - self._started + self._turned

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """See `trio.abc.Clock`."""
        return deadline - self.current_time()

    def turn(self, seconds: float) -> None:
        """Turn it forward: whoever slept until then wakes."""
        self._turned += max(seconds, 0.0)

    def wall(self) -> int:
        """The time of day in milliseconds since 1970 UTC, turned as far."""
        return time.time_ns() // 1_000_000 + round(self._turned * 1000)
