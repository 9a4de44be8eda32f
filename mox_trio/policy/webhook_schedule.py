"""When a call to a customer's URL is made again: after a minute, then after ever longer times, for 32 hours."""

from typing import Final

WAITS: Final = (60, 120, 240, 450, 900, 1800, 3600, 7200, 14_400, 28_800, 57_600)
"""Seconds after the first attempt, the second, and so on; after the attempt behind the last one the call is given up."""
JITTER: Final = 0.01


def wait(attempts: int, random: float = 0.5) -> float | None:
    """Seconds to wait after so many failed attempts, None to give up; `random` is drawn from 0 to 1."""
    if attempts > len(WAITS):
        return None
    return WAITS[max(attempts, 1) - 1] * (1 + (2 * random - 1) * JITTER)
