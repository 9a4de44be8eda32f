"""What an attempt came to, written down: one transaction for retries, records, suppressions, notices, and what others add.

The transaction holds all of it or nothing, and only where the claim is still ours: who was overtaken writes nothing and tells
nobody. A notice for one of our users is delivered by that same transaction. After it the body goes, when these were its last
recipients; a crash before leaves an orphan that `upkeep` removes.

While the database is away settling is tried again, because the other host has the message: what is between its reply and our
commit is the only window in which a crash makes a duplicate.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.ledger import sent, suppressions
from mox_trio.mailstore import deliver
from mox_trio.mailstore.deliver import Incoming
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import MailStore
from mox_trio.outgoing import notices, results
from mox_trio.outgoing.group import Group
from mox_trio.outgoing.job import Outcome, Result
from mox_trio.outgoing.parts import Parts, Settled
from storage_backends.errors import NotFound, StorageError, Unavailable
from storage_backends.index.api import NO_ACCOUNT, Transaction
from storage_backends.index.tables import queue as rows
from storage_backends.index.tables import retired
from storage_backends.index.tables.emails import Evidence
from storage_backends.index.tables.queue import Claimed, Ended, NewRecipient, Retry
from storage_backends.index.tables.retired import RetiredRow

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds between tries while the database is away."""
RETRIED: Final = frozenset({"delayed", "retried"})


class Overtaken(Failure):
    """The rows are another process's now, or gone: nothing was written."""

    def __init__(self, detail: str) -> None:
        super().__init__(Kind.CONFLICT, "the message is in delivery elsewhere, or gone", detail)


@dataclass(slots=True)
class Plan:
    """What the transaction writes."""

    parts: Parts
    group: Group
    settled: Sequence[Settled]
    retries: dict[int, Retry]
    members: tuple[NewRecipient, ...] = ()
    """Recipients in the place of an alias."""
    ended: list[Ended] = field(default_factory=list)


async def settle(
    parts: Parts, group: Group, ended: Sequence[tuple[Claimed, Result]], *, event: str = ""
) -> Sequence[Settled]:
    """Write down what became of rows of a group. Raises Overtaken.

    `event` is for what is no attempt: suppressed, canceled, failed, expanded; and delivered, for local recipients.
    """
    now = parts.store.now()
    settled = [
        Settled(row, group.message, result, now, event or _event(parts, row, result, now)) for row, result in ended
    ]
    await _write(_plan(parts, group, settled), await _notices(parts, group, settled))
    return settled


async def expand(parts: Parts, group: Group, row: Claimed, what: tuple[Result, tuple[NewRecipient, ...]]) -> None:
    """Put the members of an alias in its place. Raises Overtaken."""
    result, members = what
    settled = [Settled(row, group.message, result, parts.store.now(), "expanded")]
    plan = Plan(parts, group.of([row]), settled, {}, members)
    await _write(plan, await _notices(parts, group, settled))


def of_delivery(parts: Parts, group: Group, row: Claimed, result: Result) -> Plan:
    """For a local delivery, whose own transaction settles the row: run `write` in it and `finish` after it."""
    return _plan(parts, group.of([row]), [Settled(row, group.message, result, parts.store.now(), "delivered")])


async def tell_of_success(plan: Plan) -> None:
    """Deliver the notice of a success, where it is wanted: a courtesy that a crash may lose."""
    if told := await _notices(plan.parts, plan.group, plan.settled):
        try:
            async with _spooled(plan.parts.store, told) as incoming:
                await deliver.many(plan.parts.store, plan.group.account, "Inbox", incoming)
        except (Failure, StorageError) as error:
            logger.warning("a notice of success is lost", extra={"detail": str(error)})


def _plan(parts: Parts, group: Group, settled: Sequence[Settled]) -> Plan:
    schedule = parts.schedule()
    retries: dict[int, Retry] = {}
    for each in settled:
        if each.event in RETRIED:
            row = each.row
            retries[row.id] = Retry(
                each.at + int(schedule.wait(row.attempts, parts.random()) * 1000),
                results.added(row.results, each.result, each.at),
                results.dialled_text(each.result.dialled) or row.dialled,
                int(row.delay_told or each.event == "delayed"),
            )
    return Plan(parts, group, settled, retries)


def _event(parts: Parts, row: Claimed, result: Result, now: int) -> str:
    if result.outcome in (Outcome.DELIVERED, Outcome.RELAYED):
        # A host that speaks DSN tells of its delivery itself (RFC 3461 5.2.1): nothing more is ours to say.
        return "relayed" if result.outcome is Outcome.RELAYED else "handed-over"
    schedule = parts.schedule()
    wait = int(schedule.wait(row.attempts) * 1000)
    is_over = schedule.is_last(row.attempts, row.max_attempts) or 0 < row.expires <= now + wait
    if result.outcome is Outcome.PERMANENT or is_over:
        return "failed"
    return "delayed" if not row.delay_told and schedule.is_time_to_tell(row.attempts) else "retried"


async def _notices(parts: Parts, group: Group, settled: Sequence[Settled]) -> list[bytes]:
    schedule = parts.schedule()
    row = settled[0].row
    until = settled[0].at + int(schedule.given_up_after(row.attempts, row.max_attempts) * 1000)
    return await notices.written(parts, group, settled, min(until, row.expires) if row.expires else until)


