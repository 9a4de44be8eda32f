"""Mail that comes back to a reverse-path of one recipient: a notice of another server, or an answer of something automatic.

The reverse-path has an id (`recipients.with_from_ids`), by which the record of the recipient is found as long as it is kept. A
notice is told to the account's URL for sent mail as its event, with `DSN`; a failure counts towards suppressing the address, as
one in the dialog would. What is no notice is told as `unrecognized`. The message is delivered as any other, but not told as mail
that arrives. All of it is in the transaction of the delivery.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import trio

from mox_trio.base import limits
from mox_trio.base.address import Address
from mox_trio.base.domain import InvalidAddress
from mox_trio.ledger import sent, suppressions
from mox_trio.mailstore.spool import Spooled
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import extras, group, summary
from mox_trio.outgoing.parts import Parts
from mox_trio.protocol import dsn_reading
from mox_trio.protocol.dsn_reading import Told
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.protocol.webapi.hooks import Outgoing
from mox_trio.protocol.webapi.methods import OutgoingEvent
from mox_trio.protocol.webapi.shapes import instant
from mox_trio.webhooks import enqueue
from mox_trio.webhooks.arrivals import Also, Arrivals, Facts
from mox_trio.webhooks.enqueue import Told as Telling
from mox_trio.webhooks.room import Room
from mox_trio.webhooks.targets import OUTGOING, Targets
from storage_backends.index.api import Transaction
from storage_backends.index.tables import retired
from storage_backends.index.tables.retired import RetiredRow

UNRECOGNIZED: Final[OutgoingEvent] = "unrecognized"
EVENTS: Final[dict[str, OutgoingEvent]] = {
    "failed": "failed",
    "delayed": "delayed",
    "delivered": "delivered",
    "relayed": "relayed",
    "expanded": "expanded",
}


@dataclass(frozen=True, slots=True)
class Returned:
    """Stands before `Arrivals`."""

    parts: Parts
    room: Room
    targets: Targets
    arrivals: Arrivals

    async def also(self, owner: Account, message: Spooled, facts: Facts) -> Sequence[Also]:
        """Units for the transaction that delivers a message."""
        record = await self._maybe_record(owner, facts.rcpt_to)
        if record is None:
            return await self.arrivals.also(owner, message, facts)
        if message.memory is not None:
            told = dsn_reading.told(message.root, message.read)
        else:
            told = await trio.to_thread.run_sync(dsn_reading.told, message.root, message.read)
        return (partial(self._write, owner=owner, record=record, told=told),)

    def committed(self, also: Sequence[Also]) -> None:
        """What was written is there."""
        self.arrivals.committed(also)

    async def _maybe_record(self, owner: Account, rcpt_to: str) -> RetiredRow | None:
        try:
            address = Address.parse(rcpt_to, localpart_octets=limits.LOCALPART_OCTETS_OF_OTHERS)
        except InvalidAddress:
            return None
        settings = self.parts.config.current.dynamic.domains.get(address.domain)
        separators = settings.localpart_catchall_separators if settings else ()
        from_id = address.localpart.partition(separators[0])[2] if separators else ""
        if not from_id:
            return None
        unit = partial(retired.by_from_id, account=owner.id, from_id=from_id)
        return await self.parts.store.index.read(unit)

    def _write(
        self, tx: Transaction, delivered: Sequence[Any], *, owner: Account, record: RetiredRow, told: Told | None
    ) -> None:
        now = self.room.now()
        path = group.path_of(record.recipient)
        suppressing = False
        if told is not None and told.action == "failed" and told.code:
            reply = Reply.of(told.code, told.status, told.diagnostic)
            key = sent.address_key(owner.codec, path)
            suppressing = suppressions.note_failure(tx, owner.id, path, key, reply, now)
        event = UNRECOGNIZED if told is None else EVENTS[told.action]
        target = self.targets.maybe_of(owner.id, OUTGOING)
        if target is None or not target.wants(event):
            return
        about = summary.opened(owner.codec, record.object_id, record.summary)
        payload = Outgoing(
            event=event,
            dsn=told is not None,
            suppressing=suppressing,
            queue_msgid=record.id,
            from_id=record.from_id,
            message_id=f"<{about.message_id}>" if about.message_id else "",
            subject=about.subject,
            webhook_queued=instant(now),
            smtp_code=told.code if told else 0,
            smtp_enhanced_code=told.status if told else "",
            error=told.diagnostic if told and told.action in ("failed", "delayed") else "",
            extra=extras.of_message(tx, owner.codec, record.outgoing_id),
        )
        enqueue.add(tx, self.room, owner, target, Telling(event, payload.to_json(), record.id))
