"""Who answers questions about names. No other code asks DNS."""

from typing import Protocol

from mox_trio.policy.questions import Answer, Question


class Resolver(Protocol):
    """Answers questions; shared by all tasks."""

    async def look_up(self, question: Question) -> Answer:
        """The answer, with CNAMEs followed. Trouble is an answer (`Status.TROUBLE`); only cancellation is raised."""