async def _write(plan: Plan, told: Sequence[bytes]) -> None:
    """Until it is written. Raises Overtaken."""
    pause = FIRST_PAUSE
    while True:
        try:
            await (_with_notices(plan, told) if told else _without(plan))
            break
        except Unavailable as error:
            logger.warning("cannot settle an attempt, trying again", extra={"detail": str(error), "pause": pause})
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        except NotFound:
            raise Overtaken("the account is gone") from None
    await finish(plan)


async def _without(plan: Plan) -> None:
    await plan.parts.queue.index.write(NO_ACCOUNT, partial(write, plan=plan))


async def _with_notices(plan: Plan, told: Sequence[bytes]) -> None:
    store = plan.parts.store
    also = [lambda tx, delivered: write(tx, plan=plan)]
    try:
        async with _spooled(store, told) as incoming:
            await deliver.many(store, plan.group.account, "Inbox", incoming, also=also)
    except Overtaken:
        raise
    except Failure as error:
        # Nothing about the attempt can be the reason: what was sent must not be sent again.
        logger.error("a notice cannot be delivered", extra={"account": plan.group.account.name, "detail": str(error)})
        await _without(plan)


@asynccontextmanager
async def _spooled(store: MailStore, told: Sequence[bytes]) -> AsyncIterator[list[Incoming]]:
    async with AsyncExitStack() as stack:
        incoming = []
        for data in told:
            spool = await stack.enter_async_context(Spool(store, len(data)))
            await spool.write(data)
            incoming.append(Incoming(await spool.finish(), b"Return-Path: <>\r\n", evidence=Evidence(is_dsn=1)))
        yield incoming


def write(tx: Transaction, *, plan: Plan) -> None:
    """All of it in one transaction; may be run more than once. Raises Overtaken, which undoes the transaction."""
    plan.ended.clear()
    gone = []
    for each in plan.settled:
        if (change := plan.retries.get(each.row.id)) is not None:
            if not rows.retry(tx, each.row.id, plan.group.claim.number, change):
                raise Overtaken(f"row {each.row.id}")
        elif plan.members:
            if not rows.expand(tx, each.row, plan.members):
                raise Overtaken(f"row {each.row.id}")
        else:
            gone.append(each)
    if gone:
        ids = [each.row.id for each in gone]
        mine, ended = rows.take_out(tx, plan.group.message.id, ids, plan.group.claim.number)
        if not mine:
            raise Overtaken(f"rows {ids}")
        plan.ended += [ended] if ended is not None else []
        _remember(tx, plan, gone)
    for also in plan.parts.also:
        also.write(tx, plan.group.account, plan.settled)


def _remember(tx: Transaction, plan: Plan, gone: Sequence[Settled]) -> None:
    group = plan.group
    settings = group.snapshot.dynamic.accounts.get(group.account.name)
    kept = int(float(settings.keep_retired_messages) * 1000) if settings is not None else 0
    for each in gone:
        if kept:
            retired.add(tx, _record(each, each.at + kept))
        if group.sender.is_null or each.event in ("suppressed", "canceled", "expanded"):
            continue
        path = each.result.recipient.path
        key = sent.address_key(group.account.codec, path)
        if each.event == "failed":
            if each.result.reply is None and not each.result.remote_host:
                continue  # nobody else said anything: given up by hand, or at home
            suppressions.note_failure(tx, group.account.id, path, key, each.result.reply, each.at)
        else:
            suppressions.note_success(tx, group.account.id, key)


def _record(settled: Settled, keep_until: int) -> RetiredRow:
    row, message = settled.row, settled.message
    return RetiredRow(
        id=row.id,
        account_id=row.account_id,
        outgoing_id=row.outgoing_id,
        object_id=message.object_id,
        summary=message.summary,
        size=message.size,
        sender=row.sender,
        from_id=row.from_id,
        recipient=row.recipient,
        queued=message.queued,
        attempts=row.attempts,
        retired=settled.at,
        outcome="delivered" if settled.event == "handed-over" else settled.event,
        results=results.added(row.results, settled.result, settled.at),
        keep_until=keep_until,
    )


async def finish(plan: Plan) -> None:
    """After the transaction: bodies that nothing names any more go, and it is logged."""
    parts = plan.parts
    for also in parts.also:
        also.committed(plan.group.account)
    if plan.ended or plan.retries:
        parts.recent.forget(plan.group.message.store, plan.group.message.ref)
    for ended in plan.ended:
        if ended.store in parts.store.bodies:
            await parts.leftovers.discard(parts.store.bodies[ended.store], ended.ref)
    for each in plan.settled:
        result = each.result
        logger.info(
            "delivery settled",
            extra={
                "queue_id": each.row.id,
                "queued_as": plan.group.message.object_id,
                "account": plan.group.account.name,
                "event": each.event,
                "recipient": each.row.recipient,
                "attempt": each.row.attempts,
                "status": result.status,
                "reply": "" if result.reply is None else str(result.reply),
                "detail": result.detail,
                "remote": result.remote_ip,
                "host": result.remote_host,
            },
        )
