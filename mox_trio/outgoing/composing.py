"""The header of a submitted message: what must be in it, and what this server adds (RFC 6409 8, RFC 5322 3.6)."""

import datetime
from dataclasses import dataclass
from typing import Final

from mox_trio.base import ids, limits
from mox_trio.base.address import Address, InvalidAddress, Path
from mox_trio.base.domain import Domain
from mox_trio.mailstore.entropy import Pool
from mox_trio.mailstore.spool import Spooled
from mox_trio.outgoing import rewriting
from mox_trio.protocol import auth_results
from mox_trio.protocol.auth_results import Result
from mox_trio.protocol.mime import addresses, dates, header, header_writer
from mox_trio.protocol.mime.header import Header
from mox_trio.protocol.smtp.envelope import Client, Envelope
from mox_trio.protocol.smtp.reply import Refusal, Reply

_ids: Final = Pool(ids.SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a message that may go on."""

    author: Address
    """The one address in From."""
    block: bytes
    """The header block with CRLF line ends and without Bcc, and without the blank line."""
    has_date: bool
    has_message_id: bool
    tls_not_required: bool
    """TLS-Required: No (RFC 8689 5)."""
    to: tuple[tuple[str, str], ...]
    """Addresses in lower case and names of To and Cc."""


def parsed(block: bytes) -> Header:
    """The fields of a block that has no blank line."""
    return header.parse(block + b"\r\n")


def check(message: Spooled, *, pedantic: bool) -> Checked:
    """Look at the header. Raises Refusal, with a named reason."""
    root = message.root
    if root.body_start > limits.MIME_HEADER_BYTES:
        raise _refusal(554, "the header is too large", "badmessage")
    given = header.parse(message.read(0, root.body_start))
    if not given.end:
        raise _refusal(554, "the message has no blank line behind its header", "badmessage")
    if pedantic and b"return-path" in given:
        raise _refusal(550, "the message has a Return-Path already", "badmessage")
    block = rewriting.header_block(given)
    fields = given if block + given.end == given.block else parsed(block)
    required = [value.strip().lower() for value in fields.all(b"tls-required")]
    return Checked(
        author=_author(fields),
        block=block,
        has_date=b"date" in fields,
        has_message_id=b"message-id" in fields,
        tls_not_required=bool(required) and all(value == b"no" for value in required),
        to=_to(fields),
    )


def _author(fields: Header) -> Address:
    """The address in From: exactly one field with exactly one address. Raises Refusal."""
    bodies = fields.all(b"from")
    found = [each for body in bodies for each in addresses.mailboxes(addresses.parse_list(body, 2))]
    if len(bodies) != 1 or len(found) != 1:
        raise _refusal(550, "a message has one From with one address", "badfromheader")
    try:
        return Address.parse(found[0].address)
    except InvalidAddress:
        raise _refusal(550, "the address in From is none", "badfromheader") from None


def _to(fields: Header) -> tuple[tuple[str, str], ...]:
    bodies = [body for key in (b"to", b"cc") for body in fields.all(key)]
    lists = [addresses.parse_list(body, 1000) for body in bodies]
    return tuple(
        (each.address.lower(), each.display) for one in lists for each in addresses.mailboxes(one) if each.name
    )


def _refusal(code: int, text: str, reason: str) -> Refusal:
    return Refusal(Reply.of(code, "5.6.0", text), reason)


def complete(checked: Checked, hostname: Domain, now: int) -> bytes:
    """The fields that are missing (RFC 6409 8.1, 8.2)."""
    fields = b""
    if not checked.has_message_id:
        fields += header_writer.message_ids("Message-ID", [f"{ids.url_safe(_ids.take())}@{hostname.ascii}"])
    if not checked.has_date:
        fields += header_writer.date("Date", now)
    return fields


def received(client: Client, envelope: Envelope, hostname: Domain, now: int) -> bytes:
    """Where the message came in; where the user was is nobody's business (RFC 5321 4.4, RFC 3848, RFC 6531 3.7.3)."""
    utf8 = "UTF8" if envelope.smtputf8 else "E"
    protocol = "HTTP" if client.by_http else f"{utf8}SMTP{'S' if client.tls else ''}A"
    session = f" id {client.session}" if client.session else ""
    values = [
        f"from {hostname.ascii}",
        f"by {hostname.ascii} via tcp with {protocol}{session};",
        dates.format_rfc5322(now),
    ]
    return header_writer.lines("Received", values)


def authenticated(hostname: Domain, path: Path) -> bytes:
    """That the sender logged in (RFC 8601 2.7.4)."""
    properties = () if path.is_null else (("smtp.mailfrom", str(path)[1:-1]),)
    return auth_results.written(hostname, [Result("auth", "pass", properties)])


def release_request(envelope: Envelope) -> str:
    """As a notice repeats it (RFC 4865 7)."""
    if envelope.hold_for is not None:
        return f"for;{envelope.hold_for}"
    if envelope.hold_until is None:
        return ""
    until = datetime.datetime.fromtimestamp(envelope.hold_until // 1000, datetime.UTC)
    return f"until;{until:%Y-%m-%dT%H:%M:%SZ}"
