"""Take messages out of a mailbox, leaving tombstones; mails that no mailbox holds are erased an hour later."""

from collections.abc import Iterable
from dataclasses import dataclass

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, ModSeq, Transaction, Uid
from storage_backends.index.tables import mailboxes, placing
from storage_backends.index.tables.messages import EVERYTHING, Ranges, ranges_of


@dataclass(frozen=True, slots=True)
class Expunged:
    """What went, and the modseq of its going."""

    uids: list[Uid]
    modseq: ModSeq


async def expunge(store: MailStore, account: Account, mailbox_id: MailboxId, ranges: Ranges = EVERYTHING) -> Expunged:
    """Expunge those messages of these UIDs that have \\Deleted (RFC 9051 6.4.3, 6.4.9). NOT_FOUND (mailbox)."""
    return await store.index.write(
        [account.id],
        lambda tx: take_out(tx, store, account, mailbox_id, placing.uids(tx, mailbox_id, ranges, deleted_only=True)),
    )


async def erase(store: MailStore, account: Account, mailbox_id: MailboxId, ranges: Ranges) -> Expunged:
    """Expunge the messages of these UIDs whatever their flags. NOT_FOUND (mailbox)."""
    return await store.index.write(
        [account.id], lambda tx: take_out(tx, store, account, mailbox_id, placing.uids(tx, mailbox_id, ranges))
    )


def take_out(
    tx: Transaction, store: MailStore, account: Account, mailbox_id: MailboxId, uids: Iterable[Uid]
) -> Expunged:
    """The same in a unit, for ascending UIDs that exist."""
    if mailboxes.by_id(tx, account.id, mailbox_id) is None:
        raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    going = list(uids)
    if going:
        ranges = ranges_of(going)
        now = store.now()
        counts = placing.count(tx, mailbox_id, ranges)
        placing.release_mails(tx, account.id, mailbox_id, ranges, now + store.policy.release_after)
        placing.bury(tx, account.id, mailbox_id, ranges, now)
        mailboxes.take_uids(tx, account.id, mailbox_id, 0, counts.minus())
    return Expunged(going, tx.modseq(account.id))
