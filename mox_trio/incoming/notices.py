"""What a sender outside is told by mail (RFC 3461, RFC 3464): recipients that failed where others did not, and those for
which success was to be told.

Notices go only to senders for whom SPF passed, never to `<>`, and never about a recipient with NOTIFY=NEVER. Of a failure
they are told before the reply that takes the message: when that cannot be made durable, the message is not taken. Telling
of success is a courtesy: trouble with it is logged.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from mox_trio.base.address import Path
from mox_trio.base.failure import Failure
from mox_trio.mailstore.spool import Spooled
from mox_trio.protocol.dsn import About, Action, Notice
from mox_trio.protocol.smtp.envelope import Envelope, Notify, Recipient, Return
from mox_trio.protocol.smtp.reply import Reply
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)

LARGEST_RETURNED: Final = 256 * 1024
"""Bytes of a message up to which all of it is returned where the sender asks for that (RFC 3461 4.3 leaves it to us)."""


class Notices(Protocol):
    """Sends notices to senders of other servers."""

    async def report(self, sender: Path, notice: Notice, *, require_tls: bool) -> None:
        """Queue the notice, durably. Failure, or an error of the stores: it is not queued."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one recipient."""

    recipient: Recipient
    refusal: Reply | None
    """None: it was delivered."""
    is_alias: bool = False


@dataclass(frozen=True, slots=True)
class Of:
    """The message that is told of."""

    envelope: Envelope
    message: Spooled
    prefix: Callable[[], bytes]
    """Makes the fields that this server put before it."""
    arrived: int
    """Milliseconds since 1970 UTC."""


async def of_failures(notices: Notices, of: Of, told: Sequence[Told]) -> bool:
    """Tell of the recipients that failed; whether it is durable. Those that want no notice count as told."""
    wanted = [each for each in told if each.refusal is not None and _wants(each.recipient, Notify.FAILURE)]
    if not wanted:
        return True
    try:
        await _report(notices, of, wanted, Action.FAILED)
    except (Failure, StorageError) as error:
        detail = error.private if isinstance(error, Failure) else str(error)
        logger.error("a notice of failure could not be queued", extra={"detail": detail})
        return False
    return True


async def of_successes(notices: Notices, of: Of, told: Sequence[Told]) -> None:
    """Tell of the recipients that were delivered and that it was to be told of."""
    for action, is_alias in ((Action.DELIVERED, False), (Action.EXPANDED, True)):  # RFC 3464 2.3.3
        wanted = [
            each
            for each in told
            if each.refusal is None
            and each.is_alias is is_alias
            and Notify.SUCCESS in (each.recipient.notify or Notify.NEVER)
        ]
        if not wanted:
            continue
        try:
            await _report(notices, of, wanted, action)
        except (Failure, StorageError) as error:
            detail = error.private if isinstance(error, Failure) else str(error)
            logger.error("a notice of success could not be queued", extra={"detail": detail})


def _wants(recipient: Recipient, event: Notify) -> bool:
    return recipient.notify is None or event in recipient.notify


async def _report(notices: Notices, of: Of, told: Sequence[Told], action: Action) -> None:
    envelope, message = of.envelope, of.message
    # RFC 3461 4.3: the whole message only of failures
    whole = action is Action.FAILED and envelope.ret is Return.FULL and message.size <= LARGEST_RETURNED
    body = message.read(message.root.body_start, message.size) if whole and message.scratch is None else None
    notice = Notice(
        about=tuple(_about(each, action) for each in told),
        arrived=of.arrived,
        header=of.prefix() + message.root.header,
        body=body,
        envelope_id=envelope.envelope_id,
        smtputf8=envelope.smtputf8,
    )
    await notices.report(envelope.reverse_path, notice, require_tls=envelope.require_tls)


def _about(told: Told, action: Action) -> About:
    refusal = told.refusal
    recipient = told.recipient
    if refusal is None:
        return About(recipient.path, action, "2.0.0", recipient.original)
    # It will not be tried again, whatever the reply says.
    status = f"5{refusal.enhanced[1:]}" if refusal.enhanced else "5.0.0"
    return About(recipient.path, action, status, recipient.original, detail=refusal.text)
