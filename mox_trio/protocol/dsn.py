"""Notices about the delivery of a message, as multipart/report (RFC 3464, RFC 6522, RFC 3461; RFC 6533 with UTF-8).

A `Notice` is what is to be told; `compose` writes the message that tells it, with CRLF line ends. What comes from
outside (replies of other servers, ENVID, ORCPT) cannot begin a field or a part: controls become spaces and texts are
cut. Without `utf8` everything is ASCII: addresses and texts are escaped (RFC 6533 3, utf-8-addr-xtext) and the returned
header is encoded where it must be. Never raises for what a peer wrote.
"""

import enum
import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.base import ids
from mox_trio.base.address import Address, Literal, Path
from mox_trio.protocol.mime import dates, header_writer, transfer
from mox_trio.protocol.smtp.reply import Reply

TEXT_CHARACTERS: Final = 2000
"""Of a reply or a reason; what is longer says nothing more to a person."""
_CONTROLS: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_LINE: Final = 800
"""Octets of a line of a status field; RFC 5322 2.1.1 allows 998."""
_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class Action(enum.Enum):
    """What happened to a recipient (RFC 3464 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class About:
    """What is told about one recipient."""

    recipient: Path
    action: Action
    status: str
    """RFC 3463, as in "5.1.1"."""
    original: str = ""
    """ORCPT, decoded: address type, semicolon, address; empty where it was not given."""
    detail: str = ""
    """Why, for people."""
    reply: Reply | None = None
    """What the other host said."""
    remote_host: str = ""
    remote_ip: str = ""
    last_attempt: int | None = None
    """Milliseconds since 1970 UTC."""
    retry_until: int | None = None
    """The same: when a delayed message will be given up."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told about one message."""

    about: tuple[About, ...]
    """All of one action."""
    arrived: int
    """When this server took the message: milliseconds since 1970 UTC."""
    header: bytes
    """The header block of the message with what this server put before it."""
    body: bytes | None = None
    """The rest of the message, where all of it is to be returned (RFC 3461 4.3); None returns the header alone."""
    envelope_id: str = ""
    """ENVID, decoded."""
    release_request: str = ""
    """As in RFC 4865 7, such as "for;600"."""
    smtputf8: bool = False
    """The message was sent with SMTPUTF8, or its header holds UTF-8."""

    @property
    def action(self) -> Action:
        """The action that all have in common."""
        return self.about[0].action

    @property
    def wants_utf8(self) -> bool:
        """Whether the readable form needs UTF-8 (RFC 6533)."""
        return self.smtputf8 or any(each.recipient.needs_utf8 for each in self.about)


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a notice."""

    hostname: str
    """Of this server, as in its greeting."""
    sender: Address
    """For From: the postmaster of this server."""
    to: Path
    """The reverse-path of the message that is told of."""
    now: int
    """Milliseconds since 1970 UTC."""
    message_id: str
    """Without angle brackets."""
    entropy: bytes
    """16 random bytes, used for nothing else."""
    references: str = ""
    """The Message-ID of the message that is told of, without angle brackets; "" for none."""


def compose(notice: Notice, frame: Frame, *, utf8: bool) -> bytes:
    """The message. With `utf8` it needs a reader, or a next host, that knows SMTPUTF8."""
    boundary = f"=_{ids.url_safe(frame.entropy)}"
    parts = (_text_part(notice, frame, utf8), _status_part(notice, frame, utf8), _original_part(notice, utf8))
    pieces = [_header(notice, frame, boundary, utf8)]
    pieces += [b"\r\n--%b\r\n%b" % (boundary.encode(), part) for part in parts]
    return b"".join([*pieces, b"\r\n--%b--\r\n" % boundary.encode()])


# -- the header

_SUBJECTS: Final = {
    Action.FAILED: "Mail could not be delivered",
    Action.DELAYED: "Mail is delayed",
    Action.DELIVERED: "Mail was delivered",
    Action.RELAYED: "Mail was handed on",
    Action.EXPANDED: "Mail was delivered to a list",
}


def _header(notice: Notice, frame: Frame, boundary: str, utf8: bool) -> bytes:
    to = _path_text(frame.to, utf8) if frame.to.address is None else ""
    sender = header_writer.Recipient(frame.sender, "Mail Delivery System")
    recipients: Sequence[header_writer.Recipient] = ()
    if frame.to.address is not None and (utf8 or not frame.to.needs_utf8):
        recipients = [header_writer.Recipient(frame.to.address)]
    report = [("report-type", "delivery-status"), ("boundary", boundary)]
    fields = [
        header_writer.address_list("From", [sender], utf8=utf8),
        header_writer.address_list("To", recipients, utf8=utf8)
        if recipients
        else header_writer.unstructured("To", to or "undisclosed-recipients:;"),
        header_writer.unstructured("Subject", _SUBJECTS[notice.action]),
        header_writer.date("Date", frame.now),
        header_writer.message_ids("Message-ID", [frame.message_id]),
        *_references(frame.references, utf8),
        header_writer.structured("Auto-Submitted", "auto-replied"),  # RFC 3834 5
        header_writer.structured("MIME-Version", "1.0"),
        header_writer.structured("Content-Type", "multipart/report", report),
        *([header_writer.structured("Content-Transfer-Encoding", "8bit")] if utf8 else []),
    ]
    return b"".join(fields) + b"\r\n"


def _references(message_id: str, utf8: bool) -> list[bytes]:
    try:
        return [header_writer.message_ids(name, [message_id], utf8=utf8) for name in ("In-Reply-To", "References")]
    except header_writer.Unwritable:  # none, or nothing that could be named
        return []


# -- the part for people

_OPENINGS: Final = {
    Action.FAILED: "Your message could not be delivered to the recipients below, and will not be tried again.",
    Action.DELAYED: "Your message has not been delivered to the recipients below yet. It is tried again; you need not do\r\n"
    "anything.",
    Action.DELIVERED: "Your message was delivered to the recipients below.",
    Action.RELAYED: "Your message was handed to the mail server of the recipients below, which does not tell more.",
    Action.EXPANDED: "Your message was delivered to the list below and handed on to its members.",
}


def _text_part(notice: Notice, frame: Frame, utf8: bool) -> bytes:
    lines = [f"This is the mail server at {frame.hostname}.", "", *_OPENINGS[notice.action].split("\r\n")]
    for about in notice.about:
        lines += ["", f"    {_path_text(about.recipient, utf8)}"]
        if about.detail:
            lines.append(f"        {_clean(about.detail)}")
        if about.reply is not None:
            host = _clean(about.remote_host) or "The other server"
            address = f" [{_clean(about.remote_ip)}]" if about.remote_ip else ""
            lines.append(f"        {host}{address} said: {_clean(str(about.reply))}")
        if about.retry_until is not None:
            lines.append(f"        Tried until {dates.format_rfc5322(about.retry_until)}.")
    text = "\r\n".join(_wrapped(lines)) + "\r\n"
    data = text.encode() if utf8 else text.encode("ascii", "backslashreplace")
    charset, encoding = ("utf-8", "8bit") if utf8 else ("us-ascii", "7bit")
    fields = [
        header_writer.structured("Content-Type", "text/plain", [("charset", charset)]),
        header_writer.structured("Content-Transfer-Encoding", encoding),
    ]
    return b"".join(fields) + b"\r\n" + data


def _wrapped(lines: Sequence[str]) -> Iterator[str]:
    """Lines of at most about 800 octets: what another server said may be one long word."""
    for line in lines:
        while len(line.encode()) > _LINE:
            cut = _LINE // 4
            yield line[:cut]
            line = "        " + line[cut:]
        yield line


# -- the part for programs


def _status_part(notice: Notice, frame: Frame, utf8: bool) -> bytes:
    kind = "message/global-delivery-status" if utf8 else "message/delivery-status"
    groups = [b"".join(_message_fields(notice, frame, utf8))]
    groups += [b"".join(_recipient_fields(about, utf8)) for about in notice.about]
    fields = [header_writer.structured("Content-Type", kind)]
    if utf8:
        fields.append(header_writer.structured("Content-Transfer-Encoding", "8bit"))
    return b"".join(fields) + b"\r\n" + b"\r\n".join(groups)


def _message_fields(notice: Notice, frame: Frame, utf8: bool) -> Iterator[bytes]:
    """RFC 3464 2.2."""
    if notice.envelope_id:
        yield _field("Original-Envelope-Id", notice.envelope_id, utf8)
    yield _field("Reporting-MTA", f"dns; {frame.hostname}", utf8)
    yield _field("Arrival-Date", dates.format_rfc5322(notice.arrived), utf8)
    if notice.release_request:
        yield _field("Future-Release-Request", notice.release_request, utf8)  # RFC 4865 7


def _recipient_fields(about: About, utf8: bool) -> Iterator[bytes]:
    """RFC 3464 2.3."""
    if about.original:
        kind, _, address = about.original.partition(";")
        yield _field("Original-Recipient", f"{kind}; {address}" if utf8 else _typed(kind, address), utf8)
    needs_utf8 = about.recipient.needs_utf8
    final = _path_text(about.recipient, utf8=True)
    yield _field("Final-Recipient", _typed("rfc822", final) if needs_utf8 and not utf8 else _final(about, utf8), utf8)
    yield _field("Action", about.action.value, utf8)
    yield _field("Status", about.status, utf8)
    if about.remote_host:
        yield _field("Remote-MTA", f"dns; {_host(about.remote_host)}", utf8)
    if about.reply is not None:
        yield _field("Diagnostic-Code", f"smtp; {about.reply}", utf8)
    if about.last_attempt is not None:
        yield _field("Last-Attempt-Date", dates.format_rfc5322(about.last_attempt), utf8)
    if about.retry_until is not None:
        yield _field("Will-Retry-Until", dates.format_rfc5322(about.retry_until), utf8)


def _final(about: About, utf8: bool) -> str:
    kind = "utf-8" if about.recipient.needs_utf8 else "rfc822"
    return f"{kind}; {_path_text(about.recipient, utf8)}"


def _typed(kind: str, address: str) -> str:
    """An address of ASCII characters only; others as RFC 6533 3 (utf-8-addr-xtext) has them."""
    if address.isascii():
        return f"{kind}; {address}"
    escaped = "".join(each if each.isascii() and each not in "\\+=" else f"\\x{{{ord(each):X}}}" for each in address)
    return f"utf-8; {escaped}"


def _path_text(path: Path, utf8: bool) -> str:
    """The address without brackets; in ASCII, with A-labels, unless `utf8` or there is no such form."""
    written = str(path) if utf8 or path.needs_utf8 else path.ascii
    return written[1:-1]


def _field(name: str, value: str, utf8: bool) -> bytes:
    """One field whatever the value holds, folded at spaces."""
    cleaned = _clean(value)
    data = cleaned if utf8 else cleaned.encode("ascii", "backslashreplace").decode()
    line = f"{name}:"
    lines: list[str] = []
    for piece in data.split(" "):
        for start in range(0, len(piece), _LINE // 4):
            word = piece[start : start + _LINE // 4]
            begun = lines or len(line) > len(name) + 1
            if begun and len(line) + len(word) > header_writer.FOLD_OCTETS:
                lines.append(line)
                line = ""
            line += f" {word}"
    return "\r\n".join([*lines, line]).encode("utf-8", "replace") + b"\r\n"


def _clean(value: str) -> str:
    """On one line, and not endless."""
    return _CONTROLS.sub(" ", value[:TEXT_CHARACTERS]).strip(" ")


# -- the message itself


def _original_part(notice: Notice, utf8: bool) -> bytes:
    """The header, or all of it. RFC 6522 3, RFC 6533 6."""
    block = notice.header if notice.body is None else notice.header + notice.body
    data = _BARE.sub(b"\r\n", block)
    whole = notice.body is not None
    if data.isascii() and not whole:
        return _part("text/rfc822-headers", "7bit", data)
    if not whole:
        if utf8 and _is_text(data):
            return _part("message/global-headers", "8bit", data)
        coder = transfer.encoder("base64")
        return _part("text/rfc822-headers", "base64", coder.feed(data) + coder.close())
    if data.isascii():
        return _part("message/rfc822", "7bit", data)
    # RFC 2046 5.2.1: a message is not encoded; RFC 6533 6 allows it for message/global
    if utf8:
        return _part("message/rfc822", "8bit", data)
    coder = transfer.encoder("base64")
    return _part("message/global", "base64", coder.feed(data) + coder.close())


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _part(kind: str, encoding: str, data: bytes) -> bytes:
    fields = [
        header_writer.structured("Content-Type", kind),
        header_writer.structured("Content-Transfer-Encoding", encoding),
    ]
    return b"".join(fields) + b"\r\n" + data


def _host(name: str) -> str:
    """RFC 3464 2.1.2: a name, or an address in brackets."""
    try:
        return str(Literal(ipaddress.ip_address(name)))
    except ValueError:
        return name
