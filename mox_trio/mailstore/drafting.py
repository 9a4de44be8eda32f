"""Messages that are being written: a new version takes the place of the one before, in one transaction; so does what is sent.

A draft that somebody else replaced or sent meanwhile is a CONFLICT: both versions are there to be looked at, and one was sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import UNLIMITED, Quota
from mox_trio.mailstore import acting, deliver, expunging
from mox_trio.mailstore.deliver import Delivered, Incoming, Prepared, Terms
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, Transaction, Uid
from storage_backends.index.tables import mailboxes, placing

GONE: Final = "the draft was changed or sent in another window"


class Old(NamedTuple):
    """The version before."""

    mailbox_id: MailboxId
    uid: Uid


class Answered(NamedTuple):
    """A message that this one answers or forwards, and the flag that says so."""

    mailbox_id: MailboxId
    uid: Uid
    flag: str


async def save(
    store: MailStore, account: Account, mailbox: str, incoming: Incoming, old: Old | None, quota: Quota = UNLIMITED
) -> Delivered:
    """Put a draft into a mailbox in place of an old one. CONFLICT when that is gone; as `deliver.to_mailbox` otherwise."""

    def also(tx: Transaction, _: Sequence[Delivered]) -> None:
        if old is not None and not _take_out(tx, store, account, old):
            raise Failure(Kind.CONFLICT, GONE)

    return await deliver.to_mailbox(store, account, mailbox, incoming, Terms(quota), [also])


@dataclass(frozen=True, slots=True)
class Copy:
    """A message that is sent, for a mailbox: whose draft it was, and what it answers."""

    mailbox: str
    prepared: Prepared
    old: Old | None
    answered: Answered | None


def sending_unit(store: MailStore, account: Account, copy: Copy) -> Callable[[Transaction], Delivered]:
    """For the transaction that queues a message: its copy takes the place of the draft, and what it answers is marked.

    CONFLICT when the draft is gone: of two windows that send it one does, and of what was sent there always is the copy.
    """

    def also(tx: Transaction, _: Sequence[Delivered]) -> None:
        if copy.old is not None and not _take_out(tx, store, account, copy.old):
            raise Failure(Kind.CONFLICT, GONE)
        answered = copy.answered
        if answered is not None and mailboxes.by_id(tx, account.id, answered.mailbox_id) is not None:
            change = acting.Change(add=(answered.flag,))
            acting.flag_unit(tx, account=account, mailbox_id=answered.mailbox_id, uids=[answered.uid], change=change)

    unit = deliver.placing_unit(store, account, copy.mailbox, [copy.prepared], Terms(), [also])
    return lambda tx: unit(tx)[0]


def _take_out(tx: Transaction, store: MailStore, account: Account, old: Old) -> bool:
    if mailboxes.by_id(tx, account.id, old.mailbox_id) is None:
        return False
    there = placing.uids(tx, old.mailbox_id, [(old.uid, old.uid)])
    if there:
        expunging.take_out(tx, store, account, old.mailbox_id, there)
    return bool(there)
