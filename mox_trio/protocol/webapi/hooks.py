"""Payloads of calls to customers' URLs, and the header fields that go with them.

A call is signed where the receiver knows the secret: `X-Mox-Webhook-Signature: t=SECONDS,v1=HEX`, an HMAC-SHA256 of
`SECONDS.BODY`. Who receives compares it in constant time and refuses times that are more than some minutes away, so that
a call that was overheard cannot be made again.
"""

import hmac
from typing import Final, Literal

from pydantic import Field

from mox_trio.protocol.webapi.messages import Addresses, Structure
from mox_trio.protocol.webapi.methods import OutgoingEvent
from mox_trio.protocol.webapi.shapes import Bool, Int, Shape, Time

ID: Final = "X-Mox-Webhook-ID"
ATTEMPT: Final = "X-Mox-Webhook-Attempt"
SIGNATURE: Final = "X-Mox-Webhook-Signature"


class Outgoing(Shape):
    """What became of a recipient of sent mail."""

    version: Literal[0] = 0
    event: OutgoingEvent
    dsn: Bool = Field(default=False, description="It was told by a notice of another server.")
    suppressing: Bool = Field(default=False, description="The address gets nothing more from the account.")
    queue_msgid: Int = 0
    from_id: str = ""
    message_id: str = ""
    subject: str = ""
    webhook_queued: Time
    smtp_code: Int = 0
    smtp_enhanced_code: str = ""
    error: str = ""
    extra: dict[str, str] = Field(default_factory=dict)


class IncomingMeta(Shape):
    """What the server knows of a message that arrived."""

    msgid: Int = 0
    mail_from: str = ""
    mail_from_validated: Bool = False
    msg_from_validated: Bool = False
    rcpt_to: str = ""
    dkim_verified_domains: tuple[str, ...] = ()
    remote_ip: str = ""
    received: Time
    mailbox_name: str = ""
    automated: Bool = False


class Incoming(Shape):
    """A message that arrived."""

    version: Literal[0] = 0
    from_: Addresses = ()
    to: Addresses = ()
    cc: Addresses = ()
    bcc: Addresses = ()
    reply_to: Addresses = ()
    subject: str = ""
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    date: Time | None = None
    text: str = ""
    html: str = ""
    structure: Structure
    meta: IncomingMeta


def signature(secret: bytes, seconds: int, body: bytes) -> str:
    """The value of the header for a call made at a time in seconds since 1970 UTC."""
    return f"t={seconds},v1={hmac.digest(secret, b'%d.%b' % (seconds, body), 'sha256').hex()}"


def is_right(secret: bytes, value: str, body: bytes, now: int, tolerance: int = 300) -> bool:
    """What a receiver does: whether a signature is of this body and not older than `tolerance` seconds."""
    fields = dict(each.split("=", 1) for each in value.split(",") if "=" in each)
    if not fields.get("t", "").isdigit() or abs(now - int(fields["t"])) > tolerance:
        return False
    return hmac.compare_digest(signature(secret, int(fields["t"]), body), value)
