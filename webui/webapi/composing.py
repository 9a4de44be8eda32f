"""A message as the API has it becomes a message as mail has it: checked, written and spooled.

Nothing of a request can begin a field, a part or another message: everything goes through `header_writer` and `compose`.
Files are read from where they were uploaded, block by block. Raises Refused.
"""

import base64
import binascii
import mimetypes
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from mox_trio.base import ids, limits
from mox_trio.base.address import Address
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.base.failure import Failure
from mox_trio.mailstore.entropy import Pool
from mox_trio.mailstore.spool import INLINE, Spool, Spooled
from mox_trio.protocol.mime import compose, header_writer
from mox_trio.protocol.mime.compose import Attachment, Draft
from mox_trio.protocol.mime.header_writer import Recipient, Unwritable, Written
from mox_trio.protocol.webapi.messages import File, NameAddress, SendRequest
from webui.webapi.errors import Refused
from webui.webapi.uploads import Upload

AGENT: Final = "mox-trio (webapi)"
_ids: Final = Pool(ids.SECRET_BYTES)
_MESSAGE_ID: Final = re.compile(r"<[^<>\s@]{1,400}@[^<>\s@]{1,400}>")
_OURS: Final = frozenset(
    {
        *("from", "to", "cc", "bcc", "reply-to", "sender", "subject", "date", "message-id", "references"),
        *("mime-version", "return-path", "received", "dkim-signature", "authentication-results", "tls-required"),
    }
)
"""Fields that a request has names for, and those that are the servers'."""


@dataclass(frozen=True, slots=True)
class People:
    """The addresses of a message, which are such."""

    author: Recipient
    to: tuple[Recipient, ...]
    cc: tuple[Recipient, ...]
    bcc: tuple[Recipient, ...]
    reply_to: tuple[Recipient, ...]

    @property
    def recipients(self) -> tuple[Address, ...]:
        """Everybody who gets it, in the order of To, Cc and Bcc."""
        return tuple(dict.fromkeys(each.address for each in (*self.to, *self.cc, *self.bcc)))

    @property
    def needs_utf8(self) -> bool:
        """Whether an address has no ASCII form."""
        every = (self.author, *self.to, *self.cc, *self.reply_to)
        return any(each.address.needs_utf8 for each in every)


def people(request: SendRequest, default: Recipient) -> People:
    """The addresses of a request; `default` is From where it has none."""
    if len(request.from_) > 1:
        raise Refused("multipleFrom", "a message has one From")
    author = _recipients(request.from_)[0] if request.from_ else default
    to, cc, bcc = (_recipients(each) for each in (request.to, request.cc, request.bcc))
    if not (to or cc or bcc):
        raise Refused("noRecipients", "a message needs To, CC or BCC")
    return People(author, to, cc, bcc, _recipients(request.reply_to))


def _recipients(given: Sequence[NameAddress]) -> tuple[Recipient, ...]:
    try:
        return tuple(
            Recipient(Address.parse(each.address, localpart_octets=limits.LOCALPART_OCTETS_OF_OTHERS), each.name)
            for each in given
        )
    except InvalidAddress as error:
        raise Refused("badAddress", str(error)) from None


async def spooled(
    spool: Spool, request: SendRequest, people: People, files: Mapping[str, Sequence[Upload]], hostname: Domain
) -> Spooled:
    """The whole message."""
    if not (request.text or request.html):
        raise Refused("missingBody", "a message needs Text or HTML")
    try:
        blocks = compose.render(_draft(request, people, files, hostname), _ids.take())
    except Unwritable as error:
        raise Refused("user", str(error)) from None
    except InvalidAddress as error:
        raise Refused("badAddress", str(error)) from None
    is_small = not files and _estimated(request) <= INLINE
    try:
        if is_small:
            await spool.write(b"".join(blocks))
        else:
            while chunk := await trio.to_thread.run_sync(partial(_some, blocks)):
                await spool.write(chunk)
        return await spool.finish()
    except Failure as failure:
        code = "server" if failure.kind.is_temporary else "messageTooLarge"
        raise Refused(code, failure.public) from None
    except binascii.Error:
        raise Refused("user", "the data of a file is no base64") from None


