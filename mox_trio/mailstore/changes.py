"""What changed in an account after a watermark: one question for everything that carries a modseq.

A session remembers the modseq that it is at, waits with `past`, and pulls `since`: nothing queues up for it, slow
clients cost nothing, and CONDSTORE and QRESYNC (RFC 7162) are the same question.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mox_trio.mailstore import settings
from mox_trio.mailstore.annotating import place as annotation_place
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, ModSeq, Transaction, Uid
from storage_backends.index.tables import accounts, annotations, keywords, mailboxes, messages
from storage_backends.index.tables.keywords import KeywordRow
from storage_backends.index.tables.mailboxes import MailboxRow
from storage_backends.index.tables.messages import MessageRow


@dataclass(frozen=True, slots=True)
class MailboxChanges:
    """What changed in the messages of one mailbox."""

    changed: list[MessageRow]
    """New or changed, in the order of their UIDs."""
    vanished: list[Uid]
    """Gone, as far back as tombstones are kept: see `MailboxRow.pruned_modseq`."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything in an account that changed after one modseq, up to another."""

    since: ModSeq
    modseq: ModSeq
    """The next watermark."""
    mailboxes: list[MailboxRow]
    """Changed themselves or in their messages; deleted ones have `gone` set."""
    messages: Mapping[MailboxId, MailboxChanges]
    subscriptions: list[tuple[str, bool]]
    keywords: list[KeywordRow]
    annotations: list[tuple[int, str, bytes | None]]
    """(mailbox id or 0, entry, value or None when it is gone)."""
    settings: list[tuple[str, settings.JSON]]
    """(name, value or None when it is gone)."""


async def past(store: MailStore, account: Account, modseq: ModSeq) -> ModSeq:
    """Wait until the account has changed after `modseq`; return where it is now."""
    return await store.index.past(account.id, modseq)


async def since(
    store: MailStore, account: Account, modseq: ModSeq, *, within: Collection[MailboxId] | None = None
) -> Changes:
    """What changed after `modseq`, on one snapshot; of messages only those in mailboxes `within`, where it is given."""
    chosen = None if within is None else frozenset(within)
    return await store.index.read(lambda tx: _since(tx, account, modseq, chosen))


async def in_mailbox(store: MailStore, mailbox_id: MailboxId, modseq: ModSeq) -> MailboxChanges:
    """What changed after `modseq` in the messages of one mailbox."""
    return await store.index.read(lambda tx: _in_mailbox(tx, mailbox_id, modseq))


async def vanished(store: MailStore, mailbox_id: MailboxId, modseq: ModSeq) -> list[Uid]:
    """UIDs of messages that went after `modseq`, as far back as tombstones are kept."""
    return await store.index.read(lambda tx: messages.vanished(tx, mailbox_id, modseq))


def _in_mailbox(tx: Transaction, mailbox_id: MailboxId, modseq: ModSeq) -> MailboxChanges:
    return MailboxChanges(messages.changed(tx, mailbox_id, modseq), messages.vanished(tx, mailbox_id, modseq))


def _since(tx: Transaction, account: Account, modseq: ModSeq, within: Collection[MailboxId] | None) -> Changes:
    now = accounts.by_id(tx, account.id).modseq
    changed = mailboxes.changed(tx, account.id, modseq)
    inside = {
        row.id: _in_mailbox(tx, row.id, modseq)
        for row in changed
        if not row.gone and row.highest_modseq > modseq and (within is None or row.id in within)
    }
    noted = [
        (
            row.mailbox_id,
            row.entry,
            None if row.gone else account.codec.open(annotation_place(row.mailbox_id, row.entry), row.value),
        )
        for row in annotations.changed(tx, account.id, modseq)
    ]
    return Changes(
        since=modseq,
        modseq=now,
        mailboxes=changed,
        messages=inside,
        subscriptions=mailboxes.subscriptions(tx, account.id, modseq),
        keywords=keywords.listed(tx, account.id, modseq),
        annotations=noted,
        settings=[
            (row.name, settings.opened(account.codec, row)) for row in annotations.settings(tx, account.id, modseq)
        ],
    )
