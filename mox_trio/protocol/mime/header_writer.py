"""Header fields, written: folded, encoded where they must be, and impossible to inject into.

Each function gives one finished `Written` field with its CRLF. Values may come from anybody: a control character (CR,
LF and NUL among them) raises `Unwritable`, but in file names, which are encoded whatever they hold. Lines are folded
at 78 octets wherever there is white space and never exceed 998 (RFC 5322 2.1.1). With `utf8` text stays UTF-8 (RFC
6532, for SMTPUTF8); without, it becomes encoded words (RFC 2047), domains become A-labels, and an address whose
localpart is not ASCII raises.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NewType

from mox_trio.base import text
from mox_trio.base.address import Address
from mox_trio.protocol.mime import dates, words

Written = NewType("Written", bytes)
"""One field as it goes into a message: `Name: body` CRLF, folded."""

FOLD_OCTETS: Final = 78
LINE_OCTETS: Final = 998
_LONGEST_WORD: Final = 900
"""A word that cannot be folded is encoded from this length on, so that it can."""

_NAME: Final = re.compile(r"[!-9;-~]{1,70}")  # RFC 5322 3.6.8
_FIELD: Final = re.compile(rb"[!-9;-~]++:[^\r\n\x00]*+(?:\r\n[ \t]++[^ \t\r\n\x00][^\r\n\x00]*+)*+\r\n")
_PIECE: Final = re.compile(rb"[ \t]*+[^ \t]++")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,60}")  # RFC 2045 5.1, less what RFC 2231 uses
_QUOTABLE: Final = re.compile(r"[ -~]{1,60}")
_NEEDS_BACKSLASH: Final = re.compile(r'(["\\])')
_MESSAGE_ID: Final = re.compile(r"[^<>\s\x00-\x1f\x7f]{1,900}")  # any longer one might not fit into a line
_PLAIN_OCTETS: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+.^_`{|}~-"
)  # RFC 2231 7
_SECTION_OCTETS: Final = 50


class Unwritable(ValueError):
    """A value that cannot stand in a header. The text says why and does not repeat the value."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address with the name that is shown for it; "" for none."""

    address: Address
    name: str = ""


@dataclass(frozen=True, slots=True)
class RecipientGroup:
    """A named list, which may be empty: `undisclosed-recipients:;`."""

    name: str
    members: tuple[Recipient, ...] = ()


def unstructured(name: str, value: str, *, utf8: bool = False) -> Written:
    """A field of free text, such as Subject. White space at its ends is dropped, a tab is a space."""
    value = value.replace("\t", " ").strip(" ")
    _refuse_controls(value)
    if _is_plain(value, utf8):
        return _fold(name, value.encode())
    return _fold(name, b" ".join(words.encode(value, len(name) + 2)))


def address_list(name: str, recipients: Iterable[Recipient | RecipientGroup], *, utf8: bool = False) -> Written:
    """A field of addresses. Raises InvalidAddress where an address has no ASCII form and `utf8` is not set."""
    return _fold(name, ", ".join([_recipient(each, utf8) for each in recipients]).encode())


def date(name: str, ms: int, zone: int = 0) -> Written:
    """A field with a time: milliseconds since the epoch, shown in a zone given in minutes east of UTC."""
    return _fold(name, dates.format_rfc5322(ms, zone).encode())


def message_ids(name: str, ids: Iterable[str], *, utf8: bool = False) -> Written:
    """A field of Message-IDs, each given without its angle brackets. RFC 5322 3.6.4."""
    ids = list(ids)
    if not all(_MESSAGE_ID.fullmatch(each) for each in ids):
        raise Unwritable("a Message-ID is empty, too long, or holds white space or angle brackets")
    if not utf8 and not all(map(str.isascii, ids)):
        raise Unwritable("a Message-ID holds characters beyond ASCII")
    return _fold(name, " ".join([f"<{each}>" for each in ids]).encode("utf-8", "replace"))


def structured(name: str, value: str, parameters: Iterable[tuple[str, str]] = ()) -> Written:
    """A field of ASCII tokens as given, with parameters that may hold anything: they are quoted or encoded (RFC
    2231).
    """
    if not value.isascii():
        raise Unwritable(f"the value of {name} holds characters beyond ASCII")
    _refuse_controls(value)
    return _fold(
        name, "; ".join([value, *(written for key, each in parameters for written in _parameter(key, each))]).encode()
    )


def lines(name: str, values: Sequence[str]) -> Written:
    """A field whose value is written already, quoted and encoded as its grammar wants it: each of `values` begins on a line
    of its own and is folded further at its white space.
    """
    _refuse_controls("".join(values))
    folded: list[bytes] = [_fold(name, values[0].encode())]
    folded += [b"\t" + _fold(_CONTINUED, value.encode())[len(_CONTINUED) + 2 :] for value in values[1:]]
    return Written(b"".join(folded))


