"""A message that is being written, as pages send it, and the message that it makes (RFC 5322).

Attachments are files that were uploaded, parts of messages that are there (of the draft's version before, or of a message that
is forwarded), or whole messages. All are read in blocks while the message is spooled. Recipients that are no addresses are
kept in a draft, in fields of its own, and refused when it is sent.
"""

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import trio
from pydantic import BaseModel, ConfigDict, Field

from mox_trio.base import ids
from mox_trio.base.address import Address, InvalidAddress
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import reading
from mox_trio.mailstore.scratch import Scratch
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import compose, header_writer, transfer
from mox_trio.protocol.mime.compose import Attachment
from mox_trio.protocol.mime.header_writer import Recipient, Unwritable, Written
from mox_trio.protocol.mime.part import Part
from mox_trio.protocol.mime.transfer import Coder
from webui.mail import attachments, message
from webui.mail.uploads import Uploads

MOST_RECIPIENTS: Final = 1000
MOST_FILES: Final = 200
LONGEST_TEXT: Final = 4 * 1024 * 1024
UNFINISHED: Final = "X-Mox-Draft-"
"""Begins the names of fields of drafts with what was typed for an address and is none yet."""
USER_AGENT: Final = "mox-trio webmail"

Person = tuple[Annotated[str, Field(max_length=500)], Annotated[str, Field(max_length=400)]]
"""Name and address."""
Number = Annotated[int, Field(ge=0, le=2**53)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Model):
    """A message."""

    mailbox: Number
    uid: Number


class Piece(_Model):
    """An attachment: `upload`, or a part at `path` of a message, or the whole of it where `path` is "message"."""

    upload: Annotated[str, Field(max_length=100)] = ""
    mailbox: Number = 0
    uid: Number = 0
    path: Annotated[str, Field(max_length=200)] = ""
    name: Annotated[str, Field(max_length=255)] = ""
    cid: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}@[A-Za-z0-9.-]{1,64}$")] | Literal[""] = ""
    """Of a picture that the HTML shows."""


class Reply(_Model):
    """What the message answers or forwards."""

    mailbox: Number
    uid: Number
    forward: bool = False


