"""Looking at the queue and changing it by hand: rows that match a filter, hold rules, and where queued bodies are."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Text, and_, delete, func, or_, select, update
from sqlalchemy import bindparam as p

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema_outgoing import hold_rule, outgoing, queued
from storage_backends.index.statement import any_of, insert, prepared
from storage_backends.index.tables.queue import OutgoingId, QueuedId

PAGE: Final = 500
NEVER: Final = 2**62
"""Later than any time."""


class Filter(NamedTuple):
    """Rows that are meant: those for which all that is set is true."""

    ids: tuple[int, ...] | None = None
    account: int | None = None
    sender: str = ""
    """Part of the reverse-path, in whatever case."""
    recipient: str = ""
    """Part of the forward-path, in whatever case."""
    destination: str = ""
    queued_from: int = 0
    queued_to: int = NEVER
    """Milliseconds since 1970 UTC, not itself; so are the next."""
    next_from: int = 0
    next_to: int = NEVER
    transport: str | None = None
    held: int | None = None


class Listed(NamedTuple):
    """A row as it is shown. Sealed columns are sealed."""

    id: QueuedId
    account_id: AccountId
    outgoing_id: OutgoingId
    sender: str
    recipient: str
    destination: str
    from_id: str
    held: int
    urgency: int
    next_attempt: int
    attempts: int
    max_attempts: int
    last_attempt: int
    expires: int
    require_tls: int | None
    transport: str
    results: str
    holder: str
    lease_until: int
    object_id: str
    summary: bytes
    size: int
    queued: int


class HoldRule(NamedTuple):
    """New rows that match every field that is set are held; no account is all accounts."""

    id: int
    account_id: AccountId | None
    sender_domain: str
    recipient_domain: str
    created: int


class QueuedBody(NamedTuple):
    """Where the body of a message in the queue is, and how large it is (prefix and body)."""

    id: OutgoingId
    account_id: AccountId
    object_id: str
    store: str
    ref: str
    size: int


_MATCHES = and_(
    or_(p("every_id", type_=BigInteger) == 1, any_of(queued.c.id, "ids")),
    or_(p("account", type_=BigInteger).is_(None), queued.c.account_id == p("account", type_=BigInteger)),
    func.lower(queued.c.sender).like(p("sender_like", type_=Text), escape="\\"),
    func.lower(queued.c.recipient).like(p("recipient_like", type_=Text), escape="\\"),
    or_(p("at", type_=Text) == "", queued.c.destination == p("at", type_=Text)),
    queued.c.next_attempt >= p("next_from"),
    queued.c.next_attempt < p("next_to"),
    outgoing.c.queued >= p("queued_from"),
    outgoing.c.queued < p("queued_to"),
    or_(p("way", type_=Text).is_(None), queued.c.transport == p("way", type_=Text)),
    or_(p("on_hold", type_=BigInteger).is_(None), queued.c.held == p("on_hold", type_=BigInteger)),
)
_OF_MESSAGE = ("object_id", "summary", "size", "queued")
_LIST = prepared(
    select(
        *(queued.c[name] for name in Listed._fields if name not in _OF_MESSAGE),
        *(outgoing.c[name] for name in _OF_MESSAGE),
    )
    .join(outgoing, outgoing.c.id == queued.c.outgoing_id)
    .where(queued.c.id > p("after"), _MATCHES)
    .order_by(queued.c.id)
    .limit(p("most"))
)
_COUNT = prepared(
    select(func.count(), func.coalesce(func.sum(queued.c.held), 0)).select_from(queued),
)
_FREE = and_(any_of(queued.c.id, "ids"), queued.c.lease_until == 0)
_HOLD = prepared(
    update(queued).where(any_of(queued.c.id, "ids"), queued.c.held != p("on_hold")).values(held=p("on_hold"))
)
_SCHEDULE = prepared(update(queued).where(_FREE).values(next_attempt=p("at")))
_POSTPONE = prepared(update(queued).where(_FREE).values(next_attempt=queued.c.next_attempt + p("milliseconds")))
_TRANSPORT = prepared(update(queued).where(_FREE).values(transport=p("way")))
_REQUIRE_TLS = prepared(update(queued).where(_FREE).values(require_tls=p("tls")))
_RULES = prepared(select(*(hold_rule.c[name] for name in HoldRule._fields)).order_by(hold_rule.c.id))
_ADD_RULE = prepared(
    insert(hold_rule)
    .values(
        account_id=p("account"),
        sender_domain=p("sender_domain"),
        recipient_domain=p("recipient_domain"),
        created=p("now"),
    )
    .returning(hold_rule.c.id)
)
_REMOVE_RULE = prepared(delete(hold_rule).where(hold_rule.c.id == p("rule")))
_HOLD_MATCHING = prepared(
    update(queued)
    .where(
        queued.c.held == 0,
        or_(p("account", type_=BigInteger).is_(None), queued.c.account_id == p("account", type_=BigInteger)),
        or_(p("to_domain", type_=Text) == "", queued.c.destination == p("to_domain", type_=Text)),
        queued.c.sender.like(p("sender_like", type_=Text), escape="\\"),
    )
    .values(held=1)
)
_BODY = tuple(outgoing.c[name] for name in QueuedBody._fields)
_REFS = prepared(select(outgoing.c.ref).where(outgoing.c.account_id == p("account"), outgoing.c.store == p("store")))
_BODIES = prepared(
    select(*_BODY)
    .where(outgoing.c.account_id == p("account"), outgoing.c.id > p("after"))
    .order_by(outgoing.c.id)
    .limit(p("most"))
)
_BODIES_IN_STORE = prepared(
    select(*_BODY)
    .where(outgoing.c.store == p("store"), outgoing.c.id > p("after"))
    .order_by(outgoing.c.id)
    .limit(p("most"))
)
_BODY_BY_ID = prepared(select(*_BODY).where(outgoing.c.id == p("outgoing")))
_MOVE = prepared(
    update(outgoing)
    .where(outgoing.c.id == p("outgoing"), outgoing.c.store == p("old_store"), outgoing.c.ref == p("old_ref"))
    .values(store=p("new_store"), ref=p("new_ref"))
)


def listed(tx: Transaction, chosen: Filter, after: int, most: int = PAGE) -> list[Listed]:
    """The next rows that match, in the order of their ids."""
    given: dict[str, Any] = {
        "every_id": int(chosen.ids is None),
        "ids": list(chosen.ids or ()),
        "account": chosen.account,
        "sender_like": _part(chosen.sender),
        "recipient_like": _part(chosen.recipient),
        "at": chosen.destination,
        "way": chosen.transport,
        "on_hold": chosen.held,
    }
    given |= {name: getattr(chosen, name) for name in ("queued_from", "queued_to", "next_from", "next_to")}
    return [Listed(*row) for row in tx.all(_LIST, {**given, "after": after, "most": most})]


def counts(tx: Transaction) -> tuple[int, int]:
    """How many rows there are, and how many of them are held."""
    row = tx.one(_COUNT, {})
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def hold(tx: Transaction, ids: Sequence[QueuedId], *, held: bool) -> int:
    """Hold rows or let them go; return how many changed. One in delivery is held when that fails."""
    return tx.run(_HOLD, {"ids": ids, "on_hold": int(held)})


def schedule(tx: Transaction, ids: Sequence[QueuedId], at: int) -> int:
    """Set when rows that are not in delivery are tried next; return how many."""
    return tx.run(_SCHEDULE, {"ids": ids, "at": at})


def postpone(tx: Transaction, ids: Sequence[QueuedId], milliseconds: int) -> int:
    """Try rows that are not in delivery so much later (or earlier); return how many."""
    return tx.run(_POSTPONE, {"ids": ids, "milliseconds": milliseconds})


def set_transport(tx: Transaction, ids: Sequence[QueuedId], transport: str) -> int:
    """Choose the transport by hand ("": by routes); return how many rows, none that is in delivery."""
    return tx.run(_TRANSPORT, {"ids": ids, "way": transport})


def set_require_tls(tx: Transaction, ids: Sequence[QueuedId], require_tls: int | None) -> int:
    """Set what is wanted of TLS; return how many rows, none that is in delivery."""
    return tx.run(_REQUIRE_TLS, {"ids": ids, "tls": require_tls})


def rules(tx: Transaction) -> Callable[[], list[HoldRule]]:
    """Asks for all hold rules."""
    rows = tx.ask(_RULES, {})
    return lambda: [HoldRule(*row) for row in rows()]


def add_rule(tx: Transaction, account: AccountId | None, domains: tuple[str, str], now: int) -> tuple[int, int]:
    """Add a rule with the domains (A-labels, "" for any) of sender and recipient, and hold what matches it; return its id
    and how many rows are held now.
    """
    sender, recipient = domains
    row = tx.one(_ADD_RULE, {"account": account, "sender_domain": sender, "recipient_domain": recipient, "now": now})
    assert row is not None  # noqa: S101 - RETURNING of an INSERT has a row
    like = f"%@{_escaped(sender)}>" if sender else "%"
    held = tx.run(_HOLD_MATCHING, {"account": account, "to_domain": recipient, "sender_like": like})
    return int(row[0]), held


def remove_rule(tx: Transaction, rule: int) -> bool:
    """Forget a rule; what it holds stays held. False when there is none."""
    return tx.run(_REMOVE_RULE, {"rule": rule}) == 1


def refs(tx: Transaction, account: AccountId, store: str) -> set[str]:
    """The references of the bodies of an account's queued messages in a store."""
    return {row[0] for row in tx.all(_REFS, {"account": account, "store": store})}


