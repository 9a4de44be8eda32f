"""What an account sent, and to whom: counts by the hour, correspondents, and addresses it sends nothing to."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, func, select, update

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema_outgoing import correspondent, sent_count, suppression
from storage_backends.index.statement import any_of, greatest, insert, prepared

HOUR: Final = 3_600_000
DAY_HOURS: Final = 24
PAGE: Final = 500


class Sent(NamedTuple):
    """Recipients of the last 24 hours, and those among them that were new."""

    recipients: int
    first_time: int


class Correspondent(NamedTuple):
    """Somebody an account wrote to. `address` is sealed."""

    address_key: int
    domain_key: int
    org_domain_key: int
    address: bytes


class Suppressed(NamedTuple):
    """An address that an account sends nothing to."""

    id: int
    account_id: AccountId
    base_address: str
    address: str
    manual: int
    reason: str
    created: int


_SINCE = prepared(
    select(
        func.coalesce(func.sum(sent_count.c.recipients), 0), func.coalesce(func.sum(sent_count.c.first_time), 0)
    ).where(sent_count.c.account_id == p("account"), sent_count.c.hour > p("since"))
)
_NEW_COUNT = insert(sent_count).values(
    account_id=p("account"), hour=p("this_hour"), recipients=p("sent"), first_time=p("new")
)
_COUNT = prepared(
    _NEW_COUNT.on_conflict_do_update(
        index_elements=["account_id", "hour"],
        set_={
            "recipients": sent_count.c.recipients + _NEW_COUNT.excluded.recipients,
            "first_time": sent_count.c.first_time + _NEW_COUNT.excluded.first_time,
        },
    )
)
_PRUNE_COUNTS = prepared(delete(sent_count).where(sent_count.c.hour < p("before_hour")))
_KNOWN = prepared(
    select(correspondent.c.address_key).where(
        correspondent.c.account_id == p("account"), any_of(correspondent.c.address_key, "keys")
    )
)
_NEW = insert(correspondent).values(
    {"account_id": p("account"), **{name: p(name) for name in Correspondent._fields}},
)
_NEW_NOW = _NEW.values(first_sent=p("now"), last_sent=p("now"), messages=1)
_REMEMBER = prepared(
    _NEW_NOW.on_conflict_do_update(
        index_elements=["account_id", "address_key"],
        set_={
            "last_sent": greatest(correspondent.c.last_sent, _NEW_NOW.excluded.last_sent),
            "messages": correspondent.c.messages + 1,
        },
    )
)
_LAST_SENT = prepared(
    select(correspondent.c.last_sent).where(
        correspondent.c.account_id == p("account"), correspondent.c.address_key == p("key")
    )
)
_ADDRESSES = prepared(
    select(correspondent.c.address_key, correspondent.c.address, correspondent.c.last_sent)
    .where(correspondent.c.account_id == p("account"), correspondent.c.address_key > p("after"))
    .order_by(correspondent.c.address_key)
    .limit(PAGE)
)
_FAILED = prepared(
    update(correspondent)
    .where(correspondent.c.account_id == p("account"), correspondent.c.address_key == p("key"))
    .values(failures=correspondent.c.failures + 1)
    .returning(correspondent.c.failures)
)
_SUCCEEDED = prepared(
    update(correspondent)
    .where(
        correspondent.c.account_id == p("account"),
        correspondent.c.address_key == p("key"),
        correspondent.c.failures > 0,
    )
    .values(failures=0)
)
_SUPPRESS = prepared(
    insert(suppression)
    .values(
        account_id=p("account"),
        base_address=p("base"),
        address=p("as_given"),
        manual=p("by_hand"),
        reason=p("why"),
        created=p("now"),
    )
    .on_conflict_do_nothing(index_elements=["account_id", "base_address"])
)
_SUPPRESSED = prepared(
    select(suppression.c.account_id, suppression.c.base_address).where(
        any_of(suppression.c.account_id, "accounts"), any_of(suppression.c.base_address, "bases")
    )
)
_LIST_SUPPRESSED = prepared(
    select(*(suppression.c[name] for name in Suppressed._fields))
    .where(suppression.c.account_id == p("account"), suppression.c.id > p("after"))
    .order_by(suppression.c.id)
    .limit(PAGE)
)
_ALLOW = prepared(
    delete(suppression).where(suppression.c.account_id == p("account"), suppression.c.base_address == p("base"))
)


def since_a_day(tx: Transaction, account: AccountId, now: int) -> Callable[[], Sent]:
    """Asks what was sent in the last 24 hours, by whole hours."""
    rows = tx.ask(_SINCE, {"account": account, "since": now // HOUR - DAY_HOURS})
    return lambda: Sent(*(int(value) for value in rows()[0]))


def count(tx: Transaction, account: AccountId, now: int, sent: Sent) -> None:
    """Add to the counts of this hour."""
    tx.ask(_COUNT, {"account": account, "this_hour": now // HOUR, "sent": sent.recipients, "new": sent.first_time})


def prune_counts(tx: Transaction, now: int) -> int:
    """Forget counts that no limit asks for any more."""
    return tx.run(_PRUNE_COUNTS, {"before_hour": now // HOUR - 2 * DAY_HOURS})


def known(tx: Transaction, account: AccountId, keys: Sequence[int]) -> Callable[[], set[int]]:
    """Asks which of these addresses the account wrote to before."""
    rows = tx.ask(_KNOWN, {"account": account, "keys": keys})
    return lambda: {row[0] for row in rows()}


def remember(tx: Transaction, account: AccountId, written_to: Iterable[Correspondent], now: int) -> None:
    """Note that the account wrote to these addresses."""
    for each in written_to:
        tx.ask(_REMEMBER, {"account": account, **each._asdict(), "now": now})


def last_sent(tx: Transaction, account: AccountId, key: int) -> int | None:
    """When the account last wrote to an address; None for never."""
    row = tx.one(_LAST_SENT, {"account": account, "key": key})
    return None if row is None else int(row[0])


def addresses(tx: Transaction, account: AccountId, after: int) -> list[tuple[int, bytes, int]]:
    """The next correspondents with (key, sealed address, when last written to), in the order of their keys."""
    return [(row[0], row[1], row[2]) for row in tx.all(_ADDRESSES, {"account": account, "after": after})]


def failed(tx: Transaction, account: AccountId, key: int) -> int:
    """Count a permanent failure; return how many there were in a row, 0 for somebody the account never wrote to."""
    row = tx.one(_FAILED, {"account": account, "key": key})
    return 0 if row is None else int(row[0])


def succeeded(tx: Transaction, account: AccountId, key: int) -> None:
    """Forget failures that were before."""
    tx.ask(_SUCCEEDED, {"account": account, "key": key})


def suppress(
    tx: Transaction, account: AccountId, addresses: tuple[str, str], *, manual: bool, reason: str, now: int
) -> bool:
    """Send nothing more to a base address, given with the address as written; False when it is on the list already."""
    given = {"account": account, "base": addresses[0], "as_given": addresses[1], "by_hand": int(manual)}
    return tx.run(_SUPPRESS, {**given, "why": reason, "now": now}) == 1


def suppressed(tx: Transaction, accounts: Sequence[AccountId], bases: Sequence[str]) -> set[tuple[AccountId, str]]:
    """Which of these base addresses are on the list of one of these accounts."""
    return {(AccountId(row[0]), row[1]) for row in tx.all(_SUPPRESSED, {"accounts": accounts, "bases": bases})}


def suppressions(tx: Transaction, account: AccountId, after: int = 0) -> list[Suppressed]:
    """The next addresses of the list of an account, in the order they came."""
    return [Suppressed(*row) for row in tx.all(_LIST_SUPPRESSED, {"account": account, "after": after})]


def allow(tx: Transaction, account: AccountId, base: str) -> bool:
    """Take a base address off the list; False when it is not on it."""
    return tx.run(_ALLOW, {"account": account, "base": base}) == 1
