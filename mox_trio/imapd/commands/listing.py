"""LIST with everything that it can return, and LSUB (RFC 9051 6.3.9, RFC 5258, 5819, 6154, 9590; RFC 3501 6.3.9).

The whole answer is of one moment: one read of the index, whatever is returned of how many mailboxes.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import trio

from mox_trio.imapd import listing, patterns, replies
from mox_trio.imapd.commands import mailboxes as mailbox_commands
from mox_trio.imapd.commands import metadata
from mox_trio.imapd.listing import Names
from mox_trio.imapd.patterns import Patterns
from mox_trio.imapd.state import Session
from mox_trio.mailstore import annotating, mailboxes
from mox_trio.protocol.imap.commands.listing import List, Lsub
from mox_trio.protocol.imap.responses import ListEntry, Metadata, Status

MANY: Final = 1000
"""Names whose fitting is found out in a thread: each costs some 10 us, and as much again for each `LONG` of the patterns."""
LONG: Final = 500
"""Characters."""
AT_ONCE: Final = 200
"""Responses, annotations and entries that are asked for, before others have their turn."""


async def list_(session: Session, command: List) -> Status:
    """LIST."""
    if command.patterns == ("",) and not command.is_extended:  # RFC 9051 6.3.9: what the delimiter is
        session.say(ListEntry(("\\NoSelect",), ""))
        return replies.DONE
    fitting = _fitting(command.reference, command.patterns)
    asked = command.metadata
    account = session.require_account()
    seen = await mailboxes.overview(session.store, account, with_annotations=asked is not None)
    names = Names.of(seen.mailboxes, seen.subscribed)
    wanted = tuple(dict.fromkeys(asked.entries)) if asked is not None else ()
    long = said = 0
    for entry in await _told(session, names, fitting, listing.entries(names, command, fitting)):
        session.say(entry)
        row = names.mailboxes.get(entry.mailbox)
        if row is not None and command.status:
            session.say(mailbox_commands.status_of(session, row, command.status))
        if row is not None and asked is not None:
            noted = {each.entry: annotating.opened(account, each) for each in seen.annotations.get(row.id, ())}
            noted = metadata.with_special_use(noted, row)
            chosen = await metadata.chosen(session, noted, wanted, asked.depth, asked.max_size)
            long = max(long, chosen.longest)
            if chosen.values:
                session.say(Metadata(entry.mailbox, chosen.values))
            said += len(noted) + len(wanted)
        await session.drain()
        said += 1
        if said >= AT_ONCE:
            said = 0
            await session.turn()
    return metadata.long_entries(long) if long else replies.DONE


async def lsub(session: Session, command: Lsub) -> Status:
    """LSUB."""
    if not command.pattern:
        session.say(ListEntry(("\\NoSelect",), "", is_lsub=True))
        return replies.DONE
    fitting = _fitting(command.reference, (command.pattern,))
    seen = await mailboxes.overview(session.store, session.require_account())
    names = Names.of(seen.mailboxes, seen.subscribed)
    for number, entry in enumerate(
        await _told(session, names, fitting, listing.lsub_entries(names, command, fitting)), 1
    ):
        session.say(entry)
        if number % AT_ONCE == 0:
            await session.drain()
            await session.turn()
    return replies.DONE


async def _told(session: Session, names: Names, fitting: Patterns, entries: Iterator[ListEntry]) -> list[ListEntry]:
    looked_at = len(names.mailboxes) + len(names.subscribed)
    if looked_at * (1 + fitting.size // LONG) < MANY:
        return list(entries)
    return await trio.to_thread.run_sync(list, entries, limiter=session.store.computing)


def _fitting(reference: str, wanted: Iterable[str]) -> Patterns:
    try:
        return Patterns(reference, wanted)
    except patterns.TooLong:
        raise replies.Refused(Status("NO", "the patterns are too long", b"LIMIT")) from None
