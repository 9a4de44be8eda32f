"""Messages in another order than that of their UIDs (RFC 5256 3, RFC 5957).

Texts are compared in the form that searches compare. Where all keys are equal, the order of the UIDs decides, also
when keys are reversed. Messages that went meanwhile are sorted as long as their mails are not erased, then left out.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import trio

from mox_trio.mailstore import reading_many, rendering
from mox_trio.mailstore.reading_many import FIRST, RECEIVED, SIZE, UID
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


_Rows = Sequence[Row]
_Summaries = Mapping[str, Sequence[str]]
"""By the names of `rendering.Summary`, one value a row."""

_VALUES: Final[dict[By, Callable[[_Rows, _Summaries], list[int] | list[str]]]] = {
    By.ARRIVAL: lambda rows, summaries: [row[RECEIVED] for row in rows],
    By.DATE: lambda rows, summaries: [row[RECEIVED] if row[FIRST + 1] is None else row[FIRST + 1] for row in rows],
    By.SIZE: lambda rows, summaries: [row[SIZE] for row in rows],
    By.SUBJECT: lambda rows, summaries: list(map(fold, summaries["base_subject"])),
    By.FROM: lambda rows, summaries: list(map(_localpart, summaries["from_mailbox"])),
    By.TO: lambda rows, summaries: list(map(_localpart, summaries["to_mailbox"])),
    By.CC: lambda rows, summaries: list(map(_localpart, summaries["cc_mailbox"])),
    By.DISPLAYFROM: lambda rows, summaries: _displayed(summaries["from_name"], summaries["from_mailbox"]),
    By.DISPLAYTO: lambda rows, summaries: _displayed(summaries["to_name"], summaries["to_mailbox"]),
}
_OF_ROW: Final = frozenset({By.ARRIVAL, By.SIZE})
"""Known without a look at the mail."""


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
    columns = () if _OF_ROW.issuperset(key.by for key in keys) else ("summary", "sent")
    make = partial(_valued, keys=keys)
    for start in range(0, len(uids), PAGE):
        page = await reading_many.made(store, account, mailbox_id, uids[start : start + PAGE], columns, make)
        found.uids.extend(page.uids)
        for column, more in zip(found.columns, page.columns, strict=True):
            column += more
    return await trio.to_thread.run_sync(_sorted, found, keys, limiter=store.computing)


def _valued(page: _Rows, keys: Sequence[Key]) -> _Valued:
    """The values of the keys; the rest of a page is not kept."""
    has_summaries = bool(page) and len(page[0]) > FIRST
    summaries = rendering.parse_summaries([row[FIRST] for row in page] if has_summaries else ())
    return _Valued([row[UID] for row in page], [_VALUES[key.by](page, summaries) for key in keys])


def _sorted(found: _Valued, keys: Sequence[Key]) -> list[Uid]:
    places: Sequence[int] = range(len(found.uids))
    for key, column in reversed(list(zip(keys, found.columns, strict=True))):  # each sort keeps the order of equals
        places = ordering.ordered(places, column.__getitem__, reverse=key.reverse)
    return [found.uids[place] for place in places]


def _localpart(mailbox: str) -> str:
    return fold(mailbox.rpartition("@")[0] or mailbox)


def _displayed(names: Sequence[str], mailboxes: Sequence[str]) -> list[str]:
    return [fold(name or mailbox) for name, mailbox in zip(names, mailboxes, strict=True)]
