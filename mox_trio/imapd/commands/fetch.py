"""FETCH (RFC 9051 6.4.5, RFC 3516, 7162, 8474, 8514, 8970, 9394): in pages, so that no result is ever in memory.

Flags come from the view, what is in rows from rows, headers up to 32 KiB too; bytes of bodies are read only where they are
asked for. \\Seen is set in one write when all is said; its FETCH follows as for any change. Messages that went and that the
session was not told of are still there for it; when they are erased, an hour later, the session ends.
"""

from collections.abc import Iterator
from typing import Final

from mox_trio.imapd import replies
from mox_trio.imapd.commands import general, selecting
from mox_trio.imapd.fetch_plan import plan, with_uid
from mox_trio.imapd.fetching import Fetching
from mox_trio.imapd.state import Selected, Session
from mox_trio.protocol.imap import numsets
from mox_trio.protocol.imap.commands.fetch import Fetch
from mox_trio.protocol.imap.fetch_items import Item, Simple
from mox_trio.protocol.imap.numsets import Ranges
from mox_trio.protocol.imap.responses import Status

PAGE: Final = 500
"""Messages whose rows are read at once."""


async def fetch(session: Session, command: Fetch) -> Status:
    """FETCH and UID FETCH."""
    selected = session.require_selected()
    items = _items(session, command)
    ranges = session.resolve(command.numbers, uid=command.uid)
    if command.vanished:
        await _say_vanished(session, selected, command, ranges)
    fetching = Fetching(session, plan(session, items))
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
    return with_uid(session, items, wanted=command.uid)


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
