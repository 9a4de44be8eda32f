"""Messages as JSON: to be sent, and as they are stored."""

from typing import Annotated

from pydantic import Field

from mox_trio.base import limits
from mox_trio.protocol.webapi.shapes import Bool, Int, Line, Shape, Time


class NameAddress(Shape):
    """Somebody."""

    name: Line = Field(default="", description="Name that is shown; may be empty.")
    address: Line = Field(default="", description="Address, such as mary@example.org.")


Addresses = Annotated[tuple[NameAddress, ...], Field(max_length=limits.HEADER_ADDRESSES)]


class Message(Shape):
    """A message's usual fields and text."""

    from_: Addresses = Field(default=(), description="Who it is from; without it, the address that logged in.")
    to: Addresses = Field(default=(), description="Recipients.")
    cc: Addresses = Field(default=(), description="Recipients of a copy.")
    bcc: Addresses = Field(default=(), description="Recipients that the others do not see.")
    reply_to: Addresses = Field(default=(), description="Where answers go.")
    message_id: Line = Field(default="", description="With angle brackets; without it one is made.")
    references: tuple[Line, ...] = Field(
        default=(), max_length=1000, description="Message-IDs of the messages this one belongs to, oldest first."
    )
    date: Time | None = Field(default=None, description="Date; without it, now.")
    subject: Line = Field(default="", description="Subject.")
    text: str = Field(default="", description="Text.")
    html: str = Field(default="", description="The same as HTML.")


class File(Shape):
    """A file in a request."""

    name: Line = Field(default="", description="File name.")
    content_type: Line = Field(default="", description="Such as image/png; without it, by the name.")
    content_id: Line = Field(default="", description="Such as <logo@example.org>, for cid: in HTML.")
    data: str = Field(default="", description="Content as base64.")


Files = Annotated[tuple[File, ...], Field(max_length=limits.API_FILES)]


class SendRequest(Message):
    """A message to be sent."""

    extra: dict[Line, Line] = Field(
        default_factory=dict, max_length=100, description="Repeated in webhook calls about this message."
    )
    headers: tuple[tuple[Line, Line], ...] = Field(
        default=(), max_length=100, description="Further header fields: name and value."
    )
    alternative_files: Files = Field(default=(), description="Further forms of the text, such as a calendar entry.")
    inline_files: Files = Field(default=(), description="Pictures that the HTML shows by their ContentID.")
    attached_files: Files = Field(default=(), description="Attachments.")
    require_tls: Bool | None = Field(
        default=None, description="true: only over verified TLS (RFC 8689); false: even where TLS fails."
    )
    future_release: Time | None = Field(default=None, description="When the first attempt to deliver is made.")
    save_sent: Bool = Field(default=False, description="Keep a copy in the mailbox Sent.")
    template: Line = Field(default="", description="Name of a template for Subject, Text and HTML.")
    variables: dict[Line, str] = Field(
        default_factory=dict, max_length=1000, description="Values for {{name}} in the template."
    )


class Submission(Shape):
    """A recipient in the queue."""

    address: str = Field(description="Recipient.")
    queue_msgid: Int = Field(description="Id in the queue, as in webhook calls.")
    from_id: str = Field(default="", description="What makes the sender's address this recipient's own.")


class SendResult(Shape):
    """A message that is in the queue."""

    message_id: str = Field(description="Message-ID, with angle brackets.")
    submissions: tuple[Submission, ...] = Field(default=(), description="In the order of To, CC, BCC.")


class Structure(Shape):
    """A part of a message."""

    content_type: str = Field(default="", description="In lower case, such as text/plain.")
    content_type_params: dict[str, str] = Field(default_factory=dict, description="Such as charset.")
    content_id: str = Field(default="", description="With angle brackets.")
    content_disposition: str = Field(default="", description="inline, attachment or empty.")
    filename: str = Field(default="", description="File name.")
    decoded_size: Int = Field(default=0, description="Bytes of the content, decoded.")
    parts: tuple["Structure", ...] = Field(default=(), description="Parts of a multipart, or the message within.")


class MessageMeta(Shape):
    """What the server knows of a message."""

    size: Int = Field(description="Bytes.")
    dsn: Bool = Field(description="It is a notice about a delivery.")
    flags: tuple[str, ...] = Field(default=(), description="Flags and keywords.")
    mail_from: str = Field(default="", description="Reverse-path.")
    mail_from_validated: Bool = Field(default=False, description="SPF passed for it.")
    rcpt_to: str = Field(default="", description="Recipient.")
    msg_from: str = Field(default="", description="Address in From.")
    msg_from_validated: Bool = Field(default=False, description="It is certain, as by DMARC.")
    dkim_verified_domains: tuple[str, ...] = Field(default=(), description="Domains whose signatures are right.")
    remote_ip: str = Field(default="", description="Where it came from.")
    mailbox_name: str = Field(default="", description="Where it is.")


class MessageGetResult(Shape):
    """A message as it is stored."""

    message: Message
    structure: Structure
    meta: MessageMeta
