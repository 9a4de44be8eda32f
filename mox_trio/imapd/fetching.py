"""What FETCH asks for, made ready: which columns it needs, and how each item of a response is rendered from them.

A `Plan` is made once a command; its renderers are then called for every message, so they do no more than join ready bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.imapd.sections import Mail, needs_header, needs_parts
from mox_trio.imapd.state import Session
from mox_trio.mailstore import reading_many, rendering
from mox_trio.mailstore.reading_many import FIRST, FLAGS, KEYWORDS, MODSEQ, OBJECT_ID, RECEIVED, SAVED, SIZE
from mox_trio.protocol.imap import fetch_response
from mox_trio.protocol.imap.fetch_items import Binary, BinarySize, Item, Preview, Section, Simple
from mox_trio.protocol.mime import bodystructure, envelope, structure_codec
from mox_trio.protocol.mime.part import Part
from storage_backends.index.api import Row

PREVIEW: Final = 200
"""RFC 8970 4: characters."""

Renderer = Callable[[int, int, Row], bytes]
"""Gets a UID, its place in the snapshot (-1 where it is not there), and its row."""

_ROW: Final = ("INTERNALDATE", "RFC822.SIZE", "SAVEDATE", "EMAILID")
"""Items that need a row but no column of `email`."""
_COLUMNS: Final = {
    "ENVELOPE": ("envelope",),
    "BODYSTRUCTURE": ("bodystructure",),
    "BODY": ("parts", "header"),
    "THREADID": ("thread_id",),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer a FETCH."""

    renderers: tuple[Renderer, ...]
    sections: tuple[Section | Binary | BinarySize, ...]
    columns: tuple[str, ...]
    """Of `email`; those of `reading_many.PLACE` last where bodies may be read."""
    needs_rows: bool
    """What the snapshot holds is not enough."""
    sets_seen: bool

    def mail(self, row: Row) -> Mail:
        """What is known of the mail of a row, for its sections."""
        at = self.columns.index
        head = row[FIRST + at("header")] if "header" in self.columns else b""
        root = _load(row[FIRST + at("parts")], head) if "parts" in self.columns else None
        return Mail(row[SIZE], row[FIRST + at("header_size")], head, root)


def plan(session: Session, items: Sequence[Item]) -> Plan:
    """The plan for these items."""
    sections = tuple([item for item in items if isinstance(item, Section | Binary | BinarySize)])
    columns = _columns(session, items, sections)
    made = _Renderers(session, columns)
    renderers = tuple([made.of(item) for item in items if isinstance(item, Simple | Preview)])
    rows = columns or any(isinstance(item, Simple) and item.name in _ROW for item in items)
    seen = any(isinstance(item, Section | Binary) and not item.peek for item in sections)
    return Plan(renderers, sections, columns, bool(rows), seen)


def _columns(
    session: Session, items: Sequence[Item], sections: Sequence[Section | Binary | BinarySize]
) -> tuple[str, ...]:
    wanted: list[str] = []
    for item in items:
        if isinstance(item, Simple):
            wanted += _COLUMNS.get(item.name, ())
        elif isinstance(item, Preview):
            wanted.append("summary")
    if sections:
        wanted.append("header_size")
        if any(map(needs_header, sections)):
            wanted.append("header")
        if any(map(needs_parts, sections)):
            wanted.append("parts")
        wanted += reading_many.PLACE
    return tuple(dict.fromkeys(wanted))


