"""Special uses of mailboxes (RFC 6154 2): each is that of one mailbox at most."""

from storage_backends.index.api import AccountId, MailboxId, Transaction
from storage_backends.index.tables import mailboxes


def take(tx: Transaction, account: AccountId, bits: int) -> None:
    """In a unit: no mailbox has one of these bits any more."""
    for row in mailboxes.listed(tx, account):
        if row.special_use & bits:
            mailboxes.set_special_use(tx, account, row.id, row.special_use & ~bits)


def give(tx: Transaction, account: AccountId, mailbox_id: MailboxId, bits: int) -> None:
    """In a unit: a mailbox has these bits and no others; another that had one of them loses it."""
    row = mailboxes.by_id(tx, account, mailbox_id)
    if row is not None and row.special_use != bits:
        take(tx, account, bits)
        mailboxes.set_special_use(tx, account, mailbox_id, bits)
