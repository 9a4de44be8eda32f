"""A progress bar with rate and time left, on a terminal only."""

import sys
import time
from types import TracebackType
from typing import Final, Self, TextIO

from mox_trio.cli.output import size
from mox_trio.mailstore.progress import Pace

WIDTH: Final = 24
EVERY: Final = 0.2
"""Seconds between drawings."""


class Bar:
    """Draws on standard error; `total` 0 is unknown."""

    def __init__(self, label: str, total: int = 0, unit: str = "messages", stream: TextIO = sys.stderr) -> None:
        self._label = label
        self._total = total
        self._unit = unit
        self._stream = stream
        self._shown = stream.isatty()
        self._pace = Pace()
        self._pace.feed(time.monotonic(), 0)
        self._drawn = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def update(self, done: int, total: int = 0) -> None:
        """Say how far it came; draws a few times a second at most."""
        now = time.monotonic()
        self._total = total or self._total
        self._pace.feed(now, done, self._total or None)
        if not self._shown or now - self._drawn < EVERY:
            return
        self._drawn = now
        self._stream.write("\r\x1b[K" + line(f"{self._label} ", done, self._total, self._unit, self._pace))
        self._stream.flush()


def line(label: str, done: int, total: int, unit: str, pace: Pace) -> str:
    """The bar as text."""
    speed = "" if pace.rate is None else f", {_amount(pace.rate, unit)}/s"
    if total <= 0:
        return f"{label}{_amount(done, unit)}{speed}"
    filled = min(WIDTH, WIDTH * done // total)
    left = f", {duration(pace.left)} left" if pace.left else ""
    bar = "#" * filled + "." * (WIDTH - filled)
    return f"{label}[{bar}] {_amount(done, '')}/{_amount(total, unit)}{speed}{left}"


def _amount(count: float, unit: str) -> str:
    if unit == "bytes":
        return size(count)
    return f"{count:.0f} {unit}".rstrip()


def duration(seconds: float) -> str:
    """Seconds for people: 42s, 3m05s, 2h07m."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
