"""When a message is tried again, told to be late, and given up.

The wait after the first attempt doubles with each further one: with the defaults 7.5 minutes, 15, 30, and so on to 8
hours before the eighth and last attempt, about 16 hours after the first. Some seconds more or less, drawn by the caller,
keep messages that failed together from coming back together.
"""

from dataclasses import dataclass
from typing import Final

JITTER: Final = 5.0
"""Seconds that an attempt may be earlier or later."""
LONGEST: Final = 24 * 3600.0
"""Seconds between two attempts at most: with many attempts configured, doubling has no end."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often and how long; times in seconds."""

    first_retry: float = 450.0
    attempts: int = 8
    delay_notice_after: int = 5
    """Attempts before the sender is told of the delay; 0 is never."""

    def wait(self, attempts: int, random: float = 0.5) -> float:
        """Seconds to wait after so many attempts; `random` is drawn from 0 to 1."""
        plain = min(self.first_retry * 2.0 ** min(attempts - 1, 60), LONGEST)
        return max(plain + (2 * random - 1) * min(JITTER, plain / 10), 0.0)

    def is_last(self, attempts: int, most: int = 0) -> bool:
        """Whether no attempt follows so many; `most` is the message's own number of attempts, 0 for none of its own."""
        return attempts >= (most or self.attempts)

    def is_time_to_tell(self, attempts: int) -> bool:
        """Whether the sender is to be told by now that the message is late."""
        return 0 < self.delay_notice_after <= attempts

    def given_up_after(self, attempts: int, most: int = 0) -> float:
        """Seconds from now, after so many attempts, until the last one."""
        return sum(self.wait(number) for number in range(attempts, most or self.attempts))
