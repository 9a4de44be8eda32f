"""Messages in another order than that of their UIDs (RFC 5256 3, RFC 5957).

Texts are compared in the form that searches compare. Where all keys are equal, the order of the UIDs decides, also
when keys are reversed. Messages that are gone meanwhile are left out.
"""

import enum
import heapq
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import trio

from mox_trio.mailstore import reading
from mox_trio.mailstore.rendering import Summary
from mox_trio.mailstore.search.text import fold
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, Uid
from storage_backends.index.tables import messages
from storage_backends.index.tables.messages import MessageRow

CHUNK: Final = 4096
"""Messages that are sorted without letting other threads run."""


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


@dataclass(frozen=True, slots=True)
class _Item:
    row: MessageRow
    sent: int | None
    summary: Summary


_Value = Callable[[_Item], int | str]

_VALUES: Final[dict[By, _Value]] = {
    By.ARRIVAL: lambda item: item.row.received,
    By.DATE: lambda item: item.row.received if item.sent is None else item.sent,
    By.SIZE: lambda item: item.row.size,
    By.SUBJECT: lambda item: fold(item.summary.base_subject),
    By.FROM: lambda item: _localpart(item.summary.from_mailbox),
    By.TO: lambda item: _localpart(item.summary.to_mailbox),
    By.CC: lambda item: _localpart(item.summary.cc_mailbox),
    By.DISPLAYFROM: lambda item: fold(item.summary.from_name or item.summary.from_mailbox),
    By.DISPLAYTO: lambda item: fold(item.summary.to_name or item.summary.to_mailbox),
}


async def order(
    store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid], keys: Sequence[Key]
) -> list[Uid]:
    """The messages with these UIDs, ascending, of a mailbox of the account, in the order of the keys.

    Corrupt when a row does not open.
    """
    if not uids:
        return []
    found: list[_Valued] = []
    pages = reading.details(store, account, mailbox_id, messages.ranges_of(uids), ("summary", "sent"))
    async for page in pages:
        found += await trio.to_thread.run_sync(_valued, page, keys, limiter=store.computing)
    return await trio.to_thread.run_sync(_sorted, found, keys, limiter=store.computing)


_Valued = tuple[Uid, tuple[int | str, ...]]


def _valued(page: list[reading.Details], keys: Sequence[Key]) -> list[_Valued]:
    """The values of the keys; the rest of a page is not kept."""
    values = [_VALUES[key.by] for key in keys]
    found: list[_Valued] = []
    for each in page:
        summary, sent = each.columns
        if isinstance(summary, bytes):
            item = _Item(each.row, sent if isinstance(sent, int) else None, Summary(*json.loads(summary)))
            found.append((each.row.uid, tuple([value(item) for value in values])))
    return found


def _sorted(found: list[_Valued], keys: Sequence[Key]) -> list[Uid]:
    for place, key in reversed(list(enumerate(keys))):  # each sort keeps the order of equals
        found = _stable(found, place, reverse=key.reverse)
    return [uid for uid, _ in found]


def _stable(found: list[_Valued], place: int, *, reverse: bool) -> list[_Valued]:
    def value(each: _Valued) -> Any:
        return each[1][place]

    # A single sort would hold the interpreter's lock for as long as it takes.
    chunks = [sorted(found[start : start + CHUNK], key=value, reverse=reverse) for start in range(0, len(found), CHUNK)]
    return list(heapq.merge(*chunks, key=value, reverse=reverse))


def _localpart(mailbox: str) -> str:
    return fold(mailbox.rpartition("@")[0] or mailbox)
