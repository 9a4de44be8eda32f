"""What changes messages: place, store flags, copy, expunge. One statement for any number of rows; the caller adjusts
the mailbox's counts by what is returned (`mailboxes.take_uids`), in the same unit."""

from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, case, delete, exists, func, literal, select, update
from sqlalchemy import bindparam as p

from storage_backends.index.api import AccountId, MailboxId, Row, Transaction, Uid
from storage_backends.index.schema import email, expunged, message, release
from storage_backends.index.statement import any_of, insert, last_id, prepared
from storage_backends.index.tables.flags import DELETED, SEEN
from storage_backends.index.tables.mailboxes import Counts
from storage_backends.index.tables.messages import IN_LIST, IN_RANGE, FlagsRow, Ranges, selection

_SELECTIONS: Final = (("range", IN_RANGE), ("list", IN_LIST))
_IN_MAILBOX = message.c.mailbox_id == p("mailbox")
_COUNTED: Final = SEEN | DELETED

_PLACE = prepared(
    insert(message).values(
        mailbox_id=p("mailbox"),
        uid=p("uid"),
        email_id=last_id(email.c.id),
        modseq=p("modseq"),
        createseq=p("modseq"),
        flags=p("flags"),
        keywords=p("keywords"),
        received=p("received"),
        saved=p("saved"),
        size=p("size"),
    )
)


class Placement(NamedTuple):
    """A message to be placed."""

    mailbox_id: MailboxId
    uid: Uid
    flags: int
    keywords: int
    received: int
    saved: int
    size: int


def place(tx: Transaction, account: AccountId, placement: Placement) -> None:
    """Insert a message of the mail that this unit inserted last (`emails.add`), under a UID that was taken before."""
    mailbox, uid, flags, keywords, received, saved, size = placement
    tx.ask(
        _PLACE,
        {
            "mailbox": mailbox,
            "uid": uid,
            "modseq": tx.modseq(account),
            "flags": flags,
            "keywords": keywords,
            "received": received,
            "saved": saved,
            "size": size,
        },
    )


def counts_of(flags: int, size: int) -> Counts:
    """What one message with these flags counts for."""
    deleted = int(flags & DELETED != 0)
    return Counts(1, int(flags & SEEN == 0), deleted, size, size * deleted)


# -- flags

_NEW_FLAGS = message.c.flags.op("&")(p("keep_flags")).op("|")(p("add_flags"))
_NEW_KEYWORDS = message.c.keywords.op("&")(p("keep_keywords")).op("|")(p("add_keywords"))
_DIFFERS = (message.c.flags != _NEW_FLAGS) | (message.c.keywords != _NEW_KEYWORDS)
_UNCHANGED = message.c.modseq <= p("unchanged_since")
_BITS = message.c.flags.op("&")(literal(_COUNTED, BigInteger))

_STORE = {
    kind: prepared(
        update(message)
        .where(_IN_MAILBOX, within, _UNCHANGED, _DIFFERS)
        .values(flags=_NEW_FLAGS, keywords=_NEW_KEYWORDS, modseq=p("new_modseq"))
    )
    for kind, within in _SELECTIONS
}
_BEFORE = {
    kind: prepared(
        select(_BITS, func.count(), func.sum(message.c.size))
        .where(_IN_MAILBOX, within, _UNCHANGED, _DIFFERS)
        .group_by(_BITS)
    )
    for kind, within in _SELECTIONS
}
_MODIFIED = {
    kind: prepared(
        select(message.c.uid)
        .where(_IN_MAILBOX, within, message.c.modseq > p("unchanged_since"))
        .order_by(message.c.uid)
    )
    for kind, within in _SELECTIONS
}
_FLAGS_ROWS = {
    kind: prepared(
        select(*(message.c[name] for name in FlagsRow._fields))
        .where(_IN_MAILBOX, within, _UNCHANGED)
        .order_by(message.c.uid)
    )
    for kind, within in _SELECTIONS
}

ALL_BITS: Final = (1 << 63) - 1


class FlagChange(NamedTuple):
    """Bits to keep and bits to add: +FLAGS keeps all, -FLAGS adds none, FLAGS keeps none."""

    keep_flags: int = ALL_BITS
    add_flags: int = 0
    keep_keywords: int = ALL_BITS
    add_keywords: int = 0


