"""Tells a session what has changed since it was told last (RFC 9051 5.2, 7.5; RFC 7162 3.2.10; RFC 9586 3.2).

EXPUNGE or VANISHED, EXISTS, FLAGS where there is a new keyword, and FETCH of changed flags. Sessions that are at the same point
and understand the same share the octets: of a thousand that idle in one mailbox, one renders them.
"""

import logging
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from mox_trio.base.failure import Failure
from mox_trio.imapd import annotation_news, replies
from mox_trio.imapd.feeds import FLAG_NAMES
from mox_trio.imapd.fetch_plan import plan, with_uid
from mox_trio.imapd.fetching import Fetching
from mox_trio.imapd.notifying import Notification
from mox_trio.imapd.snapshot import Snapshot
from mox_trio.imapd.state import Selected, Session
from mox_trio.imapd.view import Updates
from mox_trio.protocol.imap import encoding
from mox_trio.protocol.imap.fetch_items import Binary, BinarySize, Item
from mox_trio.protocol.imap.responses import Exists, Expunged, Flags, Status, Vanished
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)

OVERFLOW: Final = Status("OK", "too much happened; ask for it", b"NOTIFICATIONOVERFLOW")
SHARED: Final = 64
"""Different updates to one snapshot that are kept for other sessions."""
SHARED_OCTETS: Final = 256 * 1024
"""Of one of them."""
LINES: Final = 500
"""Lines that are rendered before others have their turn."""
NOTHING: Final[Mapping[int, Sequence[Item]]] = MappingProxyType({})


async def tell(session: Session, *, expunges: bool, pushing: bool = False) -> None:
    """Say what there is to say; what went is left for later where `expunges` is not set. SessionOver, also where the store
    fails: what was not told then would never be.

    After NOTIFY only what it asked for is told (RFC 5465 3.1); `pushing` is where no command is in progress.
    """
    try:
        await _tell(session, expunges=expunges, pushing=pushing)
    except (Failure, StorageError) as error:
        logger.warning("changes cannot be told", extra=session.fields(reason=replies.private(error)))
        raise replies.SessionOver(replies.UNTOLD) from error


async def _tell(session: Session, *, expunges: bool, pushing: bool) -> None:
    session.dialog.forget_wake()
    feed, selected, notify = session.feed, session.selected, session.notify
    if feed is None:
        return
    if feed.gone:
        raise replies.SessionOver(replies.REMOVED)
    if selected is not None:
        if selected.box.gone:
            raise replies.SessionOver(replies.DELETED)
        if session.hears_selected:
            announce_keywords(session, selected)
            quietly = pushing and notify is not None and not notify.pushes_expunges
            await _tell_selected(session, selected, expunges and not quietly)
        selected.placed.clear()
    if notify is not None:
        if notify.has_overflown:
            session.notify = Notification((), ())  # RFC 5465 5.8: as after NOTIFY NONE
            session.say(OVERFLOW)
        else:
            await notify.tell(session)
    await annotation_news.tell(session)


async def say_gone(session: Session, uids: Iterable[int]) -> None:
    """Say that these messages went, by a command of the session's own, where NOTIFY keeps silent about the selected mailbox:
    else it is told with everything else.
    """
    selected = session.selected
    if selected is None or session.hears_selected:
        return
    updates = selected.view.take_gone(uids)
    if selected.contexts is not None:
        await selected.contexts.forewarn(session, updates)
    session.write(_first(session, updates))


async def _fetch_new(
    session: Session, selected: Selected, new: Sequence[int], wanted: Mapping[int, Sequence[Item]]
) -> None:
    """What NOTIFY and contexts want to hear of new messages, each in one response; \\Seen stays as it is."""
    pushed = session.notify.fetches if session.notify is not None else ()
    if not pushed and not wanted:
        return
    for start in range(0, len(new), LINES):
        alike: dict[tuple[Item, ...], list[int]] = {}
        for uid in new[start : start + LINES]:
            # RFC 5465 5.2: NOTIFY is not about what the client itself has put there
            items = (*(() if uid in selected.placed else pushed), *wanted.get(uid, ()))
            if items:
                alike.setdefault(tuple(dict.fromkeys(items)), []).append(uid)
        for items, uids in alike.items():
            there = [number - 1 for number in selected.view.numbers(uids) if number]
            await _fetch(session, with_uid(session, items), there)
        await session.drain()
        await session.turn()


async def _fetch(session: Session, items: Sequence[Item], positions: Sequence[int]) -> None:
    """FETCH without a command; of what cannot be decoded a NO that has no tag (RFC 3516 4.3)."""
    fetching = Fetching(session, plan(session, items, peeks=True))
    step = 1 if any(isinstance(item, Binary | BinarySize) for item in items) else len(positions)
    for start in range(0, len(positions), max(step, 1)):
        try:
            await fetching.page(positions[start : start + step])
        except replies.Refused as refused:
            session.say(refused.status)


def announce_keywords(session: Session, selected: Selected) -> None:
    """Say FLAGS where the account has a keyword that the session has not heard of: before it is used."""
    feed = session.require_feed()
    if selected.keywords_told == len(feed.keywords):
        return
    selected.keywords_told = len(feed.keywords)
    session.say(Flags((*FLAG_NAMES, *feed.keywords.values())))
    session.say(permanent_flags(session, selected))


