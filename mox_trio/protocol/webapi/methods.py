"""Requests and results of every method that has types of its own; `messages.py` has those of messages."""

from typing import Annotated, Literal

from pydantic import Field

from mox_trio.base import limits
from mox_trio.protocol.webapi.messages import SendRequest, SendResult
from mox_trio.protocol.webapi.shapes import Bool, Error, Int, Line, Shape, Time

Ids = Annotated[tuple[Int, ...], Field(max_length=limits.API_IDS)]


class Suppression(Shape):
    """An address that nothing more is sent to."""

    id: Int
    created: Time
    account: str
    base_address: str = Field(description="The address without what is after + or -, dots and case.")
    original_address: str
    manual: Bool = Field(description="Added by hand.")
    reason: str


class SuppressionListResult(Shape):
    """The whole list."""

    suppressions: tuple[Suppression, ...] = ()


class SuppressionAddRequest(Shape):
    """An address to be added."""

    email_address: Line = Field(default="", description="Address.")
    manual: Bool = Field(default=False, description="Accepted for compatibility; what is added here is added by hand.")
    reason: Line = Field(default="", description="Why.")


class SuppressionRequest(Shape):
    """An address."""

    email_address: Line = Field(default="", description="Address.")


class SuppressionPresentResult(Shape):
    """Whether it is on the list."""

    present: Bool


class MessageRequest(Shape):
    """A message."""

    msgid: Int = Field(default=0, description="Id of the message, as in webhook calls.")


class MessagePartGetRequest(MessageRequest):
    """A part of a message."""

    part_path: tuple[Annotated[Int, Field(ge=0)], ...] = Field(
        default=(), max_length=100, description="Indices in Parts, from 0, from the outermost to the part."
    )


class MessageFlagsRequest(MessageRequest):
    """Flags of a message."""

    flags: tuple[Line, ...] = Field(default=(), max_length=100, description="Such as \\seen, $junk, or a keyword.")


class MessageMoveRequest(MessageRequest):
    """Where a message goes."""

    dest_mailbox_name: Line = Field(default="", description="A mailbox that exists.")


class SendBatchRequest(Shape):
    """Messages to be sent, each on its own."""

    messages: tuple[SendRequest, ...] = Field(default=(), max_length=limits.API_BATCH, description="At most 1000.")


class BatchResult(Shape):
    """What became of one message: one of the two."""

    result: SendResult | None = None
    error: Error | None = None


class SendBatchResult(Shape):
    """What became of each message, in their order."""

    results: tuple[BatchResult, ...] = ()


class QueueRequest(Shape):
    """Recipients in the queue."""

    queue_msgids: Ids = Field(default=(), description="Ids, as Send returned them.")


class SendCancelResult(Shape):
    """What was taken out of the queue."""

    canceled: Int = Field(description="Recipients that get nothing.")
    busy: Int = Field(description="Recipients that are in delivery now, and stay.")


class Queued(Shape):
    """A recipient in the queue."""

    queue_msgid: Int
    address: str
    from_id: str = ""
    subject: str = ""
    message_id: str = ""
    queued: Time
    next_attempt: Time
    attempts: Int
    held: Bool


class QueueListResult(Shape):
    """The account's recipients in the queue, at most 1000."""

    messages: tuple[Queued, ...] = ()


TemplateName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


class Template(Shape):
    """Subject, text and HTML with places for values: {{name}}."""

    name: TemplateName = Field(description="Lower-case letters, digits, dots, hyphens and underscores.")
    subject: Line = Field(default="", description="Subject.")
    text: Annotated[str, Field(max_length=limits.API_TEMPLATE_CHARACTERS)] = Field(default="", description="Text.")
    html: Annotated[str, Field(max_length=limits.API_TEMPLATE_CHARACTERS)] = Field(
        default="", description="HTML; values are written so that they are text."
    )


class TemplateRequest(Shape):
    """A template."""

    name: TemplateName = Field(description="Its name.")


class TemplateListResult(Shape):
    """Templates without their content."""

    names: tuple[str, ...] = ()


