"""Calls to a sender's URL about what became of mail, written where an attempt is settled.

Every failed attempt that is not the last tells `delayed`; an earlier call about the same recipient that still waits is
superseded. Notices are nobody's mail and are not told of.
"""

from collections.abc import Callable, Sequence
from typing import Final

from mox_trio.ledger import suppressions
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import extras, group, summary
from mox_trio.outgoing.parts import Settled
from mox_trio.protocol.webapi.hooks import Outgoing
from mox_trio.protocol.webapi.methods import OutgoingEvent
from mox_trio.protocol.webapi.shapes import instant
from mox_trio.webhooks import enqueue
from mox_trio.webhooks.enqueue import Told
from mox_trio.webhooks.room import Room
from mox_trio.webhooks.targets import OUTGOING, Target, Targets
from storage_backends.index.api import Transaction
from storage_backends.index.tables import sent

EVENTS: Final[dict[str, OutgoingEvent]] = {
    "delivered": "delivered",
    "handed-over": "delivered",
    "relayed": "relayed",
    "expanded": "expanded",
    "delayed": "delayed",
    "retried": "delayed",
    "failed": "failed",
    "suppressed": "suppressed",
    "canceled": "canceled",
}
_FAILURES: Final = frozenset({"delayed", "failed", "suppressed"})


class Telling:
    """A `parts.Also` of one server."""

    def __init__(self, room: Room, targets: Targets, wake: Callable[[], None]) -> None:
        self._room = room
        self._targets = targets
        self._wake = wake

    def write(self, tx: Transaction, account: Account, settled: Sequence[Settled]) -> None:
        """Add the calls that the account wants."""
        target = self._targets.maybe_of(account.id, OUTGOING)
        if target is None:
            return
        for each in settled:
            event = EVENTS[each.event]
            if target.wants(event) and not group.path_of(each.row.sender).is_null:
                self._add(tx, account, target, each, event)

    def committed(self, account: Account) -> None:
        """Make the calls soon."""
        if self._targets.maybe_of(account.id, OUTGOING) is not None:
            self._wake()

    def _add(self, tx: Transaction, account: Account, target: Target, settled: Settled, event: OutgoingEvent) -> None:
        row, message, result = settled.row, settled.message, settled.result
        about = summary.opened(account.codec, message.object_id, message.summary)
        has_failed = event in _FAILURES
        base = suppressions.base_address(result.recipient.path)
        payload = Outgoing(
            event=event,
            suppressing=event == "failed" and bool(sent.suppressed(tx, [account.id], [base])),
            queue_msgid=row.id,
            from_id=row.from_id,
            message_id=f"<{about.message_id}>" if about.message_id else "",
            subject=about.subject,
            webhook_queued=instant(self._room.now()),
            smtp_code=result.reply.code if has_failed and result.reply is not None else 0,
            smtp_enhanced_code=result.status if has_failed else "",
            error=(result.detail or str(result.reply or "")) if has_failed else "",
            extra=extras.of_message(tx, account.codec, message.id),
        )
        enqueue.add(tx, self._room, account, target, Told(event, payload.to_json(), row.id))
