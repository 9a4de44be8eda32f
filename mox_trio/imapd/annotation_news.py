"""Tells a session which annotations others have changed (RFC 5464 4.4.2): where it enabled METADATA or METADATA-SERVER all of
them, where NOTIFY was used those that it asked for (RFC 5465 5.6, 5.7). Names of entries are told, never values.
"""

from itertools import groupby
from typing import Final

from mox_trio.imapd.state import Session
from mox_trio.mailstore import annotating
from mox_trio.protocol.imap.responses import MetadataChanged

TOGETHER: Final = 100
"""Entries of one response."""


async def tell(session: Session) -> None:
    """Say what was heard and not told. StorageError."""
    heard = session.annotations
    since = heard.take()
    if since is None:
        return
    now, entries = await annotating.changed(session.store, session.require_account(), since)
    by_others = [each for each in entries if not heard.is_own(each.modseq)]
    heard.told(now)
    for mailbox, group in groupby(by_others, key=lambda each: each.mailbox):
        if session.notify is not None and not session.notify.tells_annotations(mailbox):
            continue
        names = [each.entry for each in group]
        for start in range(0, len(names), TOGETHER):
            session.say(MetadataChanged(mailbox, tuple(names[start : start + TOGETHER])))
            await session.drain()
