"""A whole message written: fields, text in one or two forms, pictures inside the HTML, attachments.

`render` checks everything first and then gives blocks of octets, so that attachments of any size stream through: each
is read once, when its turn comes, and nothing is kept. Nothing a caller passes can begin a field, a part or another
message: fields are those of `header_writer`, types and ids are checked, and boundaries come from entropy that the
caller brings. RFC 5322, RFC 2045, RFC 2046, RFC 2183, RFC 2387. What a source raises when it is read passes through;
the message is then incomplete and must be thrown away.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.base import ids
from mox_trio.protocol.mime import header_writer, transfer
from mox_trio.protocol.mime.header_writer import Unwritable, Written

_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,100}")  # RFC 6838 4.2
_CONTENT_ID: Final = re.compile(r"[^<>\s\x00-\x20\x7f-\U0010ffff]{1,200}")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_TEXT_BLOCK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, a picture that the HTML shows, or a message."""

    source: Iterable[bytes]
    """The content in blocks of any size, not encoded; read once. A message (message/rfc822) has CRLF line ends."""
    content_type: str = "application/octet-stream"
    """Type and subtype. multipart/* cannot be attached."""
    filename: str = ""
    content_id: str = ""
    """Without angle brackets. With one it goes beside the HTML, which shows it as `cid:`, else among the attachments.
    """
    is_8bit: bool = False
    """Of a message only: whether it holds octets beyond ASCII. It must not be encoded (RFC 2046 5.2.1)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message consists of."""

    fields: Sequence[Written]
    """The fields of the header but MIME-Version and Content-*, in their order."""
    text: str = ""
    html: str = ""
    """The same as HTML; "" for none. With both the reader's program chooses."""
    attachments: Sequence[Attachment] = ()
    alternatives: Sequence[Attachment] = ()
    """Further forms of the text, such as a calendar entry; the last that a reader's program knows is the best."""


def render(draft: Draft, entropy: bytes, *, eight_bit: bool = False) -> Iterator[bytes]:
    """The message with CRLF line ends, in blocks.

    `entropy` is 16 random bytes, used for nothing else. `eight_bit` allows text to go unencoded (8BITMIME). Raises
    Unwritable at once, before the first block.
    """
    for field in draft.fields:
        if not header_writer.is_written(field) or field.lower().startswith((b"content-", b"mime-version:")):
            raise Unwritable("a field was not made by header_writer, or is one that describes the content")
    root = _root(draft, f"=_{ids.url_safe(entropy)}", eight_bit)
    return _message(draft.fields, root)


@dataclass(frozen=True, slots=True)
class _Node:
    """A part to be written: its fields, and its blocks or its children."""

    fields: list[Written]
    blocks: Iterable[bytes] = ()
    children: tuple["_Node", ...] = ()
    boundary: str = ""


def _message(fields: Sequence[Written], root: _Node) -> Iterator[bytes]:
    yield b"".join([*fields, header_writer.structured("MIME-Version", "1.0")])
    yield from _part(root)


def _part(node: _Node) -> Iterator[bytes]:
    """A part with its header. The depth is that of `_root`, at most four."""
    yield b"".join(node.fields) + b"\r\n"
    yield from node.blocks
    for child in node.children:
        yield b"\r\n--%b\r\n" % node.boundary.encode()  # RFC 2046 5.1.1
        yield from _part(child)
    if node.children:
        yield b"\r\n--%b--\r\n" % node.boundary.encode()


def _root(draft: Draft, boundary: str, eight_bit: bool) -> _Node:
    """The tree: mixed( alternative( text, related( html, pictures ), further forms ), attachments ), less what there is no
    need for.
    """
    pictures = [_attachment(each) for each in draft.attachments if each.content_id]
    files = [_attachment(each) for each in draft.attachments if not each.content_id]
    further = [_attachment(each, alternative=True) for each in draft.alternatives]
    bodies = [_text(draft.text, "plain", eight_bit)] if draft.text or not (draft.html or further) else []
    if draft.html:
        page = _text(draft.html, "html", eight_bit)
        bodies.append(_multipart("related", [page, *pictures], f"{boundary}_r", type="text/html") if pictures else page)
    else:
        files = pictures + files  # nothing shows them
    bodies += further
    body = bodies[0] if len(bodies) == 1 else _multipart("alternative", bodies, f"{boundary}_a")
    return _multipart("mixed", [body, *files], f"{boundary}_m") if files else body


def _multipart(subtype: str, children: Iterable[_Node], boundary: str, **parameters: str) -> _Node:
    field = header_writer.structured(
        "Content-Type", f"multipart/{subtype}", [*parameters.items(), ("boundary", boundary)]
    )
    return _Node([field], children=tuple(children), boundary=boundary)


def _text(content: str, subtype: str, eight_bit: bool) -> _Node:
    data = _LINE_END.sub("\r\n", content).encode("utf-8", "replace")
    if data and not data.endswith(b"\r\n"):
        data += b"\r\n"
    encoding = _encoding(data, eight_bit)
    fields = [
        header_writer.structured("Content-Type", f"text/{subtype}", [("charset", "utf-8")]),
        header_writer.structured("Content-Transfer-Encoding", encoding),
    ]
    pieces = (data[start : start + _TEXT_BLOCK] for start in range(0, len(data), _TEXT_BLOCK))
    return _Node(fields, _encoded(pieces, encoding))


def _encoding(data: bytes, eight_bit: bool) -> str:
    """The least encoding under which the text arrives as it is. RFC 2045 2.7 and 2.8."""
    if b"\0" in data or any(len(line) > header_writer.LINE_OCTETS for line in data.split(b"\r\n")):
        return "quoted-printable"
    if data.isascii():
        return "7bit"
    return "8bit" if eight_bit else "quoted-printable"


def _attachment(attachment: Attachment, *, alternative: bool = False) -> _Node:
    content_type = attachment.content_type.lower()
    if _TYPE.fullmatch(content_type) is None or content_type.startswith("multipart/"):
        raise Unwritable("the type of an attachment is not of the form type/subtype, or is multipart")
    raw = "8bit" if attachment.is_8bit else "7bit"
    encoding = raw if content_type.startswith("message/") else "base64"  # RFC 2046 5.2.1, 5.2.2
    filename = [("filename", attachment.filename)] if attachment.filename else []
    disposition = "inline" if attachment.content_id or alternative else "attachment"
    fields = [
        header_writer.structured("Content-Type", content_type),
        header_writer.structured("Content-Transfer-Encoding", encoding),
        header_writer.structured("Content-Disposition", disposition, filename),  # RFC 2183
    ]
    if attachment.content_id:
        if _CONTENT_ID.fullmatch(attachment.content_id) is None:
            raise Unwritable(
                "a Content-ID is too long, or holds white space, angle brackets or characters beyond ASCII"
            )
        fields.append(header_writer.structured("Content-ID", f"<{attachment.content_id}>"))
    return _Node(fields, _encoded(attachment.source, encoding))


def _encoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    coder = transfer.encoder(encoding)
    for block in blocks:
        if encoded := coder.feed(block):
            yield encoded
    if encoded := coder.close():
        yield encoded
