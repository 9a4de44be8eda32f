"""Calls become rows, in the transaction of what they tell of."""

import os
from dataclasses import dataclass

from mox_trio.base import ids
from mox_trio.webhooks.room import Owner, Room, payload_place
from mox_trio.webhooks.targets import Target
from storage_backends.index.api import Transaction
from storage_backends.index.tables import hooks as rows
from storage_backends.index.tables.hooks import NewHook


@dataclass(frozen=True, slots=True)
class Told:
    """What a call tells."""

    event: str
    payload: bytes
    """JSON."""
    queued_id: int = 0
    """The row of the queue that it is about; 0 for none."""


def add(tx: Transaction, room: Room, owner: Owner, target: Target, told: Told) -> int:
    """Add a call and return its id. One about the same row of the queue that still waits is superseded."""
    object_id = "H" + ids.url_safe(os.urandom(ids.SECRET_BYTES))
    now = room.now()
    new = NewHook(
        account_id=owner.id,
        object_id=object_id,
        direction=target.direction,
        url=target.url,
        event=told.event,
        queued_id=told.queued_id,
        payload=owner.codec.seal(payload_place(object_id), told.payload),
        created=now,
        next_attempt=now,
    )
    return rows.add(tx, new, now + max(room.kept(owner.name), 1))
