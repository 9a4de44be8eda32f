"""FETCH (RFC 9051 6.4.5, RFC 3516, 7162, 8474, 8514, 8970, 9394): in pages, so that no result is ever in memory.

Flags come from the view, what is in rows from rows, headers up to 32 KiB too; bytes of bodies are read only where they are
asked for. \\Seen is set in one write when all is said; its FETCH follows as for any change. Messages that went and that the
session was not told of are still there for it; when they are erased, an hour later, the session ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from mox_trio.imapd import bodies_out, replies
from mox_trio.imapd.commands import general, selecting
from mox_trio.imapd.fetching import Ascii, Page, Plan, mail, plan
from mox_trio.imapd.sections import Piece, UnknownEncoding, piece
from mox_trio.imapd.state import Selected, Session
from mox_trio.mailstore import flagging, reading_many
from mox_trio.mailstore.flagging import Change
from mox_trio.mailstore.reading_many import EMAIL, Wanted
from mox_trio.protocol.imap import fetch_response, numsets
from mox_trio.protocol.imap.commands.fetch import Fetch
from mox_trio.protocol.imap.fetch_items import Item, Simple
from mox_trio.protocol.imap.numsets import Ranges
from mox_trio.protocol.imap.responses import Status
from storage_backends.index.api import Row
from storage_backends.index.tables import flags

PAGE: Final = 500
"""Messages whose rows are read at once."""
FEW: Final = 20
"""Messages with 8-bit that are rendered again without a thread."""
TOGETHER: Final = 1024 * 1024
"""Octets of bodies that are read together."""

UNKNOWN_CTE: Final = Status("NO", "the encoding of the part is not known", b"UNKNOWN-CTE")


async def fetch(session: Session, command: Fetch) -> Status:
    """FETCH and UID FETCH."""
    selected = session.require_selected()
    items = _items(session, command)
    ranges = session.resolve(command.numbers, uid=command.uid)
    if command.vanished:
        await _say_vanished(session, selected, command, ranges)
    fetching = _Fetching(session, selected, plan(session, items))
    for page in _pages(_places(selected, command, ranges)):
        await fetching.page(page)
        await session.drain()
        await session.turn()
    await fetching.set_seen()
    return Status("OK", "some of the messages are gone", b"EXPUNGEISSUED") if fetching.has_ghosts else replies.DONE


def _items(session: Session, command: Fetch) -> list[Item]:
    items = list(command.items)
    if command.changed_since is not None and Simple("MODSEQ") not in items:
        items.append(Simple("MODSEQ"))  # RFC 7162 3.1.4.1
    if Simple("MODSEQ") in items:
        general.switch_on_condstore(session)
    if command.vanished and not (session.qresync and command.uid and command.changed_since is not None):
        # RFC 7162 3.2.6
        raise replies.Refused(Status("BAD", "VANISHED needs UID FETCH, CHANGEDSINCE and ENABLE QRESYNC"))
    if (command.uid or session.qresync) and not session.uid_only and Simple("UID") not in items:
        items.insert(0, Simple("UID"))
    elif session.uid_only and Simple("UID") in items and len(items) > 1:
        items.remove(Simple("UID"))  # RFC 9586 3.3: UIDFETCH says it already
    return items


async def _say_vanished(session: Session, selected: Selected, command: Fetch, ranges: Ranges) -> None:
    since = command.changed_since or 0
    selecting.say_vanished(session, await selecting.vanished(session, selected, since, ranges))


def _places(selected: Selected, command: Fetch, ranges: Ranges) -> list[tuple[int, int]]:
    """Where the messages stand in the view that are wanted: slices."""
    view = selected.view
    places = view.places(ranges)
    if command.changed_since is not None:
        changed = frozenset(view.snapshot.changed_since(command.changed_since))
        uids = view.uids
        kept = [at for start, stop in places for at in range(start, stop) if uids[at] in changed]
        places = [(low, high + 1) for low, high in numsets.of(kept)]
    return places if command.partial is None else _partial(places, *command.partial)


def _partial(places: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Those between two places of the result, which count from its end where they are negative (RFC 9394 3.3)."""
    total = sum([stop - start for start, stop in places])
    low, high = min(first, last), max(first, last)
    if low < 0:
        low, high = total + low + 1, total + high + 1
    kept: list[tuple[int, int]] = []
    before = 0
    for start, stop in places:
        size = stop - start
        begin, end = max(low - 1 - before, 0), min(high - before, size)
        if begin < end:
            kept.append((start + begin, start + end))
        before += size
    return kept


def _pages(places: list[tuple[int, int]]) -> Iterator[list[int]]:
    """Positions in pages."""
    page: list[int] = []
    for start, stop in places:
        while start < stop:
            end = min(stop, start + PAGE - len(page))
            page.extend(range(start, end))
            start = end
            if len(page) == PAGE:
                yield page
                page = []
    if page:
        yield page


@dataclass(slots=True)
class _Message:
    """A message whose response waits for bytes of its body."""

    start: bytes
    """The response up to the items that wait."""
    pieces: list[Piece]
    row: Row


