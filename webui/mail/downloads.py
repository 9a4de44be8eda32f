"""Messages and attachments as a browser may have them: streamed, and so that they can never run.

Whatever the message says, a browser is told one of a few types that cannot hold scripts, or octets; each answer has a policy of
its own that allows nothing, `nosniff`, and for anything but pictures and text a disposition that saves it.
"""

import io
import re
import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import reading
from mox_trio.mailstore.listing import Shown
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import charsets, transfer
from mox_trio.protocol.mime.part import Part
from webui.mail import attachments, message
from webui.mail.message import Found

SAFE: Final = {
    "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-store",
}
MOST_EXPORTED: Final = 10_000
_FROM: Final = re.compile(rb"(?m)^(>*From )")
_FLAGS: Final = (("\\Draft", "D"), ("\\Flagged", "F"), ("\\Answered", "R"), ("\\Seen", "S"), ("\\Deleted", "T"))


def disposition(name: str, *, inline: bool = False) -> str:
    """Content-Disposition (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)[:100]
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def part_headers(part: Part, name: str, *, save: bool) -> Mapping[str, str]:
    """Of an answer with a part."""
    served = attachments.served_type(part)
    inline = not save and served != "application/octet-stream"
    return {**SAFE, "content-type": served, "content-disposition": disposition(name, inline=inline)}


async def whole(store: MailStore, account: Account, found: Found) -> AsyncIterator[bytes]:
    """The message as it is."""
    async with reading.open_mail(store, account, found.email_id) as blocks:
        async for block in blocks:
            yield block


async def decoded(store: MailStore, account: Account, found: Found, part: Part) -> AsyncIterator[bytes]:
    """The octets of a part. Those of text/plain become UTF-8, since that is what the browser is told."""
    decoder = transfer.decoder(part.encoding)
    charset = next((value for key, value in part.parameters if key == "charset"), "")
    text = _Utf8(charset) if attachments.served_type(part).startswith("text/") else None
    async with reading.open_mail(store, account, found.email_id, part.body_start, part.body_stop) as blocks:
        async for block in blocks:
            data = decoder.feed(block)
            yield text.feed(data) if text else data
    data = decoder.close()
    yield text.feed(data) + text.finish() if text else data


class _Utf8:
    def __init__(self, charset: str) -> None:
        self._decoder = charsets.Decoder(charset.encode("ascii", "replace"))

    def feed(self, data: bytes) -> bytes:
        return self._decoder.feed(data).encode("utf-8", "replace")

    def finish(self) -> bytes:
        return self._decoder.finish().encode("utf-8", "replace")


class _Sink(io.RawIOBase):
    """Takes what a zip file writes, which is not sought in."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def take(self) -> bytes:
        written, self._written = b"".join(self._written), []
        return written


Member = tuple[str, int, AsyncIterator[bytes]]
"""Name, milliseconds since 1970 UTC, content."""


async def zipped(members: AsyncIterator[Member]) -> AsyncIterator[bytes]:
    """A zip file with these members, not compressed, each name once."""
    sink, names, numbers = _Sink(), set[str](), dict[str, int]()
    archive = zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED)
    async for name, at, blocks in members:
        unique, number = name, numbers.get(name.lower(), 1)
        while unique.lower() in names:
            number += 1
            stem, dot, ending = name.rpartition(".")
            unique = f"{stem} ({number}).{ending}" if dot else f"{name} ({number})"
        names.add(unique.lower())
        numbers[name.lower()] = number
        moment = datetime.fromtimestamp(max(at, 315_619_200_000) / 1000, UTC)
        info = zipfile.ZipInfo(unique, moment.timetuple()[:6])
        with archive.open(info, "w", force_zip64=True) as member:
            async for block in blocks:
                member.write(block)
                yield sink.take()
    archive.close()
    yield sink.take()


async def files(store: MailStore, account: Account, found: Found) -> AsyncIterator[Member]:
    """All attachments of a message."""
    for each in await message.apart(store, found, lambda: attachments.files(found.root)):
        yield each.name, found.shown.row.received, decoded(store, account, found, each.part)


async def selected(store: MailStore, account: Account, mailbox_id: int, uids: list[int]) -> AsyncIterator[Found]:
    """Messages, one after the other; those that are gone are passed over."""
    if len(uids) > MOST_EXPORTED:
        raise Failure(
            Kind.LIMIT, f"at most {MOST_EXPORTED} messages at a time; export the mailbox from the account page"
        )
    for uid in uids:
        try:
            yield await message.find(store, account, mailbox_id, uid)
        except Failure as failure:
            if failure.kind is not Kind.NOT_FOUND:
                raise


async def as_files(store: MailStore, account: Account, mailbox_id: int, uids: list[int]) -> AsyncIterator[Member]:
    """Each message as a file."""
    async for found in selected(store, account, mailbox_id, uids):
        name = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", found.shown.summary.subject).strip(" .")[:80] or "message"
        yield f"{name}.eml", found.shown.row.received, whole(store, account, found)


async def as_maildir(store: MailStore, account: Account, mailbox_id: int, uids: list[int]) -> AsyncIterator[Member]:
    """Each message as a file of a maildir."""
    async for found in selected(store, account, mailbox_id, uids):
        row = found.shown.row
        letters = "".join(letter for flag, letter in _FLAGS if flag in found.shown.flags)
        name = f"cur/{row.received // 1000}.{found.shown.object_id}.mox,S={row.size}:2,{letters}"
        yield name, row.received, whole(store, account, found)


async def as_mbox(store: MailStore, account: Account, mailbox_id: int, uids: list[int]) -> AsyncIterator[bytes]:
    """All in one file of the kind mboxrd; lines that begin with From are quoted, line ends are LF."""
    async for found in selected(store, account, mailbox_id, uids):
        yield _separator(found.shown)
        left: list[bytes] = []
        async for block in whole(store, account, found):
            left.append(block)
            if b"\n" in block:
                lines = b"".join(left)
                end = lines.rfind(b"\n") + 1
                left = [lines[end:]]
                yield _FROM.sub(rb">\1", lines[:end].replace(b"\r\n", b"\n"))
            await trio.lowlevel.checkpoint()
        yield _FROM.sub(rb">\1", b"".join(left)) + b"\n"


def _separator(shown: Shown) -> bytes:
    moment = datetime.fromtimestamp(shown.row.received / 1000, UTC)
    sender = shown.summary.from_mailbox.encode("ascii", "replace").replace(b" ", b"_") or b"MAILER-DAEMON"
    return b"From %b %b\n" % (sender, moment.strftime("%a %b %d %H:%M:%S %Y").encode())
