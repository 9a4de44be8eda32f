"""Says what FETCH asks for, a page of messages at a time, so that no result is ever in memory.

Flags come from the view, what is in rows from rows, headers up to 32 KiB too; bytes of bodies are read only where they are
asked for. Messages that went and that the session was not told of are still there for it; when they are erased, an hour later,
the session ends.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NoReturn

import trio

from mox_trio.base.failure import Failure
from mox_trio.imapd import bodies_out, replies
from mox_trio.imapd.fetch_plan import Ascii, Column, Page, Plan, Read, mail
from mox_trio.imapd.sections import Piece, UnknownEncoding, piece
from mox_trio.imapd.state import Session
from mox_trio.mailstore import flagging, reading_many
from mox_trio.mailstore.flagging import Change
from mox_trio.mailstore.reading_many import SIZE, Wanted
from mox_trio.protocol.imap import fetch_response, numsets
from mox_trio.protocol.imap.responses import Status
from storage_backends.errors import StorageError
from storage_backends.index.api import Row
from storage_backends.index.tables import flags

FEW: Final = 20
"""Messages whose structures are rendered without a thread."""
TOGETHER: Final = 1024 * 1024
"""Octets of bodies that are read together, and said together."""
SECTIONS: Final = 2000
"""Sections that are said before others have their turn: of fewer messages where more of each are asked for."""
LOOKED_AT: Final = 64 * 1024
"""Octets of part trees that are looked at before others have their turn."""

UNKNOWN_CTE: Final = Status("NO", "the encoding of the part is not known", b"UNKNOWN-CTE")


@dataclass(slots=True)
class _Message:
    """A message whose response waits for bytes of its body."""

    start: bytes
    """The response up to the items that wait."""
    pieces: list[Piece]
    row: Row


class _Ranges:
    """Small ranges of bodies, one after the other; some are read together."""

    def __init__(self, session: Session, wanted: Sequence[Wanted]) -> None:
        self._session = session
        self._wanted = deque(wanted)
        self._ready: deque[bytes] = deque()

    async def next(self) -> bytes:
        """The next one. Failure, StorageError."""
        if not self._ready:
            some: list[Wanted] = []
            octets = 0
            while self._wanted and octets < TOGETHER:
                some.append(self._wanted.popleft())
                octets += some[-1].stop - some[-1].start
            session = self._session
            self._ready.extend(await reading_many.ranges(session.store, session.require_account(), some))
        return self._ready.popleft()


class Fetching:
    """One FETCH under way, over the selected mailbox."""

    def __init__(self, session: Session, made: Plan) -> None:
        self._session = session
        self._selected = session.require_selected()
        self._plan = made
        self._view = self._selected.view
        self._snapshot = self._view.snapshot
        self._ascii = None if session.wire.utf8 else Ascii(made.names)
        self._start = b" ".join([column.template for column in made.columns])
        """Of every response, as a template."""
        self._start = (b"* %d UIDFETCH (" if session.uid_only else b"* %d FETCH (") + self._start
        between = b" " if made.columns else b""
        self._line = self._start + between + made.literals + fetch_response.CLOSING
        """The whole response, where all sections are quick or spans."""
        self._seen: list[int] = []
        self.has_ghosts = False

    async def page(self, positions: Sequence[int]) -> None:
        """Say the messages at these places of the view."""
        sections = max(1, len(self._plan.sections))
        step = max(1, (reading_many.HEADERS if self._plan.quick and sections > 1 else SECTIONS) // sections)
        start = 0
        while start < len(positions):
            start += await self._page(positions[start : start + step])
            if start < len(positions):
                await self._session.drain()
                await self._session.turn()

    async def _page(self, positions: Sequence[int]) -> int:
        """Say as many of them as fit; how many these are."""
        view = self._view
        known = view.uids
        uids = [known[at] for at in positions]
        gone = [uid for uid in uids if view.is_ghost(uid)] if view.ghosts else []
        self.has_ghosts = self.has_ghosts or bool(gone)
        read = Read(())
        if self._plan.needs_rows:
            if gone:  # how wide those are is not asked
                uids = uids[:FEW]
            fit, read = await self._read(uids, reading_many.GHOSTLY if gone else ())
            positions, uids = positions[:fit], uids[:fit]
        elif gone:
            found = {row[reading_many.UID]: row for row in (await self._read(gone, reading_many.GHOSTLY))[1].rows}
            read = Read([found.get(uid, ()) for uid in uids])
        await self._say(positions, Page(uids, self._places(positions, uids), read.rows), read)
        return len(positions)

    async def _say(self, positions: Sequence[int], page: Page, read: Read) -> None:
        numbers = page.uids if self._session.uid_only else [at + 1 for at in positions]
        columns = [numbers, *[await self._values(column, page) for column in self._plan.columns]]
        if self._plan.sets_seen:
            self._note_seen(page)
        if self._plan.quick:
            await self._say_headers(page.uids, columns, read)
        elif self._plan.spans:
            await self._say_spans(columns, page.rows)
        elif self._plan.sections:
            await self._say_sections(_lines(self._start, columns), page.rows)
        else:
            self._session.write(b")\r\n".join([*_lines(self._start, columns), b""]))

    async def _values(self, column: Column, page: Page) -> Sequence[Any]:
        at = column.rendered_from
        if at >= 0 and (len(page.rows) > FEW or sum([len(row[at]) for row in page.rows]) > LOOKED_AT):
            return await trio.to_thread.run_sync(column.values, page, limiter=self._session.store.computing)
        return column.values(page)

    async def _read(self, uids: Sequence[int], more: tuple[str, ...]) -> tuple[int, Read]:
        """What is read of as many as fit, from the first, with `more` columns, and how many these are. SessionOver."""
        session, plan = self._session, self._plan
        account, box = session.require_account(), self._selected.box
        names = (*plan.names, *more)
        fit, read = await reading_many.fitting(session.store, account, box.id, uids, names, plan.read)
        if len(read.rows) < fit:
            await self._miss()
        if self._ascii is not None and (wanting := self._ascii.wanting(read.rows)):
            sources = await reading_many.found(session.store, account, box.id, wanting, ("header", "parts"))
            render = partial(self._ascii.rendered, read.rows, sources)
            if len(sources) > FEW or sum([len(row[-1]) for row in sources]) > LOOKED_AT:
                rows = await trio.to_thread.run_sync(render, limiter=session.store.computing)
            else:
                rows = render()
            read = replace(read, rows=rows)
        return fit, read

    async def _miss(self) -> NoReturn:
        """Say why messages are not there any more. SessionOver."""
        await self._session.require_feed().pull()
        raise replies.SessionOver(replies.DELETED if self._selected.box.gone else replies.ERASED)

    def _places(self, positions: Sequence[int], uids: Sequence[int]) -> Sequence[int]:
        """Where the messages are in the snapshot, which mostly is where they are in the view."""
        there = self._snapshot.uids
        if positions[-1] < len(there) and [there[at] for at in positions] == uids:
            return positions
        return [self._snapshot.index(uid) for uid in uids]

    async def _say_headers(self, uids: Sequence[int], columns: Sequence[Sequence[Any]], read: Read) -> None:
        """Say sections that are in the rows; messages of which that is not so are said as others are."""
        lines = _lines(self._line, [*columns, *read.quick])
        said = 0
        for first, last in numsets.of(read.slow):
            self._session.write(b"".join(lines[said:first]))
            said = last + 1
            starts = _lines(self._start, _some(columns, first, said))
            await self._say_sections(starts, await self._whole_rows(uids[first:said]))
        self._session.write(b"".join(lines[said:]))

    async def _say_spans(self, columns: Sequence[Sequence[Any]], rows: Sequence[Row]) -> None:
        """Say ranges of mails: what is small is read together, and said with one formatting a message."""
        session, spans = self._session, self._plan.spans
        account, at, place = session.require_account(), self._plan.at("header_size"), self._plan.place
        bounds = [[each.bounds(row[SIZE], row[at]) for each in spans] for row in rows]
        octets = [sum([stop - start for start, stop in each]) for each in bounds]
        first = 0
        while first < len(rows):
            last = _together(octets, first)
            if last == first:
                last += 1
                await self._say_sections(_lines(self._start, _some(columns, first, last)), rows[first:last])
            else:
                pairs = zip(rows[first:last], bounds[first:last], strict=True)
                mails = [(reading_many.located(account, row, place), each) for row, each in pairs]
                wanted = [Wanted(mail, start, stop) for mail, each in mails for start, stop in each]
                found = await reading_many.ranges(session.store, account, wanted)
                values = [bodies_out.without_nul(each) for each in found]
                each_span = [values[number :: len(spans)] for number in range(len(spans))]
                literals = [each for span in each_span for each in (list(map(len, span)), span)]
                session.write(b"".join(_lines(self._line, [*_some(columns, first, last), *literals])))
            first = last
            await session.drain()

    async def _whole_rows(self, uids: Sequence[int]) -> Sequence[Row]:
        """Rows with which bodies can be read. SessionOver."""
        session, names = self._session, (*self._plan.names, *reading_many.PLACE)
        box = self._selected.box
        found = await reading_many.found(session.store, session.require_account(), box.id, uids, names)
        if len(found) < len(uids):
            await self._miss()
        return found

    async def _say_sections(self, starts: Sequence[bytes], rows: Sequence[Row]) -> None:
        waiting: list[_Message] = []
        octets = looked_at = 0
        of_row, parts = mail(self._plan), self._plan.at("parts")

        def look(row: Row) -> list[Piece]:
            known = of_row(row)
            return [piece(each, known) for each in self._plan.sections]

        for start, row in zip(starts, rows, strict=True):
            try:
                if parts >= 0 and len(row[parts]) > LOOKED_AT:
                    pieces = await trio.to_thread.run_sync(look, row, limiter=self._session.store.computing)
                else:
                    pieces = look(row)
            except UnknownEncoding:
                await self._flush(waiting)
                raise replies.Refused(UNKNOWN_CTE) from None
            waiting.append(_Message(start, pieces, row))
            octets += sum([each.stop - each.start for each in pieces if each.is_read])
            looked_at += len(row[parts]) if parts >= 0 else 0
            if octets >= TOGETHER:
                await self._flush(waiting)
                octets = 0
            if looked_at > LOOKED_AT:
                looked_at = 0
                await self._session.turn()
        await self._flush(waiting)

    async def _flush(self, waiting: list[_Message]) -> None:
        """Say the messages that wait, with small ranges read together."""
        account = self._session.require_account()
        wanted: list[Wanted] = []
        for each in waiting:
            small = [one for one in each.pieces if one.is_read and bodies_out.is_small(one)]
            if small:
                where = reading_many.located(account, each.row, self._plan.place)
                wanted += [bodies_out.wanted(one, where) for one in small]
        ranges = _Ranges(self._session, wanted)
        for each in waiting:
            await self._say_message(each, ranges)
        waiting.clear()

    async def _say_message(self, message: _Message, ranges: _Ranges) -> None:
        """One response. Failure, StorageError; Broken where some of it is said already."""
        session = self._session
        line = [message.start]
        octets = 0
        is_said = False
        try:
            for number, one in enumerate(message.pieces):
                if number or self._plan.columns:
                    line.append(b" ")
                if one.is_read and not bodies_out.is_small(one):
                    where = reading_many.located(session.require_account(), message.row, self._plan.place)
                    await bodies_out.stream(session, line, one, where)
                    line, octets, is_said = [], 0, True
                    continue
                line.append(await _item(one, ranges))
                octets += len(line[-1])
                if octets > TOGETHER:
                    session.write(b"".join(line))
                    line, octets, is_said = [], 0, True
                    await session.drain()
        except (Failure, StorageError) as error:
            if is_said:
                raise bodies_out.cut_off(session, str(error)) from error
            raise
        line.append(fetch_response.CLOSING)
        session.write(b"".join(line))
        await session.drain()

    def _note_seen(self, page: Page) -> None:
        there = self._snapshot.flags
        pairs = zip(page.uids, page.places, strict=True)
        self._seen += [uid for uid, at in pairs if at >= 0 and not there[at] & flags.SEEN]

    async def set_seen(self) -> None:
        """Set \\Seen where bodies were read (RFC 9051 6.4.5)."""
        if not self._seen:
            return
        session = self._session
        ranges = numsets.of(self._seen)
        account, box = session.require_account(), self._selected.box
        stored = await flagging.store_flags(session.store, account, box.id, ranges, Change.ADD, ["\\Seen"])
        if self._plan.shows_flags and not session.condstore:  # else the new MODSEQ has to be told
            untold = [row.uid for row in stored.rows if self._view.is_untold(row.uid, row.was)]
            self._view.stored(stored.modseq, frozenset(untold))
        await session.reach(stored.modseq)


def _together(octets: Sequence[int], first: int) -> int:
    """Behind the last message that is read with this one; the same where it is too large."""
    last, total = first, 0
    while last < len(octets) and octets[last] <= bodies_out.SMALL and total < TOGETHER:
        total += octets[last]
        last += 1
    return last


def _some(columns: Sequence[Sequence[Any]], first: int, last: int) -> list[Sequence[Any]]:
    return [column[first:last] for column in columns]


def _lines(template: bytes, columns: Sequence[Sequence[Any]]) -> list[bytes]:
    return [template % each for each in zip(*columns, strict=True)]


async def _item(one: Piece, ranges: _Ranges) -> bytes:
    """A piece that is missing, at hand, or small."""
    if one.is_missing:
        return fetch_response.nil(one.label)
    if one.value is not None:
        return _at_hand(one, one.value)
    return await bodies_out.item(one, await ranges.next())


def _at_hand(one: Piece, value: bytes) -> bytes:
    if one.label.startswith(b"BINARY.SIZE"):
        return b"%b %b" % (one.label, value)
    return bodies_out.ready(one, value)
