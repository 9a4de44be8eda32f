"""Which bytes of a message a section is (RFC 9051 6.4.5.1, RFC 3516). Pure.

From a section and what the index keeps of a mail comes a `Piece`: bytes that are at hand, a range of the mail to be read, or
nothing where the message has no such part. Offsets count from the start of the mail.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mox_trio.protocol.imap import fetch_response
from mox_trio.protocol.imap.fetch_items import Binary, BinarySize, Section
from mox_trio.protocol.mime import header
from mox_trio.protocol.mime.part import Part, part_at

UNENCODED: Final = frozenset({"7bit", "8bit", "binary", ""})
ENCODINGS: Final = UNENCODED | {"base64", "quoted-printable"}
"""What BINARY can decode (RFC 3516 4.3: others are UNKNOWN-CTE)."""


class UnknownEncoding(Exception):
    """BINARY of a part whose encoding nobody knows."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What the index keeps of a mail; empty where the sections that are asked for do not need it."""

    size: int
    header_size: int
    header: bytes = b""
    """The first bytes of the header block."""
    root: Part | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One item of a response."""

    label: bytes
    """How the response names it."""
    value: bytes | None = None
    """The bytes, where they are at hand."""
    start: int = 0
    """Else the range of the mail that is read."""
    stop: int = 0
    fields: Section | None = None
    """The range is a header, of which this is asked."""
    encoding: str = ""
    """The range is encoded so, and is decoded."""
    partial: tuple[int, int] | None = None
    """Of what was decoded, or of the fields."""
    size: int = 0
    """Octets that come out, before `partial`, where it is decoded."""
    is_binary: bool = False
    """It may hold NUL."""
    is_missing: bool = False
    """There is no such part: NIL."""

    @property
    def is_read(self) -> bool:
        """Whether bytes of the mail are needed."""
        return self.value is None and not self.is_missing

    @property
    def octets(self) -> int:
        """How many octets the client gets, where the range is given as it is or decoded."""
        whole = self.size if self.encoding else self.stop - self.start
        if self.partial is None:
            return whole
        offset, most = self.partial
        return max(0, min(most, whole - offset))


def needs_parts(item: Section | Binary | BinarySize) -> bool:
    """Whether the part tree decides where it is."""
    return bool(item.part) or (isinstance(item, Section) and item.text == "MIME")


def needs_header(item: Section | Binary | BinarySize) -> bool:
    """Whether it can be had from the header that the index keeps."""
    return isinstance(item, Section) and not item.part and item.text.startswith("HEADER")


def piece(item: Section | Binary | BinarySize, mail: Mail) -> Piece:
    """Where it is. UnknownEncoding."""
    label = fetch_response.label(item)
    if isinstance(item, Section):
        return _section(item, label, mail)
    found = part_at(mail.root, item.part) if mail.root is not None else None
    if isinstance(item, BinarySize):
        if not item.part:
            return Piece(label, b"%d" % mail.size)
        size = 0 if found is None else _decoded_size(found)
        return Piece(label, b"%d" % size)
    if not item.part:
        return Piece(label, start=0, stop=mail.size, partial=item.partial, is_binary=True)
    if found is None:
        return Piece(label, is_missing=True)
    size = _decoded_size(found)
    encoding = found.encoding if _is_encoded(found) else ""
    return Piece(
        label,
        start=found.body_start,
        stop=found.body_stop,
        encoding=encoding,
        partial=item.partial,
        size=size,
        is_binary=True,
    )


def _is_encoded(part: Part) -> bool:
    """RFC 2045 6.4: multiparts and messages are not encoded, whatever they say."""
    return not part.children and part.encoding not in UNENCODED


def _decoded_size(part: Part) -> int:
    if not part.children and part.encoding not in ENCODINGS:
        raise UnknownEncoding
    return part.decoded_size if _is_encoded(part) else part.size


def _section(item: Section, label: bytes, mail: Mail) -> Piece:
    bounds = _bounds(item, mail)
    if bounds is None:
        return Piece(label, is_missing=True)
    start, stop = bounds
    if item.text.startswith("HEADER.FIELDS"):
        if start == 0 and stop <= len(mail.header):
            return Piece(label, cut(chosen(mail.header[:stop], item), item.partial))
        return Piece(label, start=start, stop=stop, fields=item, partial=item.partial)
    start, stop = _some(start, stop, item.partial)
    if stop <= len(mail.header) and mail.header:
        return Piece(label, mail.header[start:stop])
    return Piece(label, start=start, stop=stop)


def span(item: Section, size: int, header_size: int) -> tuple[int, int]:
    """Start and stop of BODY[] or BODY[TEXT] in a mail of this size with such a header."""
    return _some(header_size if item.text == "TEXT" else 0, size, item.partial)


def _some(start: int, stop: int, partial: tuple[int, int] | None) -> tuple[int, int]:
    if partial is None:
        return start, stop
    start = min(start + partial[0], stop)
    return start, min(start + partial[1], stop)


def _bounds(item: Section, mail: Mail) -> tuple[int, int] | None:
    """Start and stop in the mail."""
    if not item.part:
        if item.text.startswith("HEADER"):
            return 0, mail.header_size
        return (mail.header_size if item.text == "TEXT" else 0), mail.size
    part = part_at(mail.root, item.part) if mail.root is not None else None
    if part is None:
        return None
    if item.text == "MIME":
        # RFC 9051 6.4.5.1: of part 1 of a message that is no multipart it is the message's own header.
        return part.header_start, part.body_start
    if not item.text:
        return part.body_start, part.body_stop
    # HEADER and TEXT behind a number are of the message that the part holds.
    if not (part.is_message and part.children):
        return None
    inner = part.children[0]
    return (inner.body_start, inner.body_stop) if item.text == "TEXT" else (inner.header_start, inner.body_start)


def chosen(block: bytes, item: Section) -> bytes:
    """HEADER.FIELDS and HEADER.FIELDS.NOT of a header block, with the blank line (RFC 9051 6.4.5.1)."""
    wanted = frozenset([each.lower() for each in item.fields])
    found = header.parse(block).fields
    if item.text == "HEADER.FIELDS":
        kept = [field.raw for field in found if field.key in wanted and field.name]
    else:
        kept = [field.raw for field in found if field.key not in wanted]
    if kept and not kept[-1].endswith(b"\n"):
        kept.append(b"\r\n")
    return b"".join([*kept, b"\r\n"])


def chooser(item: Section) -> Callable[[bytes], bytes]:
    """What gives HEADER, HEADER.FIELDS or HEADER.FIELDS.NOT of many header blocks, each without the bytes behind it."""
    if item.text == "HEADER":
        return lambda block: block
    if item.text == "HEADER.FIELDS.NOT" or not item.fields:
        return lambda block: chosen(block, item)
    # From a line end to the next one, fields that follow each other at once: what begins with a plain octet is found fast,
    # what ignores case is not.
    name = b"(?:%b)[ \t]*+:" % b"|".join([_in_any_case(field) for field in item.fields])
    find = re.compile(rb"\n%b.*+(?:\n(?:[ \t]|%b).*+)*+" % (name, name)).findall

    def fields(block: bytes) -> bytes:
        if block[-1:] != b"\n":
            return chosen(block, item)
        found = find(b"\n" + block)
        return b"".join(found)[1:] + b"\n\r\n" if found else b"\r\n"

    return fields


def _in_any_case(name: bytes) -> bytes:
    return b"".join(
        [b"[%c%c]" % (each, each ^ 0x20) if chr(each).isalpha() else re.escape(b"%c" % each) for each in name]
    )


def cut(data: bytes, partial: tuple[int, int] | None) -> bytes:
    """A part of bytes that are at hand."""
    return data if partial is None else data[partial[0] : partial[0] + partial[1]]
