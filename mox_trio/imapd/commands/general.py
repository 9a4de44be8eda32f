"""Commands of every state, and those about the session itself."""

import logging
from functools import partial
from typing import Final

from mox_trio.base import text
from mox_trio.imapd import capabilities, replies, updates
from mox_trio.imapd.compressing import Compression
from mox_trio.imapd.state import Session
from mox_trio.protocol.imap.commands.general import (
    Capability,
    Compress,
    Enable,
    Id,
    Idle,
    Logout,
    Namespace,
    Noop,
)
from mox_trio.protocol.imap.events import Done
from mox_trio.protocol.imap.responses import Capabilities, Continuation, Enabled, Namespaces, ServerId, Status
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)

AGENT: Final = 200
"""Characters of what a client says of itself that are kept."""


async def capability(session: Session, command: Capability) -> Status:
    """CAPABILITY."""
    session.say(Capabilities(session.capabilities()))
    return replies.DONE


async def noop(session: Session, command: Noop) -> Status:
    """NOOP and CHECK: everything that has happened, in other processes too, is told."""
    if session.feed is not None:
        await session.feed.pull()
    return replies.DONE


async def logout(session: Session, command: Logout) -> Status:
    """LOGOUT."""
    session.is_over = True
    session.say(Status("BYE", "goodbye"))
    return replies.DONE


async def identify(session: Session, command: Id) -> Status:
    """ID: the version is told to those only who are logged in."""
    fields = dict(command.fields)
    words = [value for name in ("name", "version", "os") if (value := fields.get(name))]
    session.agent = text.without_controls(" ".join(words))[:AGENT]
    if session.login is not None:
        session.login.came_by(session.agent)
    said = [("name", "mox-trio")]
    if session.account is not None and session.settings.version:
        said.append(("version", session.settings.version))
    session.say(ServerId(tuple(said)))
    return replies.DONE


async def enable(session: Session, command: Enable) -> Status:
    """ENABLE (RFC 9051 6.3.1): what is unknown, or switched off for the account, is passed over."""
    known = capabilities.ENABLED_BY_NAME - session.disabled()
    if session.selected is not None:
        known -= _BEFORE_SELECT
    fresh = [name for name in dict.fromkeys(command.names) if name in known and name not in session.enabled]
    was_condstore = session.condstore
    session.enable(*fresh)
    session.say(Enabled(tuple([_SPELLED.get(name, name) for name in fresh])))
    if session.condstore and not was_condstore and session.selected is not None:
        session.say(highest_modseq(session))
    return replies.DONE


_BEFORE_SELECT: Final = frozenset({"UTF8=ACCEPT"})
"""Passed over while a mailbox is selected (RFC 6855 3)."""
_SPELLED: Final = {"IMAP4REV2": "IMAP4rev2"}


def highest_modseq(session: Session) -> Status:
    """HIGHESTMODSEQ, when CONDSTORE is switched on in a selected mailbox (RFC 7162 3.1)."""
    highest = max(session.require_selected().view.snapshot.highest, 1)
    return Status("OK", "modification sequences are told from now on", b"HIGHESTMODSEQ %d" % highest)


def switch_on_condstore(session: Session) -> None:
    """A command used CONDSTORE (RFC 7162 3.1)."""
    if not session.condstore:
        session.enable("CONDSTORE")
        if session.selected is not None:
            session.say(highest_modseq(session))


async def compress(session: Session, command: Compress) -> Status | None:
    """COMPRESS (RFC 4978)."""
    dialog = session.dialog
    if command.mechanism != "DEFLATE":
        return Status("BAD", "the one mechanism is DEFLATE")
    if dialog.compression is not None:
        return Status("NO", "the connection is compressed already", b"COMPRESSIONACTIVE")
    session.say(Status("OK", "compressed from here on", tag=session.tag))
    await dialog.flush()
    dialog.compression = Compression(dialog.protocol.discard())
    return None


async def idle(session: Session, command: Idle) -> Status:
    """IDLE (RFC 9051 6.3.13): what happens is told as it happens, until DONE."""
    session.say(Continuation("idling"))
    if session.feed is not None:
        try:
            await session.feed.pull()
        except StorageError as error:  # the client was told to go on: what it says next is no command
            logger.warning("changes cannot be told", extra=session.fields(reason=str(error)))
            raise replies.SessionOver(replies.UNTOLD) from error
    await updates.tell(session, expunges=True)
    session.push = partial(updates.push, session)
    try:
        while (event := await session.dialog.event_or_wake()) is None:
            await updates.tell(session, expunges=True)
    finally:
        session.push = None
    if not isinstance(event, Done):  # the protocol said BAD and ends the session
        raise replies.Ended(event)
    return replies.DONE


async def namespace(session: Session, command: Namespace) -> Status:
    """NAMESPACE."""
    session.say(Namespaces())
    return replies.DONE
