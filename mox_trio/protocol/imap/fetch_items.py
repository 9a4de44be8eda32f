"""What FETCH asks for, item by item (RFC 9051 6.4.5, 3516, 7162, 8474, 8514, 8970)."""

import re
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from mox_trio.protocol.imap import encoding, numsets
from mox_trio.protocol.imap.lexer import NUMBER_63, Lexer, Malformed

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

_WORDS: Final[dict[str, Item]] = {
    **{name: Simple(name) for name in get_args(SimpleName)},
    # RFC 3501 6.4.5
    "RFC822": Section(label=b"RFC822"),
    "RFC822.HEADER": Section(text="HEADER", peek=True, label=b"RFC822.HEADER"),
    "RFC822.TEXT": Section(text="TEXT", label=b"RFC822.TEXT"),
}
_PART: Final = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*").match
_TEXT: Final = re.compile(rb"HEADER(?:\.FIELDS(?:\.NOT)?)?(?=[\] ])|TEXT(?=\])|MIME(?=\])", re.IGNORECASE).match


def parse(lexer: Lexer) -> Item:
    """The next item (RFC 9051 9, fetch-att)."""
    name = lexer.word()
    if lexer.starts(b"["):
        return _sectioned(lexer, name)
    item = _WORDS.get(name)
    if item is not None:
        return item
    if name != "PREVIEW":
        raise Malformed("FETCH does not know this item")
    # RFC 8970 6: modifiers are optional, and a list that is not theirs may be that of FETCH itself.
    if lexer.starts(b" (") and lexer.peek_word(2) == "LAZY":
        lexer.space()
        lexer.members(lambda: _lazy(lexer))
        return Preview(lazy=True)
    return Preview()


def _lazy(lexer: Lexer) -> None:
    if not lexer.maybe_word("LAZY"):
        raise Malformed("PREVIEW knows LAZY only")


def _sectioned(lexer: Lexer, name: str) -> Item:
    lexer.require(b"[")
    peek = name.endswith(".PEEK")
    if name in ("BODY", "BODY.PEEK"):
        return _body(lexer, peek=peek)
    if name not in ("BINARY", "BINARY.PEEK", "BINARY.SIZE"):
        raise Malformed("FETCH does not know this item")
    part = _part(lexer)
    lexer.require(b"]")
    if name == "BINARY.SIZE":
        return BinarySize(part)
    return Binary(part, _partial(lexer), peek)


def _body(lexer: Lexer, *, peek: bool) -> Section:
    part = _part(lexer)
    label = b".".join([b"%d" % each for each in part])
    text: Literal["", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"] = ""
    fields: tuple[bytes, ...] = ()
    if not part or lexer.maybe(b"."):
        match = _TEXT(lexer.text, lexer.at)
        if match is None and (part or not lexer.starts(b"]")):
            raise Malformed("there is no such section")
        if match is not None:
            lexer.at = match.end()
            text = cast(
                "Literal['HEADER', 'HEADER.FIELDS', 'HEADER.FIELDS.NOT', 'TEXT', 'MIME']", match[0].decode().upper()
            )
            label += (b"." if part else b"") + text.encode("ascii")
    if text == "MIME" and not part:
        raise Malformed("MIME is of a part")
    if text.startswith("HEADER.FIELDS"):
        lexer.space()
        fields = tuple(lexer.members(lexer.astring))
        label += b" (%b)" % b" ".join([encoding.astring(field) for field in fields])
    lexer.require(b"]")
    return Section(part, text, fields, _partial(lexer), peek, b"BODY[%b]" % label)


def _part(lexer: Lexer) -> tuple[int, ...]:
    match = _PART(lexer.text, lexer.at)
    if match is None:
        return ()
    if match[0].count(b".") >= lexer.bounds.part_depth:
        raise Malformed("no message has such a part")
    part = tuple([int(each) for each in match[0].split(b".")])
    if max(part) > numsets.LARGEST:
        raise Malformed("a number has 32 bits")
    lexer.at = match.end()
    return part


def _partial(lexer: Lexer) -> tuple[int, int] | None:
    if not lexer.maybe(b"<"):
        return None
    offset = lexer.number(NUMBER_63)
    lexer.require(b".")
    octets = lexer.number(NUMBER_63, smallest=1)
    lexer.require(b">")
    return offset, octets
