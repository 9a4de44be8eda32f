"""Calls about mail that arrives: what they tell is made before the delivery, the row in its transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import trio

from mox_trio.protocol.mime import header
from mox_trio.protocol.mime.part import Part
from mox_trio.protocol.webapi import reading
from mox_trio.protocol.webapi.hooks import Incoming, IncomingMeta
from mox_trio.protocol.webapi.shapes import instant
from mox_trio.webhooks import enqueue
from mox_trio.webhooks.enqueue import Told
from mox_trio.webhooks.room import Owner, Room
from mox_trio.webhooks.targets import INCOMING, Targets
from storage_backends.index.api import Transaction

EVENT: Final = "incoming"
INLINE: Final = 8 * 1024
"""Octets of a message that is told of without a thread."""
_ID: Final = b'"Meta":{"MsgID":0,'
"""Stands once in a payload: in a text the quotation marks would be escaped."""


class Message(Protocol):
    """A message on its way in: `mailstore.spool.Spooled`."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def root(self) -> Part:
        """Its parts."""

    def read(self, start: int, stop: int) -> bytes:
        """A range; blocks when the bytes are in a file."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server knows of a message that arrives."""

    mail_from: str
    """Reverse-path without brackets; empty for the null one."""
    rcpt_to: str
    received: int
    mailbox: str
    remote_ip: str = ""
    mail_from_validated: bool = False
    msg_from_validated: bool = False
    dkim_domains: tuple[str, ...] = ()


Also = Callable[[Transaction, Sequence[Any]], None]
"""A unit in the transaction that delivers: gets what `mailstore.deliver` says of the one message."""


class Arrivals:
    """Of one server."""

    def __init__(self, room: Room, targets: Targets, wake: Callable[[], None]) -> None:
        self._room = room
        self._targets = targets
        self._wake = wake

    async def also(self, owner: Owner, message: Message, facts: Facts) -> Sequence[Also]:
        """Units for the transaction that delivers a message: none for an account that is not called."""
        target = self._targets.maybe_of(owner.id, INCOMING)
        if target is None:
            return ()
        if message.size <= INLINE:
            payload = _payload(message, facts)
        else:
            payload = await trio.to_thread.run_sync(_payload, message, facts)

        def unit(tx: Transaction, delivered: Sequence[Any]) -> None:
            told = payload.replace(_ID, b'"Meta":{"MsgID":%d,' % delivered[0].email_id)
            enqueue.add(tx, self._room, owner, target, Told(EVENT, told))

        return (unit,)

    def committed(self, also: Sequence[Also]) -> None:
        """What was written is there: make the calls soon."""
        if also:
            self._wake()


def _payload(message: Message, facts: Facts) -> bytes:
    root = message.root
    fields = header.parse(root.header)
    texts = reading.texts(root)
    plain, html = (reading.text(part, message.read(*reading.wanted(part))) for part in (texts.plain, texts.html))
    told = reading.message(fields, plain, html)
    report = root.type == "multipart" and root.subtype == "report"
    return Incoming.model_construct(
        from_=told.from_,
        to=told.to,
        cc=told.cc,
        bcc=told.bcc,
        reply_to=told.reply_to,
        subject=told.subject,
        message_id=told.message_id,
        in_reply_to=reading.message_id(fields, b"in-reply-to"),
        references=told.references,
        date=told.date,
        text=plain,
        html=html,
        structure=reading.structure(root),
        meta=IncomingMeta.model_construct(
            msgid=0,
            mail_from=facts.mail_from,
            mail_from_validated=facts.mail_from_validated,
            msg_from_validated=facts.msg_from_validated,
            rcpt_to=facts.rcpt_to,
            dkim_verified_domains=facts.dkim_domains,
            remote_ip=facts.remote_ip,
            received=instant(facts.received),
            mailbox_name=facts.mailbox,
            automated=reading.is_automated(fields, null_sender=not facts.mail_from, is_report=report),
        ),
    ).to_json()
