"""Many messages of a mailbox as columns, without a look at their mails."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from storage_backends.index.api import EmailId, MailboxId, Transaction, Uid
from storage_backends.index.tables import messages

PAGE: Final = 5000
"""Messages of a unit: some milliseconds."""


_NAMES: Final = ("uid", "email_id", "received", "size")


class Columns(NamedTuple):
    """A value of each for every message."""

    uids: Sequence[Uid]
    emails: Sequence[EmailId]
    received: Sequence[int]
    """INTERNALDATE in milliseconds since 1970 UTC."""
    sizes: Sequence[int]


def columns(tx: Transaction, mailbox_id: MailboxId, uids: Sequence[Uid]) -> Columns:
    """Those of these ascending UIDs, in their order; of messages that went too as long as their mails are not erased."""
    found = messages.chosen_or_gone(tx, mailbox_id, uids, _NAMES)
    return Columns(*zip(*found, strict=True)) if found else Columns((), (), (), ())


def sent_or_received(sent: Sequence[int | None], of: Columns) -> list[int]:
    """The Date fields, or INTERNALDATE where there is none (RFC 5256 2.2)."""
    return [received if each is None else each for each, received in zip(sent, of.received, strict=True)]
