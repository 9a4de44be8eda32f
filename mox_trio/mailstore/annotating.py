"""Annotations of mailboxes and of the account (RFC 5464): small values under names like `/private/comment`."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import special_uses
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, ModSeq, Transaction
from storage_backends.index.tables import accounts, annotations, mailboxes

MOST: Final = 1000
"""Annotations of an account."""
ALL_BYTES: Final = 1_000_000
"""Bytes of all values of an account."""
LONGEST: Final = 512
"""Characters of an entry's name."""
_VENDOR_LEVELS: Final = 4
"""/private/vendor/<token>/<name> (RFC 5464 3.2)."""

# RFC 5464 4.2.1, 4.3: a path below /private or /shared, without empty levels, wildcards and controls.
_ENTRY: Final = re.compile(r"/(?:private|shared)(?:/[!-$&-)+-.0-~]+)+")


class TooMany(Failure):
    """The account has as many entries as it may have."""

    def __init__(self) -> None:
        super().__init__(Kind.LIMIT, f"an account has at most {MOST} annotations")


class TooLarge(Failure):
    """A value does not fit beside the others; one of `most` bytes would."""

    def __init__(self, most: int) -> None:
        super().__init__(Kind.LIMIT, f"the values of an account's annotations have at most {ALL_BYTES} bytes in all")
        self.most = most


class ChangedEntry(NamedTuple):
    """An entry that was set or taken away."""

    mailbox: str
    """Its name; empty for the account."""
    entry: str
    modseq: ModSeq
    """Of the change."""


def place(mailbox_id: int, entry: str) -> str:
    """What a sealed value is bound to."""
    return f"annotation {mailbox_id} {entry}"


def canonical(entry: str) -> str:
    """The name in lower case (RFC 5464 4.2.1: case-insensitive); INVALID when it cannot be one."""
    lower = entry.lower()
    if len(lower) > LONGEST or not _ENTRY.fullmatch(lower):
        raise Failure(Kind.INVALID, "an entry is a path below /private or /shared in printable ASCII without * and %")
    levels = lower.split("/")[1:]
    if levels[1] == "vendor" and len(levels) < _VENDOR_LEVELS:
        raise Failure(Kind.INVALID, "an entry of a vendor is like /private/vendor/<name>/<entry>")
    return lower


async def put(store: MailStore, account: Account, mailbox_id: int, entry: str, value: bytes | None) -> None:
    """Set an entry of a mailbox (0: of the account), or take it away with None; fails as `change`."""
    await change(store, account, mailbox_id, {entry: value})


async def change(
    store: MailStore,
    account: Account,
    mailbox_id: int,
    values: Mapping[str, bytes | None],
    special_use: int | None = None,
) -> ModSeq:
    """Set entries of a mailbox (0: of the account), or take away those with None: all or none. With `special_use` the mailbox
    gets these bits too, which another that had one of them loses. Returns the modseq of the change.

    Failures: NOT_FOUND (mailbox), INVALID (name), TooMany, TooLarge.
    """
    named = {canonical(entry): value for entry, value in values.items()}
    sealed = {
        entry: None if value is None else account.codec.seal(place(mailbox_id, entry), value)
        for entry, value in named.items()
    }

    def unit(tx: Transaction) -> ModSeq:
        if mailbox_id and mailboxes.by_id(tx, account.id, MailboxId(mailbox_id)) is None:
            raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
        for entry, value in sealed.items():
            annotations.put(tx, account.id, mailbox_id, entry, value)
        if any(value is not None for value in sealed.values()):
            _check_totals(tx, account, max(len(value or b"") for value in named.values()))
        if special_use is not None:
            special_uses.give(tx, account.id, MailboxId(mailbox_id), special_use)
        return tx.modseq(account.id)

    return await store.index.write([account.id], unit)


def _check_totals(tx: Transaction, account: Account, largest: int) -> None:
    number, size = annotations.totals(tx, account.id)
    if number > MOST:
        raise TooMany
    if size > ALL_BYTES:
        raise TooLarge(max(largest - (size - ALL_BYTES), 0))


def copy(tx: Transaction, account: Account, source: MailboxId, target: MailboxId) -> None:
    """In a unit: give a new mailbox the entries of another one. TooMany, TooLarge."""
    rows = annotations.of_mailbox(tx, account.id, source)
    for row in rows:
        value = account.codec.seal(place(target, row.entry), opened(account, row))
        annotations.put(tx, account.id, target, row.entry, value)
    if rows:
        _check_totals(tx, account, 0)


def opened(account: Account, row: annotations.AnnotationRow) -> bytes:
    """The value of an entry."""
    return account.codec.open(place(row.mailbox_id, row.entry), row.value)


async def listed(store: MailStore, account: Account, mailbox_id: int) -> dict[str, bytes]:
    """The entries of a mailbox, or of the account with 0."""
    rows = await store.index.read(lambda tx: annotations.of_mailbox(tx, account.id, mailbox_id))
    return {row.entry: opened(account, row) for row in rows}


async def changed(store: MailStore, account: Account, since: ModSeq) -> tuple[ModSeq, list[ChangedEntry]]:
    """Entries that changed after a modseq, of mailboxes that are there and of the account; and where the account is now."""

    def unit(tx: Transaction) -> tuple[ModSeq, list[ChangedEntry]]:
        rows = annotations.changed(tx, account.id, since)
        names = {0: ""}
        for mailbox_id in {row.mailbox_id for row in rows} - {0}:
            found = mailboxes.by_id(tx, account.id, MailboxId(mailbox_id))
            if found is not None:
                names[mailbox_id] = found.name
        entries = [
            ChangedEntry(names[row.mailbox_id], row.entry, row.modseq) for row in rows if row.mailbox_id in names
        ]
        return accounts.by_id(tx, account.id).modseq, entries

    return await store.index.read(unit)


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
