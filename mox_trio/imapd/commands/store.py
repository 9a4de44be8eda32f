"""STORE (RFC 9051 6.4.6, RFC 7162 3.1.3): one change for all messages, told from what it says of itself."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

import trio

from mox_trio.imapd import progress, replies, updates
from mox_trio.imapd.commands import general
from mox_trio.imapd.state import Selected, Session
from mox_trio.mailstore import flagging
from mox_trio.mailstore.flagging import Change, Stored, StoredRow
from mox_trio.protocol.imap import numsets
from mox_trio.protocol.imap.commands.store import Store
from mox_trio.protocol.imap.responses import Status

SLICE: Final = 2000
"""Messages that are looked at before others have their turn."""

T = TypeVar("T")

_CHANGES: Final = {"add": Change.ADD, "remove": Change.REMOVE, "replace": Change.REPLACE}


async def store(session: Session, command: Store) -> Status:
    """STORE and UID STORE."""
    selected = session.require_writable()
    view = selected.view
    if command.unchanged_since is not None:
        general.switch_on_condstore(session)
    ranges = session.resolve(command.numbers, uid=command.uid)
    if not view.places(ranges):
        return replies.DONE
    work = partial(
        flagging.store_flags,
        session.store,
        session.require_account(),
        selected.box.id,
        ranges,
        _CHANGES[command.mode],
        command.flags,
        command.unchanged_since,
    )
    stored = await progress.patiently(session, work)
    await noted(session, selected, stored, silent=command.silent)
    if stored.modified:
        return await _modified(session, selected, stored, command)
    if any(numsets.contains(ranges, uid) for uid in view.ghosts):
        return Status("OK", "some of the messages are gone", b"EXPUNGEISSUED")
    return replies.DONE


async def noted(session: Session, selected: Selected, stored: Stored, *, silent: bool) -> None:
    """Say what a change of the session's own did, and let its view and other sessions know."""
    view = selected.view
    changed: list[StoredRow] = []
    untold: set[int] = set()
    newest = 0
    for some in _slices(stored.rows):
        if newest:
            await session.turn()
        different = [row for row in some if row.modseq != row.was]
        changed += different
        if silent:
            # A client that is told nothing knows the flags, unless somebody else changed them before, unheard.
            untold.update([row.uid for row in different if view.is_untold(row.uid, row.was)])
        newest = max(newest, *[row.modseq for row in some])
    if changed:
        view.stored(stored.modseq, frozenset(untold))
    if stored.rows:
        # Also when others made the change that is shown here: what is told next must not be older.
        await session.reach(newest)
        updates.announce_keywords(session, selected)
    if not silent:
        await _say(session, selected, stored.rows, with_flags=True)
    elif session.condstore:  # RFC 7162 3.1.3
        await _say(session, selected, changed, with_flags=False)


async def _say(session: Session, selected: Selected, rows: Sequence[StoredRow], *, with_flags: bool) -> None:
    for start in range(0, len(rows), updates.LINES):
        some = rows[start : start + updates.LINES]
        session.write(updates.store_lines(session, selected, some, with_flags=with_flags))
        await session.drain()
        await session.turn()


def _slices(things: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), SLICE):
        yield things[start : start + SLICE]


async def _modified(session: Session, selected: Selected, stored: Stored, command: Store) -> Status:
    """The completion of a conditional change that left messages alone, and their flags (RFC 7162 3.1.3)."""
    view = selected.view
    await session.reach(stored.modseq)
    numbers: list[int] = []
    for some in _slices(stored.modified):
        pairs = [(number, uid) for number, uid in zip(view.numbers(some), some, strict=True) if number]
        # What the session was not told yet it will be told at the end of the command.
        told = [uid for _, uid in pairs if not view.has_untold_flags(uid)]
        await updates.say_flags(session, selected, told)
        if len(some) == SLICE:
            await session.turn()
        numbers += [uid if command.uid else number for number, uid in pairs]
    if len(numbers) > SLICE:
        told_of = await trio.to_thread.run_sync(_encoded, numbers, limiter=session.store.computing)
    else:
        told_of = _encoded(numbers)
    code = b"MODIFIED " + told_of
    return Status("OK", "some messages had changed and were left alone", code)


def _encoded(numbers: Sequence[int]) -> bytes:
    return numsets.encode(numsets.of(numbers))