class Letter(_Model):
    """As a page has it."""

    sender: Person
    to: Annotated[list[Person], Field(max_length=MOST_RECIPIENTS)] = Field(default_factory=list)
    cc: Annotated[list[Person], Field(max_length=MOST_RECIPIENTS)] = Field(default_factory=list)
    bcc: Annotated[list[Person], Field(max_length=MOST_RECIPIENTS)] = Field(default_factory=list)
    subject: Annotated[str, Field(max_length=2000)] = ""
    text: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    html: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    files: Annotated[list[Piece], Field(max_length=MOST_FILES)] = Field(default_factory=list)
    message_id: Annotated[str, Field(max_length=300)] = ""
    in_reply_to: Annotated[str, Field(max_length=500)] = ""
    references: Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=50)] = Field(
        default_factory=list
    )
    reply: Reply | None = None
    draft: Place | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A message ready to be read; a `Source`."""

    pieces: compose.Draft
    entropy: bytes
    size: int = 0

    def blocks(self) -> Iterator[bytes]:
        """Its bytes. Blocks, and reads attachments once."""
        return compose.render(self.pieces, self.entropy)


def parsed(person: Person) -> Recipient:
    """Name and address as they are written. InvalidAddress."""
    name = " ".join(person[0].split())
    return Recipient(Address.parse(person[1].strip()), name)


def fields(letter: Letter, message_id: str, now: int, *, draft: bool) -> list[Written]:
    """The header. INVALID, saying which address is none."""
    written = [header_writer.date("Date", now), header_writer.message_ids("Message-ID", [message_id])]
    unfinished: list[Written] = []
    for name, people in (("From", [letter.sender]), ("To", letter.to), ("Cc", letter.cc), ("Bcc", letter.bcc)):
        known: list[Recipient] = []
        for person in people:
            try:
                known.append(parsed(person))
            except InvalidAddress:
                if not draft:
                    raise Failure(Kind.INVALID, f"{person[1] or person[0]!r} is no address") from None
                unfinished.append(header_writer.unstructured(UNFINISHED + name, " ".join(" ".join(person).split())))
        if known:
            utf8 = any(each.address.needs_utf8 for each in known)
            written.append(header_writer.address_list(name, known, utf8=utf8))
    written.append(header_writer.unstructured("Subject", " ".join(letter.subject.split())))
    for name, values in (("In-Reply-To", [letter.in_reply_to]), ("References", letter.references)):
        if kept := [each.strip("<> ") for each in values if each.strip("<> ")]:
            written.append(header_writer.message_ids(name, kept, utf8=True))
    written.append(header_writer.unstructured("User-Agent", USER_AGENT))
    return written + unfinished


def new_message_id(entropy: bytes, hostname: Domain) -> str:
    """Without angle brackets."""
    return f"{ids.url_safe(entropy)}@{hostname.ascii}"


@dataclass(frozen=True, slots=True)
class Workshop:
    """What letters are made with."""

    store: MailStore
    account: Account
    uploads: Uploads

    async def make(self, letter: Letter, message_id: str, stack: AsyncExitStack, *, draft: bool) -> Made:
        """The message; what it reads is closed by `stack`. INVALID, NOT_FOUND (a file that is gone), LIMIT."""
        try:
            header = fields(letter, message_id, self.store.now(), draft=draft)
            files = [await self._file(piece, stack) for piece in letter.files]
            pieces = compose.Draft(header, letter.text, letter.html, files)
            made = Made(pieces, self.store.entropy(16))
            made.blocks()
        except (Unwritable, InvalidAddress) as error:
            raise Failure(Kind.INVALID, f"the message cannot be written: {error}") from error
        return made

    async def _file(self, piece: Piece, stack: AsyncExitStack) -> Attachment:
        if piece.upload:
            upload = self.uploads.get(self.account, piece.upload)
            return Attachment(_Blocks(upload.scratch), upload.content_type, piece.name or upload.name, piece.cid)
        found = await message.find(self.store, self.account, piece.mailbox, piece.uid)
        if piece.path == "message":
            scratch = await self._copied(stack, found.email_id, None)
            name = piece.name or f"{found.shown.summary.subject[:80] or 'message'}.eml"
            return Attachment(_Blocks(scratch), "message/rfc822", name, is_8bit=True)
        part = attachments.at(found.root, parse_path(piece.path))
        if part is None:
            raise Failure(Kind.NOT_FOUND, "the attachment is not there any more")
        scratch = await self._copied(stack, found.email_id, part)
        kind = f"{part.type}/{part.subtype}"
        is_8bit = part.type == "message"
        name = piece.name or attachments.name(part)
        return Attachment(_Blocks(scratch), kind, name, piece.cid, is_8bit=is_8bit)

    async def _copied(self, stack: AsyncExitStack, email_id: Any, part: Part | None) -> Scratch:
        """A part decoded, or a whole message, in a temporary file."""
        limiter = self.store.spooling
        scratch = await trio.to_thread.run_sync(self.store.scratch, limiter=limiter)
        stack.push_async_callback(self._close, scratch)
        start, stop = (0, None) if part is None else (part.body_start, part.body_stop)
        decoder = transfer.decoder("7bit" if part is None or part.type == "message" else part.encoding)
        async with reading.open_mail(self.store, self.account, email_id, start, stop) as blocks:
            async for block in blocks:
                await trio.to_thread.run_sync(_append, scratch, decoder, block, limiter=limiter)
        await trio.to_thread.run_sync(scratch.append, decoder.close(), limiter=limiter)
        return scratch

    async def _close(self, scratch: Scratch) -> None:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(scratch.close, limiter=self.store.spooling)


@dataclass(frozen=True, slots=True)
class _Blocks:
    scratch: Scratch

    def __iter__(self) -> Iterator[bytes]:
        return self.scratch.blocks()


def _append(scratch: Scratch, coder: Coder, block: bytes) -> None:
    scratch.append(coder.feed(block))


def parse_path(text: str) -> Sequence[int]:
    """The path of a part as pages write it: 1.0, root. INVALID."""
    if text == "root":
        return ()
    numbers = text.split(".")
    if not all(each.isascii() and each.isdigit() and len(each) < 6 for each in numbers) or len(numbers) > 50:
        raise Failure(Kind.INVALID, "this is no path of a part")
    return [int(each) for each in numbers]
