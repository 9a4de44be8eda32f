"""What people do to messages, saying exactly what changed, so that it can be taken back.

Flags are set or cleared on the messages of a selection that have them not, or have them: those are returned. A selection may
be of threads: then it means all messages of these threads in the mailbox.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import expunging, flagging, keywords, mailboxes
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, ModSeq, Transaction, Uid
from storage_backends.index.tables import listing as rows
from storage_backends.index.tables import mailboxes as mailbox_rows
from storage_backends.index.tables import messages, placing
from storage_backends.index.tables.messages import EVERYTHING, MessageRow


class Changed(NamedTuple):
    """The messages that differ now, and the modseq of the change."""

    uids: list[Uid]
    modseq: ModSeq


class Change(NamedTuple):
    """Names of flags and keywords to set and to clear."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


async def flag(
    store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid] | None, change: Change
) -> Changed:
    """Set and clear flags of these messages (None: of all in the mailbox). NOT_FOUND, INVALID, LIMIT."""
    unit = partial(flag_unit, account=account, mailbox_id=mailbox_id, uids=uids, change=change)
    return await store.index.write([account.id], unit)


def flag_unit(
    tx: Transaction, *, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid] | None, change: Change
) -> Changed:
    """The same in a unit."""
    add_flags, add_keywords = keywords.bits(tx, account.id, change.add, create=True)
    drop_flags, drop_keywords = keywords.bits(tx, account.id, change.remove, create=False)
    if mailbox_rows.by_id(tx, account.id, mailbox_id) is None:
        raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")

    def differs(row: MessageRow) -> bool:
        missing = add_flags & ~row.flags or add_keywords & ~row.keywords
        return bool(missing or drop_flags & row.flags or drop_keywords & row.keywords)

    ranges = EVERYTHING if uids is None else messages.ranges_of(sorted(set(uids)))
    changed = [row.uid for row in messages.rows(tx, mailbox_id, ranges) if differs(row)] if ranges else []
    if changed:
        bits = placing.FlagChange(
            placing.ALL_BITS & ~drop_flags, add_flags, placing.ALL_BITS & ~drop_keywords, add_keywords
        )
        flagging.apply(tx, account, mailbox_id, messages.ranges_of(changed), bits)
    return Changed(changed, tx.modseq(account.id))


async def expand(store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid]) -> list[Uid]:
    """The messages of the mailbox that belong to the threads of these, ascending."""
    unit = partial(_expand, account=account, mailbox_id=mailbox_id, uids=uids)
    return await store.index.read(unit)


def _expand(tx: Transaction, *, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid]) -> list[Uid]:
    if mailbox_rows.by_id(tx, account.id, mailbox_id) is None:
        raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    threads = {row[2] for row in rows.some_with_thread(tx, mailbox_id, uids)}
    members = rows.members(tx, account.id, sorted(threads)) if threads else []
    return sorted({each.uid for each in members if each.mailbox_id == mailbox_id} | set(uids))


async def erase(store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid] | None) -> Changed:
    """Take messages out for good (None: all in the mailbox). NOT_FOUND."""

    def unit(tx: Transaction) -> Changed:
        ranges = EVERYTHING if uids is None else messages.ranges_of(sorted(set(uids)))
        existing = placing.uids(tx, mailbox_id, ranges) if ranges else []
        gone = expunging.take_out(tx, store, account, mailbox_id, existing)
        return Changed(gone.uids, gone.modseq)

    return await store.index.write([account.id], unit)


async def named(store: MailStore, account: Account, mailbox_id: MailboxId) -> str:
    """The name of a mailbox. NOT_FOUND."""
    row = await store.index.read(lambda tx: mailbox_rows.by_id(tx, account.id, mailbox_id))
    if row is None:
        raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    return row.name


async def with_role(store: MailStore, account: Account, role: int, fallback: str) -> str:
    """The name of the mailbox with a special use, made where there is none."""
    for row in await mailboxes.listed(store, account):
        if row.special_use & role:
            return row.name
    try:
        await mailboxes.create(store, account, fallback, role)
    except Failure as failure:
        if failure.kind is not Kind.EXISTS:
            raise
        await mailboxes.set_special_use(store, account, fallback, role)
    return fallback
