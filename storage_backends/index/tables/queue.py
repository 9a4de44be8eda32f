"""Rows of the queue: a message on its way out, and one row for each of its recipients.

Times are milliseconds of the caller's clock, but for leases, which end by the database's. A claim is a number that
nobody else uses: renewing and settling is `WHERE claim = :mine`, so that who was overtaken settles nothing. A lease that
ran out is taken off by whoever looks first (`end_leases`); until another claims the row, its old claim still settles it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, NewType

from sqlalchemy import BigInteger, and_, delete, select, tuple_, update
from sqlalchemy import bindparam as p
from sqlalchemy import func as sql

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema_outgoing import outgoing, queued
from storage_backends.index.statement import any_of, clock, insert, last_id, prepared

OutgoingId = NewType("OutgoingId", int)
QueuedId = NewType("QueuedId", int)

URGENT: Final = 0
NORMAL: Final = 1
LATER: Final = 2
URGENCIES: Final = (URGENT, NORMAL, LATER)


class OutgoingRow(NamedTuple):
    """A message to be inserted. Sealed columns are sealed already."""

    account_id: AccountId
    object_id: str
    store: str
    ref: str
    prefix: bytes
    summary: bytes
    size: int
    body: str
    smtputf8: int
    ret: str
    envelope_id: str
    release_request: str
    queued: int


class NewRecipient(NamedTuple):
    """A recipient to be inserted."""

    sender: str
    recipient: str
    destination: str
    next_attempt: int
    from_id: str = ""
    notify: int | None = None
    original: str = ""
    held: int = 0
    urgency: int = NORMAL
    max_attempts: int = 0
    expires: int = 0
    require_tls: int | None = None
    transport: str = ""


class Candidate(NamedTuple):
    """What is due, as far as who looks must know to choose."""

    id: QueuedId
    account_id: AccountId
    outgoing_id: OutgoingId
    destination: str
    sender: str
    attempts: int
    transport: str
    urgency: int
    next_attempt: int


class Claimed(NamedTuple):
    """A recipient in delivery; `attempts` counts this one."""

    id: QueuedId
    account_id: AccountId
    outgoing_id: OutgoingId
    destination: str
    sender: str
    attempts: int
    transport: str
    from_id: str
    recipient: str
    notify: int | None
    original: str
    max_attempts: int
    expires: int
    delay_told: int
    require_tls: int | None
    dialled: str
    results: str
    claim: int


class Message(NamedTuple):
    """The message of claimed rows."""

    id: OutgoingId
    account_id: AccountId
    object_id: str
    store: str
    ref: str
    prefix: bytes
    summary: bytes
    size: int
    body: str
    smtputf8: int
    ret: str
    envelope_id: str
    release_request: str
    queued: int


class Retry(NamedTuple):
    """What changes when a recipient is to be tried again."""

    next_attempt: int
    results: str
    dialled: str
    delay_told: int


class Ended(NamedTuple):
    """A message whose last recipient went: the body that nothing names any more."""

    account_id: AccountId
    store: str
    ref: str


_ADD_MESSAGE = prepared(
    insert(outgoing)
    .values({**{name: p(name) for name in OutgoingRow._fields}, "waiting": p("recipients")})
    .returning(outgoing.c.id)
)
_RECIPIENT: Final[dict[str, Any]] = {name: p(name) for name in NewRecipient._fields}
_ADD_RECIPIENT = prepared(
    insert(queued)
    .values({"account_id": p("account"), "outgoing_id": p("outgoing"), **_RECIPIENT})
    .returning(queued.c.id)
)
# The row before it on this connection is the message.
_ADD_ONLY_RECIPIENT = prepared(
    insert(queued)
    .values({"account_id": p("account"), "outgoing_id": last_id(outgoing.c.id), **_RECIPIENT})
    .returning(queued.c.id, queued.c.outgoing_id)
)
_WAITS = and_(queued.c.lease_until == 0, queued.c.held == 0)
_DUE = prepared(
    select(*(queued.c[name] for name in Candidate._fields))
    .where(
        _WAITS,
        queued.c.urgency == p("urgency_class"),
        queued.c.next_attempt <= p("now"),
        tuple_(queued.c.next_attempt, queued.c.id)
        > tuple_(p("after", type_=BigInteger), p("after_id", type_=BigInteger)),
    )
    .order_by(queued.c.next_attempt, queued.c.id)
    .limit(p("most"))
)
_NEXT = prepared(
    select(sql.min(queued.c.next_attempt)).where(
        _WAITS, queued.c.urgency == p("urgency_class"), queued.c.next_attempt > p("now")
    )
)
_LEASES_LEFT = prepared(select(sql.min(queued.c.lease_until) - clock()).where(queued.c.lease_until > 0))
_END_LEASES = prepared(
    update(queued)
    .where(queued.c.lease_until > 0, queued.c.lease_until <= clock())
    .values(lease_until=0)
    .returning(queued.c.id, queued.c.holder)
)
_END_LEASES_OF = prepared(
    update(queued)
    .where(queued.c.lease_until > 0, queued.c.holder == p("who"))
    .values(lease_until=0)
    .returning(queued.c.id, queued.c.holder)
)
_FREE = (
    select(queued.c.id)
    .where(any_of(queued.c.id, "ids"), _WAITS, queued.c.next_attempt <= p("now"))
    .order_by(queued.c.id)
    .with_for_update(skip_locked=True)
)
_LEASE_END = clock() + p("milliseconds", type_=BigInteger)
_CLAIM = prepared(
    update(queued)
    .where(queued.c.id.in_(_FREE))
    .values(
        attempts=queued.c.attempts + 1,
        last_attempt=p("now"),
        claim=p("mine"),
        holder=p("who"),
        lease_until=_LEASE_END,
    )
    .returning(*(queued.c[name] for name in Claimed._fields))
)
_CLAIM_ANY = prepared(
    update(queued)
    .where(
        queued.c.id.in_(
            select(queued.c.id)
            .where(any_of(queued.c.id, "ids"), queued.c.lease_until == 0)
            .order_by(queued.c.id)
            .with_for_update(skip_locked=True)
        )
    )
    .values(claim=p("mine"), holder=p("who"), lease_until=_LEASE_END)
    .returning(*(queued.c[name] for name in Claimed._fields))
)
_MESSAGES = prepared(select(*(outgoing.c[name] for name in Message._fields)).where(any_of(outgoing.c.id, "ids")))
_MINE = and_(any_of(queued.c.id, "ids"), queued.c.claim == p("mine"))
_RENEW = prepared(
    update(queued)
    .where(any_of(queued.c.id, "ids"), any_of(queued.c.claim, "claims"))
    .values(lease_until=_LEASE_END)
    .returning(queued.c.id)
)
_GIVE_BACK = prepared(update(queued).where(_MINE).values(lease_until=0, attempts=queued.c.attempts - p("less")))
_RETRY = prepared(
    update(queued)
    .where(queued.c.id == p("row"), queued.c.claim == p("mine"))
    .values(
        next_attempt=p("new_next_attempt"),
        results=p("new_results"),
        dialled=p("new_dialled"),
        delay_told=p("new_delay_told"),
        lease_until=0,
    )
)
_COUNT_UP = prepared(
    update(outgoing).where(outgoing.c.id == p("outgoing")).values(waiting=outgoing.c.waiting + p("more"))
)
_TAKE_OUT = prepared(delete(queued).where(_MINE))
_END_MESSAGE = prepared(
    delete(outgoing)
    .where(outgoing.c.id == p("outgoing"), outgoing.c.waiting <= p("gone"))
    .returning(outgoing.c.account_id, outgoing.c.store, outgoing.c.ref)
)
_COUNT_DOWN = prepared(
    update(outgoing)
    .where(outgoing.c.id == p("outgoing"))
    .values(waiting=outgoing.c.waiting - p("gone"))
    .returning(outgoing.c.waiting)
)


def add(
    tx: Transaction, row: OutgoingRow, recipients: Sequence[NewRecipient]
) -> Callable[[], tuple[OutgoingId, list[QueuedId]]]:
    """Insert a message with its recipients, of which there is at least one; the answer is their ids."""
    message = {**row._asdict(), "recipients": len(recipients)}
    if len(recipients) == 1:
        tx.ask(_ADD_MESSAGE, message)
        only = tx.ask(_ADD_ONLY_RECIPIENT, {"account": row.account_id, **recipients[0]._asdict()})
        return lambda: (OutgoingId(only()[0][1]), [QueuedId(only()[0][0])])
    found = tx.one(_ADD_MESSAGE, message)
    assert found is not None  # noqa: S101 - RETURNING of an INSERT has a row
    own = {"account": row.account_id, "outgoing": found[0]}
    asked = [tx.ask(_ADD_RECIPIENT, {**own, **each._asdict()}) for each in recipients]
    return lambda: (OutgoingId(found[0]), [QueuedId(rows()[0][0]) for rows in asked])


def due(tx: Transaction, urgency: int, now: int, after: tuple[int, int], most: int) -> list[Candidate]:
    """What waits and is due, the longest first, behind (`next_attempt`, `id`) of the last one of the page before."""
    found = tx.all(_DUE, {"urgency_class": urgency, "now": now, "after": after[0], "after_id": after[1], "most": most})
    return [Candidate(*row) for row in found]


def next_due(tx: Transaction, now: int) -> int | None:
    """When the next one that waits and is not due yet will be; None when there is none."""
    asked = [tx.ask(_NEXT, {"urgency_class": urgency, "now": now}) for urgency in URGENCIES]
    return min((row[0] for rows in asked for row in rows() if row[0] is not None), default=None)


def leases_left(tx: Transaction) -> int | None:
    """Milliseconds until the first lease ends, zero or less when it has; None when nothing is in delivery."""
    row = tx.one(_LEASES_LEFT, {})
    return None if row is None or row[0] is None else int(row[0])


def end_leases(tx: Transaction) -> list[tuple[QueuedId, str]]:
    """Let rows wait again whose lease ran out; return them with who held them."""
    return [(QueuedId(row[0]), row[1]) for row in tx.all(_END_LEASES, {})]


def end_leases_of(tx: Transaction, holder: str) -> list[tuple[QueuedId, str]]:
    """The same for all rows of a holder that is known to be dead."""
    return [(QueuedId(row[0]), row[1]) for row in tx.all(_END_LEASES_OF, {"who": holder})]


def claim(
    tx: Transaction, ids: Sequence[QueuedId], *, mine: int, holder: str, now: int, milliseconds: int
) -> tuple[list[Claimed], list[Message]]:
    """Claim those of `ids` that still wait, are not held, and are due; return them and their messages.

    `mine` is the number of this claim, never used before. `holder` is for people who look.
    """
    given = {"ids": ids, "mine": mine, "who": holder, "now": now, "milliseconds": milliseconds}
    return _with_messages(tx, [Claimed(*row) for row in tx.all(_CLAIM, given)])


def claim_any(
    tx: Transaction, ids: Sequence[QueuedId], *, mine: int, holder: str, milliseconds: int
) -> tuple[list[Claimed], list[Message]]:
    """As `claim`, without an attempt: also rows that are held or not due, but none that is in delivery."""
    given = {"ids": ids, "mine": mine, "who": holder, "milliseconds": milliseconds}
    return _with_messages(tx, [Claimed(*row) for row in tx.all(_CLAIM_ANY, given)])


def _with_messages(tx: Transaction, rows: list[Claimed]) -> tuple[list[Claimed], list[Message]]:
    if not rows:
        return [], []
    messages = tx.all(_MESSAGES, {"ids": sorted({row.outgoing_id for row in rows})})
    return sorted(rows, key=lambda row: row.id), [Message(*row) for row in messages]


def renew(tx: Transaction, ids: Sequence[QueuedId], claims: Sequence[int], milliseconds: int) -> set[QueuedId]:
    """Hold these rows from now for so long; return those that are still claimed so."""
    rows = tx.all(_RENEW, {"ids": ids, "claims": claims, "milliseconds": milliseconds})
    return {QueuedId(row[0]) for row in rows}


def give_back(tx: Transaction, ids: Sequence[QueuedId], mine: int, attempts: int) -> None:
    """Let rows wait again as they were, with so many attempts less. Those that another claimed stay."""
    tx.run(_GIVE_BACK, {"ids": ids, "mine": mine, "less": attempts})


def retry(tx: Transaction, row: QueuedId, mine: int, change: Retry) -> bool:
    """Let a row wait for its next attempt; False when it is another's now, or gone."""
    return tx.run(_RETRY, {"row": row, "mine": mine, **{f"new_{k}": v for k, v in change._asdict().items()}}) == 1


