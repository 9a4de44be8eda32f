"""BODY and BODYSTRUCTURE of IMAP from a part tree (RFC 9051 7.5.2; nothing written here differs from RFC 3501 7.4.2).

Names of types, parameters and encodings are in lower case. Text without a charset says us-ascii, its default. The
grammar knows no multipart without parts and no message without a message: such a one is given an empty text part,
which no section addresses. Never calls itself: the tree may be deep.
"""

from collections.abc import Callable, Iterator
from typing import Final

from mox_trio.protocol.mime import imap_string, parameters, words
from mox_trio.protocol.mime.part import Parameters, Part

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
            yield b" " + self._string(part.subtype)
            if self._extended:
                yield b" " + self._parameters(part.parameters) + self._disposition(part)
            yield b")"
            return
        yield self._basic(part)
        if part.is_message:
            yield b" " + self._envelope(part.children[0].header if part.children else b"") + b" "
            yield part.children[0] if part.children else self._empty
        if part.is_message or part.type == "text":
            yield b" %d" % part.lines
        if self._extended:
            yield b" " + self._nstring(part.md5) + self._disposition(part)
        yield b")"

    def _basic(self, part: Part) -> bytes:
        """The body-fields of a part that is no multipart, behind its type."""
        given = part.parameters
        if part.type == "text" and all(name != "charset" for name, _ in given):
            given = (*given, ("charset", "us-ascii"))  # RFC 2046 4.1.2
        fields = [
            self._string(part.type),
            self._string(part.subtype),
            self._parameters(given),
            self._nstring(part.content_id),
            self._nstring(part.description),
            self._string(part.encoding),
            b"%d" % part.size,
        ]
        return b"(" + b" ".join(fields)

    def _disposition(self, part: Part) -> bytes:
        """The disposition and what follows it, which all kinds of part have in common."""
        disposition = b"NIL"
        if part.disposition is not None:
            given = self._parameters(part.disposition_parameters)
            disposition = b"(%b %b)" % (self._string(part.disposition), given)
        language = b"NIL"
        if part.language:
            language = b"(%b)" % b" ".join(map(self._string, part.language))
        return b" %b %b %b" % (disposition, language, self._nstring(part.location))

    def _parameters(self, given: Parameters) -> bytes:
        if not given:
            return b"NIL"
        return b"(%b)" % b" ".join([self._parameter(name, value) for name, value in given])

    def _parameter(self, name: str, value: str) -> bytes:
        if self._utf8 or value.isascii():
            return self._string(name) + b" " + imap_string.string(value.encode())
        return self._string(name + "*") + b" " + imap_string.string(parameters.extended(value))

    def _nstring(self, value: str | None) -> bytes:
        return b"NIL" if value is None else self._string(value)

    def _string(self, value: str) -> bytes:
        if self._utf8 or value.isascii():
            return imap_string.string(value.encode())
        return imap_string.string(b" ".join(words.encode(value)))
