"""Read messages: rows of a mailbox, opened columns of mails, and the bytes of a mail.

A mail's bytes are its prefix and then its body; all offsets count from the start of the prefix. A body may move to
another store while it is read for the first time: a reader that finds nothing reads the row again, once.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import rendering
from mox_trio.mailstore.codec import Codec
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import structure_codec
from mox_trio.protocol.mime.part import Part
from storage_backends.bodies.api import BodyStore, Range
from storage_backends.errors import Corrupt, NotFound, kept
from storage_backends.index.api import EmailId, MailboxId, Row, Transaction
from storage_backends.index.tables import emails, messages, placing
from storage_backends.index.tables.emails import Place
from storage_backends.index.tables.messages import EVERYTHING, MessageRow, Ranges

PAGE: Final = 500
"""Messages whose columns are read at once."""
PLAIN_COLUMNS: Final = frozenset(
    {"object_id", "thread_id", "header_size", "sent", "parsed_version", "store", "ref", "size"}
)


@dataclass(frozen=True, slots=True)
class Details:
    """A message and the columns of its mail that were asked for, opened, in that order."""

    row: MessageRow
    columns: tuple[bytes | str | int | None, ...]


async def flags(store: MailStore, mailbox_id: MailboxId) -> list[Row]:
    """(uid, flags, keywords, modseq) of every message, in the order of the UIDs."""
    return await store.index.read(lambda tx: messages.flags(tx, mailbox_id))


async def rows(store: MailStore, mailbox_id: MailboxId, ranges: Ranges = EVERYTHING) -> list[MessageRow]:
    """The messages of these UIDs that exist, in order."""
    return await store.index.read(lambda tx: messages.rows(tx, mailbox_id, ranges))


async def highest_uid(store: MailStore, mailbox_id: MailboxId) -> int:
    """The highest UID of the messages that exist; 0 where there are none."""
    return await store.index.read(lambda tx: messages.highest_uid(tx, mailbox_id))


async def details(
    store: MailStore, account: Account, mailbox_id: MailboxId, ranges: Ranges, columns: tuple[str, ...]
) -> AsyncGenerator[list[Details], None]:
    """Pages of messages with named columns of `email`, opened; read and opened off the event loop."""
    existing = await store.index.read(partial(placing.uids, mailbox_id=mailbox_id, ranges=ranges))
    for start in range(0, len(existing), PAGE):
        page = messages.ranges_of(existing[start : start + PAGE])
        yield await store.index.read(
            partial(_read_details, account=account, mailbox_id=mailbox_id, ranges=page, columns=columns)
        )


def _read_details(
    tx: Transaction, *, account: Account, mailbox_id: MailboxId, ranges: Ranges, columns: tuple[str, ...]
) -> list[Details]:
    found = messages.details(tx, mailbox_id, ranges, ("object_id", *columns))
    return [_opened(account.codec, row, columns) for row in found]


def _opened(codec: Codec, row: Row, columns: tuple[str, ...]) -> Details:
    width = len(MessageRow._fields)
    object_id = row[width]
    values = tuple(
        value if name in PLAIN_COLUMNS else codec.open(rendering.place(name, object_id), value)
        for name, value in zip(columns, row[width + 1 :], strict=True)
    )
    return Details(MessageRow(*row[:width]), values)


async def summaries(
    store: MailStore, account: Account, mailbox_id: MailboxId, ranges: Ranges
) -> AsyncIterator[list[tuple[MessageRow, rendering.Summary]]]:
    """Pages of messages with their summaries."""
    async for page in details(store, account, mailbox_id, ranges, ("summary",)):
        yield [(each.row, rendering.parse_summary(each.columns[0])) for each in page]


class Located(NamedTuple):
    """Where a mail's bytes are, with its prefix opened. A tuple, because a search makes one for each message."""

    place: Place
    prefix: bytes


async def locate(store: MailStore, account: Account, email_id: EmailId) -> Located:
    """Find a mail. NOT_FOUND when it is gone."""
    place = await store.index.read(lambda tx: emails.place(tx, account.id, email_id))
    if place is None:
        raise Failure(Kind.NOT_FOUND, "the message was erased")
    return Located(place, account.codec.open(rendering.place("prefix", place.object_id), place.prefix))


