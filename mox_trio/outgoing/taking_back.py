"""Mail that was handed over and has not left yet: seen and taken back by the account that sent it.

It is there for as long as every recipient's row waits for its first attempt. Taking back drops all rows of the message; where
one is on its way meanwhile, CONFLICT says so, and the rest is dropped all the same.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailqueue import managing
from mox_trio.mailqueue.managing import Changed
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import by_hand, summary
from mox_trio.outgoing.parts import Parts
from storage_backends.index.api import AccountId
from storage_backends.index.tables.queue_admin import Filter, Listed

LISTED: Final = 1000
MOST: Final = 5000
"""Rows of an account that are looked through."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A message that waits for a time to come."""

    name: str
    """Of the message in the queue."""
    at: int
    """Milliseconds since 1970 UTC."""
    subject: str = ""
    message_id: str = ""
    """Without angle brackets."""
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


async def send_now(parts: Parts, account_id: AccountId, name: str) -> None:
    """Let a message that waits for a time to come leave now. CONFLICT when it is on its way or gone."""
    every = await managing.listed(parts.queue, Filter(account=account_id), MOST)
    ids = tuple(row.id for row in every if row.object_id == name and not row.attempts)
    changed = await managing.schedule(parts.queue, Filter(ids=ids, account=account_id), 0) if ids else Changed(0, 0)
    if not changed.rows:
        raise Failure(Kind.CONFLICT, "it is on its way already")


async def waiting(
    parts: Parts, account_id: AccountId, senders: Collection[str] = (), most: int = LISTED
) -> list[Listed]:
    """The first rows of the account, or of some of its addresses; sealed columns are sealed."""
    found = await managing.listed(parts.queue, Filter(account=account_id), MOST)
    return [row for row in found if not senders or _sender(row) in senders][:most]


async def drop(parts: Parts, account_id: AccountId, ids: Sequence[int], senders: Collection[str] = ()) -> Changed:
    """Forget rows of the account, or of some of its addresses; others are passed over."""
    chosen = Filter(ids=tuple(ids), account=account_id)
    if senders:
        found = await managing.listed(parts.queue, chosen, len(ids))
        chosen = chosen._replace(ids=tuple(row.id for row in found if _sender(row) in senders))
    return await by_hand.drop(parts, chosen) if chosen.ids else Changed(0, 0)


def _sender(row: Listed) -> str:
    """Who sent it, in lower case, without the id that a login may have for each recipient."""
    localpart, _, domain = row.sender[1:-1].lower().rpartition("@")
    if row.from_id and localpart.endswith(row.from_id.lower()):
        localpart = localpart[: -len(row.from_id) - 1]
    return f"{localpart}@{domain}"


async def planned(parts: Parts, account: Account) -> list[Planned]:
    """What waits for a time to come, the next first."""
    found: dict[str, Planned] = {}
    for row in await managing.listed(parts.queue, Filter(account=account.id, next_from=parts.store.now()), MOST):
        if not row.attempts:
            if row.object_id not in found:
                about = summary.opened(account.codec, row.object_id, row.summary)
                found[row.object_id] = Planned(row.object_id, row.next_attempt, about.subject, about.message_id)
            found[row.object_id].recipients.append(row.recipient[1:-1])
    return sorted(found.values(), key=lambda each: each.at)
