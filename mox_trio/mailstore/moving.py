"""Copy and move messages between mailboxes of an account, by reference: the mail itself is not touched (RFC 9051
6.4.7, 6.4.8).
"""

from dataclasses import dataclass

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import UNLIMITED, Quota
from mox_trio.mailstore.mailboxes import canonical, check_quota, find
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, ModSeq, Transaction, Uid
from storage_backends.index.tables import mailboxes, placing
from storage_backends.index.tables.mailboxes import Counts
from storage_backends.index.tables.messages import Ranges


@dataclass(frozen=True, slots=True)
class Copied:
    """What COPYUID says (RFC 9051 7.1): the message `sources[i]` is `first` + i in the target."""

    target: MailboxId
    uidvalidity: int
    sources: list[Uid]
    first: Uid
    modseq: ModSeq


async def copy(
    store: MailStore, account: Account, mailbox_id: MailboxId, ranges: Ranges, target: str, quota: Quota = UNLIMITED
) -> Copied:
    """Place the messages of these UIDs in the mailbox of this name too: all or none.

    They keep flags and received date. Failures: NOT_FOUND (source or target), QUOTA.
    """
    name = canonical(target)

    def unit(tx: Transaction) -> Copied:
        copied, _ = _copy(tx, store, account, (mailbox_id, ranges), name)
        check_quota(tx, account, quota)
        return copied

    return await store.index.write([account.id], unit)


async def move(store: MailStore, account: Account, mailbox_id: MailboxId, ranges: Ranges, target: str) -> Copied:
    """Copy and take out of the source in one transaction (RFC 9051 6.4.8). NOT_FOUND (source or target)."""
    name = canonical(target)

    def unit(tx: Transaction) -> Copied:
        copied, counts = _copy(tx, store, account, (mailbox_id, ranges), name)
        if copied.sources:
            # The placement in the target holds the mails, so nothing is released.
            placing.bury(tx, account.id, mailbox_id, _without_new(mailbox_id, ranges, copied), store.now())
            mailboxes.take_uids(tx, account.id, mailbox_id, 0, counts.minus())
        return copied

    return await store.index.write([account.id], unit)


def _without_new(mailbox_id: MailboxId, ranges: Ranges, copied: Copied) -> Ranges:
    """The selection without the copies, which a move into the same mailbox would find too."""
    if copied.target != mailbox_id:
        return ranges
    last = copied.first - 1
    return [(low, min(high, last)) for low, high in ranges if low <= last]


def _copy(
    tx: Transaction, store: MailStore, account: Account, chosen: tuple[MailboxId, Ranges], name: str
) -> tuple[Copied, Counts]:
    mailbox_id, ranges = chosen
    if mailboxes.by_id(tx, account.id, mailbox_id) is None:
        raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    target = find(tx, account.id, name)
    sources = placing.uids(tx, mailbox_id, ranges)
    if not sources:
        return Copied(target.id, target.uidvalidity, [], Uid(target.uidnext), tx.modseq(account.id)), Counts(
            0, 0, 0, 0, 0
        )
    counts = placing.count(tx, mailbox_id, ranges)
    taken = mailboxes.take_uids(tx, account.id, target.id, len(sources), counts)
    if taken is None:
        raise Failure(Kind.NOT_FOUND, f"there is no mailbox {name!r}")
    first = Uid(taken.uidnext - len(sources))
    placing.copy(tx, account.id, mailbox_id, ranges, placing.Copy(target.id, first - 1, store.now()))
    return Copied(target.id, taken.uidvalidity, sources, first, tx.modseq(account.id)), counts