def bodies(tx: Transaction, account: AccountId, after: int, most: int = PAGE) -> list[QueuedBody]:
    """The next queued messages of an account."""
    return [QueuedBody(*row) for row in tx.all(_BODIES, {"account": account, "after": after, "most": most})]


def bodies_in_store(tx: Transaction, store: str, after: int, most: int = PAGE) -> list[QueuedBody]:
    """The next queued messages of all accounts whose bodies are in a store."""
    return [QueuedBody(*row) for row in tx.all(_BODIES_IN_STORE, {"store": store, "after": after, "most": most})]


def body(tx: Transaction, outgoing_id: int) -> QueuedBody | None:
    """Where the body of a queued message is now; None when it left the queue."""
    row = tx.one(_BODY_BY_ID, {"outgoing": outgoing_id})
    return None if row is None else QueuedBody(*row)


def move(tx: Transaction, outgoing_id: int, old: tuple[str, str], new: tuple[str, str]) -> bool:
    """Set (store, ref) when it still is `old`; False when somebody was first."""
    names = {"old_store": old[0], "old_ref": old[1], "new_store": new[0], "new_ref": new[1]}
    return tx.run(_MOVE, {"outgoing": outgoing_id, **names}) == 1


def _part(text: str) -> str:
    return f"%{_escaped(text.lower())}%"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
