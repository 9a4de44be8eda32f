"""Mail that was handed over and has not left yet: seen and taken back by the account that sent it.

It is there for as long as every recipient's row waits for its first attempt. Taking back drops all rows of the message; where
one is on its way meanwhile, CONFLICT says so, and the rest is dropped all the same.
"""

from dataclasses import dataclass, field
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailqueue import managing
from mox_trio.outgoing import by_hand
from mox_trio.outgoing.parts import Parts
from storage_backends.index.api import AccountId
from storage_backends.index.tables.queue_admin import Filter

MOST: Final = 5000
"""Rows of an account that are looked through."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A message that waits for a time to come."""

    name: str
    """Of the message in the queue."""
    at: int
    """Milliseconds since 1970 UTC."""
    recipients: list[str] = field(default_factory=list)


async def take_back(parts: Parts, account_id: AccountId, name: str) -> None:
    """Drop a message of the account. CONFLICT when it is on its way or gone."""
    every = await managing.listed(parts.queue, Filter(account=account_id), MOST)
    waiting = [row for row in every if row.object_id == name]
    if not waiting or any(row.lease_until or row.attempts for row in waiting):
        raise Failure(Kind.CONFLICT, "it is on its way already")
    dropped = await by_hand.drop(parts, Filter(ids=tuple(row.id for row in waiting), account=account_id))
    if dropped.rows < len(waiting):
        raise Failure(Kind.CONFLICT, "a part of it is on its way already")


async def planned(parts: Parts, account_id: AccountId) -> list[Planned]:
    """What waits for a time to come, the next first."""
    found: dict[str, Planned] = {}
    for row in await managing.listed(parts.queue, Filter(account=account_id, next_from=parts.store.now()), MOST):
        if not row.attempts:
            found.setdefault(row.object_id, Planned(row.object_id, row.next_attempt)).recipients.append(
                row.recipient[1:-1]
            )
    return sorted(found.values(), key=lambda each: each.at)
