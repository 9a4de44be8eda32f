"""One part of a message: where its header and body lie in the bytes, and what its Content- fields say of it.

Offsets are octets from the start of the message as stored, so `message[part.body_start:part.body_stop]` is the body
that IMAP calls `BODY[section]`. A tree of parts is what `parser` makes; nothing here reads a message.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

Parameters = tuple[tuple[str, str], ...]
"""Parameters of a structured field in their order: name in lower case, value decoded (RFC 2231)."""

MESSAGE_SUBTYPES = frozenset({"rfc822", "global"})
"""The types message/... that hold a whole message (RFC 2046 5.2.1, RFC 6532 3.7)."""

SHORT: Final = 64
"""Octets of what is worth to remember of a field: longer values are those that are different in each message."""


class Usual(NamedTuple):
    """All that the fields of most parts say, and what many parts have in common."""

    type: str
    subtype: str
    parameters: Parameters
    encoding: str


@dataclass(slots=True)
class Part:
    """A message, a part of a multipart, or an embedded message. Numbers count octets of the stored form, or lines."""

    header_start: int = 0
    body_start: int = 0
    """Where the body begins: behind the blank line, which belongs to the header."""
    body_stop: int = 0
    """Where it ends; the line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1)."""
    lines: int = 0
    """Line ends in the body."""
    decoded_size: int = 0
    """Octets of the body after base64 or quoted-printable is decoded, as `transfer` does it."""
    type: str = "text"
    subtype: str = "plain"
    parameters: Parameters = ()
    encoding: str = "7bit"
    disposition: str | None = None
    disposition_parameters: Parameters = ()
    content_id: str | None = None
    description: str | None = None
    """As written: encoded-words are not decoded (see `words`)."""
    language: tuple[str, ...] = ()
    location: str | None = None
    md5: str | None = None
    children: list["Part"] = field(default_factory=list)
    """The parts of a multipart, or the one message that a message/rfc822 or message/global holds."""
    header: bytes = b""
    """The header block, cut at a limit; kept for the root and for the roots of embedded messages only."""

    @property
    def size(self) -> int:
        """Octets of the body as stored, encoded."""
        return self.body_stop - self.body_start

    @property
    def usual(self) -> Usual | None:
        """What its fields say where that is no more than a short type, at most one parameter, and an encoding."""
        if (
            self.disposition is not None
            or self.content_id is not None
            or self.description is not None
            or self.language
            or self.location is not None
            or self.md5 is not None
            or len(self.parameters) > 1
            or len(self.type) + len(self.subtype) + len(self.encoding) > SHORT
        ):
            return None
        if self.parameters and len(self.parameters[0][0]) + len(self.parameters[0][1]) > SHORT:
            return None
        return Usual(self.type, self.subtype, self.parameters, self.encoding)

    @property
    def is_multipart(self) -> bool:
        return self.type == "multipart"

    @property
    def is_message(self) -> bool:
        """Whether it is of a type that holds a message; a leaf all the same where that is encoded, or too deep."""
        return self.type == "message" and self.subtype in MESSAGE_SUBTYPES


def part_at(root: Part, section: Sequence[int]) -> Part | None:
    """The part with the IMAP section number `section` (RFC 9051 6.4.5.1), such as (1, 2); None where there is none.

    The empty section is the root. A message that is not a multipart has the one part 1: itself.
    """
    part = root
    for depth, number in enumerate(section):
        if depth and not part.is_multipart:
            if not (part.is_message and part.children):
                return None
            part = part.children[0]
        if not part.is_multipart:
            if number != 1:
                return None
        elif 1 <= number <= len(part.children):
            part = part.children[number - 1]
        else:
            return None
    return part


def walk(root: Part) -> Iterator[Part]:
    """All parts in the order of the message, the root first."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(part.children))
