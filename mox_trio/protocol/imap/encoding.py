"""Responses as octets (RFC 9051 7 and 9): one function a response, and the strings that they are made of.

`encode` gives whole lines with their CRLF. What the session understands is its `Wire`: without UTF-8, mailbox names are
modified UTF-7, other strings beyond ASCII become literals, and texts for people lose what is not ASCII. No octet of a
name or a text can end a line early: strings that hold CR, LF or 8-bit become literals, texts lose control characters.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mox_trio.protocol.imap import numsets, responses, thread_lists, utf7

LINE_OCTETS: Final = 8000
"""RFC 7162 4: a client takes lines of 8,192 octets, and a set can be said in several."""

_FOUND_NUMBERS: Final = 80_000
"""Numbers of one SEARCH response: some clients read one response only, so that there are more only where a line would
pass the million octets that Python's imaplib takes."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How a session is spoken to."""

    utf8: bool = False
    """UTF8=ACCEPT or IMAP4rev2 is enabled: quoted strings and mailbox names may hold UTF-8."""
    rev2: bool = False
    """IMAP4rev2 is enabled."""


_PLAIN: Final = re.compile(rb'[^"\\\r\n\0\x80-\xff]*').fullmatch
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_ESCAPED: Final = re.compile(rb'(["\\])')
_LINE_OR_NUL: Final = re.compile(rb"[\r\n\0]").search
_ATOM: Final = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+").fullmatch


def string(value: bytes, *, utf8: bool) -> bytes:
    """A quoted string where that is possible, else a literal. NUL, which neither may hold, is left out."""
    if _PLAIN(value):
        return b'"%b"' % value
    value = value.replace(b"\0", b"")
    if _LINE_OR_NUL(value) is None and (value.isascii() or (utf8 and _is_utf8(value))):
        return b'"%b"' % _ESCAPED.sub(rb"\\\1", value)
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None, *, utf8: bool) -> bytes:
    """As `string`; None is NIL."""
    return b"NIL" if value is None else string(value, utf8=utf8)


def value(octets: bytes | None, *, utf8: bool) -> bytes:
    """As `nstring`, but what holds NUL is a literal8 (RFC 5464 5, RFC 3516 4.4) and stays as it is."""
    if octets is not None and b"\0" in octets:
        return b"~{%d}\r\n%b" % (len(octets), octets)
    return nstring(octets, utf8=utf8)


def mailbox_name(name: str, utf8: bool) -> bytes:
    """A quoted name: UTF-8, or modified UTF-7 (RFC 9051 5.1, RFC 3501 5.1.3)."""
    return string(name.encode() if utf8 else utf7.encode(name), utf8=utf8)


def text(words: str, utf8: bool) -> bytes:
    """Text for people: one line, never empty."""
    if not (words.isascii() and words.isprintable()):
        words = _CONTROL.sub(" ", words)
        return words.encode("utf-8" if utf8 else "ascii", "replace").strip() or b"-"
    return words.encode("ascii") or b"-"


def astring(octets: bytes) -> bytes:
    """An atom where that is possible, else a string."""
    return octets if _ATOM(octets) else string(octets, utf8=False)


def encode(response: responses.Response, wire: Wire) -> bytes:
    """The lines of a response. ValueError for a response code that would end its line early."""
    return _ENCODERS[type(response)](response, wire)


def _status(it: responses.Status, wire: Wire) -> bytes:
    tag = it.tag.encode("ascii") if it.tag else b"*"
    words = text(it.text, wire.utf8)
    if it.code:
        if b"\n" in it.code or b"\r" in it.code:
            raise ValueError("a response code is one line")
        return b"%b %b [%b] %b\r\n" % (tag, it.kind.encode("ascii"), it.code, words)
    if words.startswith(b"["):  # RFC 9051 9, resp-text: such a text would be read as a code
        words = b"- " + words
    return b"%b %b %b\r\n" % (tag, it.kind.encode("ascii"), words)


