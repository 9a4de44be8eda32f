"""Which thread a Message-ID belongs to: rows by a key over (Message-ID, base subject), also of mails that have not
arrived.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import bindparam as p
from sqlalchemy import select

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import email, message, thread_key
from storage_backends.index.statement import any_of, insert, prepared

_FIND = prepared(
    select(thread_key.c.key, thread_key.c.thread_id).where(
        thread_key.c.account_id == p("account"), any_of(thread_key.c.key, "keys")
    )
)
_ADD = prepared(
    insert(thread_key)
    .values(account_id=p("account"), key=p("key"), thread_id=p("thread"))
    .on_conflict_do_nothing(index_elements=["account_id", "key"])
)
_BY_SUBJECT = prepared(
    select(email.c.thread_id)
    .join(message, message.c.email_id == email.c.id)
    .where(
        email.c.account_id == p("account"),
        email.c.subject_key == p("subject"),
        message.c.mailbox_id == p("mailbox"),
        message.c.uid >= p("first_uid"),
        message.c.received >= p("first"),
        message.c.received <= p("last"),
    )
    .order_by(message.c.received.desc())
    .limit(1)
)


def find(tx: Transaction, account: AccountId, keys: Sequence[int]) -> Callable[[], dict[int, str]]:
    """Asks for the threads of those keys that are known."""
    rows = tx.ask(_FIND, {"account": account, "keys": list(keys)})
    return lambda: {row[0]: row[1] for row in rows()}


def add(tx: Transaction, account: AccountId, keys: Sequence[int], thread_id: str) -> None:
    """Let keys stand for a thread; those that stand for one already stay."""
    for key in keys:
        tx.ask(_ADD, {"account": account, "key": key, "thread": thread_id})


def by_subject(
    tx: Transaction, account: AccountId, mailbox: int, subject_key: int, since: tuple[int, int, int]
) -> str | None:
    """The thread of the newest mail in a mailbox with this base subject: from this UID on, received between these two
    instants.
    """
    parameters = {
        "account": account,
        "mailbox": mailbox,
        "subject": subject_key,
        "first_uid": since[0],
        "first": since[1],
        "last": since[2],
    }
    row = tx.one(_BY_SUBJECT, parameters)
    return None if row is None else str(row[0])
