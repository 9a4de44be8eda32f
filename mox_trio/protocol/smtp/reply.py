"""Replies of SMTP as values (RFC 5321 4.2, enhanced codes of RFC 3463)."""

from dataclasses import dataclass
from typing import Final

LINE_OCTETS: Final = 512
"""RFC 5321 4.5.3.1.5, with CRLF."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: `code`, and for each line a text without line ends. `enhanced` is as in "5.1.1", empty for none."""

    code: int
    enhanced: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, code: int, enhanced: str, text: str) -> "Reply":
        """A reply of one text, in as many lines as it takes."""
        return cls(code, enhanced, tuple(text.split("\n")))

    @property
    def is_positive(self) -> bool:
        """2yz or 3yz."""
        return 200 <= self.code < 400

    @property
    def is_temporary(self) -> bool:
        """4yz: the same may succeed later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """5yz: the same will fail again."""
        return 500 <= self.code < 600

    @property
    def text(self) -> str:
        """All lines as one."""
        return " ".join(self.lines)

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))


class Refusal(Exception):
    """A message or a recipient is not taken: the reply says why to the peer, the reason names it for the log."""

    def __init__(self, reply: Reply, reason: str) -> None:
        super().__init__(f"{reason}: {reply}")
        self.reply = reply
        self.reason = reason
