"""Methods about messages that are stored."""

from collections.abc import AsyncGenerator, Awaitable
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import one_mail, reading
from mox_trio.mailstore.one_mail import OneMail
from mox_trio.protocol.mime import header, transfer
from mox_trio.protocol.mime.part import Part
from mox_trio.protocol.webapi import methods
from mox_trio.protocol.webapi import reading as telling
from mox_trio.protocol.webapi.messages import MessageGetResult, MessageMeta
from mox_trio.protocol.webapi.shapes import Empty
from webui.webapi.calling import Call, Streamed
from webui.webapi.errors import Refused, of_failure

RAW: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
INLINE: Final = 16 * 1024
"""Octets of a message that is told of without a thread."""


async def get(call: Call, request: methods.MessageRequest) -> MessageGetResult:
    """Fields, texts and structure."""
    mail = await _find(call, request.msgid)
    found = telling.texts(mail.root)
    octets = [await _range(call, mail, part) for part in (found.plain, found.html)]
    if mail.size <= INLINE:
        return _told(mail, found, octets)
    return await trio.to_thread.run_sync(_told, mail, found, octets, limiter=call.store.computing)


def _told(mail: OneMail, found: telling.Texts, octets: list[bytes]) -> MessageGetResult:
    """What is told of a message: who wrote a large one may mean it to take long."""
    fields = header.parse(mail.header)
    plain, html = telling.text(found.plain, octets[0]), telling.text(found.html, octets[1])
    people = telling.people(fields, b"from")
    return MessageGetResult.model_construct(
        message=telling.message(fields, plain, html),
        structure=telling.structure(mail.root),
        meta=MessageMeta(
            size=mail.size,
            dsn=mail.is_dsn,
            flags=tuple(each.lower() if each[0] in "\\$" else each for each in mail.flags),
            mail_from=mail.mail_from,
            mail_from_validated=mail.mail_from_validation == "pass",
            rcpt_to=mail.rcpt_to,
            msg_from=people[0].address if people else "",
            msg_from_validated=mail.msg_from_validation in VALIDATED,
            dkim_verified_domains=mail.dkim_domains,
            remote_ip=mail.remote_ip,
            mailbox_name=mail.places[0].mailbox,
        ),
    )


VALIDATED: Final = frozenset({"strict", "dmarc", "relaxed"})
"""What makes the address in From certain."""


async def raw_get(call: Call, request: methods.MessageRequest) -> Streamed:
    """The message as it is stored."""
    mail = await _find(call, request.msgid)
    return Streamed(_blocks(call, mail, 0, mail.size, None), RAW, mail.size)


async def part_get(call: Call, request: methods.MessagePartGetRequest) -> Streamed:
    """The content of a part, decoded."""
    mail = await _find(call, request.msgid)
    part = telling.part_at(mail.root, request.part_path)
    if part is None:
        raise Refused("partNotFound", "the message has no such part")
    return Streamed(_blocks(call, mail, part.body_start, part.body_stop, part), BYTES)


async def delete(call: Call, request: methods.MessageRequest) -> Empty:
    """Take it out of the account."""
    await _done(one_mail.remove(call.store, call.account, request.msgid))
    return Empty()


async def flags_add(call: Call, request: methods.MessageFlagsRequest) -> Empty:
    """Set flags."""
    await _done(one_mail.store_flags(call.store, call.account, request.msgid, request.flags, add=True))
    return Empty()


async def flags_remove(call: Call, request: methods.MessageFlagsRequest) -> Empty:
    """Clear flags."""
    await _done(one_mail.store_flags(call.store, call.account, request.msgid, request.flags, add=False))
    return Empty()


async def move(call: Call, request: methods.MessageMoveRequest) -> Empty:
    """Move it."""
    await _find(call, request.msgid)
    try:
        await one_mail.move(call.store, call.account, request.msgid, request.dest_mailbox_name)
    except Failure as failure:
        raise of_failure(failure) from None
    return Empty()


async def _done(doing: Awaitable[None]) -> None:
    try:
        await doing
    except Failure as failure:
        raise of_failure(failure, "messageNotFound" if failure.kind is Kind.NOT_FOUND else "") from None


async def _find(call: Call, msgid: int) -> OneMail:
    try:
        return await one_mail.find(call.store, call.account, msgid)
    except Failure as failure:
        raise of_failure(failure, "messageNotFound") from None


async def _range(call: Call, mail: OneMail, part: Part | None) -> bytes:
    start, stop = telling.wanted(part)
    return await reading.mail(call.store, call.account, mail.id, start, stop) if stop > start else b""


async def _blocks(call: Call, mail: OneMail, start: int, stop: int, part: Part | None) -> AsyncGenerator[bytes, None]:
    """Bytes of a mail as they are read; of a part, decoded. What cannot be read ends the answer before its end."""
    coder = transfer.decoder(part.encoding if part is not None else "binary")
    async with reading.open_mail(call.store, call.account, mail.id, start, stop) as blocks:
        async for block in blocks:
            if data := coder.feed(block):
                yield data
        if data := coder.close():
            yield data
