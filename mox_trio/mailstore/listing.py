"""What web pages list: the messages of a mailbox in the order of their dates, rows as they are shown, mails of a thread.

A list of 100,000 messages is arrays, not objects: `order` reads them in one unit, and what is shown of a message is read when
it is looked at (`shown`). Dates are INTERNALDATE, to the second.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import keywords as names
from mox_trio.mailstore import rendering
from mox_trio.mailstore.rendering import Summary
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import structure_codec
from mox_trio.protocol.mime.part import Part, walk
from storage_backends.index.api import EmailId, MailboxId, ModSeq, Row, Transaction, Uid
from storage_backends.index.tables import accounts, mailboxes, messages
from storage_backends.index.tables import keywords as keyword_rows
from storage_backends.index.tables import listing as rows
from storage_backends.index.tables.listing import EVIDENCE, Member
from storage_backends.index.tables.messages import MessageRow

FEW: Final = 5000
"""Messages of a mailbox up to which each is joined with its mail; beyond, the account's index of threads is read."""
SAMPLES: Final = 32
"""Messages that are looked at to see whether the last ones are the newest."""
HIDDEN_USE: Final = mailboxes.TRASH | mailboxes.JUNK
"""Special uses of mailboxes that searches leave out unless they are named."""
SENT_USE: Final = mailboxes.SENT
"""That of the mailbox for sent mail."""
_UID_BITS: Final = 32
_COLUMNS: Final = ("object_id", "thread_id", "sent", "summary", "parts")


