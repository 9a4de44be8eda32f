"""The URLs of accounts, known to the whole process: an account without one costs nothing.

They are read when the server starts and again every few seconds by `calls`; what this process changes counts at once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from mox_trio.webhooks.room import Room
from storage_backends.errors import Corrupt
from storage_backends.index.api import AccountId
from storage_backends.index.tables import hooks as rows
from storage_backends.index.tables.hooks import WebhookRow

Direction = Literal["outgoing", "incoming"]
OUTGOING: Final[Direction] = "outgoing"
INCOMING: Final[Direction] = "incoming"


@dataclass(frozen=True, slots=True)
class Target:
    """Where an account wants to be called."""

    direction: Direction
    url: str
    authorization: str = field(default="", repr=False)
    secret: bytes = field(default=b"", repr=False)
    events: frozenset[str] = frozenset()
    """Empty for all."""
    changed: int = 0

    def wants(self, event: str) -> bool:
        """Whether it is told of an event."""
        return not self.events or event in self.events


class Targets:
    """Those of all accounts."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._known: Mapping[tuple[AccountId, Direction], Target] = {}

    def maybe_of(self, account: AccountId, direction: Direction) -> Target | None:
        """The URL of an account; None for none. From any thread."""
        return self._known.get((account, direction))

    async def load(self) -> None:
        """Read them anew. Errors of the index; a row that does not open is left out."""
        found: dict[tuple[AccountId, Direction], Target] = {}
        for row in await self._room.index.read(rows.webhooks):
            target = self._maybe_target(row)
            if target is not None:
                found[row.account_id, target.direction] = target
        self._known = found

    async def put(self, account: AccountId, target: Target) -> None:
        """Set the URL of an account, or replace it."""
        place = _place(account, target.direction)
        row = WebhookRow(
            account_id=account,
            direction=target.direction,
            url=target.url,
            authorization=self._room.secrets.seal(f"{place} authorization", target.authorization.encode()),
            secret=self._room.secrets.seal(f"{place} secret", target.secret),
            events=json.dumps(sorted(target.events)) if target.events else "",
            changed=self._room.now(),
        )
        await self._room.index.write([account], lambda tx: rows.set_webhook(tx, row))
        await self.load()

    async def remove(self, account: AccountId, direction: Direction) -> bool:
        """Take a URL away; calls that wait are not made. False when there is none."""
        unit = partial(rows.remove_webhook, account=account, direction=direction)
        removed = await self._room.index.write([account], unit)
        await self.load()
        return removed

    def _maybe_target(self, row: WebhookRow) -> Target | None:
        place, secrets = _place(row.account_id, row.direction), self._room.secrets
        try:
            authorization = secrets.open(f"{place} authorization", row.authorization).decode()
            secret = secrets.open(f"{place} secret", row.secret)
        except Corrupt:
            return None
        direction = OUTGOING if row.direction == OUTGOING else INCOMING
        events = frozenset(json.loads(row.events)) if row.events else frozenset()
        return Target(direction, row.url, authorization, secret, events, row.changed)


def _place(account: AccountId, direction: str) -> str:
    return f"webhook {account} {direction}"
