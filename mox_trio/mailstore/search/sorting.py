"""Messages in another order than that of their UIDs (RFC 5256 3, RFC 5957).

Texts are compared in the form that searches compare. Where all keys are equal, the order of the UIDs decides, also
when keys are reversed. Messages that went meanwhile are sorted as long as their mails are not erased, then left out.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import trio

from mox_trio.mailstore.search import facets, ordering, placed
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, Transaction, Uid


class By(enum.Enum):
    """What to sort by; the value is the key's name in IMAP."""

    ARRIVAL = "ARRIVAL"
    """INTERNALDATE."""
    DATE = "DATE"
    """The Date field, or INTERNALDATE where there is none (RFC 5256 2.2)."""
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    """The base subject."""
    FROM = "FROM"
    """The localpart of the first address."""
    TO = "TO"
    CC = "CC"
    DISPLAYFROM = "DISPLAYFROM"
    """The name of the first address, or the address without one (RFC 5957 3)."""
    DISPLAYTO = "DISPLAYTO"


@dataclass(frozen=True, slots=True)
class Key:
    """One criterion."""

    by: By
    reverse: bool = False


_FACETS: Final = {
    By.DATE: facets.SENT,
    By.SUBJECT: facets.BASE_SUBJECT,
    By.FROM: facets.FROM,
    By.TO: facets.TO,
    By.CC: facets.CC,
    By.DISPLAYFROM: facets.FROM_DISPLAYED,
    By.DISPLAYTO: facets.TO_DISPLAYED,
}
"""What is known only by a look at the mail."""


class _Valued(NamedTuple):
    """Messages, and beside them a column of values for each key."""

    uids: list[Uid]
    columns: list[list[Any]]


async def order(
    store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid], keys: Sequence[Key]
) -> list[Uid]:
    """The messages with these UIDs, ascending, of a mailbox of the account, in the order of the keys.

    Corrupt when a row does not open.
    """
    if not uids:
        return []
    found = _Valued([], [[] for _ in keys])
    for start in range(0, len(uids), placed.PAGE):
        unit = partial(
            _valued,
            store=store,
            account=account,
            mailbox_id=mailbox_id,
            uids=uids[start : start + placed.PAGE],
            keys=keys,
        )
        page = await store.index.read(unit)
        found.uids.extend(page.uids)
        for column, more in zip(found.columns, page.columns, strict=True):
            column += more
    return await trio.to_thread.run_sync(_sorted, found, keys, limiter=store.computing)


def _valued(
    tx: Transaction,
    *,
    store: MailStore,
    account: Account,
    mailbox_id: MailboxId,
    uids: Sequence[Uid],
    keys: Sequence[Key],
) -> _Valued:
    columns = placed.columns(tx, mailbox_id, uids)
    wanted = [_FACETS[key.by] for key in keys if key.by in _FACETS]
    known = iter(facets.of(tx, store.kept, account, columns.emails, wanted))
    return _Valued(list(columns.uids), [_values(key.by, columns, known) for key in keys])


def _values(by: By, columns: placed.Columns, known: Iterator[list[Any]]) -> list[Any]:
    if by is By.ARRIVAL:
        return list(columns.received)
    if by is By.SIZE:
        return list(columns.sizes)
    return placed.sent_or_received(next(known), columns) if by is By.DATE else next(known)


def _sorted(found: _Valued, keys: Sequence[Key]) -> list[Uid]:
    places: Sequence[int] = range(len(found.uids))
    for key, column in reversed(list(zip(keys, found.columns, strict=True))):  # each sort keeps the order of equals
        places = ordering.ordered(places, column.__getitem__, reverse=key.reverse)
    return [found.uids[place] for place in places]
