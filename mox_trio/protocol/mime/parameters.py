"""Values of MIME's structured fields: a type or token with parameters (RFC 2045 5.1, RFC 2183, RFC 2231), and lists.

Lax where mail is: unquoted values may hold specials, and those that name a file white space, a quote may be left
open, semicolons may be missing or doubled, comments are skipped. What cannot be read is left out; nothing is raised;
linear. Parameters in sections are joined, and those with a charset decoded (RFC 2231 3 and 4); other 8-bit text is
UTF-8 or else windows-1252. Of a parameter that is given plain and with a charset, the one with the charset counts
(RFC 6266 4.3).
"""

import functools
import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from mox_trio.protocol.mime import charsets
from mox_trio.protocol.mime.part import Parameters

_TYPE: Final = re.compile(
    rb"""\s*+ ([^\x00-\x20\x7f-\xff/;,()"=]++) \s*+ / \s*+ ([^\x00-\x20\x7f-\xff/;,()"=]++) (?![\x7f-\xff])""",
    re.VERBOSE,
)
_COMMON_LENGTH: Final = 64
"""Longest value that is worth to remember: most mail says one of a few, and those with a boundary are all different."""
_TOKEN: Final = re.compile(rb"[\s\"]*([^\s;,\"()]+)")
_ENCODINGS: Final = {name.encode(): name for name in ("7bit", "8bit", "binary", "base64", "quoted-printable")}
_STRICT_TOKEN: Final = re.compile(rb"[\w!#$%&'*+.^`{|}~-]+", re.ASCII)
_PARAMETER: Final = re.compile(
    rb"""[\s;]*+ ([^\s;="]++) \s*+ = \s*+
    (?: "((?:[^"\\]|\\.)*+)"? | ( [^;\s]*+ (?: \s++ (?! [^\s;="]++ \s*+ = ) [^;\s]++ )*+ ) )""",
    re.VERBOSE | re.DOTALL,
)
_OUTSIDE: Final = re.compile(rb"\"(?:[^\"\\]|\\.)*+\"?|[^\"(]++|\(", re.DOTALL)
_INSIDE: Final = re.compile(rb"\\.?|[()]|[^()\\]++", re.DOTALL)
"""The next piece of a value, outside and inside of a comment."""
_NAMES_OF_FILES: Final = (b"name", b"filename")
"""Parameters whose values hold white space, and that programs have forgotten to quote; no other ever should."""
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_SECTION: Final = re.compile(rb"([^*]+)(?:\*([0-9]{1,4}))?(\*)?")
_ATTRIBUTE_SPECIALS: Final = "!#$&+^`{|}"
"""What an attribute-char may be besides letters, digits, and `-._~` (RFC 2231 7)."""

_Pair = tuple[bytes, bytes]


class ContentType(NamedTuple):
    """A Content-Type: `type` and `subtype` in lower case; `boundary` of a multipart as the octets written, or b""."""

    type: str
    subtype: str
    parameters: Parameters
    boundary: bytes


def content_type(body: bytes) -> ContentType | None:
    """The value of a Content-Type field; None where it names no type."""
    if len(body) > _COMMON_LENGTH or body[:9].lower() == b"multipart":
        return _content_type(body)
    return _common_content_type(body)


def _content_type(body: bytes) -> ContentType | None:
    body = _without_comments(body)
    named = _TYPE.match(body)
    if named is None:
        return None
    pairs = _pairs(body, named.end())
    kind, decoded = named[1].decode("ascii").lower(), _decoded(pairs)
    boundary = b""
    if kind == "multipart":
        # Octets as they stand, for they are compared with lines; only of one in sections there is no such form.
        written = (value for name, value in pairs if name == b"boundary")
        joined = (value.encode() for name, value in decoded if name == "boundary")
        boundary = next(written, None) or next(joined, b"")
    return ContentType(kind, named[2].decode("ascii").lower(), decoded, boundary.rstrip())


_common_content_type = functools.lru_cache(maxsize=256)(_content_type)


def disposition(body: bytes) -> tuple[str, Parameters] | None:
    """The value of a Content-Disposition field: the token in lower case and the parameters; None where it is empty."""
    body = _without_comments(body)
    token = _TOKEN.match(body)
    return (_lower(token[1]), _decoded(_pairs(body, token.end()))) if token else None


