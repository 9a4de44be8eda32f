"""Calls to customers' URLs, and which URLs those are. `payload` is sealed."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, func, select, update

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema_web import hook, webhook
from storage_backends.index.statement import any_of, insert, prepared

PAGE: Final = 500

WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
CANCELED: Final = "canceled"
SUPERSEDED: Final = "superseded"


class WebhookRow(NamedTuple):
    """A URL of an account. Its repr shows no secret."""

    account_id: AccountId
    direction: str
    url: str
    authorization: bytes
    secret: bytes
    events: str
    changed: int

    def __repr__(self) -> str:
        return f"WebhookRow(account_id={self.account_id}, direction={self.direction!r})"


class NewHook(NamedTuple):
    """A call to be made."""

    account_id: AccountId
    object_id: str
    direction: str
    url: str
    event: str
    queued_id: int
    payload: bytes
    created: int
    next_attempt: int


class HookRow(NamedTuple):
    """A call."""

    id: int
    account_id: AccountId
    object_id: str
    direction: str
    url: str
    event: str
    queued_id: int
    payload: bytes
    state: str
    created: int
    next_attempt: int
    attempts: int
    finished: int
    superseded_by: int
    results: str


class Settling(NamedTuple):
    """How a call goes on: it waits until `next_attempt`, or is over and kept."""

    state: str
    next_attempt: int
    results: str
    finished: int = 0
    keep_until: int = 0


_WEBHOOK = tuple(webhook.c[name] for name in WebhookRow._fields)
_COLUMNS = tuple(hook.c[name] for name in HookRow._fields)
_ALL = prepared(select(*_WEBHOOK).order_by(webhook.c.account_id, webhook.c.direction))
_SET_NEW = insert(webhook).values({name: p(name) for name in WebhookRow._fields})
_SET = prepared(
    _SET_NEW.on_conflict_do_update(
        index_elements=["account_id", "direction"],
        set_={name: _SET_NEW.excluded[name] for name in WebhookRow._fields[2:]},
    )
)
_UNSET = prepared(delete(webhook).where(webhook.c.account_id == p("account"), webhook.c.direction == p("which")))
_ADD = prepared(
    insert(hook).values({name: p(name) for name in NewHook._fields} | {"state": WAITING}).returning(hook.c.id)
)
_SUPERSEDE = prepared(
    update(hook)
    .where(
        hook.c.queued_id == p("queued"),
        hook.c.queued_id != 0,
        hook.c.account_id == p("account"),
        hook.c.state == WAITING,
        hook.c.id < p("by"),
    )
    .values(state=SUPERSEDED, superseded_by=p("by"), finished=p("now"), keep_until=p("kept"))
)
_DUE_URLS = prepared(
    select(hook.c.url, func.min(hook.c.next_attempt))
    .where(hook.c.state == WAITING, hook.c.next_attempt <= p("now"))
    .group_by(hook.c.url)
    .order_by(func.min(hook.c.next_attempt))
    .limit(p("most"))
)
_FIRST_DUE = prepared(
    select(*_COLUMNS)
    .where(hook.c.state == WAITING, hook.c.next_attempt <= p("now"), hook.c.url == p("where"))
    .order_by(hook.c.next_attempt, hook.c.id)
    .limit(1)
)
_NEXT_DUE = prepared(select(func.min(hook.c.next_attempt)).where(hook.c.state == WAITING))
_BEGIN = prepared(
    update(hook)
    .where(hook.c.id == p("hook"), hook.c.state == WAITING)
    .values(attempts=hook.c.attempts + 1, next_attempt=p("next"))
)
_SETTLE = prepared(
    update(hook)
    .where(hook.c.id == p("hook"), hook.c.state == WAITING)
    .values({name: p(f"new_{name}") for name in Settling._fields})
)
_LISTED = prepared(
    select(*_COLUMNS)
    .where(hook.c.account_id == p("account"), hook.c.id < p("before"))
    .order_by(hook.c.id.desc())
    .limit(p("most"))
)
_MINE = (hook.c.account_id == p("account"), any_of(hook.c.id, "ids"))
_REPLAY = prepared(
    update(hook)
    .where(*_MINE)
    .values(state=WAITING, next_attempt=p("now"), attempts=0, finished=0, superseded_by=0, keep_until=0)
)
_CANCEL = prepared(
    update(hook).where(*_MINE, hook.c.state == WAITING).values(state=CANCELED, finished=p("now"), keep_until=p("kept"))
)
_OLD = prepared(
    select(hook.c.id)
    .where(hook.c.keep_until > 0, hook.c.keep_until <= p("now"))
    .order_by(hook.c.keep_until)
    .limit(PAGE)
)
_REMOVE = prepared(delete(hook).where(any_of(hook.c.id, "ids")))


def webhooks(tx: Transaction) -> list[WebhookRow]:
    """The URLs of all accounts."""
    return [WebhookRow(*row) for row in tx.all(_ALL, {})]


def set_webhook(tx: Transaction, row: WebhookRow) -> None:
    """Set a URL of an account, or replace it."""
    tx.run(_SET, row._asdict())


def remove_webhook(tx: Transaction, account: AccountId, direction: str) -> bool:
    """Take a URL away; False when there is none. Calls that wait go on."""
    return tx.run(_UNSET, {"account": account, "which": direction}) == 1


def add(tx: Transaction, new: NewHook, kept: int) -> int:
    """Add a call and return its id; earlier ones about the same row of the queue that still wait are not made, and are kept
    until `kept`.
    """
    row = tx.one(_ADD, new._asdict())
    assert row is not None  # noqa: S101 - RETURNING of an INSERT has a row
    number = int(row[0])
    if new.queued_id:
        given = {"queued": new.queued_id, "account": new.account_id, "by": number}
        tx.run(_SUPERSEDE, {**given, "now": new.created, "kept": kept})
    return number


def due_urls(tx: Transaction, now: int, most: int) -> list[str]:
    """URLs for which a call is due, the longest due first."""
    return [row[0] for row in tx.all(_DUE_URLS, {"now": now, "most": most})]


def first_due(tx: Transaction, url: str, now: int) -> HookRow | None:
    """The call to a URL that has been due longest."""
    row = tx.one(_FIRST_DUE, {"now": now, "where": url})
    return None if row is None else HookRow(*row)


def next_due(tx: Transaction) -> int | None:
    """When the next call is due, or was."""
    row = tx.one(_NEXT_DUE, {})
    return None if row is None else row[0]


def begin(tx: Transaction, hook_id: int, next_attempt: int) -> bool:
    """Count an attempt before it is made; should the process die in it, the next one is at `next_attempt`. False when the
    call waits no more.
    """
    return tx.run(_BEGIN, {"hook": hook_id, "next": next_attempt}) == 1


def settle(tx: Transaction, hook_id: int, settling: Settling) -> bool:
    """Write down how an attempt ended; False when the call was canceled or superseded meanwhile."""
    return tx.run(_SETTLE, {"hook": hook_id} | {f"new_{k}": v for k, v in settling._asdict().items()}) == 1


def listed(tx: Transaction, account: AccountId, before: int, most: int = PAGE) -> list[HookRow]:
    """The next calls of an account, the newest first, with ids below `before`."""
    return [HookRow(*row) for row in tx.all(_LISTED, {"account": account, "before": before, "most": most})]


def replay(tx: Transaction, account: AccountId, ids: Sequence[int], now: int) -> int:
    """Make calls again, or now; return how many there are."""
    return tx.run(_REPLAY, {"account": account, "ids": ids, "now": now})


def cancel(tx: Transaction, account: AccountId, ids: Sequence[int], now: int, kept: int) -> int:
    """Do not make calls that wait; return how many."""
    return tx.run(_CANCEL, {"account": account, "ids": ids, "now": now, "kept": kept})


def prune(tx: Transaction, now: int) -> int:
    """Forget a page of calls whose time is over; return how many."""
    ids = [row[0] for row in tx.all(_OLD, {"now": now})]
    return tx.run(_REMOVE, {"ids": ids}) if ids else 0