def _estimated(request: SendRequest) -> int:
    every = (*request.alternative_files, *request.inline_files, *request.attached_files)
    return len(request.text) + len(request.html) + sum(len(each.data) for each in every)


def _some(blocks: Iterator[bytes]) -> bytes:
    """The next blocks, up to a quarter of a MiB, in a thread."""
    found = bytearray()
    for block in blocks:
        found += block
        if len(found) >= 256 * 1024:
            break
    return bytes(found)


def _draft(request: SendRequest, people: People, files: Mapping[str, Sequence[Upload]], hostname: Domain) -> Draft:
    inline: list[File | Upload] = [*request.inline_files, *files.get("inlinefile", ())]
    attached: list[File | Upload] = [*request.attached_files, *files.get("attachedfile", ())]
    further: list[File | Upload] = [*request.alternative_files, *files.get("alternativefile", ())]
    return Draft(
        fields=_fields(request, people),
        text=request.text,
        html=request.html,
        attachments=[*(_inline(each, hostname) for each in inline), *map(_file, attached)],
        alternatives=list(map(_file, further)),
    )


def _fields(request: SendRequest, people: People) -> list[Written]:
    utf8 = people.needs_utf8
    lists = (("From", (people.author,)), ("To", people.to), ("Cc", people.cc), ("Reply-To", people.reply_to))
    fields = [header_writer.address_list(name, each, utf8=utf8) for name, each in lists if each]
    fields.append(header_writer.unstructured("Subject", request.subject, utf8=utf8))
    if request.date is not None:
        fields.append(header_writer.date("Date", int(request.date.timestamp() * 1000)))
    if request.message_id:
        if _MESSAGE_ID.fullmatch(request.message_id) is None:
            raise Refused("malformedMessageID", "MessageID is not of the form <id@host>")
        fields.append(header_writer.message_ids("Message-ID", [request.message_id[1:-1]], utf8=utf8))
    if request.references:
        if any(not each.startswith("<") or not each.endswith(">") for each in request.references):
            raise Refused("malformedMessageID", "References are not of the form <id@host>")
        found = [each[1:-1] for each in request.references]
        fields.append(header_writer.message_ids("References", found, utf8=utf8))
        fields.append(header_writer.message_ids("In-Reply-To", found[-1:], utf8=utf8))
    if request.require_tls is False:
        fields.append(header_writer.structured("TLS-Required", "No"))  # RFC 8689 5
    return fields + _further(request, utf8=utf8)


def _further(request: SendRequest, *, utf8: bool) -> list[Written]:
    names = {name.lower() for name, _ in request.headers}
    if taken := sorted(names & (_OURS | ({"in-reply-to"} if request.references else set()))):
        raise Refused("user", f"these header fields are set otherwise: {', '.join(taken)}")
    if any(name.startswith("content-") for name in names):
        raise Refused("user", "header fields about the content are made by the server")
    fields = [header_writer.unstructured(name, value, utf8=utf8) for name, value in request.headers]
    if not names & {"user-agent", "x-mailer"}:
        fields.append(header_writer.unstructured("User-Agent", AGENT))
    return fields


def _inline(given: File | Upload, hostname: Domain) -> Attachment:
    """With a Content-ID, which is what makes it inline."""
    content_id = given.content_id.strip().removeprefix("<").removesuffix(">")
    return _attachment(given, content_id or f"{ids.url_safe(_ids.take())}@{hostname.ascii}")


def _file(given: File | Upload) -> Attachment:
    return _attachment(given, "")


def _attachment(given: File | Upload, content_id: str) -> Attachment:
    source = given.blocks() if isinstance(given, Upload) else _decoded(given.data)
    kind = given.content_type.split(";")[0].strip() or mimetypes.guess_type(given.name)[0] or "application/octet-stream"
    if kind.startswith("message/"):
        kind = "application/octet-stream"  # its lines would have to be mail's
    return Attachment(source, kind, given.name, content_id)


def _decoded(data: str) -> Iterator[bytes]:
    """The bytes of base64, decoded block by block, so that no call takes long."""
    step = 4 * 16 * 1024
    if len(data) % 4:
        raise Refused("user", "the data of a file is no base64")
    return (base64.b64decode(data[start : start + step], validate=True) for start in range(0, len(data), step))
