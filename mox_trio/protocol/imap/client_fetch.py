"""FETCH of a server as a value (RFC 9051 7.5.2). Raises `BadResponse` alone."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from mox_trio.protocol.imap.client_responses import Fetched
from mox_trio.protocol.imap.client_values import (
    BadResponse,
    Value,
    maybe_octets,
    members,
    number,
    octets,
    plain,
    text_of,
    word,
)
from mox_trio.protocol.imap.commands import append
from mox_trio.protocol.imap.lexer import Lexer, Malformed


def read(at: int, values: Sequence[Value], *, is_uid: bool) -> Fetched:
    """The items of a message."""
    if len(values) != 1:
        raise BadResponse("FETCH has one list")
    items = members(values[0])
    if len(items) % 2:
        raise BadResponse("an item has no value")
    known: dict[str, Any] = {}
    sections: list[tuple[str, Any]] = []
    others: list[tuple[str, Any]] = []
    for name, value in zip(map(word, items[::2]), items[1::2], strict=True):
        upper = name.upper()
        reader = _READERS.get(upper)
        if reader is not None:
            field, convert = reader
            known[field] = convert(value)
        elif upper.startswith(("BODY[", "BINARY[")) or upper in ("RFC822", "RFC822.HEADER", "RFC822.TEXT"):
            sections.append((upper, maybe_octets(value)))
        else:
            others.append((upper, plain(value)))
    if is_uid:
        known.setdefault("uid", at)
    return Fetched(at, is_uid, sections=tuple(sections), others=tuple(others), **known)


def _flags(value: Value) -> tuple[str, ...]:
    return tuple([word(each) for each in members(value)])


def _modseq(value: Value) -> int:
    return number(_only(members(value)))


def _object_id(value: Value) -> str | None:
    return text_of(_only(value)) if isinstance(value, list) else None


def _preview(value: Value) -> str | None:
    return None if maybe_octets(value) is None else text_of(value)


def _moment(value: Value) -> int | None:
    if maybe_octets(value) is None:
        return None
    try:
        return append.date_time(Lexer(b'"%b"' % octets(value)))
    except Malformed as error:
        raise BadResponse(error.text) from None


def _only(values: Sequence[Value]) -> Value:
    if len(values) != 1:
        raise BadResponse("a list of one")
    return values[0]


_READERS: Final[dict[str, tuple[str, Callable[[Value], Any]]]] = {
    "UID": ("uid", number),
    "FLAGS": ("flags", _flags),
    "INTERNALDATE": ("received", _moment),
    "SAVEDATE": ("saved", _moment),
    "RFC822.SIZE": ("size", number),
    "MODSEQ": ("modseq", _modseq),
    "ENVELOPE": ("envelope", plain),
    "BODYSTRUCTURE": ("structure", plain),
    "BODY": ("structure", plain),
    "EMAILID": ("email_id", _object_id),
    "THREADID": ("thread_id", _object_id),
    "PREVIEW": ("preview", _preview),
}