def key(received: int, uid: int) -> int:
    """What a message is ordered by: the second of its date, then its UID."""
    return max(received // 1000, 0) << _UID_BITS | uid


def uid_of(order_key: int) -> Uid:
    """The UID in a key."""
    return Uid(order_key & (1 << _UID_BITS) - 1)


def mailbox_id(number: int) -> MailboxId:
    """A number from a page as what it means."""
    return MailboxId(number)


def uid(number: int) -> Uid:
    """The same of a message."""
    return Uid(number)


def modseq(number: int) -> ModSeq:
    """The same of a watermark."""
    return ModSeq(number)


def ranges(uids: Iterable[int]) -> list[tuple[int, int]]:
    """The fewest ranges that hold exactly these UIDs, in any order."""
    return messages.ranges_of(sorted(set(uids)))


async def keys(store: MailStore, mailbox_id: MailboxId) -> "array[int]":
    """The keys of all messages of a mailbox, in the order of their UIDs."""
    found = await store.index.read(lambda tx: rows.plain(tx, mailbox_id))
    return array("Q", [key(received, uid) for uid, received in found])


@dataclass(frozen=True, slots=True)
class Order:
    """All messages of a mailbox at one moment, ascending by UID, in parallel arrays."""

    modseq: ModSeq
    keys: "array[int]"
    threads: "array[int]"
    """A number that is the same for messages of one thread, in this process."""


def thread_number(thread_id: str) -> int:
    """The number of a thread."""
    return hash(thread_id)


async def order(store: MailStore, account: Account, mailbox_id: MailboxId) -> Order:
    """Read it. NOT_FOUND when the mailbox was deleted."""
    return await store.index.read(partial(_order, account=account, mailbox_id=mailbox_id))


async def last(store: MailStore, account: Account, mailbox_id: MailboxId, most: int) -> Order | None:
    """The same of the last messages alone, which costs as little as they are few; None where they do not seem to be the newest.
    NOT_FOUND.
    """
    return await store.index.read(partial(_last, account=account, mailbox_id=mailbox_id, most=most))


def _last(tx: Transaction, *, account: Account, mailbox_id: MailboxId, most: int) -> Order | None:
    box = mailboxes.by_id(tx, account.id, mailbox_id)
    if box is None:
        raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    found = list(reversed(rows.last_with_thread(tx, mailbox_id, most)))
    if not found or not _are_newest(tx, mailbox_id, found):
        return None
    keys = array("Q", [key(row[1], row[0]) for row in found])
    return Order(ModSeq(max(box.highest_modseq, box.modseq)), keys, array("q", [hash(row[2]) for row in found]))


def _are_newest(tx: Transaction, mailbox_id: MailboxId, last: Sequence[Row]) -> bool:
    """Whether messages that have lower UIDs, as far as `SAMPLES` show, are older than these mostly are."""
    first = int(last[0][0])
    sampled = rows.received_at(tx, mailbox_id, [first * number // SAMPLES for number in range(1, SAMPLES)])
    middle = sorted(row[1] for row in last)[len(last) // 2]
    return bool(max(sampled, default=0) <= middle)


def _order(tx: Transaction, *, account: Account, mailbox_id: MailboxId) -> Order:
    box = mailboxes.by_id(tx, account.id, mailbox_id)
    if box is None:
        raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    if box.messages <= FEW:
        found = rows.with_thread(tx, mailbox_id)
        numbers = array("q", [hash(row[2]) for row in found])
    else:
        found = rows.with_email(tx, mailbox_id)
        of = {email: hash(thread) for email, thread in rows.threads(tx, account.id)}
        numbers = array("q", [of.get(row[2], 0) for row in found])
    keys = array("Q", [max(row[1] // 1000, 0) << _UID_BITS | row[0] for row in found])
    return Order(ModSeq(max(box.highest_modseq, box.modseq)), keys, numbers)


class Placed(NamedTuple):
    """Where a message stands in a list."""

    key: int
    thread: int


async def placed(store: MailStore, mailbox_id: MailboxId, uids: Sequence[Uid]) -> list[Placed]:
    """Of those of the messages that are still there, ascending by UID."""
    found = await store.index.read(lambda tx: rows.some_with_thread(tx, mailbox_id, uids))
    return [Placed(key(received, uid), hash(thread)) for uid, received, thread in found]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a list shows of a message."""

    mailbox_id: MailboxId
    row: MessageRow
    object_id: str
    thread_id: str
    sent: int | None
    summary: Summary
    flags: tuple[str, ...]
    """Names of flags and keywords."""
    attachments: int


async def shown(store: MailStore, account: Account, wanted: Iterable[tuple[MailboxId, Uid]]) -> list[Shown]:
    """The messages of these places that are still there, in any order. Read and opened off the event loop."""
    by_mailbox: dict[MailboxId, list[Uid]] = {}
    for mailbox_id, uid in wanted:
        by_mailbox.setdefault(mailbox_id, []).append(uid)
    if not by_mailbox:
        return []
    return await store.index.read(partial(_shown, account=account, wanted=by_mailbox))


def _shown(tx: Transaction, *, account: Account, wanted: dict[MailboxId, list[Uid]]) -> list[Shown]:
    table = names.table(tx, account.id)
    found: list[Shown] = []
    for mailbox_id, uids in wanted.items():
        if mailboxes.by_id(tx, account.id, mailbox_id) is None:
            continue
        page = messages.details(tx, mailbox_id, messages.ranges_of(sorted(set(uids))), _COLUMNS)
        found += [_opened(account, mailbox_id, row, table) for row in page]
    return found


def _opened(account: Account, mailbox_id: MailboxId, row: Row, table: dict[int, str]) -> Shown:
    width = len(MessageRow._fields)
    message = MessageRow(*row[:width])
    object_id, thread_id, sent, summary, parts = row[width:]
    opened = account.codec.open(rendering.place("summary", object_id), summary)
    tree = account.codec.open(rendering.place("parts", object_id), parts)
    return Shown(
        mailbox_id,
        message,
        object_id,
        thread_id,
        sent,
        rendering.parse_summary(opened),
        tuple(names.names(message.flags, message.keywords, table)),
        _attachments(tree),
    )


def _attachments(tree: bytes) -> int:
    """How many attachments a list says a message has: what the usual small message has not is seen without reading it."""
    if b"multipart" not in tree and b"attachment" not in tree and b"application" not in tree:
        return 0
    try:
        return sum(is_attachment(part) for part in walk(structure_codec.load(tree)))
    except ValueError:
        return 0


def is_attachment(part: Part) -> bool:
    """Whether people call it an attachment: a file, and not a picture within the text or a signature of the whole."""
    if part.is_multipart:
        return False
    if part.disposition == "attachment":
        return True
    if part.type == "text" and part.subtype in ("plain", "html") and not _filename(part):
        return False
    if part.content_id and part.type == "image":
        return False
    return part.type != "text" or bool(_filename(part))


def _filename(part: Part) -> str:
    pairs = (*part.disposition_parameters, *part.parameters)
    return next((value for name, value in pairs if name in ("filename", "name")), "")


async def trees(store: MailStore, account: Account, mailbox_id: MailboxId, uid: Uid) -> list[bytes]:
    """The stored part tree of a message, if it is there and the mailbox is the account's."""

    def unit(tx: Transaction) -> list[bytes]:
        if mailboxes.by_id(tx, account.id, mailbox_id) is None:
            return []
        found = messages.details(tx, mailbox_id, [(uid, uid)], ("object_id", "parts"))
        return [account.codec.open(rendering.place("parts", row[-2]), row[-1]) for row in found]

    return await store.index.read(unit)


async def members(store: MailStore, account: Account, thread_ids: Sequence[str]) -> list[Member]:
    """All placements of the mails of threads, the oldest first."""
    return await store.index.read(lambda tx: rows.members(tx, account.id, thread_ids))


async def evidence(store: MailStore, account: Account, email_id: EmailId) -> dict[str, str | int]:
    """What the receiving server found out about a mail, by the names of the columns. NOT_FOUND."""
    row = await store.index.read(lambda tx: rows.evidence(tx, account.id, email_id))
    if row is None:
        raise Failure(Kind.NOT_FOUND, "the message was erased")
    return dict(zip(EVIDENCE, row, strict=True))


async def watermark(store: MailStore, account: Account) -> ModSeq:
    """Where the account is now."""
    return await store.index.read(lambda tx: accounts.by_id(tx, account.id).modseq)


async def check_mailbox(store: MailStore, account: Account, number: int) -> int:
    """How many messages a mailbox of the account has. NOT_FOUND."""
    row = await store.index.read(lambda tx: mailboxes.by_id(tx, account.id, MailboxId(number)))
    if row is None:
        raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    return row.messages


async def keyword_names(store: MailStore, account: Account) -> list[str]:
    """The account's own keywords, in the order of their bits."""
    return [row.name for row in await store.index.read(lambda tx: keyword_rows.listed(tx, account.id))]