@asynccontextmanager
async def open_mail(
    store: MailStore,
    account: Account,
    email_id: EmailId,
    start: int = 0,
    stop: int | None = None,
    located: Located | None = None,
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Read bytes `start` to `stop` (exclusive; None: the end) of a mail, in blocks.

    Who has located it already says where; if it moved since, it is located again.
    NOT_FOUND when it is gone; Corrupt when the body is not what was put.
    """
    async with AsyncExitStack() as stack:
        located = located or await locate(store, account, email_id)
        try:
            blocks = await stack.enter_async_context(_body(store, located, start, stop))
        except NotFound:
            located = await locate(store, account, email_id)
            try:
                blocks = await stack.enter_async_context(_body(store, located, start, stop))
            except NotFound as error:
                raise Failure(Kind.CORRUPT, "the message's body is missing; run mox-trio verify", str(error)) from error
        # Closed here: a reader may stop before the end.
        yield await stack.enter_async_context(aclosing(_chained(located.prefix[start:stop], blocks)))


@asynccontextmanager
async def _body(
    store: MailStore, located: Located, start: int, stop: int | None
) -> AsyncIterator[AsyncIterator[bytes]]:
    before = len(located.prefix)
    first = max(start - before, 0)
    last = None if stop is None else max(stop - before, 0)
    async with body_store(store, located.place.store).open(located.place.ref, first, last) as blocks:
        yield blocks


async def _chained(prefix: bytes, blocks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if prefix:
        yield prefix
    async for block in blocks:
        yield block


async def mail(store: MailStore, account: Account, email_id: EmailId, start: int = 0, stop: int | None = None) -> bytes:
    """A range of a mail at once; the caller knows that it is small."""
    async with open_mail(store, account, email_id, start, stop) as blocks:
        return b"".join([block async for block in blocks])


async def whole(store: MailStore, account: Account, mails: Sequence[Located]) -> list[bytes | Failure | Corrupt]:
    """Several mails at once; the caller knows that all together are small.

    In the place of one that is gone or not what was put stands why. What else fails is raised.
    """
    places: dict[str, list[int]] = {}
    for number, each in enumerate(mails):
        places.setdefault(each.place.store, []).append(number)
    found: dict[int, bytes | Failure | Corrupt] = {}
    for name, numbers in places.items():
        answers = await body_store(store, name).read_many([Range(mails[number].place.ref) for number in numbers])
        for number, answer in zip(numbers, answers, strict=True):
            if isinstance(answer, NotFound):
                found[number] = await _again(store, account, mails[number].place.email_id)
            else:
                found[number] = mails[number].prefix + answer if isinstance(answer, bytes) else answer
    return [found[number] for number in range(len(mails))]


async def _again(store: MailStore, account: Account, email_id: EmailId) -> bytes | Failure | Corrupt:
    """A mail whose body is not where it was."""
    try:
        return await mail(store, account, email_id)
    except Corrupt as error:
        return kept(error)
    except Failure as error:
        if error.kind in (Kind.NOT_FOUND, Kind.CORRUPT):
            return kept(error)
        raise


def body_store(store: MailStore, name: str) -> BodyStore:
    """The store of this name. UNAVAILABLE."""
    bodies = store.bodies.get(name)
    if bodies is None:
        raise Failure(
            Kind.UNAVAILABLE,
            "the message's body store is not configured",
            f"add the store {name!r} to the configuration",
        )
    return bodies


async def parts(
    store: MailStore, account: Account, mailbox_id: MailboxId, ranges: Sequence[tuple[int, int]]
) -> list[Part]:
    """The part trees of messages, in the order of their UIDs."""
    loaded: list[Part] = []
    async for page in details(store, account, mailbox_id, ranges, ("parts",)):
        stored = [each.columns[0] for each in page]
        loaded += await trio.to_thread.run_sync(_load, stored, limiter=store.computing)
    return loaded


def _load(stored: list[bytes | str | int | None]) -> list[Part]:
    return [structure_codec.load(each) for each in stored if isinstance(each, bytes)]
