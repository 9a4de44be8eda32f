"""Tells senders what became of their mail: our own users in their Inbox, those of other servers by mail.

For our own users `written` makes messages that `settle` delivers in the transaction which settles the attempt: a notice is
there exactly when the row says so. `Notices.report` queues a notice for somebody outside, from the null reverse-path so that
nobody answers it with another (RFC 5321 4.5.5), signed, in the name of the postmaster's account. It is durable when it returns.
"""

import logging
from collections.abc import Sequence
from typing import Final

from mox_trio.base import ids
from mox_trio.base.address import Path
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts
from mox_trio.mailstore.entropy import Pool
from mox_trio.outgoing import prepare, summary
from mox_trio.outgoing.bytes_out import QueuedMessage
from mox_trio.outgoing.group import Group
from mox_trio.outgoing.parts import Parts, Settled
from mox_trio.outgoing.sign import Signer
from mox_trio.protocol import dsn
from mox_trio.protocol.dsn import About, Action, Frame, Notice
from mox_trio.protocol.mime import header
from mox_trio.protocol.smtp.envelope import DEFAULT_NOTIFY, Body, Notify, Return
from storage_backends.bodies.api import Bytes
from storage_backends.errors import Corrupt
from storage_backends.index.tables.queue import NewRecipient

logger = logging.getLogger(__name__)

ACTIONS: Final = {
    "failed": (Action.FAILED, Notify.FAILURE),
    "suppressed": (Action.FAILED, Notify.FAILURE),
    "delayed": (Action.DELAYED, Notify.DELAY),
    "delivered": (Action.DELIVERED, Notify.SUCCESS),
    "relayed": (Action.RELAYED, Notify.SUCCESS),
    "expanded": (Action.EXPANDED, Notify.SUCCESS),
}
"""By event, what a notice says and which wish asks for it (RFC 3461 4.1)."""

_entropy = Pool(ids.SECRET_BYTES)


async def written(parts: Parts, group: Group, settled: Sequence[Settled], retry_until: int) -> list[bytes]:
    """The notices that the sender wants of this: one an action, none about a message that is a notice itself."""
    if group.sender.is_null:
        return []
    by_action: dict[Action, list[Settled]] = {}
    for each in settled:
        action, wish = ACTIONS.get(each.event, (None, Notify.NEVER))
        wanted = DEFAULT_NOTIFY if each.row.notify is None else Notify(each.row.notify)
        if action is not None and wish in wanted:
            by_action.setdefault(action, []).append(each)
    if not by_action:
        return []
    try:
        content = group.content(parts)
        original: _Original = (content, await content.header_block())
    except (Failure, Corrupt):
        original = (None, b"\r\n")  # what cannot be read any more is told of all the same
    return [await _written(parts, group, each, (action, retry_until), original) for action, each in by_action.items()]


_Original = tuple[QueuedMessage | None, bytes]


async def _written(
    parts: Parts,
    group: Group,
    settled: Sequence[Settled],
    what: tuple[Action, int],
    original: _Original,
) -> bytes:
    (action, retry_until), (content, block) = what, original
    message = group.message
    body = None
    if action is Action.FAILED and message.ret == Return.FULL.value and content is not None:  # RFC 3461 4.3
        try:
            whole = await content.whole()
        except Failure:
            whole = None
        body = whole[len(block) :] if whole is not None and whole.startswith(block) else None
    notice = Notice(
        about=tuple(_about(each, action, retry_until) for each in settled),
        arrived=message.queued,
        header=block,
        body=body,
        envelope_id=message.envelope_id,
        release_request=message.release_request,
        smtputf8=bool(message.smtputf8),
    )
    references = summary.opened(group.account.codec, message.object_id, message.summary).message_id
    return dsn.compose(notice, _frame(parts, group.sender, references), utf8=notice.wants_utf8)


def _about(settled: Settled, action: Action, retry_until: int) -> About:
    result, row = settled.result, settled.row
    failing = action in (Action.FAILED, Action.DELAYED)
    return About(
        recipient=result.recipient.path,
        action=action,
        status=result.status or ("5.0.0" if failing else "2.0.0"),
        original=row.original,
        detail=result.detail if result.reply is None else "",
        reply=result.reply,
        remote_host=result.remote_host,
        remote_ip=result.remote_ip,
        last_attempt=None if action is Action.EXPANDED else settled.at,
        retry_until=retry_until if action is Action.DELAYED else None,
    )


def _frame(parts: Parts, to: Path, references: str = "") -> Frame:
    hostname = parts.config.current.static.hostname
    return Frame(
        hostname=hostname.ascii,
        sender=parts.postmaster(),
        to=to,
        now=parts.store.now(),
        message_id=f"{ids.url_safe(_entropy.take())}@{hostname.ascii}",
        entropy=_entropy.take(),
        references=references,
    )


class Notices:
    """Notices to senders of other servers."""

    def __init__(self, parts: Parts, signer: Signer) -> None:
        self._parts = parts
        self._signer = signer

    async def report(self, sender: Path, notice: Notice, *, require_tls: bool) -> None:
        """Queue the notice, durably. Failure or an error of the stores: it is not queued."""
        parts = self._parts
        name = parts.config.current.static.postmaster.account or next(iter(parts.config.current.dynamic.accounts), None)
        if name is None:
            raise Failure(Kind.NOT_FOUND, "there is no postmaster", "no account can own the notice")
        if sender.host is None:
            raise Failure(Kind.INVALID, "a notice needs somebody to go to")
        account = await accounts.ensure(parts.store, name)
        utf8 = notice.wants_utf8 or sender.needs_utf8
        frame = _frame(parts, sender)
        data = dsn.compose(notice, frame, utf8=utf8)
        outgoing = prepare.Outgoing(
            prefix=await self._signer.of_bytes(data, frame.sender.domain),
            summary=summary.of(header.parse(data)),
            body=Body.SEVEN_BIT if data.isascii() else Body.EIGHT_BIT,
            smtputf8=utf8,
        )
        row = NewRecipient(
            sender=str(Path()),
            recipient=str(sender),
            destination=prepare.destination(sender),
            next_attempt=parts.store.now(),
            notify=Notify.NEVER.value,  # nobody wants to hear what became of a notice
            require_tls=1 if require_tls else None,
        )
        enqueued = await prepare.queue(parts, account, Bytes(data), outgoing, [row])
        about = {"action": notice.action.value, "recipients": len(notice.about), "queue_id": enqueued.ids[0]}
        logger.info("notice queued", extra=about)
