"""Calls as an account sees them: set the URLs, list calls, make them again, cancel them, try one."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.protocol.webapi.hooks import Incoming, IncomingMeta, Outgoing
from mox_trio.protocol.webapi.messages import NameAddress, Structure
from mox_trio.transport import http_client
from mox_trio.webhooks.calls import Calls, Result
from mox_trio.webhooks.room import Owner, Room, payload_place
from mox_trio.webhooks.targets import OUTGOING, Direction, Target, Targets
from storage_backends.index.tables import hooks as rows
from storage_backends.index.tables.hooks import HookRow

Row: TypeAlias = HookRow
"""A call as it is stored."""
WAITING: Final = rows.WAITING
"""The state of a call that is still to be made."""
NEWEST: Final = 2**62
SECRET_BYTES: Final = 24
TESTS: Final = 5
"""Calls that are tried at a time."""
LISTED_BYTES: Final = 4 * 1024 * 1024
"""Octets of what listed calls tell, beyond which no more are listed at once."""


def new_secret(entropy: bytes) -> str:
    """A key for signatures, as text."""
    return base64.urlsafe_b64encode(entropy[:SECRET_BYTES]).decode("ascii")


@dataclass(frozen=True, slots=True)
class Desk:
    """Of one server."""

    room: Room
    targets: Targets
    calls: Calls
    trying: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(TESTS), compare=False)

    def check(self, url: str) -> str:
        """A URL in its normal form. Raises `http_client.Refused`."""
        return http_client.check(url, self.calls.client.allowed)

    async def listed(self, owner: Owner, before: int = 0, most: int = 100) -> Sequence[tuple[HookRow, bytes]]:
        """Calls and what they tell, the newest first, with ids below `before` (0: the newest); fewer than
        `most` where they tell much. Corrupt.
        """
        unit = partial(rows.listed, account=owner.id, before=before or NEWEST, most=most)
        found = await self.room.index.read(unit)
        listed: list[tuple[HookRow, bytes]] = []
        left = LISTED_BYTES
        for row in found:
            left -= len(row.payload)
            if listed and left < 0:
                break
            listed.append((row, owner.codec.open(payload_place(row.object_id), row.payload)))
        return listed

    async def replay(self, owner: Owner, ids: Sequence[int]) -> int:
        """Make calls again, however they ended; those that wait are made now. How many there are."""
        unit = partial(rows.replay, account=owner.id, ids=ids, now=self.room.now())
        changed = await self.room.index.write([owner.id], unit)
        self.calls.wake()
        return changed

    async def cancel(self, owner: Owner, ids: Sequence[int]) -> int:
        """Do not make calls that wait; how many."""
        now = self.room.now()
        kept = now + max(self.room.kept(owner.name), 1)
        return await self.room.index.write(
            [owner.id], partial(rows.cancel, account=owner.id, ids=ids, now=now, kept=kept)
        )

    async def test(self, target: Target) -> Result:
        """Make a call that tells of nothing that happened. RATE: who makes many of them, to hosts that do not answer, would
        use up the connections for calls that tell of something.
        """
        borrower = object()
        try:
            self.trying.acquire_on_behalf_of_nowait(borrower)
        except trio.WouldBlock:
            raise Failure(Kind.RATE, "too many calls are tried at the moment; wait a minute") from None
        try:
            return await self._try(target)
        finally:
            self.trying.release_on_behalf_of(borrower)

    async def _try(self, target: Target) -> Result:
        return await self.calls.call(target, sample(target.direction), {"X-Mox-Webhook-Test": "1"})


def sample(direction: Direction) -> bytes:
    """The payload of a call for trying."""
    now = datetime.now(UTC)
    if direction == OUTGOING:
        return Outgoing(
            event="delivered",
            queue_msgid=1,
            message_id="<test@example.org>",
            subject="test of the webhook",
            webhook_queued=now,
        ).to_json()
    somebody = NameAddress(name="Somebody", address="somebody@example.org")
    return Incoming(
        from_=(somebody,),
        to=(NameAddress(address="you@example.org"),),
        subject="test of the webhook",
        message_id="<test@example.org>",
        date=now,
        text="This message was never sent.\n",
        structure=Structure(content_type="text/plain", content_type_params={"charset": "utf-8"}, decoded_size=30),
        meta=IncomingMeta(received=now, mailbox_name="Inbox"),
    ).to_json()
