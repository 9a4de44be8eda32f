"""What FETCH asks for, made ready: which columns it needs, and how the items of responses are made from them.

A `Plan` is made once a command. Items are then rendered for a page of messages at once, each as a column of values for a
template that is shared by all lines: what Python does for a message is one formatting.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.imapd import sections
from mox_trio.imapd.sections import Mail, needs_parts
from mox_trio.imapd.state import Session
from mox_trio.mailstore import reading_many, rendering
from mox_trio.mailstore.reading_many import FIRST, FLAGS, KEYWORDS, MODSEQ, OBJECT_ID, PLACE, RECEIVED, SIZE
from mox_trio.protocol.imap import fetch_response
from mox_trio.protocol.imap.fetch_items import Binary, BinarySize, Item, Preview, Section, Simple
from mox_trio.protocol.mime import bodystructure, envelope, structure_codec
from mox_trio.protocol.mime.part import Part
from storage_backends.index.api import Row
from storage_backends.index.tables import flags

PREVIEW: Final = 200
"""RFC 8970 4: characters."""


@dataclass(frozen=True, slots=True)
class Page:
    """Messages that are rendered together, each at the same place of all sequences."""

    uids: Sequence[int]
    places: Sequence[int]
    """In the snapshot; -1 where a message is not there any more."""
    rows: Sequence[Row]
    """As `reading_many.found` gives them; empty where none are needed, of a message or of all."""


@dataclass(frozen=True, slots=True)
class Column:
    """One item of every response."""

    template: bytes
    values: Callable[[Page], Sequence[Any]]
    """For the template, one a message."""
    rendered_from: int = -1
    """Where rows hold what values are rendered from at a cost, as may take long; -1 for none."""


@dataclass(frozen=True, slots=True)
class Quick:
    """A section that most messages have in their row."""

    template: bytes
    """For the size and the value."""
    values: Callable[[Sequence[Row]], list[bytes | None]]
    """None where a row does not hold it all, or where it is to be looked at more closely."""


@dataclass(frozen=True, slots=True)
class Span:
    """A section that is a range of the mail, whatever its parts are."""

    template: bytes
    """For the size and the value."""
    bounds: Callable[[int, int], tuple[int, int]]
    """Start and stop from the sizes of the mail and of its header."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read for a page."""

    rows: Sequence[Row]
    quick: Sequence[Sequence[Any]] = ()
    """For the templates of quick sections: sizes and values of the first, then of the next."""
    slow: Sequence[int] = ()
    """Numbers of the rows that do not hold all of those."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer a FETCH."""

    columns: tuple[Column, ...]
    sections: tuple[Section | Binary | BinarySize, ...]
    quick: tuple[Quick, ...]
    """All the sections, where they are of the message's own header; else none."""
    spans: tuple[Span, ...]
    """All the sections, where they are the whole message or its text; else none."""
    names: tuple[str, ...]
    """Columns that rows hold beside `reading_many.OWN`; those of `PLACE` where bodies are read."""
    needs_rows: bool
    """What the snapshot holds is not enough."""
    sets_seen: bool
    shows_flags: bool
    """FLAGS is among the items: with \\Seen, where it is set."""

    def at(self, name: str) -> int:
        """Where a column is in a row; -1 where it is not."""
        return FIRST + self.names.index(name) if name in self.names else -1

    @property
    def place(self) -> int:
        """Where `reading_many.PLACE` is, in rows that have it."""
        return FIRST + self.names.index(PLACE[0]) if PLACE[0] in self.names else FIRST + len(self.names)

    @property
    def literals(self) -> bytes:
        """The template of all sections, where they are quick or spans."""
        return b" ".join([each.template for each in self.quick or self.spans])

    def read(self, rows: Sequence[Row]) -> Read:
        """Rows of which quick sections are chosen, which may take long."""
        quick: list[Sequence[Any]] = []
        slow: set[int] = set()
        for each in self.quick:
            values = each.values(rows)
            if None in values:
                slow.update([number for number, value in enumerate(values) if value is None])
            known = [value or b"" for value in values]
            quick += (list(map(len, known)), known)
        return Read(rows, quick, sorted(slow))


def with_uid(session: Session, items: Sequence[Item], *, wanted: bool = False) -> list[Item]:
    """The same, with UID where it is `wanted` or has to be there, and without it where the response says it already."""
    uid = Simple("UID")
    if session.uid_only:  # RFC 9586 3.3
        return [each for each in items if each != uid] or [uid]
    if (wanted or session.qresync) and uid not in items:  # RFC 9051 6.4.9, RFC 7162 3.2.4
        return [uid, *items]
    return list(items)


