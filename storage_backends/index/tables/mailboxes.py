"""Rows of mailboxes with their counts, and of subscriptions. Counts are kept in the same statement as UIDs are given
out.
"""

from typing import Final, NamedTuple

from sqlalchemy import BigInteger, case, exists, func, literal_column, or_, select, update
from sqlalchemy import bindparam as p

from storage_backends.index.api import AccountId, MailboxId, ModSeq, Transaction
from storage_backends.index.schema import expunged, mailbox, message, subscription
from storage_backends.index.statement import greatest, insert, prepared
from storage_backends.index.tables import accounts
from storage_backends.index.tables.flags import DELETED, SEEN

# Bits of mailbox.special_use (RFC 6154).
ARCHIVE: Final = 1 << 0
DRAFTS: Final = 1 << 1
JUNK: Final = 1 << 2
SENT: Final = 1 << 3
TRASH: Final = 1 << 4
ALL: Final = 1 << 5
FLAGGED: Final = 1 << 6
IMPORTANT: Final = 1 << 7


class MailboxRow(NamedTuple):
    """A mailbox as it is stored. A tombstone has `gone` 1 and no name."""

    id: MailboxId
    name: str
    uidvalidity: int
    uidnext: int
    modseq: ModSeq
    highest_modseq: ModSeq
    pruned_modseq: ModSeq
    special_use: int
    gone: int
    messages: int
    unseen: int
    deleted: int
    size: int
    deleted_size: int


