"""Change flags and keywords of messages: one statement, however many they are (RFC 9051 6.4.6, RFC 7162 3.1.3)."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import keywords
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, ModSeq, Row, Transaction, Uid
from storage_backends.index.tables import mailboxes, placing
from storage_backends.index.tables.messages import Ranges


class Change(enum.Enum):
    """What is done with the named flags."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


class StoredRow(NamedTuple):
    """A message that a change was for, as it is now."""

    uid: Uid
    flags: int
    keywords: int
    modseq: ModSeq
    was: ModSeq
    """Its modseq before; the same where nothing changed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a change did."""

    changed: int
    """Messages that differ now."""
    modseq: ModSeq
    modified: list[Uid]
    """Messages left alone because they changed after `unchanged_since`."""
    rows: list[StoredRow]
    """All other messages that the change was for, in the order of their UIDs."""


async def store_flags(
    store: MailStore,
    account: Account,
    mailbox_id: MailboxId,
    ranges: Ranges,
    change: Change,
    names: Sequence[str],
    unchanged_since: int | None = None,
) -> Stored:
    """Change the named flags on the messages of these UIDs; those that do not exist are passed over.

    Failures: NOT_FOUND (mailbox), INVALID (keyword), LIMIT (all keyword bits are taken).
    """

    def unit(tx: Transaction) -> Stored:
        flag_bits, keyword_bits = keywords.bits(tx, account.id, names, create=change is not Change.REMOVE)
        if change is Change.ADD:
            bits = placing.FlagChange(add_flags=flag_bits, add_keywords=keyword_bits)
        elif change is Change.REMOVE:
            everything = placing.ALL_BITS
            bits = placing.FlagChange(keep_flags=everything & ~flag_bits, keep_keywords=everything & ~keyword_bits)
        else:
            bits = placing.FlagChange(0, flag_bits, 0, keyword_bits)
        return apply(tx, account, mailbox_id, ranges, bits, unchanged_since)

    return await store.index.write([account.id], unit)


def apply(
    tx: Transaction,
    account: Account,
    mailbox_id: MailboxId,
    ranges: Ranges,
    bits: placing.FlagChange,
    unchanged_since: int | None = None,
) -> Stored:
    """The same in a unit, with bits."""
    if mailboxes.by_id(tx, account.id, mailbox_id) is None:
        raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    chosen = placing.Selection(mailbox_id, ranges)
    modified: list[Uid] = []
    if unchanged_since is not None:
        chosen = chosen._replace(unchanged_since=unchanged_since)
        modified = placing.modified(tx, chosen)
    before = placing.flag_rows(tx, chosen)
    changed, counts = placing.store(tx, account.id, chosen, bits)
    if changed:
        mailboxes.take_uids(tx, account.id, mailbox_id, 0, counts)
    modseq = tx.modseq(account.id)
    return Stored(changed, modseq, modified, _after(before, bits, modseq))


def _after(before: Sequence[Row], bits: placing.FlagChange, modseq: ModSeq) -> list[StoredRow]:
    keep_flags, add_flags, keep_keywords, add_keywords = bits
    rows: list[StoredRow] = []
    for uid, flags, words, was in before:
        new_flags, new_words = flags & keep_flags | add_flags, words & keep_keywords | add_keywords
        now = was if new_flags == flags and new_words == words else modseq
        rows.append(StoredRow(uid, new_flags, new_words, now, was))
    return rows
