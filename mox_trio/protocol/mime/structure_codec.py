"""A part tree as compact bytes and back, so that the index keeps it and no message is parsed twice.

The parts stand in the order of the message, each as a JSON list that begins with the number of its children and
leaves out what has its usual value at the end. The header of the root is not in it: whoever keeps the bytes keeps
that beside them. The bytes begin with a version; those of another version, or damaged ones, are refused, and the
message is parsed again.
"""

import functools
import json
import re
from collections.abc import Sequence
from typing import Any, Final

from mox_trio.protocol.mime.part import Part, Usual, walk

VERSION: Final = 1
"""Goes up with every change of what is written or of what the parser finds."""

_USUAL: Final[list[Any]] = ["text", "plain", [], "7bit", None, [], None, None, [], None, None, ""]
"""From `Part.type` to `Part.md5` in their order, then the header."""

_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_ONE_TEXT: Final = re.compile(
    rb'\[%d,\[0(?:,[0-9]+){5}(?:,"text","[a-z0-9.+-]*"'
    rb'(?:,\[(?:\["charset","(?i:us-ascii|utf-?8|iso-8859-[0-9]{1,2}|windows-125[0-9])"\])?\](?:,"(?:7bit|8bit|binary)")?)?)?\]\]'
    % VERSION
)


def is_one_text(data: bytes) -> bool:
    """Whether it is surely the tree of a message that is one text, not encoded, whose octets below 128 are ASCII."""
    return _ONE_TEXT.fullmatch(data) is not None


def dump(root: Part) -> bytes:
    """The tree as bytes."""
    rows = [_row(part, "" if part is root else part.header.decode("latin-1")) for part in walk(root)]
    return b"[%d,%b]" % (VERSION, b",".join(rows))


def load(data: bytes, header: bytes = b"") -> Part:
    """The tree that `dump` wrote, with `header` for the root. ValueError: written by another version, or damaged."""
    try:
        version, *rows = json.loads(data)
        root = _tree(rows) if version == VERSION else None
    except (ValueError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError("part tree is damaged") from error
    if root is None:
        raise ValueError(f"part tree is of version {version}, not {VERSION}")
    root.header = header
    return root


def _row(part: Part, header: str) -> bytes:
    usual = None if header else part.usual
    return b"[%d,%d,%d,%d,%d,%d%b]" % (
        len(part.children),
        part.header_start,
        part.body_start,
        part.body_stop,
        part.lines,
        part.decoded_size,
        _texts(part, header) if usual is None else _usual_texts(usual),
    )


@functools.lru_cache(maxsize=256)
def _usual_texts(usual: Usual) -> bytes:
    return _texts(Part(**usual._asdict()), "")


def _texts(part: Part, header: str) -> bytes:
    """What follows the numbers of a row."""
    texts: Sequence[Any] = (
        part.type,
        part.subtype,
        [list(pair) for pair in part.parameters],
        part.encoding,
        part.disposition,
        [list(pair) for pair in part.disposition_parameters],
        part.content_id,
        part.description,
        list(part.language),
        part.location,
        part.md5,
        header,
    )
    count = len(texts)
    while count and texts[count - 1] == _USUAL[count - 1]:
        count -= 1
    return b"," + _ENCODE(texts[:count])[1:-1].encode() if count else b""


def _tree(rows: list[Any]) -> Part:
    root = _part(rows[0])
    waiting = [(root, rows[0][0])]
    for row in rows[1:]:
        while not waiting[-1][1]:
            waiting.pop()
        parent, left = waiting.pop()
        part = _part(row)
        parent.children.append(part)
        waiting += [(parent, left - 1), (part, row[0])]
    if any(left for _, left in waiting):
        raise ValueError("part tree is cut short")
    return root


def _part(row: list[Any]) -> Part:
    if not all(type(number) is int for number in row[:6]):
        raise ValueError("part tree is damaged")
    header_start, body_start, body_stop, lines, decoded_size = row[1:6]
    texts = row[6:] + _USUAL[len(row) - 6 :]
    kind, subtype, parameters, encoding, disposition, of_disposition, *rest = texts
    content_id, description, language, location, md5, header = rest
    return Part(
        header_start=header_start,
        body_start=body_start,
        body_stop=body_stop,
        lines=lines,
        decoded_size=decoded_size,
        type=kind,
        subtype=subtype,
        parameters=_pairs(parameters),
        encoding=encoding,
        disposition=disposition,
        disposition_parameters=_pairs(of_disposition),
        content_id=content_id,
        description=description,
        language=tuple(language),
        location=location,
        md5=md5,
        header=header.encode("latin-1"),
    )


def _pairs(pairs: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple([(name, value) for name, value in pairs])
