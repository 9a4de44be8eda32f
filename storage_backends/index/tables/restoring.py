"""What is changed in the copy of an index before servers run with it, and what a backup leaves out of it."""

from typing import Final

from sqlalchemy import bindparam as p
from sqlalchemy import delete, func, select, update

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import account, lease, mailbox
from storage_backends.index.schema_outgoing import outgoing, queued
from storage_backends.index.statement import prepared

_DROP = prepared(delete(outgoing).where(outgoing.c.id == p("outgoing")))
_DROP_QUEUED = prepared(delete(queued).where(queued.c.outgoing_id == p("outgoing")))
_BOXES = prepared(
    select(mailbox.c.id).where(mailbox.c.account_id == p("account"), mailbox.c.gone == 0).order_by(mailbox.c.id)
)
_NEXT = prepared(select(account.c.next_uidvalidity).where(account.c.id == p("account")))
_SET_NEXT = prepared(update(account).where(account.c.id == p("account")).values(next_uidvalidity=p("following")))
_RENEW = prepared(
    update(mailbox)
    .where(mailbox.c.id == p("box"))
    .values(uidvalidity=p("fresh"), modseq=p("seq"), highest_modseq=p("seq"))
)
_END_LEASES = prepared(update(lease).values(expires=0))
_END_CLAIMS = prepared(update(queued).values(lease_until=0, claim=queued.c.claim + 1))
_HOLD = prepared(update(queued).values(held=1))
_COUNT = prepared(select(func.count()).select_from(queued))

HIGHEST: Final = 2**32 - 1
"""UIDVALIDITY has 32 bits (RFC 9051 2.3.1.1)."""


def drop_outgoing(tx: Transaction, outgoing_id: int) -> None:
    """Take a message out of the queue: its body is gone, because it left."""
    tx.run(_DROP_QUEUED, {"outgoing": outgoing_id})
    tx.run(_DROP, {"outgoing": outgoing_id})


def renew_uidvalidity(tx: Transaction, account_id: AccountId, seconds: int) -> int:
    """Give every mailbox of an account a UIDVALIDITY that none ever had; return how many there are.

    `seconds` since 1970 UTC: accounts begin with those of their making and count on, so that now is above all that was
    given, also after the copy was made. Clients then forget what they knew, UIDs given since the copy among it.
    """
    row = tx.one(_NEXT, {"account": account_id})
    fresh = max(seconds, int(row[0]) if row else 0)
    boxes = tx.all(_BOXES, {"account": account_id})
    for number, (box,) in enumerate(boxes):
        value = min(fresh + number, HIGHEST)
        tx.run(_RENEW, {"box": box, "fresh": value, "seq": tx.modseq(account_id)})
    tx.run(_SET_NEXT, {"account": account_id, "following": fresh + len(boxes)})
    return len(boxes)


def end_claims(tx: Transaction) -> None:
    """Nobody works on anything: those who did know another copy."""
    tx.run(_END_LEASES, {})
    tx.run(_END_CLAIMS, {})


def hold_queue(tx: Transaction) -> int:
    """Hold all outgoing mail, which may have left since; return how many recipients wait."""
    tx.run(_HOLD, {})
    row = tx.one(_COUNT, {})
    return int(row[0]) if row else 0
