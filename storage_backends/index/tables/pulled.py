"""What was pulled from other servers by IMAP: which message of a folder became which message here."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import select, update

from storage_backends.index.api import AccountId, MailboxId, Transaction, Uid
from storage_backends.index.schema import pulled
from storage_backends.index.statement import insert, prepared

PAGE: Final = 5000


class Pulled(NamedTuple):
    """One message."""

    uid: int
    """In its folder."""
    mailbox_id: MailboxId
    message_uid: Uid
    flags: str
    """As the other server had them, so that it shows what changed there."""


_COLUMNS = tuple(pulled.c[name] for name in Pulled._fields)
_IN_FOLDER = (pulled.c.account_id == p("account"), pulled.c.folder == p("name"))
_LISTED = prepared(
    select(*_COLUMNS).where(*_IN_FOLDER, pulled.c.uid > p("after")).order_by(pulled.c.uid).limit(p("most"))
)
_ADD = prepared(
    insert(pulled)
    .values(
        account_id=p("account"),
        folder=p("name"),
        uid=p("number"),
        mailbox_id=p("box"),
        message_uid=p("message"),
        flags=p("names"),
    )
    .on_conflict_do_nothing()
)
_OTHERWISE = prepared(
    select(pulled.c.uid)
    .where(
        pulled.c.account_id == p("account"),
        pulled.c.folder >= p("first"),
        pulled.c.folder < p("end"),
        pulled.c.folder != p("name"),
    )
    .limit(1)
)
_SET_FLAGS = prepared(update(pulled).where(*_IN_FOLDER, pulled.c.uid == p("number")).values(flags=p("names")))


def listed(tx: Transaction, account: AccountId, folder: str, after: int, most: int = PAGE) -> list[Pulled]:
    """The next messages of a folder in the order of their UIDs there."""
    rows = tx.all(_LISTED, {"account": account, "name": folder, "after": after, "most": most})
    return [Pulled(*row) for row in rows]


def under_another_validity(tx: Transaction, account: AccountId, folder: str) -> bool:
    """Whether the folder, whose name ends with ":" and its UIDVALIDITY, was pulled from under another one."""
    stem = folder.rpartition(":")[0]
    return tx.one(_OTHERWISE, {"account": account, "first": f"{stem}:", "end": f"{stem};", "name": folder}) is not None


def add(tx: Transaction, account: AccountId, folder: str, rows: Sequence[Pulled]) -> int:
    """Note messages; return how many of them were noted already."""
    noted = 0
    for row in rows:
        given = {"number": row.uid, "box": row.mailbox_id, "message": row.message_uid, "names": row.flags}
        noted += tx.run(_ADD, {"account": account, "name": folder, **given}) == 0
    return noted


def set_flags(tx: Transaction, account: AccountId, folder: str, flags: Mapping[int, str]) -> None:
    """Note what the flags of messages are on the other server now."""
    tx.many(
        _SET_FLAGS,
        [{"account": account, "name": folder, "number": uid, "names": names} for uid, names in flags.items()],
    )
