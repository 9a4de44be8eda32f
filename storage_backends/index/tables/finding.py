"""Finding messages of a mailbox by what their rows say, and the columns of mails that a search has to look at.

A condition is a shape, whose statement is built once, and values for it, in the order in which the shape has places
for them. Shapes are tuples: ("and", shape, ...), ("or", shape, ...), ("not", shape), ("always",), ("bits", column):
all bits of a value are set, ("between", column): from one value to another inclusive, ("emails",): the mail is in a
list of ids.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, and_, literal_column, not_, or_, select
from sqlalchemy import bindparam as p

from storage_backends.index.api import AccountId, EmailId, MailboxId, ModSeq, Row, Transaction, Uid
from storage_backends.index.schema import email, message
from storage_backends.index.statement import Prepared, any_of, prepared
from storage_backends.index.tables import messages

Shape = tuple[Any, ...]


class Condition(NamedTuple):
    """What to select: a shape and the values for it."""

    shape: Shape
    values: tuple[Any, ...]


ALWAYS: Final = Condition(("always",), ())


class Candidate(NamedTuple):
    """What a row of `message` says, in the order of the columns."""

    uid: Uid
    email_id: EmailId
    flags: int
    keywords: int
    modseq: ModSeq
    received: int
    saved: int
    size: int


class Page(NamedTuple):
    """The first `most` rows with a UID above `after`."""

    after: int
    most: int


_CANDIDATE: Final = Candidate._fields
_UID: Final = ("uid",)
_NUMBERED: Final = ("uid", "email_id")
_BY_MESSAGE_ID = prepared(
    select(email.c.id).where(email.c.account_id == p("account"), email.c.message_id_key == p("value"))
)
_BY_OBJECT_ID = prepared(select(email.c.id).where(email.c.account_id == p("account"), email.c.object_id == p("value")))
_BY_THREAD = prepared(select(email.c.id).where(email.c.account_id == p("account"), email.c.thread_id == p("value")))


def uids(tx: Transaction, mailbox_id: MailboxId, condition: Condition, page: Page) -> list[Uid]:
    """UIDs of the messages that meet a condition, in order."""
    return [Uid(row[0]) for row in _run(tx, mailbox_id, condition, page, _UID, ())]


def numbered(tx: Transaction, mailbox_id: MailboxId, condition: Condition, page: Page) -> list[Row]:
    """(uid, email_id) of the messages that meet a condition, in the order of their UIDs."""
    return _run(tx, mailbox_id, condition, page, _NUMBERED, ())


def candidates(
    tx: Transaction, mailbox_id: MailboxId, condition: Condition, page: Page, names: tuple[str, ...] = ()
) -> list[Row]:
    """The messages that meet a condition in the order of their UIDs, as plain tuples: see Candidate. Named columns of
    the mail stand behind, as in `with_columns`.
    """
    return _run(tx, mailbox_id, condition, page, _CANDIDATE, names)


def listed(tx: Transaction, mailbox_id: MailboxId, uids: Sequence[int], names: tuple[str, ...] = ()) -> list[Row]:
    """As `candidates`, of the messages of these ascending UIDs."""
    return messages.chosen(tx, mailbox_id, messages.ranges_of(uids), (*_CANDIDATE, *names))


def with_columns(
    tx: Transaction, mailbox_id: MailboxId, condition: Condition, page: Page, names: tuple[str, ...]
) -> list[Row]:
    """(uid, *named columns of the mail) of the messages that meet a condition, in the order of their UIDs. Sealed columns stay
    sealed.

    The caller gives few different `names`, each a tuple of its program.
    """
    return _run(tx, mailbox_id, condition, page, _UID, names)


def columns(tx: Transaction, account: AccountId, email_ids: Sequence[int], names: tuple[str, ...]) -> list[Row]:
    """(id, object_id) and named columns of mails, in any order. Sealed ones stay sealed.

    The caller gives few different `names`, each a tuple of its program.
    """
    return tx.all(_columns(names), {"account": account, "emails": list(email_ids)})


def by_message_id(tx: Transaction, account: AccountId, key: int) -> list[EmailId]:
    """The mails with this Message-ID key."""
    return [EmailId(row[0]) for row in tx.all(_BY_MESSAGE_ID, {"account": account, "value": key})]


def by_object_id(tx: Transaction, account: AccountId, object_id: str) -> list[EmailId]:
    """The mail with this EMAILID, if there is one."""
    return [EmailId(row[0]) for row in tx.all(_BY_OBJECT_ID, {"account": account, "value": object_id})]


def by_thread(tx: Transaction, account: AccountId, thread_id: str) -> list[EmailId]:
    """The mails of a thread."""
    return [EmailId(row[0]) for row in tx.all(_BY_THREAD, {"account": account, "value": thread_id})]


def _run(
    tx: Transaction,
    mailbox_id: MailboxId,
    condition: Condition,
    page: Page,
    own: tuple[str, ...],
    names: tuple[str, ...],
) -> list[Row]:
    values = {f"v{number}": value for number, value in enumerate(condition.values)}
    parameters = {"mailbox": mailbox_id, "after": page.after, "most": page.most, **values}
    return tx.all(_select(condition.shape, own, names), parameters)


@lru_cache(maxsize=256)
def _select(shape: Shape, own: tuple[str, ...], names: tuple[str, ...]) -> Prepared:
    """Columns of `message`, and behind them named ones of `email`."""
    within = _clause(shape, (f"v{number}" for number in count()))
    chosen = select(*(message.c[name] for name in own), *(email.c[name] for name in names))
    if names:
        chosen = chosen.join(email, email.c.id == message.c.email_id)
    return prepared(
        chosen.where(message.c.mailbox_id == p("mailbox"), message.c.uid > p("after"), within)
        .order_by(message.c.uid)
        .limit(p("most"))
    )


@lru_cache(maxsize=16)
def _columns(names: tuple[str, ...]) -> Prepared:
    chosen: list[ColumnElement[Any]] = [email.c[name] for name in names]
    return prepared(
        select(email.c.id, email.c.object_id, *chosen).where(
            any_of(email.c.id, "emails"), email.c.account_id == p("account")
        )
    )


def _clause(shape: Shape, names: Iterator[str]) -> ColumnElement[bool]:
    kind, *rest = shape
    match kind:
        case "and":
            return and_(*(_clause(each, names) for each in rest))
        case "or":
            return or_(*(_clause(each, names) for each in rest))
        case "not":
            return not_(_clause(rest[0], names))
        case "bits":
            mask = p(next(names), type_=BigInteger)
            return message.c[rest[0]].op("&")(mask) == mask
        case "between":
            return message.c[rest[0]].between(p(next(names), type_=BigInteger), p(next(names), type_=BigInteger))
        case "emails":
            return any_of(message.c.email_id, next(names))
        case "always":
            return literal_column("1") == literal_column("1")
    raise ValueError(f"no shape {kind!r}")