def _capabilities(it: responses.Capabilities, wire: Wire) -> bytes:
    return b"* CAPABILITY %b\r\n" % " ".join(it.names).encode("ascii")


def _enabled(it: responses.Enabled, wire: Wire) -> bytes:
    return b"* %b\r\n" % " ".join(("ENABLED", *it.names)).encode("ascii")


def _server_id(it: responses.ServerId, wire: Wire) -> bytes:
    if not it.fields:
        return b"* ID NIL\r\n"
    fields = [string(part.encode(), utf8=wire.utf8) for field in it.fields for part in field]
    return b"* ID (%b)\r\n" % b" ".join(fields)


def _flags(it: responses.Flags, wire: Wire) -> bytes:
    return b"* FLAGS (%b)\r\n" % " ".join(it.names).encode("ascii")


def _exists(it: responses.Exists, wire: Wire) -> bytes:
    return b"* %d EXISTS\r\n" % it.number


def _recent(it: responses.Recent, wire: Wire) -> bytes:
    return b"* %d RECENT\r\n" % it.number


def _expunged(it: responses.Expunged, wire: Wire) -> bytes:
    return b"".join([b"* %d EXPUNGE\r\n" % number for number in it.numbers])


def _vanished(it: responses.Vanished, wire: Wire) -> bytes:
    start = b"* VANISHED (EARLIER) " if it.earlier else b"* VANISHED "
    return b"".join([b"%b%b\r\n" % (start, piece) for piece in numsets.pieces(numsets.of(it.uids), LINE_OCTETS)])


def _list_entry(it: responses.ListEntry, wire: Wire) -> bytes:
    extended: list[bytes] = []
    if it.child_info:  # RFC 5258 6
        extended.append(b'"CHILDINFO" (%b)' % b" ".join([b'"%b"' % each.encode("ascii") for each in it.child_info]))
    if it.old_name is not None:  # RFC 9051 6.3.9.7
        extended.append(b'"OLDNAME" (%b)' % mailbox_name(it.old_name, wire.utf8))
    return b'* %b (%b) "/" %b%b\r\n' % (
        b"LSUB" if it.is_lsub else b"LIST",
        " ".join(it.attributes).encode("ascii"),
        mailbox_name(it.mailbox, wire.utf8),
        b" (%b)" % b" ".join(extended) if extended else b"",
    )


def _mailbox_status(it: responses.MailboxStatus, wire: Wire) -> bytes:
    items = [b"%b %b" % (name.encode("ascii"), _status_value(value)) for name, value in it.items]
    return b"* STATUS %b (%b)\r\n" % (mailbox_name(it.mailbox, wire.utf8), b" ".join(items))


def _status_value(value: int | str | None) -> bytes:
    if value is None:
        return b"NIL"
    return b"%d" % value if isinstance(value, int) else b"(%b)" % value.encode("ascii")


def _namespaces(it: responses.Namespaces, wire: Wire) -> bytes:
    return b'* NAMESPACE (("" "/")) NIL NIL\r\n'


def _quota(it: responses.Quota, wire: Wire) -> bytes:
    resources = [b"%b %d %d" % (name.encode("ascii"), usage, limit) for name, usage, limit in it.resources]
    return b"* QUOTA %b (%b)\r\n" % (string(it.root.encode(), utf8=wire.utf8), b" ".join(resources))


def _quota_roots(it: responses.QuotaRoots, wire: Wire) -> bytes:
    roots = [string(root.encode(), utf8=wire.utf8) for root in it.roots]
    return b"* QUOTAROOT %b\r\n" % b" ".join([mailbox_name(it.mailbox, wire.utf8), *roots])


def _metadata(it: responses.Metadata, wire: Wire) -> bytes:
    values = [b"%b %b" % (astring(entry.encode()), value(octets, utf8=wire.utf8)) for entry, octets in it.values]
    return b"* METADATA %b (%b)\r\n" % (mailbox_name(it.mailbox, wire.utf8), b" ".join(values))