class _Renderers:
    def __init__(self, session: Session, columns: tuple[str, ...]) -> None:
        self._session = session
        self._columns = columns
        self._snapshot = session.require_selected().view.snapshot
        self._utf8 = session.wire.utf8

    def of(self, item: Simple | Preview) -> Renderer:
        if isinstance(item, Preview):
            return self._preview()
        return _MADE[item.name](self)

    def uid(self) -> Renderer:
        return lambda uid, at, row: b"UID %d" % uid

    def flags(self) -> Renderer:
        snapshot, item = self._snapshot, self._session.require_feed().flag_lists.item
        flags, keywords = snapshot.flags, snapshot.keywords
        return lambda uid, at, row: item(flags[at], keywords[at]) if at >= 0 else item(row[FLAGS], row[KEYWORDS])

    def modseq(self) -> Renderer:
        modseqs = self._snapshot.modseqs
        return lambda uid, at, row: b"MODSEQ (%d)" % (modseqs[at] if at >= 0 else row[MODSEQ])

    def internal_date(self) -> Renderer:
        render = self._session.require_feed().dates.internal_date
        return lambda uid, at, row: render(row[RECEIVED])

    def save_date(self) -> Renderer:
        render = self._session.require_feed().dates.save_date
        return lambda uid, at, row: render(row[SAVED])

    def size(self) -> Renderer:
        return lambda uid, at, row: b"RFC822.SIZE %d" % row[SIZE]

    def email_id(self) -> Renderer:
        return lambda uid, at, row: fetch_response.email_id(row[OBJECT_ID])

    def thread_id(self) -> Renderer:
        column = self._at("thread_id")
        return lambda uid, at, row: fetch_response.thread_id(row[column])

    def envelope(self) -> Renderer:
        column = self._at("envelope")
        return lambda uid, at, row: b"ENVELOPE " + row[column]

    def structure(self) -> Renderer:
        column = self._at("bodystructure")
        return lambda uid, at, row: b"BODYSTRUCTURE " + row[column]

    def body(self) -> Renderer:
        parts, header, utf8 = self._at("parts"), self._at("header"), self._utf8
        return lambda uid, at, row: b"BODY " + structure(row[parts], row[header], extended=False, utf8=utf8)

    def _preview(self) -> Renderer:
        column, utf8 = self._at("summary"), self._utf8

        def render(uid: int, at: int, row: Row) -> bytes:
            return fetch_response.preview(rendering.parse_summary(row[column]).preview[:PREVIEW], utf8=utf8)

        return render

    def _at(self, column: str) -> int:
        return FIRST + self._columns.index(column)


_MADE: Final[dict[str, Callable[[_Renderers], Renderer]]] = {
    "UID": _Renderers.uid,
    "FLAGS": _Renderers.flags,
    "MODSEQ": _Renderers.modseq,
    "INTERNALDATE": _Renderers.internal_date,
    "SAVEDATE": _Renderers.save_date,
    "RFC822.SIZE": _Renderers.size,
    "EMAILID": _Renderers.email_id,
    "THREADID": _Renderers.thread_id,
    "ENVELOPE": _Renderers.envelope,
    "BODYSTRUCTURE": _Renderers.structure,
    "BODY": _Renderers.body,
}


class Ascii:
    """ENVELOPE and BODYSTRUCTURE for sessions that take no 8-bit: rendered again where a row holds some.

    RFC 6855 3: without UTF8=ACCEPT nothing but ASCII may stand in them.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._at = [FIRST + columns.index(name) for name in ("envelope", "bodystructure") if name in columns]
        self._names = [name for name in ("envelope", "bodystructure") if name in columns]

    def wanting(self, rows: Sequence[Row]) -> list[int]:
        """UIDs of rows that hold 8-bit."""
        if not self._at:
            return []
        return [row[reading_many.UID] for row in rows if not all(row[at].isascii() for at in self._at)]

    def rendered(self, rows: Sequence[Row], sources: Sequence[Row]) -> list[Row]:
        """The rows, with what `sources` (header and parts of those that were wanting) give in its place."""
        by_uid = {row[reading_many.UID]: row for row in sources}
        out: list[Row] = []
        for row in rows:
            source = by_uid.get(row[reading_many.UID])
            if source is None:
                out.append(row)
                continue
            values = list(row)
            header, parts = source[FIRST], source[FIRST + 1]
            for at, name in zip(self._at, self._names, strict=True):
                values[at] = (
                    envelope.render(header, utf8=False)
                    if name == "envelope"
                    else structure(parts, header, extended=True, utf8=False)
                )
            out.append(tuple(values))
        return out


def structure(parts: bytes, header: bytes, *, extended: bool, utf8: bool) -> bytes:
    """BODY or BODYSTRUCTURE from a stored tree of parts."""
    root = _load(parts, header)
    return bodystructure.render(root, extended=extended, envelope=partial(envelope.render, utf8=utf8), utf8=utf8)


def _load(parts: Any, header: bytes) -> Part:
    try:
        return structure_codec.load(parts, header)
    except ValueError as error:  # of another version; upkeep writes it anew
        raise Failure(
            Kind.TRY_LATER, "the message's structure is not known yet; try again later", str(error)
        ) from error