class Selection(NamedTuple):
    """Messages of a mailbox, of those only the ones whose modseq is not above `unchanged_since` (RFC 7162 3.1.3)."""

    mailbox_id: MailboxId
    ranges: Ranges
    unchanged_since: int = ALL_BITS


def store(tx: Transaction, account: AccountId, chosen: Selection, change: FlagChange) -> tuple[int, Counts]:
    """Change flags and keywords; return how many messages changed and what the mailbox's counts change by."""
    kind, within = selection(tx, chosen.mailbox_id, chosen.ranges)
    parameters: dict[str, Any] = {
        "mailbox": chosen.mailbox_id,
        "unchanged_since": chosen.unchanged_since,
        **within,
        **change._asdict(),
    }
    unseen = deleted = deleted_size = 0
    if change.add_flags & _COUNTED or ~change.keep_flags & _COUNTED:
        for bits, count, size in tx.all(_BEFORE[kind], parameters):
            after = (bits & change.keep_flags | change.add_flags) & _COUNTED
            unseen += count * (int(after & SEEN == 0) - int(bits & SEEN == 0))
            more_deleted = int(after & DELETED != 0) - int(bits & DELETED != 0)
            deleted += count * more_deleted
            deleted_size += int(size) * more_deleted
    changed = tx.run(_STORE[kind], {**parameters, "new_modseq": tx.modseq(account)})
    return changed, Counts(0, unseen, deleted, 0, deleted_size)


def flag_rows(tx: Transaction, chosen: Selection) -> list[Row]:
    """Of each message (uid, flags, keywords, modseq), as plain tuples in the order of the UIDs: see FlagsRow."""
    kind, within = selection(tx, chosen.mailbox_id, chosen.ranges)
    parameters = {"mailbox": chosen.mailbox_id, "unchanged_since": chosen.unchanged_since, **within}
    return tx.all(_FLAGS_ROWS[kind], parameters)


def modified(tx: Transaction, chosen: Selection) -> list[Uid]:
    """Messages that `unchanged_since` leaves out: the MODIFIED of a conditional STORE."""
    kind, within = selection(tx, chosen.mailbox_id, chosen.ranges)
    parameters = {"mailbox": chosen.mailbox_id, "unchanged_since": chosen.unchanged_since, **within}
    return [Uid(row[0]) for row in tx.all(_MODIFIED[kind], parameters)]


# -- copy and expunge

_SEEN = case((message.c.flags.op("&")(SEEN) == 0, 1), else_=0)
_DELETED = case((message.c.flags.op("&")(DELETED) != 0, 1), else_=0)
_SUMS = (
    func.count(),
    func.coalesce(func.sum(_SEEN), 0),
    func.coalesce(func.sum(_DELETED), 0),
    func.coalesce(func.sum(message.c.size), 0),
    func.coalesce(func.sum(message.c.size * _DELETED), 0),
)
_COUNT = {kind: prepared(select(*_SUMS).where(_IN_MAILBOX, within)) for kind, within in _SELECTIONS}
_UIDS = {
    kind: prepared(select(message.c.uid).where(_IN_MAILBOX, within).order_by(message.c.uid).limit(p("most")))
    for kind, within in _SELECTIONS
}
_DELETED_UIDS = {
    kind: prepared(
        select(message.c.uid)
        .where(_IN_MAILBOX, within, message.c.flags.op("&")(DELETED) != 0)
        .order_by(message.c.uid)
        .limit(p("most"))
    )
    for kind, within in _SELECTIONS
}
_COPY = {
    kind: prepared(
        insert(message).from_select(
            ["mailbox_id", "uid", "email_id", "modseq", "createseq", "flags", "keywords", "received", "saved", "size"],
            select(
                p("target", type_=BigInteger),
                func.row_number().over(order_by=message.c.uid) + p("before_first", type_=BigInteger),
                message.c.email_id,
                p("modseq", type_=BigInteger),
                p("modseq", type_=BigInteger),
                message.c.flags,
                message.c.keywords,
                message.c.received,
                p("saved", type_=BigInteger),
                message.c.size,
            ).where(_IN_MAILBOX, within),
        )
    )
    for kind, within in _SELECTIONS
}
_OTHER = message.alias("other")
_STAYS = {
    "range": ~_OTHER.c.uid.between(p("first"), p("last")),
    "list": ~any_of(_OTHER.c.uid, "uids"),
}
_RELEASE = {
    kind: prepared(
        insert(release).from_select(
            ["account_id", "email_id", "due"],
            select(p("account", type_=BigInteger), message.c.email_id, p("due", type_=BigInteger))
            .where(
                _IN_MAILBOX,
                within,
                ~exists().where(
                    _OTHER.c.email_id == message.c.email_id,
                    (_OTHER.c.mailbox_id != message.c.mailbox_id) | _STAYS[kind],
                ),
            )
            .distinct(),
        )
    )
    for kind, within in _SELECTIONS
}
_WAS = ("email_id", "createseq", "flags", "keywords", "received", "saved", "size")
_BURY = {
    kind: prepared(
        insert(expunged).from_select(
            ["mailbox_id", "uid", "modseq", "at", *_WAS],
            select(
                message.c.mailbox_id,
                message.c.uid,
                p("modseq", type_=BigInteger),
                p("at", type_=BigInteger),
                *(message.c[name] for name in _WAS),
            ).where(_IN_MAILBOX, within),
        )
    )
    for kind, within in _SELECTIONS
}
_DELETE = {kind: prepared(delete(message).where(_IN_MAILBOX, within)) for kind, within in _SELECTIONS}