Direction = Literal["outgoing", "incoming"]
OutgoingEvent = Literal[
    "delivered", "suppressed", "delayed", "failed", "relayed", "expanded", "canceled", "unrecognized"
]


class Webhook(Shape):
    """A URL that is told of events."""

    direction: Direction = Field(description="outgoing: what becomes of sent mail; incoming: mail that arrives.")
    url: Line = Field(
        description="https://, or http:// to networks that the server's configuration allows.", alias="URL"
    )
    authorization: Line = Field(default="", description="Value of the header Authorization of calls.")
    secret: Line = Field(default="", description="Key of the signature; without it one is made.")
    events: tuple[OutgoingEvent, ...] = Field(
        default=(), max_length=8, description="Events of outgoing mail that are told; none is all."
    )


class WebhookShown(Shape):
    """A URL that is told of events, without its secrets."""

    direction: Direction
    url: str
    events: tuple[str, ...] = ()
    has_authorization: Bool
    changed: Time


class WebhookGetResult(Shape):
    """The account's URLs."""

    webhooks: tuple[WebhookShown, ...] = ()


class WebhookSetResult(Shape):
    """What is told once."""

    secret: str = Field(description="Key of the signature; it is not shown again.")


class WebhookRequest(Shape):
    """One of the two URLs."""

    direction: Direction


class WebhookTestRequest(Shape):
    """A call to be made now; without URL to the one that is set."""

    direction: Direction
    url: Line = Field(default="", description="URL; without it, the one that is set.")
    authorization: Line = Field(default="", description="Value of the header Authorization, for a URL given here.")


class HookAttempt(Shape):
    """How a call went."""

    start: Time
    duration_ms: Int = Field(description="Milliseconds.")
    url: str
    success: Bool
    code: Int = Field(default=0, description="Status of HTTP; 0 for none.")
    error: str = ""
    response: str = Field(default="", description="The beginning of the answer.")


class Hook(Shape):
    """A call, waiting or made."""

    id: Int
    direction: Direction
    url: str
    event: str
    queue_msgid: Int = 0
    state: Literal["waiting", "delivered", "failed", "canceled", "superseded"]
    created: Time
    next_attempt: Time | None = Field(default=None, description="While it waits.")
    attempts: Int
    superseded_by_id: Int = 0
    results: tuple[HookAttempt, ...] = ()
    payload: str = Field(description="JSON, as it is sent; empty for a key that does not open reading.")


class HookListRequest(Shape):
    """Which calls to list."""

    before_id: Int = Field(default=0, description="Only calls with smaller ids; 0 for the newest.")
    most: Annotated[Int, Field(ge=1, le=100)] = Field(default=100, description="How many.")


class HookListResult(Shape):
    """Calls, the newest first."""

    hooks: tuple[Hook, ...] = ()


class HooksRequest(Shape):
    """Calls."""

    ids: Ids = Field(default=(), description="Ids of calls.")


class HooksChangedResult(Shape):
    """How many calls it was about."""

    changed: Int


Scope = Literal["send", "read", "write", "suppressions", "webhooks", "templates"]


class KeyAddRequest(Shape):
    """A key to be made."""

    name: Line = Field(description="What it is called.")
    scopes: tuple[Scope, ...] = Field(default=(), max_length=6, description="What it opens; none is everything.")
    addresses: tuple[Line, ...] = Field(
        default=(), max_length=100, description="Addresses it may send from; none is all of the account."
    )
    expires: Time | None = Field(default=None, description="When it ends; never without it.")


class Key(Shape):
    """A key."""

    id: Int
    name: str
    scopes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    created: Time
    last_used: Time | None = None
    expires: Time | None = None


class KeyAddResult(Shape):
    """A new key."""

    key: Key
    secret: str = Field(description="For the header Authorization: Bearer; it is not shown again.")


class KeyListResult(Shape):
    """The account's keys."""

    keys: tuple[Key, ...] = ()


class KeyRequest(Shape):
    """A key."""

    id: Int
