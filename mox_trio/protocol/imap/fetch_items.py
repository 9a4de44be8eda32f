"""What FETCH asks for, item by item (RFC 9051 6.4.5, 3516, 7162, 8474, 8514, 8970)."""

from dataclasses import dataclass
from typing import Literal

SimpleName = Literal[
    "ENVELOPE", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY", "BODYSTRUCTURE", "UID", "MODSEQ", "SAVEDATE",
    "EMAILID", "THREADID",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Simple:
    """An item without arguments; BODY is the structure without extension data."""

    name: SimpleName


@dataclass(frozen=True, slots=True)
class Preview:
    """PREVIEW (RFC 8970)."""

    lazy: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """BODY[...], and RFC822, RFC822.HEADER and RFC822.TEXT, which are sections under other names."""

    part: tuple[int, ...] = ()
    """Part numbers; empty for the message itself."""
    text: Literal["", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"] = ""
    fields: tuple[bytes, ...] = ()
    """Field names as the client wrote them."""
    partial: tuple[int, int] | None = None
    """Offset and number of octets."""
    peek: bool = False
    label: bytes = b""
    """How the item is named in the response, without <offset>: BODY[1.MIME] or RFC822.TEXT."""


@dataclass(frozen=True, slots=True)
class Binary:
    """BINARY[...] (RFC 3516): a part, decoded."""

    part: tuple[int, ...]
    partial: tuple[int, int] | None = None
    peek: bool = False


@dataclass(frozen=True, slots=True)
class BinarySize:
    """BINARY.SIZE[...]."""

    part: tuple[int, ...]


Item = Simple | Preview | Section | Binary | BinarySize
