"""Rows of the HTTP API: what its keys open, requests that are not carried out twice, and what senders want repeated."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, exists, select

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema_outgoing import outgoing, retired
from storage_backends.index.schema_web import api_key, idempotency, message_extra
from storage_backends.index.statement import any_of, insert, prepared

PAGE: Final = 500


class KeyRow(NamedTuple):
    """What a key opens."""

    credential_id: int
    scopes: int
    addresses: str


class Answered(NamedTuple):
    """A request that was carried out. `answer` is sealed."""

    account_id: AccountId
    name: str
    request: bytes
    answer: bytes
    created: int


class Extra(NamedTuple):
    """What a sender wants repeated about a message. `extra` is sealed."""

    outgoing_id: int
    account_id: AccountId
    object_id: str
    extra: bytes


_KEY = tuple(api_key.c[name] for name in KeyRow._fields)
_ADD_KEY = prepared(insert(api_key).values({name: p(name) for name in KeyRow._fields}))
_KEYS = prepared(select(*_KEY).where(any_of(api_key.c.credential_id, "ids")))
_ANSWERED = tuple(idempotency.c[name] for name in Answered._fields)
_REMEMBER = prepared(
    insert(idempotency)
    .values({name: p(name) for name in Answered._fields})
    .on_conflict_do_nothing(index_elements=["account_id", "name"])
)
_FIND = prepared(select(*_ANSWERED).where(idempotency.c.account_id == p("account"), idempotency.c.name == p("key")))
_OLD = prepared(
    select(idempotency.c.account_id, idempotency.c.name)
    .where(idempotency.c.created < p("before"))
    .order_by(idempotency.c.created)
    .limit(PAGE)
)
_FORGET = prepared(
    delete(idempotency).where(
        idempotency.c.account_id == p("account"), idempotency.c.name == p("key"), idempotency.c.created < p("before")
    )
)
_ADD_EXTRA = prepared(insert(message_extra).values({name: p(name) for name in Extra._fields}))
_EXTRA = tuple(message_extra.c[name] for name in Extra._fields)
_GET_EXTRA = prepared(select(*_EXTRA).where(message_extra.c.outgoing_id == p("outgoing")))
_SPARE_EXTRAS = prepared(
    select(message_extra.c.outgoing_id)
    .where(
        message_extra.c.outgoing_id > p("after"),
        ~exists().where(outgoing.c.id == message_extra.c.outgoing_id),
        ~exists().where(
            retired.c.account_id == message_extra.c.account_id,
            retired.c.outgoing_id == message_extra.c.outgoing_id,
        ),
    )
    .order_by(message_extra.c.outgoing_id)
    .limit(PAGE)
)
_REMOVE_EXTRAS = prepared(delete(message_extra).where(any_of(message_extra.c.outgoing_id, "ids")))


def add_key(tx: Transaction, row: KeyRow) -> None:
    """Say what a key opens."""
    tx.run(_ADD_KEY, row._asdict())


def keys(tx: Transaction, credential_ids: Sequence[int]) -> dict[int, KeyRow]:
    """What keys open, by the id of the credential."""
    return {row[0]: KeyRow(*row) for row in tx.all(_KEYS, {"ids": credential_ids})} if credential_ids else {}


def answered(tx: Transaction, account: AccountId, name: str) -> Answered | None:
    """What a request of this name was answered."""
    row = tx.one(_FIND, {"account": account, "key": name})
    return None if row is None else Answered(*row)


def remember(tx: Transaction, row: Answered) -> bool:
    """Remember an answer; False when the name is taken."""
    return tx.run(_REMEMBER, row._asdict()) == 1


def forget(tx: Transaction, before: int) -> int:
    """Forget a page of old answers; return how many."""
    old = tx.all(_OLD, {"before": before})
    tx.many(_FORGET, [{"account": row[0], "key": row[1], "before": before} for row in old])
    return len(old)


def add_extra(tx: Transaction, row: Extra) -> None:
    """Keep what a sender wants repeated."""
    tx.run(_ADD_EXTRA, row._asdict())


def extra_of(tx: Transaction, outgoing_id: int) -> Extra | None:
    """What the sender of a message wants repeated."""
    row = tx.one(_GET_EXTRA, {"outgoing": outgoing_id})
    return None if row is None else Extra(*row)


def prune_extras(tx: Transaction) -> int:
    """Forget a page of those whose message is neither in the queue nor in the records; return how many."""
    ids = [row[0] for row in tx.all(_SPARE_EXTRAS, {"after": 0})]
    return tx.run(_REMOVE_EXTRAS, {"ids": ids}) if ids else 0
