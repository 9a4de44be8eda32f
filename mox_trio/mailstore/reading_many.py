"""Many messages at once, for who renders them: rows with columns of their mails, and small ranges of their bodies.

Messages that went are found too until their mails are erased, an hour after their going at least, so that a session that was
not told of it reads on. What cannot be read at all is left out of the rows, and the caller sees what is missing.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from mox_trio.base import limits
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import reading, rendering
from mox_trio.mailstore.codec import Codec
from mox_trio.mailstore.reading import PLAIN_COLUMNS, Located
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.bodies.api import Range
from storage_backends.errors import Corrupt, NotFound
from storage_backends.index.api import EmailId, MailboxId, Row, Transaction
from storage_backends.index.tables import messages
from storage_backends.index.tables.emails import Place
from storage_backends.index.tables.messages import MessageRow

T = TypeVar("T")

UID: Final = MessageRow._fields.index("uid")
EMAIL: Final = MessageRow._fields.index("email_id")
MODSEQ: Final = MessageRow._fields.index("modseq")
FLAGS: Final = MessageRow._fields.index("flags")
KEYWORDS: Final = MessageRow._fields.index("keywords")
RECEIVED: Final = MessageRow._fields.index("received")
SAVED: Final = MessageRow._fields.index("saved")
SIZE: Final = MessageRow._fields.index("size")
WIDE: Final = frozenset({"bodystructure", "parts", "header", "envelope"})
"""Columns that are long, or that a crafted mail can make so."""
OCTETS: Final = 4 * 1024 * 1024
"""Of those, for the rows of one page, which are copied some times on their way out."""
HEADERS: Final = OCTETS // limits.HEADER_ROW_BYTES
"""Which fit into that however long they are."""
OBJECT_ID: Final = len(MessageRow._fields)
FIRST: Final = OBJECT_ID + 1
"""Where the values stand in a row that `found` gives: those of MessageRow, the EMAILID, then the columns that were asked for."""


async def found(
    store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[int], columns: tuple[str, ...]
) -> list[Row]:
    """Rows of these ascending UIDs with columns of their mails, opened, in the order of the UIDs.

    The caller gives a page of UIDs, and few different `columns`, each a tuple of its program.
    """
    unit = partial(_found, account=account, mailbox_id=mailbox_id, uids=uids, columns=columns)
    return await store.index.read(unit)


async def made(
    store: MailStore,
    account: Account,
    mailbox_id: MailboxId,
    uids: Sequence[int],
    columns: tuple[str, ...],
    make: Callable[[list[Row]], T],
) -> T:
    """What is made of the same rows, in the thread that reads them: handing them over costs more than a little work."""

    def unit(tx: Transaction) -> T:
        return make(_found(tx, account=account, mailbox_id=mailbox_id, uids=uids, columns=columns))

    return await store.index.read(unit)


async def fitting(
    store: MailStore,
    account: Account,
    mailbox_id: MailboxId,
    uids: Sequence[int],
    columns: tuple[str, ...],
    make: Callable[[list[Row]], T],
) -> tuple[int, T]:
    """The same of as many of these UIDs, from the first, as may be in memory together, one at least; and how many that are."""
    wide = tuple([name for name in columns if name in WIDE])
    may_be_too_much = len(uids) > HEADERS if wide == ("header",) else bool(wide)

    def unit(tx: Transaction) -> tuple[int, T]:
        fit = _fit(tx, mailbox_id, uids, wide) if may_be_too_much else len(uids)
        return fit, make(_found(tx, account=account, mailbox_id=mailbox_id, uids=uids[:fit], columns=columns))

    return await store.index.read(unit)


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
    names = ("object_id", *columns)
    rows = messages.details(tx, mailbox_id, messages.ranges_of(uids), names)
    if len(rows) < len(uids):
        there = {row[UID] for row in rows}
        gone = messages.gone_details(tx, mailbox_id, [uid for uid in uids if uid not in there], names)
        rows = sorted([*rows, *gone])
    sealed = [(FIRST + at, name) for at, name in enumerate(columns) if name not in PLAIN_COLUMNS]
    return _opened(account.codec, rows, sealed) if sealed and rows else rows


def _opened(codec: Codec, rows: Sequence[Row], sealed: Sequence[tuple[int, str]]) -> list[Row]:
    """Column by column, which takes half the time. Corrupt."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    object_ids = columns[OBJECT_ID]
    for at, name in sealed:
        stored = columns[at]
        opened = codec.open_each((rendering.place(name, each) for each in object_ids), stored)
        if None in opened:
            number = opened.index(None)
            codec.open(rendering.place(name, object_ids[number]), stored[number])  # raises what is wrong with it
        columns[at] = opened
    return list(zip(*columns, strict=True))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bytes `start` to `stop` (exclusive) of a mail, prefix and body together."""

    email_id: EmailId
    located: Located
    start: int
    stop: int


PLACE: Final = ("store", "ref", "prefix")
"""Columns that `located` needs, at the end of those that were asked for."""


def located(account: Account, row: Row) -> Located:
    """Where a mail's bytes are, from a row with `PLACE`."""
    store, ref, prefix = row[-3:]
    return Located(Place(row[EMAIL], account.id, row[OBJECT_ID], store, ref, b"", row[SIZE]), prefix)


async def ranges(store: MailStore, account: Account, wanted: Sequence[Wanted]) -> list[bytes]:
    """Small ranges of several mails, in few calls. NOT_FOUND, CORRUPT, UNAVAILABLE; Corrupt and Unavailable of the stores."""
    by_store: dict[str, list[int]] = {}
    for number, each in enumerate(wanted):
        if each.stop > max(len(each.located.prefix), each.start):
            by_store.setdefault(each.located.place.store, []).append(number)
    bodies: dict[int, bytes | NotFound | Corrupt] = {}
    for name, numbers in by_store.items():
        bodies_of = store.bodies.get(name)
        if bodies_of is None:
            raise Failure(
                Kind.UNAVAILABLE,
                "the message's body store is not configured",
                f"add the store {name!r} to the configuration",
            )
        answers = await bodies_of.read_many([_range(wanted[number]) for number in numbers])
        bodies.update(zip(numbers, answers, strict=True))
    return [await _joined(store, account, each, bodies.get(number, b"")) for number, each in enumerate(wanted)]


def _range(wanted: Wanted) -> Range:
    before = len(wanted.located.prefix)
    return Range(wanted.located.place.ref, max(wanted.start - before, 0), max(wanted.stop - before, 0))


async def _joined(store: MailStore, account: Account, wanted: Wanted, body: bytes | NotFound | Corrupt) -> bytes:
    if isinstance(body, Corrupt):
        raise body
    if isinstance(body, NotFound):  # it may have moved to another store since it was located
        return await reading.mail(store, account, wanted.email_id, wanted.start, wanted.stop)
    prefix = wanted.located.prefix
    return prefix[wanted.start : wanted.stop] + body if wanted.start < len(prefix) else body