def permanent_flags(session: Session, selected: Selected) -> Status:
    """PERMANENTFLAGS; with \\* while there are bits for keywords left."""
    if selected.read_only:
        return Status("OK", "nothing can be changed", b"PERMANENTFLAGS ()")
    named = session.require_feed().keywords
    names = [*FLAG_NAMES, *named.values(), *(["\\*"] if session.require_feed().has_free_keywords else [])]
    return Status("OK", "flags are kept", b"PERMANENTFLAGS (%b)" % " ".join(names).encode("ascii"))


def push(session: Session) -> bool:
    """Say at once what happened in the mailbox of a session that idles; False where its own task has to do it.

    Waking a task costs several times what is said.
    """
    selected, feed, dialog = session.selected, session.feed, session.dialog
    if selected is None or feed is None or session.notify is not None or selected.contexts is not None:
        return False
    if session.annotations.has_news:
        return False
    if feed.gone or selected.box.gone or selected.keywords_told != len(feed.keywords) or not dialog.may_send_now:
        return False
    view = selected.view
    if not view.has_news(expunges=True):
        return True
    octets = _shared(session, selected, expunges=True)
    if octets is None:
        if len(view.snapshot.changes_since(view.told)) > LINES:
            return False
        key = _key(session, selected, expunges=True)
        updates = view.take(expunges=True)
        octets = _first(session, updates) + flag_lines(session, selected, updates.changed)
        _share(selected, key, octets)
    dialog.send_now(octets)
    return True


def _key(session: Session, selected: Selected, *, expunges: bool) -> Hashable | None:
    """Equal for sessions that have the same to hear of this snapshot, in the same words; None where nobody else has."""
    situation = selected.view.situation(expunges=expunges)
    if situation is None or selected.contexts is not None or session.notify is not None:
        return None
    return situation, session.condstore, session.says_vanished, session.uid_only


def _shared(session: Session, selected: Selected, *, expunges: bool) -> bytes | None:
    """What another session was told that had the same to hear; it then counts as told."""
    key = _key(session, selected, expunges=expunges)
    ready = selected.view.snapshot.shared.get(key) if key is not None else None
    if ready is not None:
        selected.view.skip(expunges=expunges)
    return ready


def _share(selected: Selected, key: Hashable | None, octets: bytes) -> None:
    shared = selected.view.snapshot.shared
    if key is not None and len(shared) < SHARED and len(octets) <= SHARED_OCTETS:
        shared[key] = octets


async def _tell_selected(session: Session, selected: Selected, expunges: bool) -> None:
    view = selected.view
    if not view.has_news(expunges=expunges):
        return
    ready = _shared(session, selected, expunges=expunges)
    if ready is not None:
        session.write(ready)
        return
    key = _key(session, selected, expunges=expunges)
    updates = view.take(expunges=expunges)
    if session.notify is not None and session.notify.hides_flags:
        updates = replace(updates, changed=())
    contexts = selected.contexts
    if contexts is not None:
        await contexts.forewarn(session, updates)
    first = _first(session, updates)
    session.write(first)
    if len(updates.changed) <= LINES:
        lines = flag_lines(session, selected, updates.changed)
        session.write(lines)
        _share(selected, key, first + lines)
    else:
        await say_flags(session, selected, updates.changed)
    # RFC 5465 7: before what came into results; 5.2 wants the opposite, and servers may choose (erratum 4833).
    wanted = await contexts.look(session, updates) if contexts is not None else NOTHING
    await _fetch_new(session, selected, updates.new, wanted)
    if contexts is not None:
        await contexts.tell(session)


def _first(session: Session, updates: Updates) -> bytes:
    """EXPUNGE or VANISHED, and EXISTS."""
    said = b""
    if updates.expunged:
        gone: Any = Vanished(updates.expunged) if session.says_vanished else Expunged(list(reversed(updates.numbers)))
        said = encoding.encode(gone, session.wire)
    if updates.exists is not None:
        said += encoding.encode(Exists(updates.exists), session.wire)
    return said


async def say_flags(session: Session, selected: Selected, uids: Sequence[int]) -> None:
    """The same as `flag_lines`, a part of them at a time."""
    for start in range(0, len(uids), LINES):
        session.write(flag_lines(session, selected, uids[start : start + LINES]))
        await session.drain()
        await session.turn()


def flag_lines(session: Session, selected: Selected, uids: Sequence[int], snapshot: Snapshot | None = None) -> bytes:
    """FETCH of the flags of messages that the session knows and that are there: now, or in an earlier snapshot."""
    snapshot = selected.view.snapshot if snapshot is None else snapshot
    there = [(uid, at) for uid in uids if (at := snapshot.index(uid)) >= 0]
    rows = [(uid, snapshot.flags[at], snapshot.keywords[at], snapshot.modseqs[at]) for uid, at in there]
    return store_lines(session, selected, rows, with_flags=True)


def store_lines(session: Session, selected: Selected, rows: Sequence[tuple[int, ...]], *, with_flags: bool) -> bytes:
    """FETCH with UID, FLAGS where wanted, and MODSEQ for who enabled it, from (uid, flags, keywords, modseq, ...)."""
    uids = [row[0] for row in rows]
    template = b"* %d UIDFETCH (" if session.uid_only else b"* %d FETCH (UID %d "
    columns: list[Sequence[Any]] = [uids] if session.uid_only else [selected.view.numbers(uids), uids]
    items: list[bytes] = []
    if with_flags:
        item = session.require_feed().flag_lists.item
        items.append(b"%b")
        columns.append([item(row[1], row[2]) for row in rows])
    if session.condstore:
        items.append(b"MODSEQ (%d)")
        columns.append([row[3] for row in rows])
    template += b" ".join(items) + b")\r\n"
    return b"".join([template % each for each in zip(*columns, strict=True)])
