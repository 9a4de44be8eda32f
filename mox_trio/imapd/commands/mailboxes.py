"""Mailboxes by their names: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS (RFC 9051 6.3.4 to 6.3.8, 6.3.11).

Sessions of IMAP4rev2 hear by LIST what a name became: its normal form, its new name, or that it is gone (RFC 9051
6.3.9.7).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from mox_trio.imapd import capabilities, progress, replies, special_use
from mox_trio.imapd.commands.general import switch_on_condstore
from mox_trio.imapd.commands.selecting import mailbox_id
from mox_trio.imapd.state import Session
from mox_trio.mailstore import mailboxes
from mox_trio.protocol.imap import responses
from mox_trio.protocol.imap.commands.mailboxes import Create, Delete, Rename, Status, Subscribe
from mox_trio.protocol.imap.responses import ListEntry, MailboxStatus
from storage_backends.index.tables.mailboxes import MailboxRow

AT_ONCE: Final = 200
"""Responses, before others have their turn."""


async def create(session: Session, command: Create) -> responses.Status:
    """CREATE, with special uses (RFC 6154 3), which the mailbox takes from the one that had them."""
    try:
        uses = special_use.bits(command.uses)
    except special_use.Unsupported as use:
        return responses.Status("NO", f"no mailbox is made for {use}", b"USEATTR")
    asked = command.mailbox.removesuffix(mailboxes.DELIMITER)
    made = await mailboxes.create(session.store, session.require_account(), asked, uses)
    await session.require_feed().pull()
    session.named([made])
    say_normal_form(session, asked)
    return responses.Status("OK", "made", b"MAILBOXID (%b)" % mailbox_id(made).encode("ascii"))


async def delete(session: Session, command: Delete) -> responses.Status:
    """DELETE. The session's own mailbox is closed by it."""
    account, name = session.require_account(), mailboxes.canonical(command.mailbox)
    gone = await progress.patiently(session, partial(mailboxes.delete, session.store, account, name))
    selected = session.selected
    if selected is not None and selected.box.id == gone:
        session.deselect()
        session.state_changed()
        session.say(responses.Status("OK", "the mailbox that was selected is deleted", b"CLOSED"))
    await session.require_feed().pull()
    session.named([gone])
    if session.wire.rev2:
        session.say(ListEntry(("\\NonExistent",), name))
    return replies.DONE


async def rename(session: Session, command: Rename) -> responses.Status:
    """RENAME, with all mailboxes below."""
    account = session.require_account()
    work = partial(mailboxes.rename, session.store, account, command.mailbox, command.new)
    renamed = await progress.patiently(session, work)
    await session.require_feed().pull()
    session.named([new for _, new in renamed])
    if session.wire.rev2:
        for number, (old, new) in enumerate(renamed, 1):
            session.say(ListEntry((), new, old_name=old))
            if number % AT_ONCE == 0:
                await session.drain()
                await session.turn()
    return replies.DONE


async def subscribe(session: Session, command: Subscribe) -> responses.Status:
    """SUBSCRIBE and UNSUBSCRIBE."""
    account = session.require_account()
    await mailboxes.subscribe(session.store, account, command.mailbox, subscribed=command.subscribed)
    await session.require_feed().pull()
    session.named((), [mailboxes.canonical(command.mailbox)])
    if command.subscribed:
        say_normal_form(session, command.mailbox)
    return replies.DONE


async def status(session: Session, command: Status) -> responses.Status:
    """STATUS."""
    row = await mailboxes.get(session.store, session.require_account(), command.mailbox)
    if "HIGHESTMODSEQ" in command.items:  # RFC 7162 3.1
        switch_on_condstore(session)
    say_normal_form(session, command.mailbox)
    session.say(status_of(session, row, command.items))
    return replies.DONE


def say_normal_form(session: Session, asked: str) -> None:
    """Say what a name that was asked for is here, where it is another one."""
    name = mailboxes.canonical(asked)
    if name != asked and session.wire.rev2:
        session.say(ListEntry((), name, old_name=asked))


def status_of(session: Session, row: MailboxRow, items: Iterable[str]) -> MailboxStatus:
    """What was asked about a mailbox."""
    return MailboxStatus(row.name, tuple([(item, _ITEMS[item](session, row)) for item in items]))


def _append_limit(session: Session, row: MailboxRow) -> int:
    return min(session.settings.message_bytes, capabilities.LARGEST_APPEND)


_ITEMS: Final[dict[str, Callable[[Session, MailboxRow], int | str]]] = {
    "MESSAGES": lambda session, row: row.messages,
    "UIDNEXT": lambda session, row: row.uidnext,
    "UIDVALIDITY": lambda session, row: row.uidvalidity,
    "UNSEEN": lambda session, row: row.unseen,
    "DELETED": lambda session, row: row.deleted,
    "SIZE": lambda session, row: row.size,
    "RECENT": lambda session, row: 0,
    "HIGHESTMODSEQ": lambda session, row: max(row.highest_modseq, 1),
    "APPENDLIMIT": _append_limit,
    "MAILBOXID": lambda session, row: mailbox_id(row.id),
    "DELETED-STORAGE": lambda session, row: row.deleted_size,
}