def _metadata_changed(it: responses.MetadataChanged, wire: Wire) -> bytes:
    return b"* METADATA %b %b\r\n" % (
        mailbox_name(it.mailbox, wire.utf8),
        b" ".join([astring(entry.encode()) for entry in it.entries]),
    )


def _found(it: responses.Found, wire: Wire) -> bytes:
    name = it.name.encode("ascii")
    end = b"" if it.modseq is None else b" (MODSEQ %d)" % it.modseq
    numbers = it.numbers
    most = _FOUND_NUMBERS if it.name == "SEARCH" else max(len(numbers), 1)
    lines: list[bytes] = []
    while len(numbers) > most:
        lines.append(b"* %b %b\r\n" % (name, _joined(numbers[:most])))
        numbers = numbers[most:]
    lines.append(b"* %b %b%b\r\n" % (name, _joined(numbers), end) if numbers else b"* %b%b\r\n" % (name, end))
    return b"".join(lines)


def _joined(numbers: Sequence[int]) -> bytes:
    return " ".join(map(str, numbers)).encode("ascii")


def _results(it: responses.Results, wire: Wire) -> bytes:
    out = [b"* ESEARCH"]
    about = [b"TAG %b" % string(it.tag.encode(), utf8=wire.utf8)] if it.tag else []
    if it.mailbox is not None:  # RFC 7377 2.1
        about.append(b"MAILBOX %b UIDVALIDITY %d" % (mailbox_name(it.mailbox[0], wire.utf8), it.mailbox[1]))
    if about:
        out.append(b"(%b)" % b" ".join(about))
    if it.uid:
        out.append(b"UID")
    for name, number in ((b"MIN", it.minimum), (b"MAX", it.maximum), (b"COUNT", it.count)):
        if number is not None:
            out.append(b"%b %d" % (name, number))
    if it.all:
        out.append(b"ALL " + numsets.encode_numbers(it.all))
    if it.partial is not None:
        (first, last), numbers = it.partial
        out.append(b"PARTIAL (%d:%d %b)" % (first, last, numsets.encode_numbers(numbers) or b"NIL"))
    for name, places in ((b"ADDTO", it.added), (b"REMOVEFROM", it.removed)):
        if places:
            out.append(b"%b (%b)" % (name, _places(places)))
    if it.modseq is not None:
        out.append(b"MODSEQ %d" % it.modseq)
    return b" ".join(out) + b"\r\n"


def _places(places: Iterable[tuple[int, Sequence[int]]]) -> bytes:
    return b" ".join([b"%d %b" % (position, numsets.encode_numbers(numbers)) for position, numbers in places])


def _threads(it: responses.Threads, wire: Wire) -> bytes:
    return b"* THREAD %b\r\n" % thread_lists.encode(it.roots) if it.roots else b"* THREAD\r\n"


def _continuation(it: responses.Continuation, wire: Wire) -> bytes:
    return b"+ %b\r\n" % (text(it.text, wire.utf8) if it.text else b"")


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


_ENCODERS: Final[dict[type, Callable[[Any, Wire], bytes]]] = {
    responses.Status: _status,
    responses.Capabilities: _capabilities,
    responses.Enabled: _enabled,
    responses.ServerId: _server_id,
    responses.Flags: _flags,
    responses.Exists: _exists,
    responses.Recent: _recent,
    responses.Expunged: _expunged,
    responses.Vanished: _vanished,
    responses.ListEntry: _list_entry,
    responses.MailboxStatus: _mailbox_status,
    responses.Namespaces: _namespaces,
    responses.Quota: _quota,
    responses.QuotaRoots: _quota_roots,
    responses.Metadata: _metadata,
    responses.MetadataChanged: _metadata_changed,
    responses.Found: _found,
    responses.Results: _results,
    responses.Threads: _threads,
    responses.Continuation: _continuation,
}
