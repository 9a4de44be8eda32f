"""What is attached to a message: names, types as people know them, and how a browser may be given them. Pure."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from mox_trio.mailstore import listing
from mox_trio.protocol.mime import words
from mox_trio.protocol.mime.part import Part

ENDINGS: Final = {
    "pdf": "pdf", "zip": "zip", "rar": "archive", "7z": "archive", "tar": "archive", "gz": "archive", "tgz": "archive",
    "bz2": "archive", "xz": "archive", "zst": "archive", "ods": "spreadsheet", "xls": "spreadsheet", "xlsx": "spreadsheet",
    "csv": "spreadsheet", "odt": "document", "doc": "document", "docx": "document", "rtf": "document",
    "odp": "presentation", "ppt": "presentation", "pptx": "presentation",
}  # fmt: skip
INLINE: Final = {
    "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "text/plain",
}  # fmt: skip
"""Types that a browser shows and that cannot run; anything else is given as octets to be saved."""
_UNSAFE: Final = re.compile('[\x00-\x1f\x7f/\\\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,100}")
LONGEST_NAME: Final = 200
LONGEST_WRITTEN: Final = 2000
"""Characters of a name as a message writes it that are decoded: encoded words make ten of one."""
_SHOWN_BY_ID: Final = re.compile("cid:([^\"'<>\\s]{1,1000})", re.IGNORECASE)
MOST: Final = 500
"""Attachments of a message that are shown."""


@dataclass(frozen=True, slots=True)
class File:
    """An attachment with its path: the numbers of the children that lead to it, from 0."""

    path: tuple[int, ...]
    part: Part
    name: str
    kind: str


def paths(root: Part) -> Iterator[tuple[tuple[int, ...], Part]]:
    """All parts with their paths; those within attached messages are not parts of this one."""
    waiting: list[tuple[tuple[int, ...], Part]] = [((), root)]
    while waiting:
        path, part = waiting.pop()
        yield path, part
        if part.is_multipart:
            waiting += [((*path, number), child) for number, child in reversed(list(enumerate(part.children)))]


def at(root: Part, path: Sequence[int]) -> Part | None:
    """The part at a path."""
    part = root
    for number in path:
        if not part.is_multipart or not 0 <= number < len(part.children):
            return None
        part = part.children[number]
    return part


def files(root: Part) -> list[File]:
    """The attachments of a message."""
    found: list[File] = []
    for path, part in paths(root):
        if listing.is_attachment(part) and not (_is_signature(part) and len(path) > 0):
            written = written_name(part)
            found.append(File(path, part, _safe(written, part, len(found) + 1), _kind(written, part)))
            if len(found) == MOST:
                break
    return found


def pictures(root: Part) -> list[File]:
    """Pictures that the HTML of a message shows by their Content-ID."""
    found = (
        File(path, part, name(part, number), part.content_id or "")
        for number, (path, part) in enumerate(paths(root), 1)
        if part.content_id and part.type == "image" and not listing.is_attachment(part)
    )
    return list(islice(found, MOST))


def pictures_within(root: Part, document: str) -> list[tuple[str, Part]]:
    """Those that the HTML of a message shows (RFC 2392), by their ids without brackets, in a time that grows with the lengths of
    both.
    """
    wanted = {html.unescape(each) for each in _SHOWN_BY_ID.findall(document)}
    named = (((part.content_id or "").strip("<> "), part) for _, part in paths(root) if part.type == "image")
    return list(islice((each for each in named if each[0] in wanted), MOST))


def _is_signature(part: Part) -> bool:
    return part.type == "application" and part.subtype in ("pgp-signature", "pkcs7-signature", "x-pkcs7-signature")


def written_name(part: Part) -> str:
    """The name that the message gives; "" for none."""
    pairs = (*part.disposition_parameters, *part.parameters)
    given = next((value for key, value in pairs if key == "filename"), "")
    given = given or next((value for key, value in pairs if key == "name"), "")
    return words.decode(given[:LONGEST_WRITTEN].encode("utf-8", "replace"))


def name(part: Part, number: int = 1) -> str:
    """A name that every system takes."""
    return _safe(written_name(part), part, number)


def _safe(written: str, part: Part, number: int) -> str:
    given = _UNSAFE.sub("_", written).strip(" .")
    if len(given) > LONGEST_NAME:
        stem, dot, ending = given.rpartition(".")
        given = f"{stem[: LONGEST_NAME - 20]}{dot}{ending[:15]}" if dot else given[:LONGEST_NAME]
    if given:
        return given
    if part.is_message:
        return f"message-{number}.eml"
    ending = {"plain": "txt", "jpeg": "jpg", "calendar": "ics", "octet-stream": "bin"}.get(part.subtype, part.subtype)
    return f"attachment-{number}.{re.sub('[^a-z0-9]', '', ending)[:10] or 'bin'}"


def kind(part: Part) -> str:
    """image, pdf, archive, zip, spreadsheet, document, presentation, message, text, calendar or file."""
    return _kind(written_name(part), part)


def _kind(written: str, part: Part) -> str:
    ending = ENDINGS.get(written.rpartition(".")[2].lower(), "")
    if part.type == "image":
        return "image"
    if part.subtype == "pdf" or ending == "pdf":
        return "pdf"
    if ending:
        return ending
    if part.subtype in ("zip", "x-zip-compressed"):
        return "zip"
    if part.is_message:
        return "message"
    if part.type == "text":
        return "calendar" if part.subtype == "calendar" else "text"
    return "file"


def served_type(part: Part) -> str:
    """The type that a browser is told: one of a few, or octets."""
    given = f"{part.type}/{part.subtype}"
    if given in ("image/jpg", "image/pjpeg"):
        given = "image/jpeg"
    if given in INLINE:
        return "text/plain; charset=utf-8" if given == "text/plain" else given
    if part.type == "text" and part.subtype in ("csv", "calendar", "markdown", "x-patch", "x-diff"):
        return "text/plain; charset=utf-8"
    return "application/octet-stream"


def safe_name(given: str) -> str:
    """A name from a page, fit for a header and for every system; "" for none."""
    return _UNSAFE.sub("_", given).strip(" .")[:LONGEST_NAME]


def is_type(text: str) -> bool:
    """Whether a text is a type that an attachment may have."""
    return _TYPE.fullmatch(text) is not None and not text.startswith(("multipart/", "message/"))
