"""The way of a message into the queue: body, then rows. What is returned is durable.

1. `bodies.put` makes the bytes durable. Fails: nothing happened.
2. One unit of the index inserts the message and a row for each recipient, and what the caller adds. Fails: the body is an
   orphan; where the reason is the message's own (a limit) it is deleted at once if it can be, else `upkeep` removes it.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import trio

from mox_trio.base import ids
from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure
from mox_trio.mailqueue.queue import Also, Enqueued, Then
from mox_trio.mailstore.entropy import Pool
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import summary
from mox_trio.outgoing.parts import Parts
from mox_trio.outgoing.recent import SMALL
from mox_trio.outgoing.summary import Summary
from mox_trio.protocol.smtp.envelope import Body, Return
from storage_backends.bodies.api import Source
from storage_backends.errors import StorageError
from storage_backends.index.tables.queue import NewRecipient, OutgoingRow

_ids = Pool(ids.SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is known of a message beside its bytes."""

    prefix: bytes
    """Fields to put before the bytes, each with its CRLF."""
    summary: Summary
    body: Body = Body.EIGHT_BIT
    smtputf8: bool = False
    ret: Return | None = None
    envelope_id: str = ""
    release_request: str = ""


@dataclass(frozen=True, slots=True)
class Units:
    """What else the transaction does, before and after the rows."""

    also: Sequence[Also] = ()
    then: Sequence[Then] = ()


def object_id() -> str:
    """A name for a message in the queue: the letter Q and 22 random characters."""
    return "Q" + ids.url_safe(_ids.take())


def destination(path: Path) -> str:
    """What recipients are delivered together by: the domain in A-labels, or the address literal."""
    return path.host.ascii if isinstance(path.host, Domain) else str(path.host or "")


async def queue(
    parts: Parts,
    account: Account,
    source: Source,
    outgoing: Outgoing,
    recipients: Sequence[NewRecipient],
    with_units: Units = Units(),
    name: str = "",
) -> Enqueued:
    """Put a message into the queue in the name of an account; `name` is its object id, where the caller gave it one.

    Failures of the units; errors of the stores.
    """
    store = parts.store
    name = name or object_id()
    ref = await store.bodies[store.default_store].put(account.id, source)
    row = OutgoingRow(
        account_id=account.id,
        object_id=name,
        store=store.default_store,
        ref=ref,
        prefix=account.codec.seal(summary.place("prefix", name), outgoing.prefix),
        summary=summary.sealed(account.codec, name, outgoing.summary),
        size=len(outgoing.prefix) + source.size,
        body=outgoing.body.value,
        smtputf8=int(outgoing.smtputf8),
        ret="" if outgoing.ret is None else outgoing.ret.value,
        envelope_id=outgoing.envelope_id,
        release_request=outgoing.release_request,
        queued=store.now(),
    )
    try:
        enqueued = await parts.queue.enqueue(row, recipients, with_units.also, with_units.then)
    except Failure:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 5), suppress(StorageError):
            await store.bodies[store.default_store].delete([ref])
        raise
    if source.size <= SMALL and not enqueued.held and all(each.next_attempt <= row.queued for each in recipients):
        parts.recent.keep(row.store, ref, source.blocks())
    return enqueued
