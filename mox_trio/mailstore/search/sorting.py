"""Messages in another order than that of their UIDs (RFC 5256 3, RFC 5957).

Texts are compared in the form that searches compare. Where all keys are equal, the order of the UIDs decides, also
when keys are reversed. Messages that went meanwhile are sorted as long as their mails are not erased, then left out.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import trio

from mox_trio.mailstore import reading_many, rendering
from mox_trio.mailstore.reading_many import FIRST, RECEIVED, SIZE, UID
from mox_trio.mailstore.rendering import Summary
from mox_trio.mailstore.search import ordering
from mox_trio.mailstore.search.text import fold
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, Row, Uid

PAGE: Final = 500
"""Messages whose columns are read at once."""


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


_Value = Callable[[Row, Summary], int | str]

_VALUES: Final[dict[By, _Value]] = {
    By.ARRIVAL: lambda row, summary: row[RECEIVED],
    By.DATE: lambda row, summary: row[RECEIVED] if row[FIRST + 1] is None else row[FIRST + 1],
    By.SIZE: lambda row, summary: row[SIZE],
    By.SUBJECT: lambda row, summary: fold(summary.base_subject),
    By.FROM: lambda row, summary: _localpart(summary.from_mailbox),
    By.TO: lambda row, summary: _localpart(summary.to_mailbox),
    By.CC: lambda row, summary: _localpart(summary.cc_mailbox),
    By.DISPLAYFROM: lambda row, summary: fold(summary.from_name or summary.from_mailbox),
    By.DISPLAYTO: lambda row, summary: fold(summary.to_name or summary.to_mailbox),
}
_NOTHING: Final = Summary(*("",) * len(Summary._fields))
_OF_ROW: Final = frozenset({By.ARRIVAL, By.SIZE})
"""Known without a look at the mail."""


async def order(
    store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid], keys: Sequence[Key]
) -> list[Uid]:
    """The messages with these UIDs, ascending, of a mailbox of the account, in the order of the keys.

    Corrupt when a row does not open.
    """
    if not uids:
        return []
    found: list[_Valued] = []
    columns = () if _OF_ROW.issuperset(key.by for key in keys) else ("summary", "sent")
    for start in range(0, len(uids), PAGE):
        page = await reading_many.found(store, account, mailbox_id, uids[start : start + PAGE], columns)
        found += await trio.to_thread.run_sync(_valued, page, keys, limiter=store.computing)
    return await trio.to_thread.run_sync(_sorted, found, keys, limiter=store.computing)


_Valued = tuple[Uid, tuple[int | str, ...]]


def _valued(page: Sequence[Row], keys: Sequence[Key]) -> list[_Valued]:
    """The values of the keys; the rest of a page is not kept."""
    values = [_VALUES[key.by] for key in keys]
    found: list[_Valued] = []
    has_summaries = bool(page) and len(page[0]) > FIRST
    summaries = rendering.parse_summaries([row[FIRST] for row in page]) if has_summaries else [_NOTHING] * len(page)
    for row, summary in zip(page, summaries, strict=True):
        found.append((row[UID], tuple([value(row, summary) for value in values])))
    return found


def _sorted(found: list[_Valued], keys: Sequence[Key]) -> list[Uid]:
    for place, key in reversed(list(enumerate(keys))):  # each sort keeps the order of equals
        found = ordering.ordered(found, partial(_value, place), reverse=key.reverse)
    return [uid for uid, _ in found]


def _value(place: int, each: _Valued) -> Any:
    return each[1][place]


def _localpart(mailbox: str) -> str:
    return fold(mailbox.rpartition("@")[0] or mailbox)