def encoding(body: bytes) -> str | None:
    """The value of a Content-Transfer-Encoding field in lower case; None where it is no token.

    What follows the token is left out, but white space within is taken for the dash of quoted-printable.
    """
    if body in _ENCODINGS:
        return _ENCODINGS[body]
    words = _without_comments(body).partition(b";")[0].lower().split()
    for meant in (b"-".join(words[:1]), b"-".join(words[:2])):
        if meant in _ENCODINGS:
            return _ENCODINGS[meant]
    return _lower(words[0]) if words and _STRICT_TOKEN.fullmatch(words[0]) else None


def tokens(body: bytes) -> tuple[str, ...]:
    """The tokens of a field that lists them with commas, as written (Content-Language, RFC 3282)."""
    return tuple(text(found) for found in re.findall(rb"[^\s,]++", _without_comments(body)))


def text(body: bytes) -> str:
    """Unstructured text as written, encoded-words and all."""
    return body.decode("ascii") if body.isascii() else charsets.decode(body)


def extended(value: str) -> bytes:
    """`value` as RFC 2231 4 writes it for ASCII: UTF-8, its name is to end in `*`."""
    return b"utf-8''" + quote(value, safe=_ATTRIBUTE_SPECIALS, errors="replace").encode()


def _pairs(body: bytes, start: int) -> list[_Pair]:
    """Name in lower case and value of each parameter, as they stand."""
    pairs: list[_Pair] = []
    while start < len(body):
        found = _PARAMETER.match(body, start)
        if found:
            start = found.end()
            pairs.append((found[1].lower(), _value(found)))
            continue
        start = body.find(b";", start) + 1 or len(body)
    return pairs


def _value(found: re.Match[bytes]) -> bytes:
    quoted = found[2]
    if quoted is not None:
        return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
    words = found[3].split(maxsplit=1)
    if len(words) > 1 and found[1].lower() not in _NAMES_OF_FILES:
        return words[0]
    return found[3].rstrip()


def _decoded(pairs: list[_Pair]) -> Parameters:
    if not any(b"*" in name for name, _ in pairs):
        return tuple([(text(name), text(value)) for name, value in pairs])
    sections = _sections(pairs)
    decoded: list[tuple[str, str]] = []
    written: set[bytes] = set()
    for name, value in pairs:
        base = name.partition(b"*")[0]
        if base not in sections:
            decoded.append((text(name), text(value)))
        elif base not in written:
            written.add(base)
            decoded.append((text(base), _joined(sections[base])))
    return tuple(decoded)


def _sections(pairs: list[_Pair]) -> dict[bytes, list[tuple[bool, bytes]]]:
    """By name, the sections from 0 without a gap: whether each is percent-encoded, and its value."""
    found: dict[bytes, dict[int, tuple[bool, bytes]]] = {}
    for name, value in pairs:
        section = _SECTION.fullmatch(name)
        if section and b"*" in name:
            found.setdefault(section[1], {}).setdefault(int(section[2] or 0), (section[3] is not None, value))
    return {
        name: [by_number[number] for number in range(_contiguous(by_number))]
        for name, by_number in found.items()
        if 0 in by_number
    }


def _contiguous(by_number: dict[int, tuple[bool, bytes]]) -> int:
    count = 0
    while count in by_number:
        count += 1
    return count


def _joined(sections: list[tuple[bool, bytes]]) -> str:
    encoded, first = sections[0]
    charset = b""
    if encoded and first.count(b"'") >= 2:
        charset, _, first = first.split(b"'", 2)  # RFC 2231 4: charset'language'value
    values = [unquote_to_bytes(first) if encoded else first]
    values.extend(unquote_to_bytes(value) if encoded else value for encoded, value in sections[1:])
    return charsets.decode(b"".join(values), charset)


def _without_comments(body: bytes) -> bytes:
    """`body` without (comments), which nest (RFC 5322 3.2.2); in the middle of a parameter's word, ( is text."""
    if b"(" not in body:
        return body
    kept = b";"
    pieces: list[bytes] = []
    at = depth = 0
    in_parameters = False
    while found := (_INSIDE if depth else _OUTSIDE).match(body, at):
        at = found.end()
        piece = found.group()
        if depth:
            depth += (piece == b"(") - (piece == b")")
        elif piece == b"(" and (not in_parameters or kept[-1:] in b" \t;="):
            depth = 1
        else:
            in_parameters = in_parameters or b";" in piece
            pieces.append(kept := piece)
    return b"".join(pieces)


def _lower(token: bytes) -> str:
    return text(token).lower()