def count(tx: Transaction, mailbox_id: MailboxId, ranges: Ranges) -> Counts:
    """What the messages of a selection count for."""
    kind, within = selection(tx, mailbox_id, ranges)
    row = tx.one(_COUNT[kind], {"mailbox": mailbox_id, **within})
    assert row is not None  # noqa: S101 - an aggregate has a row
    return Counts(*(int(value) for value in row))


def uids(
    tx: Transaction, mailbox_id: MailboxId, ranges: Ranges, *, deleted_only: bool = False, most: int = ALL_BITS
) -> list[Uid]:
    """The first `most` UIDs of a selection that exist, in order; only those with \\Deleted when asked."""
    kind, within = selection(tx, mailbox_id, ranges)
    statement = _DELETED_UIDS[kind] if deleted_only else _UIDS[kind]
    return [Uid(row[0]) for row in tx.all(statement, {"mailbox": mailbox_id, "most": most, **within})]


class Copy(NamedTuple):
    """Where copies go: the first copy gets UID `before_first` + 1, the others follow in the order of the sources'
    UIDs.
    """

    target: MailboxId
    before_first: int
    saved: int


def copy(tx: Transaction, account: AccountId, mailbox_id: MailboxId, ranges: Ranges, into: Copy) -> None:
    """Place the mails of a selection in another mailbox too, with their flags and received dates."""
    kind, within = selection(tx, mailbox_id, ranges)
    tx.run(_COPY[kind], {"mailbox": mailbox_id, **within, **into._asdict(), "modseq": tx.modseq(account)})


def bury(tx: Transaction, account: AccountId, mailbox_id: MailboxId, ranges: Ranges, at: int) -> None:
    """Take the messages of a selection out of a mailbox, leaving tombstones."""
    kind, within = selection(tx, mailbox_id, ranges)
    tx.run(_BURY[kind], {"mailbox": mailbox_id, **within, "modseq": tx.modseq(account), "at": at})
    tx.run(_DELETE[kind], {"mailbox": mailbox_id, **within})


def erase(tx: Transaction, mailbox_id: MailboxId, ranges: Ranges) -> None:
    """Take the messages of a selection out without tombstones: of a mailbox that goes itself."""
    kind, within = selection(tx, mailbox_id, ranges)
    tx.run(_DELETE[kind], {"mailbox": mailbox_id, **within})


def release_mails(tx: Transaction, account: AccountId, mailbox_id: MailboxId, ranges: Ranges, due: int) -> None:
    """Let the mails that nothing but this selection holds, which is about to go, be erased when due.

    Not those that another placement holds: due must count from the going of the last.
    """
    kind, within = selection(tx, mailbox_id, ranges)
    tx.run(_RELEASE[kind], {"mailbox": mailbox_id, **within, "account": account, "due": due})
