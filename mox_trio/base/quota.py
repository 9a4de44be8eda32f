"""How much mail an account may hold, and how much it holds: octets and messages, each counted as often as it is placed. Pure."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Used:
    """What an account holds."""

    octets: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of an account; 0 is none."""

    octets: int = 0
    messages: int = 0

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return bool(self.octets or self.messages)

    def with_room_for(self, octets: int, messages: int) -> "Quota":
        """The same where so much is about to go."""
        return Quota(self.octets and self.octets + octets, self.messages and self.messages + messages)

    def complaint(self, used: Used) -> str:
        """Why an account that holds so much is too full, for its user; empty where it is not."""
        if self.octets and used.octets > self.octets:
            return f"the mailbox is full ({self.octets} bytes); delete messages first"
        if self.messages and used.messages > self.messages:
            return f"the mailbox is full ({self.messages} messages); delete some first"
        return ""


UNLIMITED: Final = Quota()
"""Any amount of mail."""
