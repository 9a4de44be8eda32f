"""How far something long is, how fast it goes and how long it still takes. Pure: time is an argument."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 30.0
"""Seconds over which the rate is taken: it follows changes and does not jump."""
_APART: Final = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import or export is."""

    messages: int
    size: int
    """Bytes of these messages."""
    done: int
    """Bytes of the whole that are behind: of an import's source, of an export's messages."""
    total: int


Listener = Callable[[Progress], Awaitable[None]]
"""Told of progress now and then."""


class Pace:
    """Fed now and then with how much is done."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._points: deque[tuple[float, float]] = deque()
        self._latest: tuple[float, float] | None = None
        self._total: float | None = None

    def feed(self, now: float, done: float, total: float | None = None) -> None:
        """At `now` (seconds of any clock that only goes forward) `done` of `total` is done; None: nobody knows."""
        if not self._points or now - self._points[-1][0] >= _APART:
            self._points.append((now, done))
        self._latest = (now, done)
        self._total = total
        # One point from before the window stays, so that there is always something to compare with.
        while len(self._points) > 2 and self._points[1][0] < now - self._window:
            self._points.popleft()

    @property
    def rate(self) -> float | None:
        """How much is done in a second; None until that can be said."""
        if self._latest is None:
            return None
        seconds = self._latest[0] - self._points[0][0]
        return (self._latest[1] - self._points[0][1]) / seconds if seconds > 0 else None

    @property
    def left(self) -> float | None:
        """Seconds until all is done; None while that cannot be said."""
        rate = self.rate
        if not rate or rate < 0 or self._latest is None or self._total is None:
            return None
        return max(self._total - self._latest[1], 0.0) / rate

    @property
    def share(self) -> float | None:
        """What part is done, 0 to 1; None when the whole is not known."""
        if self._latest is None or self._total is None:
            return None
        return min(max(self._latest[1] / self._total, 0.0), 1.0) if self._total > 0 else 1.0