def take_out(tx: Transaction, outgoing_id: OutgoingId, ids: Sequence[QueuedId], mine: int) -> tuple[bool, Ended | None]:
    """Delete rows of one message that are done: whether all were mine still, and the message if these were its last."""
    gone = tx.run(_TAKE_OUT, {"ids": ids, "mine": mine})
    return gone == len(ids), maybe_end(tx, outgoing_id, gone)


def expand(tx: Transaction, row: Claimed, members: Sequence[NewRecipient]) -> bool:
    """Put recipients in the place of one that is claimed; False when it is another's now, or gone. There is at least one."""
    if not tx.run(_TAKE_OUT, {"ids": [row.id], "mine": row.claim}):
        return False
    own = {"account": row.account_id, "outgoing": row.outgoing_id}
    for each in members:
        tx.ask(_ADD_RECIPIENT, {**own, **each._asdict()})
    tx.run(_COUNT_UP, {"outgoing": row.outgoing_id, "more": len(members) - 1})
    return True


def maybe_end(tx: Transaction, outgoing_id: OutgoingId, gone: int) -> Ended | None:
    """Count recipients that went; with the last of them the message goes too.

    On Postgres two that count at once wait for each other at the row of the message.
    """
    if not gone:
        return None
    counted = {"outgoing": outgoing_id, "gone": gone}
    row = tx.one(_END_MESSAGE, counted)
    if row is None:
        left = tx.one(_COUNT_DOWN, counted)
        if left is not None and left[0] <= 0:
            row = tx.one(_END_MESSAGE, {"outgoing": outgoing_id, "gone": 0})
    return None if row is None else Ended(AccountId(row[0]), row[1], row[2])
