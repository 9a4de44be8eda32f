"""CANCELUPDATE (RFC 5267 4.3.5)."""

from mox_trio.imapd import contexts, replies
from mox_trio.imapd.state import Session
from mox_trio.protocol.imap.commands.search import CancelUpdate
from mox_trio.protocol.imap.responses import Status

UNKNOWN = Status("NO", "there was no such context")


async def cancel_update(session: Session, command: CancelUpdate) -> Status:
    """End contexts."""
    await session.turn()
    return replies.DONE if contexts.cancel(session, command.tags) else UNKNOWN
