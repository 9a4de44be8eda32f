"""SELECT, EXAMINE, CLOSE, UNSELECT, with CONDSTORE and QRESYNC (RFC 9051 6.3.2, 6.3.3, 6.4.1, 6.4.2; RFC 7162 3.1.8, 3.2.5)."""

from collections.abc import Sequence
from functools import partial

import trio

from mox_trio.imapd import progress, replies, updates
from mox_trio.imapd.state import Selected, Session
from mox_trio.imapd.view import View
from mox_trio.mailstore import changes, expunging
from mox_trio.protocol.imap import encoding, numsets
from mox_trio.protocol.imap.commands.selecting import Close, QResync, Select
from mox_trio.protocol.imap.numsets import NumSet, Ranges
from mox_trio.protocol.imap.responses import Exists, ListEntry, Recent, Status
from storage_backends.index.api import ModSeq
from storage_backends.index.tables import flags


async def select(session: Session, command: Select) -> Status:
    """SELECT and EXAMINE."""
    feed = session.require_feed()
    if command.qresync is not None and not session.qresync:
        return Status("BAD", "ENABLE QRESYNC comes first")  # RFC 7162 3.2.5
    if session.selected is not None:
        session.deselect()
        session.state_changed()
        session.say(Status("OK", "the mailbox before is closed", b"CLOSED"))  # RFC 9051 7.1, RFC 7162 3.2.11
    box = await feed.select(command.mailbox)
    view = View(box.snapshot)
    box.views.add(view)
    selected = session.selected = Selected(box, view, command.read_only)
    session.state_changed()
    if command.condstore:
        session.enable("CONDSTORE")
    _say_state(session, selected, command.mailbox)
    if command.qresync is not None:
        await _resynchronise(session, selected, command.qresync)
    if command.read_only:
        return Status("OK", "only to be read", b"READ-ONLY")
    return Status("OK", "selected", b"READ-WRITE")


def mailbox_id(number: int) -> str:
    """MAILBOXID (RFC 8474 4)."""
    return f"F{number}"


def _say_state(session: Session, selected: Selected, asked: str) -> None:
    row, view = selected.box.row, selected.view
    snapshot = view.snapshot
    updates.announce_keywords(session, selected)
    session.say(Exists(len(view)))
    if not session.wire.rev2:  # RFC 9051 appendix E
        session.say(Recent())
        unseen = next((at for at, each in enumerate(snapshot.flags, 1) if not each & flags.SEEN), 0)
        if unseen:
            session.say(Status("OK", "the first that is not seen", b"UNSEEN %d" % unseen))
    session.say(Status("OK", "these UIDs are valid", b"UIDVALIDITY %d" % row.uidvalidity))
    session.say(Status("OK", "the next UID", b"UIDNEXT %d" % snapshot.uidnext))
    session.say(Status("OK", "the highest modification sequence", b"HIGHESTMODSEQ %d" % max(snapshot.highest, 1)))
    session.say(Status("OK", "the mailbox's id", b"MAILBOXID (%b)" % mailbox_id(row.id).encode("ascii")))
    if session.wire.rev2:  # RFC 9051 6.3.2
        old = asked if asked != row.name else None
        session.say(ListEntry((), row.name, old_name=old))


async def _resynchronise(session: Session, selected: Selected, asked: QResync) -> None:
    """What changed since the client was here (RFC 7162 3.2.5.1): VANISHED (EARLIER), then FETCH."""
    view, row = selected.view, selected.box.row
    snapshot = view.snapshot  # what was said to be there: what goes or changes meanwhile is told later
    if asked.uidvalidity != row.uidvalidity:
        return
    known = _known(view, asked)
    if asked.modseq < row.pruned_modseq and asked.match is not None:
        known = numsets.subtract(known, ((1, _agreed(view, *asked.match)),))
    say_vanished(session, await vanished(session, selected, asked.modseq, known))
    recent = snapshot.changed_since(asked.modseq)
    changed = [uid for start, stop in numsets.slices(known, recent) for uid in recent[start:stop]]
    for start in range(0, len(changed), updates.LINES):
        session.write(updates.flag_lines(session, selected, changed[start : start + updates.LINES], snapshot))
        await session.drain()
        await session.turn()


def _known(view: View, asked: QResync) -> Ranges:
    """The UIDs that the client says it knows; without a word all there ever were."""
    highest = view.snapshot.uidnext - 1
    if highest <= 0:
        return ()
    if asked.known_uids is None:
        return ((1, highest),)
    return numsets.intersect(numsets.resolve(asked.known_uids, highest), ((1, highest),))


def _agreed(view: View, numbers: NumSet, uids: NumSet) -> int:
    """The highest UID up to which nothing can have gone, by the client's sequence numbers (RFC 7162 3.2.5.2); 0 for none."""
    there = view.uids
    of_numbers, of_uids = numsets.resolve(numbers, len(there)), numsets.resolve(uids, view.top)
    if not of_numbers or not of_uids or numsets.count(of_numbers) != numsets.count(of_uids):
        return 0
    agreed = 0
    for number, uid in zip(numsets.numbers_of(of_numbers), numsets.numbers_of(of_uids), strict=True):
        if number > len(there) or there[number - 1] != uid:
            break
        agreed = uid
    return agreed


def say_vanished(session: Session, ranges: Ranges) -> None:
    """VANISHED (EARLIER) of these UIDs, in as many lines as it takes."""
    for piece in numsets.pieces(ranges, encoding.LINE_OCTETS):
        session.write(b"* VANISHED (EARLIER) %b\r\n" % piece)


async def vanished(session: Session, selected: Selected, since: int, known: Ranges) -> Ranges:
    """UIDs among `known` of messages that went after a modseq, as far as the session's view goes.

    Where tombstones back to there are no longer kept, all that are not there count: more than the client needs, and never
    less (RFC 7162 3.2.5.1).
    """
    view = selected.view
    there, limiter = view.uids, session.store.computing
    if since < selected.box.row.pruned_modseq:
        return await trio.to_thread.run_sync(_missing, known, there, limiter=limiter)
    found = await changes.vanished(session.store, selected.box.id, ModSeq(since))
    # Again of now: what came and went meanwhile is told as a change.
    return await trio.to_thread.run_sync(_vanished, found, known, view.uids, limiter=limiter) if found else ()


def _missing(known: Ranges, there: Sequence[int]) -> Ranges:
    return numsets.subtract(known, numsets.of(there))


def _vanished(found: Sequence[int], known: Ranges, there: Sequence[int]) -> Ranges:
    return numsets.subtract(numsets.intersect(numsets.of(found), known), numsets.of(there))


async def close(session: Session, command: Close) -> Status:
    """CLOSE, and UNSELECT (RFC 3691)."""
    selected = session.require_selected()
    if command.expunge and not selected.read_only and not selected.box.gone:
        # RFC 9051 6.4.1: nothing is said of what goes.
        work = partial(expunging.expunge, session.store, session.require_account(), selected.box.id)
        expunged = await progress.patiently(session, work)
        session.deselect()
        session.state_changed()
        await session.reach(expunged.modseq)
        if expunged.uids and session.qresync:  # RFC 7162 3.2.8
            highest = b"HIGHESTMODSEQ %d" % expunged.modseq
            return Status("OK", "closed", highest)
        return replies.DONE
    session.deselect()
    session.state_changed()
    return replies.DONE
