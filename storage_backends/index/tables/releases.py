"""What is to be erased, and when: mails that no mailbox holds any more, and bodies that no mail names any more."""

from typing import NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, select

from storage_backends.index.api import AccountId, EmailId, Transaction
from storage_backends.index.schema import release
from storage_backends.index.statement import insert, prepared


class ReleaseRow(NamedTuple):
    """Either a mail (`email_id`) or a body (`store`, `ref`) of an account."""

    id: int
    account_id: AccountId
    email_id: EmailId | None
    store: str | None
    ref: str | None


_ADD_EMAIL = prepared(insert(release).values(account_id=p("account"), email_id=p("email"), due=p("due")))
_ADD_BODY = prepared(insert(release).values(account_id=p("account"), store=p("store"), ref=p("ref"), due=p("due")))
_DUE = prepared(
    select(release.c.id, release.c.account_id, release.c.email_id, release.c.store, release.c.ref)
    .where(release.c.due <= p("now"))
    .order_by(release.c.due)
    .limit(p("most"))
)
_WAITING = prepared(
    select(release.c.email_id).where(release.c.account_id == p("account"), release.c.email_id.is_not(None))
)
_REFS = prepared(select(release.c.ref).where(release.c.account_id == p("account"), release.c.store == p("store")))
_REMOVE = prepared(delete(release).where(release.c.id == p("id")))


def add_emails(tx: Transaction, account: AccountId, email_ids: list[EmailId], due: int) -> None:
    """Look at these mails when due: those without a placement then are erased."""
    if email_ids:
        tx.many(_ADD_EMAIL, [{"account": account, "email": email_id, "due": due} for email_id in email_ids])


def add_body(tx: Transaction, account: AccountId, store: str, ref: str, due: int) -> None:
    """Erase a body when due."""
    tx.run(_ADD_BODY, {"account": account, "store": store, "ref": ref, "due": due})


def due(tx: Transaction, now: int, most: int) -> list[ReleaseRow]:
    """What is due at `now`, the longest due first."""
    return [ReleaseRow(*row) for row in tx.all(_DUE, {"now": now, "most": most})]


def remove(tx: Transaction, release_id: int) -> None:
    """Forget a row that was done."""
    tx.run(_REMOVE, {"id": release_id})


def emails_waiting(tx: Transaction, account: AccountId) -> set[EmailId]:
    """Mails of an account that will be looked at."""
    return {EmailId(row[0]) for row in tx.all(_WAITING, {"account": account})}


def refs(tx: Transaction, account: AccountId, store: str) -> set[str]:
    """The references of bodies of an account that wait to be erased from a store."""
    return {row[0] for row in tx.all(_REFS, {"account": account, "store": store})}