def plan(session: Session, items: Sequence[Item], *, peeks: bool = False) -> Plan:
    """The plan for these items; where it `peeks` nothing sets \\Seen."""
    wanted = tuple([item for item in items if isinstance(item, Section | Binary | BinarySize)])
    names = _names(items, wanted)
    quick = _quick(wanted, names)
    seen = not (peeks or session.require_selected().read_only)
    seen = seen and any(isinstance(item, Section | Binary) and not item.peek for item in wanted)
    made = _Columns(session, names, also_flags=flags.SEEN if seen else 0)
    columns = tuple([made.of(item) for item in items if isinstance(item, Simple | Preview)])
    of_rows = any(isinstance(item, Simple) and item.name in _OF_ROWS for item in items)
    if wanted and not quick:
        names += PLACE
    needs_rows = bool(names) or of_rows
    return Plan(columns, wanted, quick, _spans(wanted), names, needs_rows, seen, Simple("FLAGS") in items)


_OF_ROWS: Final = ("INTERNALDATE", "RFC822.SIZE", "EMAILID")
"""Items that need a row but no column that others do not need."""
_NAMES: Final = {
    "SAVEDATE": ("saved",),
    "ENVELOPE": ("envelope",),
    "BODYSTRUCTURE": ("bodystructure",),
    "BODY": ("parts", "header"),
    "THREADID": ("thread_id",),
}


def _names(items: Sequence[Item], wanted: Sequence[Section | Binary | BinarySize]) -> tuple[str, ...]:
    found: list[str] = []
    for item in items:
        if isinstance(item, Simple):
            found += _NAMES.get(item.name, ())
        elif isinstance(item, Preview):
            found.append("summary")
    if wanted:
        found.append("header_size")
        if any(map(sections.needs_header, wanted)):
            found.append("header")
        if any(map(needs_parts, wanted)):
            found.append("parts")
    return tuple(dict.fromkeys(found))


def mail(made: Plan) -> Callable[[Row], Mail]:
    """What is known of the mail of a row, for its sections."""
    size, header, parts = made.at("header_size"), made.at("header"), made.at("parts")

    def of(row: Row) -> Mail:
        head = row[header] if header >= 0 else b""
        return Mail(row[SIZE], row[size], head, _load(row[parts], head) if parts >= 0 else None)

    return of


# -- sections that are ranges, and those that are in the row


def _spans(wanted: Sequence[Section | Binary | BinarySize]) -> tuple[Span, ...]:
    found: list[Span] = []
    for item in wanted:
        if not isinstance(item, Section) or item.part or item.text not in ("", "TEXT"):
            return ()
        found.append(Span(_literal(item), partial(sections.span, item)))
    return tuple(found)


def _literal(item: Section) -> bytes:
    return fetch_response.label(item).replace(b"%", b"%%") + b" {%d}\r\n%b"


def _quick(wanted: Sequence[Section | Binary | BinarySize], names: tuple[str, ...]) -> tuple[Quick, ...]:
    found: list[Quick] = []
    for item in wanted:
        if not isinstance(item, Section) or item.part or not item.text.startswith("HEADER"):
            return ()
        header, size = FIRST + names.index("header"), FIRST + names.index("header_size")
        found.append(Quick(_literal(item), _of_header(item, header, size)))
    return tuple(found)


def _of_header(item: Section, header: int, size: int) -> Callable[[Sequence[Row]], list[bytes | None]]:
    choose = sections.chooser(item)
    partial = item.partial

    def value(block: bytes, length: int) -> bytes | None:
        if len(block) != length:
            if len(block) < length:
                return None
            block = block[:length]
        if b"\0" in block:
            return None
        found = choose(block)
        return found if partial is None else sections.cut(found, partial)

    return lambda rows: [value(row[header], row[size]) for row in rows]


# -- items


