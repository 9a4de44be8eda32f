"""Many messages at once, for who renders them: rows with what is asked for, and small ranges of their bodies.

Messages that went are found too until their mails are erased, an hour after their going at least, so that a session that was
not told of it reads on. What cannot be read at all is left out of the rows, and the caller sees what is missing.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from mox_trio.base import limits
from mox_trio.mailstore import reading, rendering
from mox_trio.mailstore.codec import Codec
from mox_trio.mailstore.reading import PLAIN_COLUMNS, Located
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.bodies.api import Range
from storage_backends.errors import Corrupt, NotFound
from storage_backends.index.api import MailboxId, Row, Transaction
from storage_backends.index.tables import messages
from storage_backends.index.tables.emails import Place
from storage_backends.index.tables.messages import MessageRow

T = TypeVar("T")

OWN: Final = ("uid", "received", "size", "object_id")
"""What every row begins with; the last is the EMAILID."""
UID, RECEIVED, SIZE, OBJECT_ID = range(4)
FIRST: Final = len(OWN)
"""Where the columns are that were asked for, of the message or of its mail."""
GHOSTLY: Final = ("flags", "keywords", "modseq")
"""Columns that are asked for last where some of the messages went, of which no session knows these any more."""
FLAGS, KEYWORDS, MODSEQ = -3, -2, -1
PLACE: Final = ("email_id", "store", "ref", "prefix")
"""Columns that `located` needs."""
WIDE: Final = frozenset({"bodystructure", "parts", "header", "envelope"})
"""Columns that are long, or that a crafted mail can make so."""
OCTETS: Final = 4 * 1024 * 1024
"""Of those, for the rows of one page, which are copied some times on their way out."""
HEADERS: Final = OCTETS // 2 // limits.HEADER_ROW_BYTES
"""Which take half of that however long they are."""
_PLAIN: Final = PLAIN_COLUMNS | frozenset(MessageRow._fields)


async def found(
    store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[int], columns: tuple[str, ...]
) -> list[Row]:
    """Rows of these ascending UIDs with these columns, opened, in the order of the UIDs.

    The caller gives a page of UIDs, and few different `columns`, each a tuple of its program.
    """
    unit = partial(_found, account=account, mailbox_id=mailbox_id, uids=uids, columns=columns)
    return await store.index.read(unit)


async def fitting(
    store: MailStore,
    account: Account,
    mailbox_id: MailboxId,
    uids: Sequence[int],
    columns: tuple[str, ...],
    make: Callable[[list[Row]], T],
) -> tuple[int, T]:
    """How many of these UIDs, from the first, may be in memory together, one at least; and what is made of their rows.

    It is made in the thread that reads them: handing them over costs more than a little work.
    """
    wide = tuple([name for name in columns if name in WIDE])

    def unit(tx: Transaction) -> tuple[int, T]:
        find = partial(_found, tx, account=account, mailbox_id=mailbox_id, columns=columns)
        if wide == ("header",):
            fit, rows = _with_headers(find, uids, FIRST + columns.index("header"))
        else:
            fit = _fit(tx, mailbox_id, uids, wide) if wide else len(uids)
            rows = find(uids=uids[:fit])
        return fit, make(rows)

    return await store.index.read(unit)


def _with_headers(find: Callable[..., list[Row]], uids: Sequence[int], at: int) -> tuple[int, list[Row]]:
    """As many as fit, a few at a time: headers are never so long that one has to ask first, which costs as much as reading."""
    rows: list[Row] = []
    octets = fit = 0
    while fit < len(uids) and octets <= OCTETS // 2:
        some = find(uids=uids[fit : fit + HEADERS])
        fit = min(fit + HEADERS, len(uids))
        octets += sum([len(row[at]) for row in some])
        rows += some
    return fit, rows


def _fit(tx: Transaction, mailbox_id: MailboxId, uids: Sequence[int], wide: tuple[str, ...]) -> int:
    ranges = messages.ranges_of(uids)
    if len(uids) <= 1 or messages.width(tx, mailbox_id, ranges, wide) <= OCTETS:  # nearly always
        return len(uids)
    total = 0
    for uid, octets in messages.widths(tx, mailbox_id, ranges, wide):
        total += octets
        if total > OCTETS:
            return max(bisect_left(uids, uid), 1)
    return len(uids)


def _found(
    tx: Transaction, *, account: Account, mailbox_id: MailboxId, uids: Sequence[int], columns: tuple[str, ...]
) -> list[Row]:
    names = (*OWN, *columns)
    rows = messages.chosen_or_gone(tx, mailbox_id, uids, names)
    sealed = [(FIRST + at, name) for at, name in enumerate(columns) if name not in _PLAIN]
    return _opened(account.codec, rows, sealed) if sealed and rows else rows


def _opened(codec: Codec, rows: Sequence[Row], sealed: Sequence[tuple[int, str]]) -> list[Row]:
    """Column by column, which takes half the time. Corrupt."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    object_ids = columns[OBJECT_ID]
    for at, name in sealed:
        columns[at] = rendering.open_all(codec, name, object_ids, columns[at])
    return list(zip(*columns, strict=True))


class Wanted(NamedTuple):
    """Bytes `start` to `stop` (exclusive) of a mail, prefix and body together."""

    located: Located
    start: int
    stop: int


def located(account: Account, row: Row, at: int) -> Located:
    """Where a mail's bytes are, from a row that holds `PLACE` there."""
    email_id, store, ref, prefix = row[at : at + len(PLACE)]
    return Located(Place(email_id, account.id, row[OBJECT_ID], store, ref, b"", row[SIZE]), prefix)


async def ranges(store: MailStore, account: Account, wanted: Sequence[Wanted]) -> list[bytes]:
    """Small ranges of several mails, in few calls. NOT_FOUND, CORRUPT, UNAVAILABLE; Corrupt and Unavailable of the stores."""
    found = [located.prefix[start:stop] for located, start, stop in wanted]
    by_store: dict[str, list[int]] = {}
    for number, (located, start, stop) in enumerate(wanted):
        if stop > start and stop > len(located.prefix):
            by_store.setdefault(located.place.store, []).append(number)
    for name, numbers in by_store.items():
        answers = await reading.body_store(store, name).read_many([_range(*wanted[number]) for number in numbers])
        for number, answer in zip(numbers, answers, strict=True):
            if isinstance(answer, Corrupt):
                raise answer
            if isinstance(answer, NotFound):  # it may have moved to another store since it was located
                located, start, stop = wanted[number]
                found[number] = await reading.mail(store, account, located.place.email_id, start, stop)
            else:
                found[number] += answer
    return found


def _range(located: Located, start: int, stop: int) -> Range:
    before = len(located.prefix)
    return Range(located.place.ref, start - before if start > before else 0, stop - before)
