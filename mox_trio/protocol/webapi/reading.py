"""A stored message as the API tells of it: fields, text, structure. Pure: who calls brings the bytes that are asked for.

Texts have LF line ends and are cut at a limit. What belongs to a message within the message is not part of the text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.mime import addresses, charsets, dates, threads, transfer, words
from mox_trio.protocol.mime.header import Header
from mox_trio.protocol.mime.part import Part
from mox_trio.protocol.webapi.messages import Message, NameAddress, Structure
from mox_trio.protocol.webapi.shapes import instant

DEEPEST: Final = 60
"""Levels of parts that are told of; JSON of more is more than readers take."""
_LAST: Final = 253_402_300_799_000
"""The end of the year 9999 in milliseconds."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Where a message's texts are: parts, or None for none."""

    plain: Part | None
    html: Part | None


def texts(root: Part) -> Texts:
    """The first text and the first HTML that are no attachments."""
    plain = html = None
    for part in _shown(root):
        if part.type == "text" and part.disposition != "attachment":
            if part.subtype == "html":
                html = html or part
            elif part.subtype == "plain":
                plain = plain or part
    return Texts(plain, html)


def _shown(root: Part) -> Iterator[Part]:
    """The parts in their order, without those of messages within."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        yield part
        if part.is_multipart:
            waiting.extend(reversed(part.children))


def wanted(part: Part | None) -> tuple[int, int]:
    """The range of octets that `text` wants of a part."""
    if part is None:
        return (0, 0)
    return part.body_start, min(part.body_stop, part.body_start + 3 * limits.API_TEXT_BYTES + 4)


def text(part: Part | None, raw: bytes) -> str:
    """The text of a part from the octets that `wanted` named."""
    if part is None:
        return ""
    coder = transfer.decoder(part.encoding)
    decoded = (coder.feed(raw) + coder.close())[: limits.API_TEXT_BYTES]
    charset = dict(part.parameters).get("charset", "").encode("ascii", "replace")
    return charsets.decode(decoded, charset).replace("\r\n", "\n").replace("\x00", "�")


def message(fields: Header, plain: str, html: str) -> Message:
    """The fields and texts of a message. Its addresses are told as they were written, also where they are none."""
    return Message.model_construct(
        from_=people(fields, b"from"),
        to=people(fields, b"to"),
        cc=people(fields, b"cc"),
        bcc=people(fields, b"bcc"),
        reply_to=people(fields, b"reply-to"),
        message_id=message_id(fields, b"message-id"),
        references=references(fields),
        date=_date(fields),
        subject=words.decode(fields.get(b"subject") or b""),
        text=plain,
        html=html,
    )


def people(fields: Header, key: bytes) -> tuple[NameAddress, ...]:
    """Whom the first field of a name lists."""
    found = addresses.mailboxes(addresses.parse_list(fields.get(key) or b""))
    return tuple(NameAddress.model_construct(name=each.display, address=each.address) for each in found)


def message_id(fields: Header, key: bytes) -> str:
    """The id of a field with its brackets; empty for none."""
    written = threads.written_message_id(fields.get(key) or b"")
    return f"<{written}>" if written else ""


def references(fields: Header) -> tuple[str, ...]:
    """The ids of References, or else of In-Reply-To, the nearest last."""
    found = threads.references(fields.get(b"references"), fields.get(b"in-reply-to"))
    return tuple(f"<{each}>" for each in reversed(found))


def _date(fields: Header) -> object:
    at = dates.parse(fields.get(b"date") or b"")
    return instant(at) if at is not None and 0 <= at <= _LAST else None


def date_of(fields: Header) -> object:
    """The instant in Date, None for none that a calendar has."""
    return _date(fields)


def structure(part: Part, depth: int = 0) -> Structure:
    """The tree of parts."""
    parameters = dict(part.parameters)
    filename = dict(part.disposition_parameters).get("filename") or parameters.get("name", "")
    children = part.children if depth < DEEPEST else []
    return Structure.model_construct(
        content_type=f"{part.type}/{part.subtype}",
        content_type_params=parameters,
        content_id=part.content_id or "",
        content_disposition=part.disposition or "",
        filename=words.decode(filename.encode("utf-8", "replace")),
        decoded_size=part.decoded_size,
        parts=tuple(structure(each, depth + 1) for each in children),
    )


def part_at(root: Part, path: tuple[int, ...]) -> Part | None:
    """The part that indices from 0 lead to; None where there is none."""
    part = root
    for index in path:
        if index >= len(part.children):
            return None
        part = part.children[index]
    return part


def is_automated(fields: Header, *, null_sender: bool, is_report: bool) -> bool:
    """Whether no person wrote it, so that nothing should answer it (RFC 3834 2, RFC 2919, RFC 2369)."""
    auto = (fields.get(b"auto-submitted") or b"no").strip().lower().partition(b";")[0]
    listed = any(name in fields for name in (b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"precedence"))
    return null_sender or is_report or listed or auto.strip() != b"no"