class Counts(NamedTuple):
    """What counts change by, or are."""

    messages: int
    unseen: int
    deleted: int
    size: int
    deleted_size: int

    def plus(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def minus(self) -> "Counts":
        """The opposite: what goes."""
        return Counts(*(-mine for mine in self))


_COLUMNS = tuple(mailbox.c[name] for name in MailboxRow._fields)
# Written into the text: a bound value would keep SQLite from its partial index.
_THERE = mailbox.c.gone == literal_column("0")
_OF_ACCOUNT = mailbox.c.account_id == p("account")
_BY_ID = prepared(select(*_COLUMNS).where(_OF_ACCOUNT, mailbox.c.id == p("mailbox"), _THERE))
_BY_NAME = prepared(select(*_COLUMNS).where(_OF_ACCOUNT, mailbox.c.name == p("name"), _THERE))
_LIST = prepared(select(*_COLUMNS).where(_OF_ACCOUNT, _THERE).order_by(mailbox.c.name))
_CHANGED = prepared(
    select(*_COLUMNS)
    .where(_OF_ACCOUNT, (mailbox.c.modseq > p("since")) | (mailbox.c.highest_modseq > p("since")))
    .order_by(mailbox.c.id)
)
_NUMBER = prepared(select(func.count()).where(_OF_ACCOUNT, _THERE))
_TOTALS = prepared(
    select(func.coalesce(func.sum(mailbox.c.size), 0), func.coalesce(func.sum(mailbox.c.messages), 0)).where(
        _OF_ACCOUNT, _THERE
    )
)
_INSERT = prepared(
    insert(mailbox)
    .values(
        account_id=p("account"),
        name=p("name"),
        uidvalidity=p("uidvalidity"),
        special_use=p("special_use"),
        createseq=p("modseq"),
        modseq=p("modseq"),
        highest_modseq=p("modseq"),
    )
    .returning(mailbox.c.id)
)
_RENAME = prepared(
    update(mailbox).where(mailbox.c.id == p("mailbox")).values(name=p("new_name"), modseq=p("new_modseq"))
)
_SPECIAL_USE = prepared(
    update(mailbox).where(mailbox.c.id == p("mailbox")).values(special_use=p("new_use"), modseq=p("new_modseq"))
)
_GONE = prepared(
    update(mailbox)
    .where(mailbox.c.id == p("mailbox"))
    .values(
        gone=1,
        name="",
        special_use=0,
        messages=0,
        unseen=0,
        deleted=0,
        size=0,
        deleted_size=0,
        modseq=p("new_modseq"),
        highest_modseq=p("new_modseq"),
    )
)
_ADJUST = {
    "messages": mailbox.c.messages + p("add_messages"),
    "unseen": mailbox.c.unseen + p("add_unseen"),
    "deleted": mailbox.c.deleted + p("add_deleted"),
    "size": mailbox.c.size + p("add_size"),
    "deleted_size": mailbox.c.deleted_size + p("add_deleted_size"),
    "highest_modseq": p("new_modseq"),
}
_TAKE_BY_NAME = prepared(
    update(mailbox)
    .where(_OF_ACCOUNT, mailbox.c.name == p("box"), _THERE)
    .values(uidnext=mailbox.c.uidnext + p("uids"), **_ADJUST)
    .returning(mailbox.c.id, mailbox.c.uidvalidity, mailbox.c.uidnext)
)
_TAKE_BY_ID = prepared(
    update(mailbox)
    .where(_OF_ACCOUNT, mailbox.c.id == p("mailbox"), _THERE)
    .values(uidnext=mailbox.c.uidnext + p("uids"), **_ADJUST)
    .returning(mailbox.c.id, mailbox.c.uidvalidity, mailbox.c.uidnext)
)
_PRUNED = prepared(
    update(mailbox)
    .where(mailbox.c.id == p("mailbox"))
    .values(pruned_modseq=greatest(mailbox.c.pruned_modseq, p("pruned", type_=BigInteger)))
)
_LEFT_OVER = prepared(
    select(mailbox.c.id)
    .where(
        _OF_ACCOUNT,
        mailbox.c.gone == 1,
        or_(
            exists().where(message.c.mailbox_id == mailbox.c.id),
            exists().where(expunged.c.mailbox_id == mailbox.c.id),
        ),
    )
    .order_by(mailbox.c.id)
)
_TRUE_COUNTS = prepared(
    select(
        func.count(),
        func.coalesce(func.sum(case((message.c.flags.op("&")(SEEN) == 0, 1), else_=0)), 0),
        func.coalesce(func.sum(case((message.c.flags.op("&")(DELETED) != 0, 1), else_=0)), 0),
        func.coalesce(func.sum(message.c.size), 0),
        func.coalesce(func.sum(case((message.c.flags.op("&")(DELETED) != 0, message.c.size), else_=0)), 0),
    ).where(message.c.mailbox_id == p("mailbox"))
)
_CORRECT = prepared(
    update(mailbox)
    .where(_OF_ACCOUNT, mailbox.c.id == p("mailbox"), mailbox.c.modseq == p("seen"), _THERE)
    .values(
        uidnext=greatest(mailbox.c.uidnext, p("least_uidnext", type_=BigInteger)), modseq=p("new_modseq"), **_ADJUST
    )
)
_SUBSCRIBE = prepared(
    insert(subscription)
    .values(account_id=p("account"), name=p("name"), subscribed=p("subscribed"), modseq=p("modseq"))
    .on_conflict_do_update(
        index_elements=["account_id", "name"], set_={"subscribed": p("subscribed"), "modseq": p("modseq")}
    )
)
_SUBSCRIPTIONS = prepared(
    select(subscription.c.name, subscription.c.subscribed)
    .where(subscription.c.account_id == p("account"), subscription.c.modseq > p("since"))
    .order_by(subscription.c.name)
)


def by_id(tx: Transaction, account: AccountId, mailbox_id: MailboxId) -> MailboxRow | None:
    """The mailbox, unless it is deleted or of another account."""
    row = tx.one(_BY_ID, {"account": account, "mailbox": mailbox_id})
    return None if row is None else MailboxRow(*row)


def by_name(tx: Transaction, account: AccountId, name: str) -> MailboxRow | None:
    """The mailbox of exactly this name."""
    row = tx.one(_BY_NAME, {"account": account, "name": name})
    return None if row is None else MailboxRow(*row)


def listed(tx: Transaction, account: AccountId) -> list[MailboxRow]:
    """All mailboxes in the order of their names."""
    return [MailboxRow(*row) for row in tx.all(_LIST, {"account": account})]


def changed(tx: Transaction, account: AccountId, since: ModSeq) -> list[MailboxRow]:
    """Mailboxes, also deleted ones, that changed after `since` themselves or in their messages."""
    return [MailboxRow(*row) for row in tx.all(_CHANGED, {"account": account, "since": since})]


def number(tx: Transaction, account: AccountId) -> int:
    """How many mailboxes an account has."""
    row = tx.one(_NUMBER, {"account": account})
    return int(row[0]) if row else 0


def totals(tx: Transaction, account: AccountId) -> tuple[int, int]:
    """Bytes and number of all messages, each as often as it is placed."""
    row = tx.one(_TOTALS, {"account": account})
    return (int(row[0]), int(row[1])) if row else (0, 0)


def add(tx: Transaction, account: AccountId, name: str, special_use: int = 0) -> MailboxId:
    """Add a mailbox. Conflict when the name is taken."""
    parameters = {
        "account": account,
        "name": name,
        "uidvalidity": accounts.next_uidvalidity(tx, account),
        "special_use": special_use,
        "modseq": tx.modseq(account),
    }
    row = tx.one(_INSERT, parameters)
    assert row is not None  # noqa: S101 - RETURNING of an INSERT has a row
    return MailboxId(row[0])


def rename(tx: Transaction, account: AccountId, mailbox_id: MailboxId, name: str) -> None:
    """Give the mailbox another name. Conflict when it is taken."""
    tx.run(_RENAME, {"mailbox": mailbox_id, "new_name": name, "new_modseq": tx.modseq(account)})


def set_special_use(tx: Transaction, account: AccountId, mailbox_id: MailboxId, special_use: int) -> None:
    """Set the special-use bits."""
    tx.run(_SPECIAL_USE, {"mailbox": mailbox_id, "new_use": special_use, "new_modseq": tx.modseq(account)})


def remove(tx: Transaction, account: AccountId, mailbox_id: MailboxId) -> None:
    """Make the row a tombstone. What the mailbox held stays behind, for `left_over` to find."""
    tx.run(_GONE, {"mailbox": mailbox_id, "new_modseq": tx.modseq(account)})


def left_over(tx: Transaction, account: AccountId) -> list[MailboxId]:
    """Removed mailboxes that still have messages or tombstones of messages."""
    return [MailboxId(row[0]) for row in tx.all(_LEFT_OVER, {"account": account})]


def _adjustment(tx: Transaction, account: AccountId, counts: Counts) -> dict[str, int]:
    return {
        "account": account,
        "add_messages": counts.messages,
        "add_unseen": counts.unseen,
        "add_deleted": counts.deleted,
        "add_size": counts.size,
        "add_deleted_size": counts.deleted_size,
        "new_modseq": tx.modseq(account),
    }


class Taken(NamedTuple):
    """UIDs `uidnext - count` to `uidnext - 1` are the caller's."""

    mailbox_id: MailboxId
    uidvalidity: int
    uidnext: int


def take_uids_by_name(tx: Transaction, account: AccountId, name: str, uids: int, counts: Counts) -> Taken | None:
    """Give out UIDs of the mailbox with this name and add to its counts; None when there is no such mailbox."""
    row = tx.one(_TAKE_BY_NAME, {"box": name, "uids": uids, **_adjustment(tx, account, counts)})
    return None if row is None else Taken(*row)


def take_uids(tx: Transaction, account: AccountId, mailbox_id: MailboxId, uids: int, counts: Counts) -> Taken | None:
    """Give out UIDs (none is fine) and add to the counts: every change of messages in a mailbox comes through here."""
    row = tx.one(_TAKE_BY_ID, {"mailbox": mailbox_id, "uids": uids, **_adjustment(tx, account, counts)})
    return None if row is None else Taken(*row)


def set_pruned(tx: Transaction, mailbox_id: MailboxId, modseq: ModSeq) -> None:
    """Remember that tombstones up to `modseq` are gone."""
    tx.run(_PRUNED, {"mailbox": mailbox_id, "pruned": modseq})


def true_counts(tx: Transaction, mailbox_id: MailboxId) -> Counts:
    """The counts as the rows of messages say."""
    row = tx.one(_TRUE_COUNTS, {"mailbox": mailbox_id})
    assert row is not None  # noqa: S101 - an aggregate has a row
    return Counts(*(int(value) for value in row))


def correct(tx: Transaction, account: AccountId, seen: MailboxRow, wrong_by: Counts, least_uidnext: int) -> bool:
    """Put right what was found wrong: take `wrong_by` from the counts, however they have changed since they were seen, and
    raise UIDNEXT. False, and nothing done, when the mailbox itself changed since: it was renamed, deleted, or corrected.
    """
    parameters = _adjustment(tx, account, wrong_by.minus())
    more = {"mailbox": seen.id, "seen": seen.modseq, "least_uidnext": least_uidnext}
    return tx.run(_CORRECT, {**parameters, **more}) == 1


def subscribe(tx: Transaction, account: AccountId, name: str, *, subscribed: bool) -> None:
    """Set or take back a subscription; taken back it stays as a tombstone."""
    tx.run(_SUBSCRIBE, {"account": account, "name": name, "subscribed": int(subscribed), "modseq": tx.modseq(account)})


def subscriptions(tx: Transaction, account: AccountId, since: int = 0) -> list[tuple[str, bool]]:
    """Names and whether they are subscribed, of those that changed after `since`."""
    return [(name, bool(yes)) for name, yes in tx.all(_SUBSCRIPTIONS, {"account": account, "since": since})]
