"""Annotations of mailboxes and of the account (RFC 5464): small values under names like `/private/comment`."""

import re
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, Transaction
from storage_backends.index.tables import annotations, mailboxes

MOST: Final = 1000
"""Annotations of an account."""
ALL_BYTES: Final = 1024 * 1024
"""Bytes of all values of an account."""
LONGEST: Final = 512
"""Characters of an entry's name."""

# RFC 5464 4.2.1, 4.3: a path below /private or /shared, without empty levels, wildcards and controls.
_ENTRY: Final = re.compile(r"/(?:private|shared)(?:/[!-$&-)+-.0-~]+)+")


def place(mailbox_id: int, entry: str) -> str:
    """What a sealed value is bound to."""
    return f"annotation {mailbox_id} {entry}"


def canonical(entry: str) -> str:
    """The name in lower case (RFC 5464 4.2.1: case-insensitive); INVALID when it cannot be one."""
    lower = entry.lower()
    if len(lower) > LONGEST or not _ENTRY.fullmatch(lower):
        raise Failure(Kind.INVALID, "an entry is a path below /private or /shared in printable ASCII without * and %")
    return lower


async def put(store: MailStore, account: Account, mailbox_id: int, entry: str, value: bytes | None) -> None:
    """Set an entry of a mailbox (0: of the account), or take it away with None.

    Failures: NOT_FOUND (mailbox), INVALID (name), LIMIT (number of entries or bytes of the account).
    """
    name = canonical(entry)
    sealed = None if value is None else account.codec.seal(place(mailbox_id, name), value)

    def unit(tx: Transaction) -> None:
        if mailbox_id and mailboxes.by_id(tx, account.id, MailboxId(mailbox_id)) is None:
            raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
        annotations.put(tx, account.id, mailbox_id, name, sealed)
        number, size = annotations.totals(tx, account.id)
        if sealed is not None and (number > MOST or size > ALL_BYTES):
            raise Failure(Kind.LIMIT, f"an account has at most {MOST} annotations and {ALL_BYTES} bytes of values")

    await store.index.write([account.id], unit)


async def listed(store: MailStore, account: Account, mailbox_id: int) -> dict[str, bytes]:
    """The entries of a mailbox, or of the account with 0."""
    rows = await store.index.read(lambda tx: annotations.of_mailbox(tx, account.id, mailbox_id))
    return {row.entry: account.codec.open(place(row.mailbox_id, row.entry), row.value) for row in rows}


async def seal_again(store: MailStore, account: Account) -> int:
    """Write values from before sealing was set as they are written now; return how many."""
    rows = await store.index.read(lambda tx: annotations.changed(tx, account.id, 0))
    codec = account.codec
    old = [row for row in rows if not row.gone and not codec.is_current(row.value)]
    if not old or not codec.sealing:
        return 0

    def unit(tx: Transaction) -> int:
        places = [place(row.mailbox_id, row.entry) for row in old]
        fresh = [codec.seal(where, codec.open(where, row.value)) for where, row in zip(places, old, strict=True)]
        return sum(annotations.seal(tx, account.id, row, value) for row, value in zip(old, fresh, strict=True))

    return await store.index.write([account.id], unit)
