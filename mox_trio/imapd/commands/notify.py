"""NOTIFY (RFC 5465)."""

from typing import Final

from mox_trio.base.failure import Failure
from mox_trio.imapd import replies, updates
from mox_trio.imapd.notifying import Notification
from mox_trio.imapd.state import Session
from mox_trio.mailstore import mailboxes
from mox_trio.protocol.imap.commands.notify import Notify
from mox_trio.protocol.imap.responses import Status
from storage_backends.errors import StorageError

EVENTS: Final = (
    *("MessageNew", "MessageExpunge", "FlagChange", "MailboxName"),
    *("SubscriptionChange", "MailboxMetadataChange", "ServerMetadataChange"),
)
_KNOWN: Final = frozenset([each.lower() for each in EVENTS])
MOST: Final = 1000
"""Groups, and mailboxes that they name: each change is held against all of them."""
_TOO_MANY: Final = Status("NO", f"at most {MOST} groups and mailboxes can be named", b"LIMIT")
_BAD_EVENT: Final = Status("NO", "such events are not told", b"BADEVENT (%b)" % " ".join(EVENTS).encode("ascii"))


async def notify(session: Session, command: Notify) -> Status:
    """NOTIFY SET and NOTIFY NONE."""
    if not command.groups:
        session.notify = Notification((), ())
        return replies.DONE
    if any(each.events - _KNOWN for each in command.groups):
        return _BAD_EVENT
    if sum(1 + len(each.source.mailboxes) for each in command.groups) > MOST:
        return _TOO_MANY
    kinds = [each.source.kind for each in command.groups if each.source.kind.startswith("selected")]
    if len(kinds) > 1:
        return Status("BAD", "the selected mailbox is in one group")
    account = session.require_account()
    inboxes = frozenset({mailboxes.INBOX}) | session.parts.personal(account.name)
    notification, before = Notification(command.groups, inboxes), session.notify
    try:
        await session.require_feed().pull()
        session.notify = None  # RFC 5465 3.1: first all that has happened in the selected mailbox is told, as by NOOP
        await updates.tell(session, expunges=True)
        session.notify = notification  # from here on what happens is heard
        overview = await mailboxes.overview(session.store, account)
    except (Failure, StorageError):
        session.notify = before
        raise
    notification.begin(overview.mailboxes, overview.subscribed)
    if command.status:
        await notification.say_statuses(session)
    return replies.DONE