def is_written(field: bytes) -> bool:
    """Whether the octets are one field, and nothing that could end it or begin another."""
    return _FIELD.fullmatch(field) is not None


def _is_plain(value: str, utf8: bool) -> bool:
    """Whether the value can stand as it is: nothing to encode, nothing that looks encoded, foldable into lines."""
    if "=?" in value or not (utf8 or value.isascii()) or text.maybe_control(value) is not None:
        return False
    return len(value) < _LONGEST_WORD // 4 or all(len(each) <= _LONGEST_WORD for each in _PIECE.findall(value.encode()))


def _recipient(recipient: Recipient | RecipientGroup, utf8: bool) -> str:
    if isinstance(recipient, RecipientGroup):
        return f"{_phrase(recipient.name, utf8)}: {', '.join([_recipient(each, utf8) for each in recipient.members])};"
    address = str(recipient.address) if utf8 else recipient.address.ascii
    return f"{_phrase(recipient.name, utf8)} <{address}>" if recipient.name.strip(" ") else address


def _phrase(name: str, utf8: bool) -> str:
    """A display name: as it is, quoted, or encoded. RFC 5322 3.2.5."""
    name = name.strip(" ")
    _refuse_controls(name)
    if not _is_plain(name, utf8):
        return b" ".join(words.encode(name)).decode("ascii")
    if _ATOMS.fullmatch(name):
        return name
    return '"' + _NEEDS_BACKSLASH.sub(r"\\\1", name) + '"'


def _parameter(name: str, value: str) -> list[str]:
    """One parameter, in sections where it is long. RFC 2231 3 and 4."""
    if _TOKEN.fullmatch(name) is None:
        raise Unwritable("the name of a parameter is no token")
    if _TOKEN.fullmatch(value):
        return [f"{name}={value}"]
    if _QUOTABLE.fullmatch(value) and "=?" not in value:
        return [f'{name}="' + _NEEDS_BACKSLASH.sub(r"\\\1", value) + '"']
    sections = [""]
    for octet in value.encode("utf-8", "replace"):
        if len(sections[-1]) >= _SECTION_OCTETS:
            sections.append("")
        sections[-1] += chr(octet) if octet in _PLAIN_OCTETS else f"%{octet:02X}"
    if len(sections) == 1:
        return [f"{name}*=utf-8''{sections[0]}"]
    return [f"{name}*{number}*={'' if number else _CHARSET}{section}" for number, section in enumerate(sections)]


_CHARSET: Final = "utf-8''"
_SPACE: Final = 0x20
_CONTINUED: Final = "continued"
"""Stands for what is before the value on a line that goes on: about as wide as a tab is shown."""


def _fold(name: str, body: bytes) -> Written:
    """The field, a line broken before white space wherever it would exceed `FOLD_OCTETS`. RFC 5322 2.2.3."""
    if _NAME.fullmatch(name) is None:
        raise Unwritable("the name of a header field is empty, too long, or holds a character that names cannot have")
    line = name.encode() + b":"
    if body and len(line) + len(body) < FOLD_OCTETS and body == body.strip(b" \t"):
        return Written(b"%b %b\r\n" % (line, body))
    lines: list[bytes] = []
    if _has_single_spaces(body):  # each line ends at the last space that is near enough, without looking at each word
        rest, most = body, FOLD_OCTETS - len(line) - 1
        while len(rest) > most:
            end = rest.rfind(b" ", 0, most + 1)
            if end < 0:
                end = rest.find(b" ")
            if end < 0:
                break
            lines.append(b"%b %b" % (line, rest[:end]))
            line, rest, most = b"", rest[end + 1 :], FOLD_OCTETS - 1
        lines.append(b"%b %b" % (line, rest))
        if max(map(len, lines)) > LINE_OCTETS:
            raise Unwritable(f"a part of {name} is too long for a line")
        return Written(b"\r\n".join(lines) + b"\r\n")
    is_first = True
    for piece in _PIECE.findall(b" " + body):
        if not is_first and len(line) + len(piece) > FOLD_OCTETS:
            lines.append(line)
            line = b""
        line += piece
        is_first = False
        if len(line) > LINE_OCTETS:
            raise Unwritable(f"a part of {name} is too long for a line")
    lines.append(line)
    return Written(b"\r\n".join(lines) + b"\r\n")


def _has_single_spaces(body: bytes) -> bool:
    """Whether words are parted by one space each, as nearly always."""
    return bool(body) and b"  " not in body and b"\t" not in body and body[0] != _SPACE and body[-1] != _SPACE


def _refuse_controls(value: str) -> None:
    if _CONTROL.search(value):
        raise Unwritable("a header field cannot hold line ends and other control characters")