class _Fetching:
    """One FETCH under way."""

    def __init__(self, session: Session, selected: Selected, made: Plan) -> None:
        self._session = session
        self._selected = selected
        self._plan = made
        self._view = selected.view
        self._snapshot = selected.view.snapshot
        self._ascii = None if session.wire.utf8 else Ascii(made.names)
        self._start = b" ".join([column.template for column in made.columns])
        """Of every response, as a template."""
        self._start = (b"* %d UIDFETCH (" if session.uid_only else b"* %d FETCH (") + self._start
        self._seen: list[int] = []
        self.has_ghosts = False

    async def page(self, positions: Sequence[int]) -> None:
        """Say the messages at these places of the view."""
        view = self._view
        known = view.uids
        uids = [known[at] for at in positions]
        gone = [uid for uid in uids if view.is_ghost(uid)] if view.ghosts else []
        self.has_ghosts = self.has_ghosts or bool(gone)
        rows: Sequence[Row] = ()
        if self._plan.needs_rows:
            rows = await self._rows(uids)
        elif gone:
            found = {row[reading_many.UID]: row for row in await self._rows(gone)}
            rows = [found.get(uid, ()) for uid in uids]
        page = Page(uids, self._places(positions, uids), rows)
        numbers = uids if self._session.uid_only else [at + 1 for at in positions]
        columns = [column.values(page) for column in self._plan.columns]
        starts = [self._start % each for each in zip(numbers, *columns, strict=True)]
        if not self._plan.sections:
            self._session.write(b")\r\n".join([*starts, b""]))
            return
        if self._plan.sets_seen and not self._selected.read_only:
            self._note_seen(page)
        if not self._said_quickly(starts, rows):
            await self._say_sections(starts, rows)

    async def _rows(self, uids: Sequence[int]) -> Sequence[Row]:
        session, names = self._session, self._plan.names
        account, box = session.require_account(), self._selected.box
        found = await reading_many.found(session.store, account, box.id, uids, names)
        if len(found) < len(uids):
            await session.require_feed().pull()
            raise replies.SessionOver(replies.DELETED if box.gone else replies.ERASED)
        if self._ascii is not None and (wanting := self._ascii.wanting(found)):
            sources = await reading_many.found(session.store, account, box.id, wanting, ("header", "parts"))
            render = partial(self._ascii.rendered, found, sources)
            if len(sources) > FEW:
                found = await trio.to_thread.run_sync(render, limiter=session.store.computing)
            else:
                found = render()
        return found

    def _places(self, positions: Sequence[int], uids: Sequence[int]) -> Sequence[int]:
        """Where the messages are in the snapshot, which mostly is where they are in the view."""
        there = self._snapshot.uids
        if positions[-1] < len(there) and [there[at] for at in positions] == uids:
            return positions
        return [self._snapshot.index(uid) for uid in uids]

    def _said_quickly(self, starts: Sequence[bytes], rows: Sequence[Row]) -> bool:
        """Say sections that are in the rows, where all of them are."""
        quick = self._plan.quick
        if not quick:
            return False
        between = b" " if self._plan.columns else b""
        lines: list[bytes] = []
        for start, row in zip(starts, rows, strict=True):
            items: list[bytes] = []
            for each in quick:
                value = each.value(row)
                if value is None or b"\0" in value:
                    return False
                items.append(b"%b {%d}\r\n%b" % (each.label, len(value), value))
            lines += (start, between, b" ".join(items), fetch_response.CLOSING)
        self._session.write(b"".join(lines))
        return True

    async def _say_sections(self, starts: Sequence[bytes], rows: Sequence[Row]) -> None:
        waiting: list[_Message] = []
        octets = 0
        of_row = mail(self._plan)
        for start, row in zip(starts, rows, strict=True):
            known = of_row(row)
            try:
                pieces = [piece(each, known) for each in self._plan.sections]
            except UnknownEncoding:
                await self._flush(waiting)
                raise replies.Refused(UNKNOWN_CTE) from None
            waiting.append(_Message(start, pieces, row))
            octets += sum([each.stop - each.start for each in pieces if each.is_read])
            if octets >= TOGETHER:
                await self._flush(waiting)
                octets = 0
        await self._flush(waiting)

    async def _flush(self, waiting: list[_Message]) -> None:
        """Say the messages that wait, with small ranges read together."""
        session = self._session
        account = session.require_account()
        wanted: list[Wanted] = []
        for each in waiting:
            small = [one for one in each.pieces if one.is_read and bodies_out.is_small(one)]
            if small:
                where = reading_many.located(account, each.row)
                wanted += [bodies_out.wanted(one, each.row[EMAIL], where) for one in small]
        data = iter(await reading_many.ranges(session.store, account, wanted)) if wanted else iter(())
        for each in waiting:
            line = [each.start]
            is_first = not self._plan.columns
            for one in each.pieces:
                if not is_first:
                    line.append(b" ")
                is_first = False
                if one.is_missing:
                    line.append(fetch_response.nil(one.label))
                elif one.value is not None:
                    line.append(_at_hand(one, one.value))
                elif bodies_out.is_small(one):
                    line.append(await bodies_out.item(one, next(data)))
                else:
                    where = reading_many.located(account, each.row)
                    await bodies_out.stream(session, line, one, each.row[EMAIL], where)
                    line = []
            line.append(fetch_response.CLOSING)
            session.write(b"".join(line))
            await session.drain()
        waiting.clear()

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
        await session.reach(stored.modseq)


def _at_hand(one: Piece, value: bytes) -> bytes:
    if one.label.startswith(b"BINARY.SIZE"):
        return b"%b %b" % (one.label, value)
    return bodies_out.ready(one, value)
