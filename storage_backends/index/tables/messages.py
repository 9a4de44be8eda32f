"""Rows of messages: the placements of mails in mailboxes, and reading them.

A selection of UIDs is a sequence of inclusive ranges `(first, last)`, which may overlap and reach beyond what exists.
One range runs as BETWEEN, more as a list of UIDs. What changes messages is in `placing.py`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cache, reduce
from itertools import chain
from operator import add, attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, delete, func, select
from sqlalchemy import bindparam as p
from sqlalchemy.sql import ColumnElement

from storage_backends.index.api import EmailId, MailboxId, ModSeq, Parameters, Row, Transaction, Uid
from storage_backends.index.schema import email, expunged, mailbox, message
from storage_backends.index.statement import Prepared, any_of, prepared

Ranges = Sequence[tuple[int, int]]

EVERYTHING: Final[Ranges] = ((1, 2**32 - 1),)
"""All UIDs there can be (RFC 9051 2.3.1.1)."""

LISTED: Final = 10_000
"""UIDs of a selection that are written out whether they exist or not."""


class MessageRow(NamedTuple):
    """One message of a mailbox; instants in milliseconds."""

    uid: Uid
    email_id: EmailId
    modseq: ModSeq
    createseq: ModSeq
    flags: int
    keywords: int
    received: int
    saved: int
    size: int


class FlagsRow(NamedTuple):
    """What a session keeps of each message in its selected mailbox."""

    uid: Uid
    flags: int
    keywords: int
    modseq: ModSeq


_MESSAGE = tuple(message.c[name] for name in MessageRow._fields)
_FLAGS = tuple(message.c[name] for name in FlagsRow._fields)
_IN_MAILBOX = message.c.mailbox_id == p("mailbox")
IN_RANGE: Final = message.c.uid.between(p("first"), p("last"))
IN_LIST: Final = any_of(message.c.uid, "uids")

_ROWS = {
    kind: prepared(select(*_MESSAGE).where(_IN_MAILBOX, within).order_by(message.c.uid))
    for kind, within in (("range", IN_RANGE), ("list", IN_LIST))
}
_EXISTING = prepared(select(message.c.uid).where(_IN_MAILBOX, IN_RANGE).order_by(message.c.uid))
_FLAGS_ROWS = prepared(select(*_FLAGS).where(_IN_MAILBOX).order_by(message.c.uid))
_CHANGED = prepared(select(*_MESSAGE).where(_IN_MAILBOX, message.c.modseq > p("since")).order_by(message.c.modseq))
"""In the order of the index that finds them: for that of UIDs SQLite walks through the whole mailbox."""
_EXPUNGED = prepared(
    select(expunged.c.uid)
    .where(expunged.c.mailbox_id == p("mailbox"), expunged.c.modseq > p("since"))
    .order_by(expunged.c.modseq)
)
_OLD_TOMBSTONES = prepared(
    select(expunged.c.mailbox_id, func.max(expunged.c.modseq))
    .where(expunged.c.at < p("before"))
    .group_by(expunged.c.mailbox_id)
)
_PRUNED = prepared(
    select(expunged.c.uid)
    .where(expunged.c.mailbox_id == p("mailbox"), expunged.c.modseq <= p("pruned"))
    .order_by(expunged.c.uid)
    .limit(p("most"))
)
_PRUNE = prepared(delete(expunged).where(expunged.c.mailbox_id == p("mailbox"), any_of(expunged.c.uid, "uids")))
_SAVED_BEFORE = prepared(
    select(message.c.uid).where(_IN_MAILBOX, message.c.saved < p("before")).order_by(message.c.uid).limit(p("most"))
)
_HIGHEST = prepared(select(func.coalesce(func.max(message.c.uid), 0)).where(_IN_MAILBOX))
_OWNER = prepared(select(mailbox.c.account_id).where(mailbox.c.id == p("mailbox")))
_MAILBOXES_OF_EMAIL = prepared(
    select(message.c.mailbox_id, message.c.uid)
    .where(message.c.email_id == p("email"))
    .order_by(message.c.mailbox_id, message.c.uid)
)


def selection(tx: Transaction, mailbox_id: MailboxId, ranges: Ranges) -> tuple[str, Parameters]:
    """How a selection runs: "range" or "list", and its parameters. No larger than the mailbox, however wide it is."""
    if len(ranges) == 1:
        return "range", {"first": ranges[0][0], "last": ranges[0][1]}
    wanted = [(first, last) for first, last in ranges if first <= last]
    if sum(last - first + 1 for first, last in wanted) <= LISTED:
        return "list", {"uids": list(chain.from_iterable(range(first, last + 1) for first, last in wanted))}
    outer = {"first": min(first for first, _ in wanted), "last": max(last for _, last in wanted)}
    existing = [row[0] for row in tx.all(_EXISTING, {"mailbox": mailbox_id, **outer})]
    return "list", {"uids": _within(existing, wanted)}


def _within(existing: Sequence[int], wanted: Ranges) -> list[int]:
    found: list[int] = []
    reached = 0
    for first, last in sorted(wanted):
        if last > reached:
            found += existing[bisect_left(existing, max(first, reached + 1)) : bisect_right(existing, last)]
            reached = last
    return found


def ranges_of(uids: Iterable[int]) -> list[tuple[int, int]]:
    """The fewest ranges that hold exactly these ascending UIDs."""
    ranges: list[tuple[int, int]] = []
    first = last = -1
    for uid in uids:
        if uid != last + 1:
            if last >= 0:
                ranges.append((first, last))
            first = uid
        last = uid
    if last >= 0:
        ranges.append((first, last))
    return ranges


def rows(tx: Transaction, mailbox_id: MailboxId, ranges: Ranges = EVERYTHING) -> list[MessageRow]:
    """Messages in the order of their UIDs."""
    kind, parameters = selection(tx, mailbox_id, ranges)
    return [MessageRow(*row) for row in tx.all(_ROWS[kind], {"mailbox": mailbox_id, **parameters})]


def flags(tx: Transaction, mailbox_id: MailboxId) -> list[Row]:
    """Of every message (uid, flags, keywords, modseq), as plain tuples in the order of the UIDs: see FlagsRow."""
    return tx.all(_FLAGS_ROWS, {"mailbox": mailbox_id})


def changed(tx: Transaction, mailbox_id: MailboxId, since: ModSeq) -> list[MessageRow]:
    """Messages that are new or changed after `since`, in the order of their UIDs."""
    found = map(MessageRow._make, tx.all(_CHANGED, {"mailbox": mailbox_id, "since": since}))
    return sorted(found, key=attrgetter("uid"))


def vanished(tx: Transaction, mailbox_id: MailboxId, since: ModSeq) -> list[Uid]:
    """UIDs of messages that went after `since`, ascending, as far back as tombstones are kept."""
    return sorted(Uid(row[0]) for row in tx.all(_EXPUNGED, {"mailbox": mailbox_id, "since": since}))


@cache
def _widths(kind: str, names: tuple[str, ...]) -> Prepared:
    octets = reduce(add, [func.coalesce(func.length(email.c[name]), 0) for name in names])
    within = IN_RANGE if kind == "range" else IN_LIST
    return prepared(
        select(message.c.uid, octets)
        .join(email, email.c.id == message.c.email_id)
        .where(_IN_MAILBOX, within)
        .order_by(message.c.uid)
    )


@cache
def _width(kind: str, names: tuple[str, ...]) -> Prepared:
    octets = reduce(add, [func.coalesce(func.length(email.c[name]), 0) for name in names])
    within = IN_RANGE if kind == "range" else IN_LIST
    return prepared(
        select(func.coalesce(func.sum(octets), 0))
        .select_from(message)
        .join(email, email.c.id == message.c.email_id)
        .where(_IN_MAILBOX, within)
    )


def width(tx: Transaction, mailbox_id: MailboxId, ranges: Ranges, names: tuple[str, ...]) -> int:
    """How many octets the named columns of `email` have together, of all these messages."""
    kind, parameters = selection(tx, mailbox_id, ranges)
    row = tx.one(_width(kind, names), {"mailbox": mailbox_id, **parameters})
    return int(row[0]) if row else 0


def widths(tx: Transaction, mailbox_id: MailboxId, ranges: Ranges, names: tuple[str, ...]) -> list[tuple[Uid, int]]:
    """How many octets the named columns of `email` have together, by UIDs in their order."""
    kind, parameters = selection(tx, mailbox_id, ranges)
    return [(Uid(row[0]), row[1]) for row in tx.all(_widths(kind, names), {"mailbox": mailbox_id, **parameters})]


@cache
def _chosen(kind: str, names: tuple[str, ...]) -> Prepared:
    chosen = select(*_of_either(message, names))
    if not set(names) <= set(MessageRow._fields):
        chosen = chosen.join(email, email.c.id == message.c.email_id)
    within = IN_RANGE if kind == "range" else IN_LIST
    return prepared(chosen.where(_IN_MAILBOX, within).order_by(message.c.uid))


@cache
def _gone_chosen(names: tuple[str, ...]) -> Prepared:
    return prepared(
        select(*_of_either(expunged, names))
        .join(email, email.c.id == expunged.c.email_id)
        .where(expunged.c.mailbox_id == p("mailbox"), any_of(expunged.c.uid, "uids"))
        .order_by(expunged.c.uid)
    )


def _of_either(table: Table, names: tuple[str, ...]) -> list[ColumnElement[Any]]:
    return [table.c[name] if name in MessageRow._fields else email.c[name] for name in names]


def details(tx: Transaction, mailbox_id: MailboxId, ranges: Ranges, names: tuple[str, ...]) -> list[Row]:
    """The columns of MessageRow and then the named columns of `email`, in the order of the UIDs. Sealed ones stay
    sealed.

    The caller gives few different `names`, each a tuple of its program.
    """
    return chosen(tx, mailbox_id, ranges, (*MessageRow._fields, *names))


def chosen(tx: Transaction, mailbox_id: MailboxId, ranges: Ranges, names: tuple[str, ...]) -> list[Row]:
    """Nothing but the named columns, of MessageRow or else of `email`, in the order of the UIDs: each that is not wanted
    saves time. Sealed ones stay sealed, and the caller gives few different `names`, as in `details`.
    """
    kind, parameters = selection(tx, mailbox_id, ranges)
    return tx.all(_chosen(kind, names), {"mailbox": mailbox_id, **parameters})


def chosen_or_gone(tx: Transaction, mailbox_id: MailboxId, uids: Sequence[int], names: tuple[str, ...]) -> list[Row]:
    """The same of these ascending UIDs, also of messages that went as long as their mails are not erased: their `modseq` is that
    of their going. The first name is `uid`.
    """
    rows = chosen(tx, mailbox_id, ranges_of(uids), names)
    if len(rows) < len(uids):
        there = {row[0] for row in rows}
        missing = [uid for uid in uids if uid not in there]
        rows = sorted([*rows, *tx.all(_gone_chosen(names), {"mailbox": mailbox_id, "uids": missing})])
    return rows


def placements(tx: Transaction, email_id: EmailId) -> list[tuple[MailboxId, Uid]]:
    """Where a mail is placed."""
    return [(MailboxId(row[0]), Uid(row[1])) for row in tx.all(_MAILBOXES_OF_EMAIL, {"email": email_id})]


def old_tombstones(tx: Transaction, before: int) -> list[tuple[MailboxId, ModSeq]]:
    """Mailboxes with tombstones from before an instant, and the highest modseq of those."""
    return [(MailboxId(row[0]), ModSeq(row[1])) for row in tx.all(_OLD_TOMBSTONES, {"before": before})]


def prune(tx: Transaction, mailbox_id: MailboxId, modseq: ModSeq, most: int) -> int:
    """Delete at most so many tombstones up to `modseq` and return how many."""
    rows = tx.all(_PRUNED, {"mailbox": mailbox_id, "pruned": modseq, "most": most})
    return tx.run(_PRUNE, {"mailbox": mailbox_id, "uids": [row[0] for row in rows]}) if rows else 0


def saved_before(tx: Transaction, mailbox_id: MailboxId, before: int, most: int) -> list[Uid]:
    """The first `most` messages that were saved in the mailbox before an instant."""
    return [Uid(row[0]) for row in tx.all(_SAVED_BEFORE, {"mailbox": mailbox_id, "before": before, "most": most})]


def highest_uid(tx: Transaction, mailbox_id: MailboxId) -> int:
    """The highest UID of a mailbox's messages, 0 for none."""
    row = tx.one(_HIGHEST, {"mailbox": mailbox_id})
    return int(row[0]) if row else 0


def owner(tx: Transaction, mailbox_id: MailboxId) -> int | None:
    """The account of a mailbox."""
    row = tx.one(_OWNER, {"mailbox": mailbox_id})
    return None if row is None else int(row[0])
