"""The Content- fields of a header block, read into its part (RFC 2045 3, RFC 2046 5.1.5, RFC 2183, RFC 2557, RFC 3282).

A field that is missing or cannot be read means its default; a field that is given twice counts once, the first.
MIME-Version is not asked for: too much mail comes without.
"""

import functools
from collections.abc import Callable
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.mime import header, parameters
from mox_trio.protocol.mime.part import Part

_ENCODED: Final = frozenset({"base64", "quoted-printable"})
_COMMON_LENGTH: Final = 160
"""Longest header block that is worth to remember: those of texts are the same in most mail."""


def read(part: Part, block: bytes, *, in_digest: bool) -> bytes:
    """Fill `part` from its header block; the boundary of a multipart as octets, b"" where there is none.

    `in_digest`: it is a part of a multipart/digest, which is a message where nothing else is said.
    """
    if len(block) > _COMMON_LENGTH:
        return _read(part, block, in_digest=in_digest)
    known, boundary = _common(block, in_digest)
    part.type, part.subtype, part.parameters, part.encoding = (
        known.type,
        known.subtype,
        known.parameters,
        known.encoding,
    )
    if known.usual is None:
        part.disposition, part.disposition_parameters = known.disposition, known.disposition_parameters
        part.content_id, part.description, part.md5 = known.content_id, known.description, known.md5
        part.language, part.location = known.language, known.location
    return boundary


@functools.lru_cache(maxsize=256)
def _common(block: bytes, in_digest: bool) -> tuple[Part, bytes]:
    """A part that has read this block, and its boundary."""
    part = Part()
    return part, _read(part, block, in_digest=in_digest)


def _read(part: Part, block: bytes, *, in_digest: bool) -> bytes:
    boundary = b""
    if in_digest:
        part.type, part.subtype = "message", "rfc822"
    for key, value in header.parse(block).starting_with(b"content-").items():
        body = value[: limits.MIME_FIELD_BYTES]
        if key == b"content-type":
            boundary = _read_type(part, body)
        elif key in _READERS:
            _READERS[key](part, body)
    return boundary


def is_encoded(part: Part) -> bool:
    """Whether the body has to be decoded to be read, so that a message in it cannot be seen from outside."""
    return part.encoding in _ENCODED


def _read_type(part: Part, body: bytes) -> bytes:
    content_type = parameters.content_type(body)
    if content_type is None:
        return b""
    part.type, part.subtype = content_type.type, content_type.subtype
    part.parameters = content_type.parameters
    return content_type.boundary


def _read_encoding(part: Part, body: bytes) -> None:
    part.encoding = parameters.encoding(body) or part.encoding


def _read_disposition(part: Part, body: bytes) -> None:
    disposition = parameters.disposition(body)
    if disposition:
        part.disposition, part.disposition_parameters = disposition


def _read_language(part: Part, body: bytes) -> None:
    part.language = parameters.tokens(body)


def _read_id(part: Part, body: bytes) -> None:
    part.content_id = parameters.text(body) or None


def _read_description(part: Part, body: bytes) -> None:
    part.description = parameters.text(body) or None


def _read_location(part: Part, body: bytes) -> None:
    part.location = parameters.text(body) or None


def _read_md5(part: Part, body: bytes) -> None:
    part.md5 = parameters.text(body) or None


_READERS: Final[dict[bytes, Callable[[Part, bytes], None]]] = {
    b"content-transfer-encoding": _read_encoding,
    b"content-disposition": _read_disposition,
    b"content-language": _read_language,
    b"content-id": _read_id,
    b"content-description": _read_description,
    b"content-location": _read_location,
    b"content-md5": _read_md5,
}
