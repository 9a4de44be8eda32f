"""BODY and BODYSTRUCTURE of IMAP from a part tree (RFC 9051 7.5.2; nothing written here differs from RFC 3501 7.4.2).

Names of types, parameters and encodings are in lower case. Text without a charset says us-ascii, its default. The
grammar knows no multipart without parts and no message without a message: such a one is given an empty text part,
which no section addresses. Never calls itself: the tree may be deep.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Final

from mox_trio.protocol.mime import imap_string, parameters, words
from mox_trio.protocol.mime.part import Parameters, Part, Usual

_EMPTY: Final = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'
_NO_EXTENSION: Final = b" NIL NIL NIL NIL"


def render(root: Part, *, extended: bool, envelope: Callable[[bytes], bytes], utf8: bool = True) -> bytes:
    """The structure of the message `root`: BODYSTRUCTURE where `extended`, else BODY.

    `envelope` renders the ENVELOPE of an embedded message from its header block. Without `utf8`, what is not ASCII is
    written as RFC 2231 and RFC 2047 have it, for sessions that did not enable UTF8=ACCEPT; `envelope` has to do the
    same.
    """
    writer = _Writer(extended, envelope, utf8)
    written: list[bytes] = []
    waiting: list[bytes | Part] = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, bytes):
            written.append(item)
        else:
            waiting.extend(reversed(list(writer.items(item))))
    return b"".join(written)


class _Writer:
    """Each part as bytes and, in their place, the parts within it."""

    def __init__(self, extended: bool, envelope: Callable[[bytes], bytes], utf8: bool) -> None:
        self._extended = extended
        self._envelope = envelope
        self._utf8 = utf8
        self._empty = _EMPTY + (_NO_EXTENSION if extended else b"") + b")"

    def items(self, part: Part) -> Iterator[bytes | Part]:
        if part.is_multipart:
            yield b"("
            if part.children:
                yield from part.children
            else:
                yield self._empty
            yield b" " + _string(part.subtype, self._utf8)
            if self._extended:
                yield b" " + _parameters(part.parameters, self._utf8) + self._disposition(part)
            yield b")"
            return
        usual = part.usual
        fields = _fields(part, self._utf8) if usual is None else _usual_fields(usual, self._utf8)
        if not part.is_message:
            lines = b" %d" % part.lines if part.type == "text" else b""
            yield b"%b %d%b%b)" % (fields, part.size, lines, self._extension(part, usual))
            return
        yield b"%b %d %b " % (fields, part.size, self._envelope(part.children[0].header if part.children else b""))
        yield part.children[0] if part.children else self._empty
        yield b" %d%b)" % (part.lines, self._extension(part, usual))

    def _extension(self, part: Part, usual: Usual | None) -> bytes:
        """What BODYSTRUCTURE says of a part that is no multipart besides what BODY says."""
        if not self._extended:
            return b""
        if usual is not None:
            return _NO_EXTENSION
        return b" " + _nstring(part.md5, self._utf8) + self._disposition(part)

    def _disposition(self, part: Part) -> bytes:
        """The disposition and what follows it, which all kinds of part have in common."""
        disposition = b"NIL"
        if part.disposition is not None:
            given = _parameters(part.disposition_parameters, self._utf8)
            disposition = b"(%b %b)" % (_string(part.disposition, self._utf8), given)
        language = b"NIL"
        if part.language:
            language = b"(%b)" % b" ".join([_string(each, self._utf8) for each in part.language])
        return b" %b %b %b" % (disposition, language, _nstring(part.location, self._utf8))


@functools.lru_cache(maxsize=256)
def _usual_fields(usual: Usual, utf8: bool) -> bytes:
    return _fields(Part(**usual._asdict()), utf8)


def _fields(part: Part, utf8: bool) -> bytes:
    """The body-fields of a part that is no multipart, behind its type, but for its size."""
    given = part.parameters
    if part.type == "text" and all(name != "charset" for name, _ in given):
        given = (*given, ("charset", "us-ascii"))  # RFC 2046 4.1.2
    fields = [
        _string(part.type, utf8),
        _string(part.subtype, utf8),
        _parameters(given, utf8),
        _nstring(part.content_id, utf8),
        _nstring(part.description, utf8),
        _string(part.encoding, utf8),
    ]
    return b"(" + b" ".join(fields)


def _parameters(given: Parameters, utf8: bool) -> bytes:
    if not given:
        return b"NIL"
    return b"(%b)" % b" ".join([_parameter(name, value, utf8) for name, value in given])


def _parameter(name: str, value: str, utf8: bool) -> bytes:
    if utf8 or value.isascii():
        return _string(name, utf8) + b" " + imap_string.string(value.encode())
    return _string(name + "*", utf8) + b" " + imap_string.string(parameters.extended(value))


def _nstring(value: str | None, utf8: bool) -> bytes:
    return b"NIL" if value is None else _string(value, utf8)


def _string(value: str, utf8: bool) -> bytes:
    if utf8 or value.isascii():
        return imap_string.string(value.encode())
    return imap_string.string(b" ".join(words.encode(value)))
