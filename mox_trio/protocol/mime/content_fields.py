"""The Content- fields of a header block, read into its part (RFC 2045 3, RFC 2046 5.1.5, RFC 2183, RFC 2557, RFC 3282).

A field that is missing or cannot be read means its default; a field that is given twice counts once, the first.
MIME-Version is not asked for: too much mail comes without.
"""

from typing import Final

from mox_trio.protocol.mime import header, parameters
from mox_trio.protocol.mime.part import Part

_ENCODED: Final = frozenset({"base64", "quoted-printable"})


def read(part: Part, block: bytes, *, in_digest: bool) -> bytes:
    """Fill `part` from its header block; the boundary of a multipart as octets, b"" where there is none.

    `in_digest`: it is a part of a multipart/digest, which is a message where nothing else is said.
    """
    boundary = b""
    if in_digest:
        part.type, part.subtype = "message", "rfc822"
    lowered = block.lower()
    if b"content-" not in lowered:
        return boundary
    fields = header.parse(block)
    if value := fields.get(b"content-type"):
        content_type = parameters.content_type(value)
        if content_type:
            part.type, part.subtype = content_type.type, content_type.subtype
            part.parameters, boundary = content_type.parameters, content_type.boundary
    if value := fields.get(b"content-transfer-encoding"):
        part.encoding = parameters.encoding(value) or part.encoding
    if value := fields.get(b"content-disposition"):
        disposition = parameters.disposition(value)
        if disposition:
            part.disposition, part.disposition_parameters = disposition
    _read_text(part, fields)
    return boundary


def is_encoded(part: Part) -> bool:
    """Whether the body has to be decoded to be read, so that a message in it cannot be seen from outside."""
    return part.encoding in _ENCODED


def _read_text(part: Part, fields: header.Header) -> None:
    if value := fields.get(b"content-id"):
        part.content_id = parameters.text(value)
    if value := fields.get(b"content-description"):
        part.description = parameters.text(value)
    if value := fields.get(b"content-location"):
        part.location = parameters.text(value)
    if value := fields.get(b"content-md5"):
        part.md5 = parameters.text(value)
    if value := fields.get(b"content-language"):
        part.language = parameters.tokens(value)
