"""The first words of a message, as a list of messages shows them under the subject.

`choose` finds the part whose text is the message's: the first plain or HTML text that is no attachment. `text` makes
the preview of its encoded body, of which the caller need not give all: quotations and the line that introduces them
become "[...]", a signature goes, white space collapses, and what is invisible is left out. Both are linear and never
fail; a part without words gives "".
"""

import re
from collections.abc import Iterable
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.mime import charsets, content_fields, html_text, transfer, words
from mox_trio.protocol.mime.part import Part

OMITTED: Final = "[...]"
"""What stands for quotations."""

_FIRST_CHARACTERS: Final = 512
"""Characters of text that are looked at first, and nearly always are enough."""
_READ_CHARACTERS: Final = 16 * 1024
"""Characters that are looked at where they were not: a long quotation may stand before the first word."""
_SIGNATURE_LINES: Final = 5
"""A dash line with fewer lines than this behind it begins a signature."""
_ATTRIBUTION_LINES: Final = 3
"""Lines over which "On ... wrote:" may be folded."""

_ORIGINAL: Final = re.compile(
    r"-{2,20} ?(?:original message|original appointment|ursprüngliche nachricht) ?-{2,20}", re.IGNORECASE
)
_WROTE: Final = re.compile(
    r"\b(?:wrote|writes|schrieb|écrit|escribió|scrisse|schreef|skrev)\b.{0,100}:$", re.IGNORECASE
)
# Soft hyphens, joiners and the like, with which newsletters fill their first lines, and marks that turn the direction
# of what follows.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u115f\u1160\u3164]"
)


def choose(root: Part) -> Part | None:
    """The part to preview; None where there is no text, or it is encrypted."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if part.disposition == "attachment":
            continue
        if part.is_multipart:
            if part.subtype == "encrypted":  # RFC 1847 2.2
                return None
            # RFC 1847 2.1: the second part of a signed one is its signature
            waiting.extend(reversed(part.children[:1] if part.subtype == "signed" else part.children))
        elif part.type == "text" and part.subtype in ("plain", "html"):
            return part
    return None


def text(part: Part, raw: bytes, length: int = limits.PREVIEW_CHARACTERS) -> str:
    """At most `length` characters on one line, of a text part's encoded body or as much of it as is at hand."""
    is_whole = len(raw) <= limits.PREVIEW_SOURCE_BYTES and len(raw) >= part.size
    data = raw[: limits.PREVIEW_SOURCE_BYTES]
    if content_fields.is_encoded(part):
        decoder = transfer.decoder(part.encoding)
        data = decoder.feed(data) + decoder.close()
    charset = next((value for name, value in part.parameters if name == "charset"), "")
    decoded = charsets.decode(data, charset.encode("ascii", "replace"))
    is_html = part.subtype == "html"
    found, is_all = _words(decoded, is_html, _FIRST_CHARACTERS, is_whole)
    if not is_all and len(found) < length:
        found, _ = _words(decoded, is_html, _READ_CHARACTERS, is_whole)
    shown = found[:length]
    return (shown if shown.isprintable() else words.without_controls(shown)).strip()


def _words(decoded: str, is_html: bool, count: int, is_whole: bool) -> tuple[str, bool]:
    """The preview of the first `count` characters, uncut, and whether there are no more."""
    content = html_text.to_text(decoded, count) if is_html else decoded[:count]
    is_all = len(decoded) <= count
    if not content.isascii():
        content = _INVISIBLE.sub("", content)
    if ">" not in content and "--" not in content:  # neither a quotation nor a signature, as nearly always
        return " ".join(content.split()), is_all
    lines = [line.strip() for line in content.splitlines()]
    if is_whole and is_all:
        lines = _without_signature(lines)
    return " ".join(" ".join(_without_quotations(lines)).split()), is_all


def _without_signature(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines.pop()
    for index in range(len(lines) - 1, max(-1, len(lines) - 1 - _SIGNATURE_LINES), -1):
        if lines[index] in ("--", "> --"):
            return lines[:index]
    return lines


def _without_quotations(lines: Iterable[str]) -> list[str]:
    """The lines with one `OMITTED` in place of each run of quoted ones and of what introduces it."""
    kept: list[str] = []
    for line in lines:
        if line.startswith(">"):
            _drop_attribution(kept)
            _omit(kept)
        elif line.startswith("--") and _ORIGINAL.fullmatch(line):
            _omit(kept)
            break
        elif line:
            kept.append(line)
    return kept


def _omit(kept: list[str]) -> None:
    if not kept or kept[-1] != OMITTED:
        kept.append(OMITTED)


def _drop_attribution(kept: list[str]) -> None:
    """Drops "On Monday, somebody wrote:" at the end, also where it is folded."""
    if not kept or not kept[-1].endswith(":"):
        return
    for count in range(1, min(_ATTRIBUTION_LINES, len(kept)) + 1):
        if kept[-count].startswith("On "):
            del kept[-count:]
            return
    if _WROTE.search(kept[-1]):
        del kept[-1]
