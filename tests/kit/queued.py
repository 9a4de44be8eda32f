"""Rows for the queue, and a clock that only a test moves."""

from dataclasses import dataclass
from typing import Any

from storage_backends.index.api import AccountId
from storage_backends.index.tables.queue import NewRecipient, OutgoingRow

START = 1_700_000_000_000


@dataclass
class MovedClock:
    """Milliseconds since 1970 UTC."""

    now: int = START

    def __call__(self) -> int:
        return self.now


def message(account: AccountId, ref: str = "ref", **changes: Any) -> OutgoingRow:
    """A row for a message."""
    row = OutgoingRow(account, f"Q{ref}", "main", ref, b"\0", b"\0", 100, "7BIT", 0, "", "", "", START)
    return row._replace(**changes)


def recipient(name: str = "bob", destination: str = "b.example", **changes: Any) -> NewRecipient:
    """A row for a recipient."""
    row = NewRecipient("<ann@a.example>", f"<{name}@{destination}>", destination, START)
    return row._replace(**changes)