class _Columns:
    def __init__(self, session: Session, names: tuple[str, ...], *, also_flags: int) -> None:
        self._session = session
        self._names = names
        self._also_flags = also_flags
        """Flags that the messages get by being fetched."""
        self._snapshot = session.require_selected().view.snapshot
        self._utf8 = session.wire.utf8

    def of(self, item: Simple | Preview) -> Column:
        return self._preview() if isinstance(item, Preview) else _MADE[item.name](self)

    def uid(self) -> Column:
        return Column(b"UID %d", lambda page: page.uids)

    def flags(self) -> Column:
        snapshot, item = self._snapshot, self._session.require_feed().flag_lists.item
        there, keywords, also = snapshot.flags, snapshot.keywords, self._also_flags

        def values(page: Page) -> Sequence[bytes]:
            if -1 not in page.places:
                return [item(there[at] | also, keywords[at]) for at in page.places]
            return [
                item(there[at] | also, keywords[at]) if at >= 0 else item(row[FLAGS], row[KEYWORDS])
                for at, row in zip(page.places, page.rows, strict=True)
            ]

        return Column(b"%b", values)

    def modseq(self) -> Column:
        modseqs = self._snapshot.modseqs

        def values(page: Page) -> Sequence[int]:
            if -1 not in page.places:
                return [modseqs[at] for at in page.places]
            pairs = zip(page.places, page.rows, strict=True)
            return [modseqs[at] if at >= 0 else row[MODSEQ] for at, row in pairs]

        return Column(b"MODSEQ (%d)", values)

    def internal_date(self) -> Column:
        render = self._session.require_feed().dates.date_time
        return Column(b"INTERNALDATE %b", lambda page: [render(row[RECEIVED]) for row in page.rows])

    def save_date(self) -> Column:
        render = self._session.require_feed().dates.date_time
        column = self._at("saved")
        return Column(b"SAVEDATE %b", lambda page: [render(row[column]) for row in page.rows])

    def size(self) -> Column:
        return Column(b"RFC822.SIZE %d", lambda page: [row[SIZE] for row in page.rows])

    def email_id(self) -> Column:
        return Column(b"EMAILID (%b)", lambda page: [row[OBJECT_ID].encode("ascii") for row in page.rows])

    def thread_id(self) -> Column:
        column = self._at("thread_id")
        return Column(b"THREADID (%b)", lambda page: [row[column].encode("ascii") for row in page.rows])

    def envelope(self) -> Column:
        column = self._at("envelope")
        return Column(b"ENVELOPE %b", lambda page: [row[column] for row in page.rows])

    def structure(self) -> Column:
        column = self._at("bodystructure")
        return Column(b"BODYSTRUCTURE %b", lambda page: [row[column] for row in page.rows])

    def body(self) -> Column:
        parts, header, utf8 = self._at("parts"), self._at("header"), self._utf8
        made = partial(structure, extended=False, utf8=utf8)
        return Column(b"BODY %b", lambda page: [made(row[parts], row[header]) for row in page.rows], parts)

    def _preview(self) -> Column:
        column, utf8 = self._at("summary"), self._utf8

        def one(row: Row) -> bytes:
            return fetch_response.preview(rendering.parse_summary(row[column]).preview[:PREVIEW], utf8=utf8)

        return Column(b"%b", lambda page: [one(row) for row in page.rows])

    def _at(self, column: str) -> int:
        return FIRST + self._names.index(column)


_MADE: Final[dict[str, Callable[[_Columns], Column]]] = {
    "UID": _Columns.uid,
    "FLAGS": _Columns.flags,
    "MODSEQ": _Columns.modseq,
    "INTERNALDATE": _Columns.internal_date,
    "SAVEDATE": _Columns.save_date,
    "RFC822.SIZE": _Columns.size,
    "EMAILID": _Columns.email_id,
    "THREADID": _Columns.thread_id,
    "ENVELOPE": _Columns.envelope,
    "BODYSTRUCTURE": _Columns.structure,
    "BODY": _Columns.body,
}


class Ascii:
    """ENVELOPE and BODYSTRUCTURE for sessions that take no 8-bit: rendered again where a row holds some.

    RFC 6855 3: without UTF8=ACCEPT nothing but ASCII may stand in them.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._named = [(FIRST + names.index(name), name) for name in ("envelope", "bodystructure") if name in names]

    def wanting(self, rows: Sequence[Row]) -> list[int]:
        """UIDs of rows that hold 8-bit."""
        found: set[int] = set()
        for at, _ in self._named:
            if not b"".join([row[at] for row in rows]).isascii():  # one look, and nearly always no second one
                found.update([row[reading_many.UID] for row in rows if not row[at].isascii()])
        return sorted(found)

    def rendered(self, rows: Sequence[Row], sources: Sequence[Row]) -> list[Row]:
        """The rows, with what `sources` (header and parts of those that were wanting) give in its place."""
        by_uid = {row[reading_many.UID]: row for row in sources}
        return [self._rendered(row, by_uid.get(row[reading_many.UID])) for row in rows]

    def _rendered(self, row: Row, source: Row | None) -> Row:
        if source is None:
            return row
        values = list(row)
        header, parts = source[FIRST], source[FIRST + 1]
        for at, name in self._named:
            if name == "envelope":
                values[at] = envelope.render(header, utf8=False)
            else:
                values[at] = structure(parts, header, extended=True, utf8=False)
        return tuple(values)


def structure(parts: bytes, header: bytes, *, extended: bool, utf8: bool) -> bytes:
    """BODY or BODYSTRUCTURE from a stored tree of parts."""
    root = _load(parts, header)
    return bodystructure.render(root, extended=extended, envelope=partial(envelope.render, utf8=utf8), utf8=utf8)


def _load(parts: bytes, header: bytes) -> Part:
    try:
        return structure_codec.load(parts, header)
    except ValueError as error:  # of another version; upkeep writes it anew
        raise Failure(
            Kind.TRY_LATER, "the message's structure is not known yet; try again later", str(error)
        ) from error
