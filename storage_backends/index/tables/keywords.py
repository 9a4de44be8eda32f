"""Which bit of `message.keywords` stands for which keyword of an account."""

from typing import NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import select

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import keyword
from storage_backends.index.statement import insert, prepared


class KeywordRow(NamedTuple):
    """A keyword as first written, and the number of its bit."""

    bit: int
    name: str


_ALL = prepared(
    select(keyword.c.bit, keyword.c.name)
    .where(keyword.c.account_id == p("account"), keyword.c.modseq > p("since"))
    .order_by(keyword.c.bit)
)
_ADD = prepared(insert(keyword).values(account_id=p("account"), bit=p("bit"), name=p("name"), modseq=p("modseq")))


def listed(tx: Transaction, account: AccountId, since: int = 0) -> list[KeywordRow]:
    """The keywords named after `since`, in the order of their bits."""
    return [KeywordRow(*row) for row in tx.all(_ALL, {"account": account, "since": since})]


def add(tx: Transaction, account: AccountId, bit: int, name: str) -> None:
    """Let a bit stand for a keyword. Conflict when the bit or the name (without case) is taken."""
    tx.run(_ADD, {"account": account, "bit": bit, "name": name, "modseq": tx.modseq(account)})
