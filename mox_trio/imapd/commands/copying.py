"""COPY, MOVE and EXPUNGE (RFC 9051 6.4.3, 6.4.7, 6.4.8, 6.4.9; RFC 4315, 6851): by reference, all or none.

What the messages were and where they are now is in the account's changes: whoever learns from them, as a filter for junk does
from what is moved to and from Junk, reads it there.
"""

from functools import partial

from mox_trio.base.failure import Failure, Kind
from mox_trio.imapd import progress, replies, updates
from mox_trio.imapd.state import Session
from mox_trio.mailstore import expunging, moving
from mox_trio.mailstore.moving import Copied
from mox_trio.protocol.imap import numsets
from mox_trio.protocol.imap.commands.copying import Copy, Expunge
from mox_trio.protocol.imap.responses import Status
from storage_backends.index.tables.messages import EVERYTHING

EXPUNGED = Status("NO", "some of the messages are gone", b"EXPUNGEISSUED")


async def copy(session: Session, command: Copy) -> Status:
    """COPY and MOVE."""
    selected = session.require_writable() if command.move else session.require_selected()
    view = selected.view
    ranges = session.resolve(command.numbers, uid=command.uid)
    if not command.uid and any(numsets.contains(ranges, uid) for uid in view.ghosts):
        return EXPUNGED  # RFC 2180 4.4
    if not view.places(ranges):
        return Status("OK", "there are no such messages")
    account = session.require_account()
    try:
        if command.move:
            work = partial(moving.move, session.store, account, selected.box.id, ranges, command.mailbox)
        else:
            quota = session.quota()
            work = partial(moving.copy, session.store, account, selected.box.id, ranges, command.mailbox, quota)
        copied = await progress.patiently(session, work)
    except Failure as failure:
        if failure.kind is Kind.NOT_FOUND and not selected.box.gone:
            raise replies.Refused(Status("NO", failure.public, b"TRYCREATE")) from None
        raise
    session.did(copied.modseq)
    await session.reach(copied.modseq)
    if not copied.sources:
        return Status("OK", "there are no such messages")
    if copied.target == selected.box.id:
        selected.placed.update(range(copied.first, copied.first + len(copied.sources)))
    code = copy_uid(copied)
    if not command.move:
        return Status("OK", "copied", code)
    session.say(Status("OK", "moved", code))  # RFC 6851 4.3: before the EXPUNGEs
    await updates.say_gone(session, copied.sources)
    return Status("OK", "moved", _highest(session, copied.modseq))


def copy_uid(copied: Copied) -> bytes:
    """COPYUID (RFC 4315 3)."""
    last = copied.first + len(copied.sources) - 1
    target = numsets.encode([(copied.first, last)])
    return b"COPYUID %d %b %b" % (copied.uidvalidity, numsets.encode(numsets.of(copied.sources)), target)


async def expunge(session: Session, command: Expunge) -> Status:
    """EXPUNGE and UID EXPUNGE. What goes is told as all changes are."""
    selected = session.require_writable()
    ranges = EVERYTHING if command.uids is None else session.resolve(command.uids, uid=True)
    if not ranges:
        return replies.DONE
    work = partial(expunging.expunge, session.store, session.require_account(), selected.box.id, ranges)
    expunged = await progress.patiently(session, work)
    await session.reach(expunged.modseq)
    await updates.say_gone(session, expunged.uids)
    return Status("OK", "expunged", _highest(session, expunged.modseq)) if expunged.uids else replies.DONE


def _highest(session: Session, modseq: int) -> bytes:
    """HIGHESTMODSEQ of a completion (RFC 7162 3.2.7)."""
    return b"HIGHESTMODSEQ %d" % modseq if session.condstore else b""
