"""The queue on both engines: what is enqueued is due, claimed by one, renewed, given back, taken over, settled once."""

from functools import partial

import pytest
import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailqueue.queue import Claim, Mailqueue
from storage_backends.errors import NotFound
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index, Transaction
from storage_backends.index.tables import accounts, queue_admin, stores
from storage_backends.index.tables import queue as rows
from storage_backends.index.tables.queue import Ended, QueuedId, Retry
from tests.kit.queued import START, MovedClock, message, recipient

LEASE = 600.0


async def ids_due(queue: Mailqueue) -> list[QueuedId]:
    return [row.id for row in (await queue.look(100)).due]


async def settle(queue: Mailqueue, claim: Claim) -> tuple[bool, Ended | None]:
    row = claim.rows[0]
    unit = partial(rows.take_out, outgoing_id=row.outgoing_id, ids=[each.id for each in claim.rows], mine=claim.number)
    return await queue.index.write(NO_ACCOUNT, unit)


async def test_what_is_enqueued_is_due_and_known_at_once(queue: Mailqueue, account: AccountId) -> None:
    changed = queue.changed
    one = await queue.enqueue(message(account), [recipient()])
    two = await queue.enqueue(message(account, "two"), [recipient("x"), recipient("y", "c.example")])
    assert changed.is_set()
    arrivals = queue.take_arrivals()
    assert [row.id for row in arrivals.rows] == [*one.ids, *two.ids]
    assert not arrivals.more
    look = await queue.look(100)
    assert look.due == arrivals.rows
    assert [row.destination for row in look.due] == ["b.example", "b.example", "c.example"]
    assert (look.more, look.lease_left) == (False, None)


async def test_an_account_that_is_gone_queues_nothing(queue: Mailqueue, account: AccountId) -> None:
    with pytest.raises(NotFound):
        await queue.enqueue(message(AccountId(account + 1)), [recipient()])
    assert await ids_due(queue) == []


async def test_a_unit_that_refuses_leaves_nothing(queue: Mailqueue, account: AccountId) -> None:
    def refuse(tx: Transaction) -> None:
        raise Failure(Kind.RATE, "too many")

    with pytest.raises(Failure):
        await queue.enqueue(message(account), [recipient()], [lambda tx: partial(refuse, tx)])
    assert await ids_due(queue) == []
    assert queue.take_arrivals().rows == []


async def test_the_urgent_and_then_the_oldest_come_first(
    queue: Mailqueue, account: AccountId, clock: MovedClock
) -> None:
    recipients = [
        recipient("late", urgency=rows.LATER, next_attempt=START - 9),
        recipient("new", next_attempt=START - 1),
        recipient("old", next_attempt=START - 2),
        recipient("urgent", urgency=rows.URGENT),
        recipient("future", next_attempt=START + 1000),
    ]
    late, new, old, urgent, future = (await queue.enqueue(message(account), recipients)).ids
    assert await ids_due(queue) == [urgent, old, new, late]
    look = await queue.look(2)
    assert [row.id for row in look.due] == [urgent, old]
    assert look.more
    assert look.next_due == START + 1000
    clock.now = START + 1000
    assert future in await ids_due(queue)
    assert [row.id for row in (await queue.look(9, lambda row: row.id == future)).due] == [future]


async def test_one_of_several_processes_gets_a_row(queue: Mailqueue, account: AccountId) -> None:
    ids = (await queue.enqueue(message(account), [recipient(str(n)) for n in range(20)])).ids
    got: list[QueuedId] = []

    async def process(name: str) -> None:
        for start in range(0, 20, 5):
            claim = await Mailqueue(queue.index, queue.now).claim(ids[start : start + 7], name, LEASE)
            got.extend(row.id for row in claim.rows)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(process, f"process {number}")
    assert sorted(got) == list(ids)
    assert await ids_due(queue) == []
    look = await queue.look(9)
    assert look.lease_left is not None
    assert 0 < look.lease_left <= LEASE * 1000


async def test_a_claim_has_the_message_and_counts_the_attempt(queue: Mailqueue, account: AccountId) -> None:
    one = await queue.enqueue(message(account, body="8BITMIME"), [recipient(notify=3, original="rfc822;x")])
    claim = await queue.claim([*one.ids, QueuedId(999)], "me", LEASE)
    (row,) = claim.rows
    assert (row.attempts, row.notify, row.original, row.claim) == (1, 3, "rfc822;x", claim.number)
    assert claim.messages[one.outgoing_id].body == "8BITMIME"
    assert 0 < claim.time_left() <= LEASE


async def test_held_and_later_rows_are_not_claimed(queue: Mailqueue, account: AccountId) -> None:
    ids = (await queue.enqueue(message(account), [recipient(held=1), recipient(next_attempt=START + 1)])).ids
    assert (await queue.claim(ids, "me", LEASE)).rows == []
    assert len((await queue.claim_any(ids, "admin", LEASE)).rows) == 2


async def test_the_last_recipient_takes_the_message_with_it(queue: Mailqueue, account: AccountId) -> None:
    enqueued = await queue.enqueue(message(account), [recipient("x"), recipient("y"), recipient("z")])
    first = await queue.claim(enqueued.ids[:1], "me", LEASE)
    rest = await queue.claim(enqueued.ids[1:], "me", LEASE)
    assert await settle(queue, first) == (True, None)
    assert await settle(queue, rest) == (True, Ended(account, "main", "ref"))
    assert await queue.index.read(lambda tx: queue_admin.refs(tx, account, "main")) == set()
    assert await queue.index.read(stores.in_use) == set()


async def test_two_that_settle_the_last_recipients_at_once_end_the_message_once(
    queue: Mailqueue, account: AccountId
) -> None:
    for number in range(10):
        enqueued = await queue.enqueue(message(account, str(number)), [recipient("x"), recipient("y")])
        claims = [await queue.claim([each], "me", LEASE) for each in enqueued.ids]
        ended: list[Ended | None] = []

        async def one(claim: Claim, ended: list[Ended | None] = ended) -> None:
            ended.append((await settle(queue, claim))[1])

        async with trio.open_nursery() as nursery:
            for claim in claims:
                nursery.start_soon(one, claim)
        assert sorted(map(bool, ended)) == [False, True]


async def test_a_retry_waits_and_keeps_what_was_learnt(queue: Mailqueue, account: AccountId, clock: MovedClock) -> None:
    enqueued = await queue.enqueue(message(account), [recipient()])
    claim = await queue.claim(enqueued.ids, "me", LEASE)
    change = Retry(START + 450_000, "[1]", "{}", 1)
    retry = partial(rows.retry, row=enqueued.ids[0], mine=claim.number, change=change)
    assert await queue.index.write(NO_ACCOUNT, retry)
    look = await queue.look(9)
    assert (look.due, look.next_due, look.lease_left) == ([], START + 450_000, None)
    clock.now += 450_000
    (row,) = (await queue.claim(enqueued.ids, "me", LEASE)).rows
    assert (row.attempts, row.results, row.dialled, row.delay_told) == (2, "[1]", "{}", 1)


async def test_the_work_of_a_dead_process_is_taken_over_and_its_settling_counts_no_more(
    queue: Mailqueue, account: AccountId
) -> None:
    enqueued = await queue.enqueue(message(account), [recipient()])
    dead = await queue.claim(enqueued.ids, "dead", 0)
    assert await queue.end_leases() == [(enqueued.ids[0], "dead")]
    living = await queue.claim(enqueued.ids, "living", LEASE)
    assert [row.attempts for row in living.rows] == [2]
    assert await settle(queue, dead) == (False, None)
    assert await queue.renew([(dead, enqueued.ids)], LEASE) == set()
    assert await queue.end_leases() == []
    assert (await settle(queue, living))[0]


async def test_who_was_late_settles_as_long_as_nobody_else_claimed(queue: Mailqueue, account: AccountId) -> None:
    enqueued = await queue.enqueue(message(account), [recipient()])
    late = await queue.claim(enqueued.ids, "late", 0)
    await queue.end_leases()
    assert (await settle(queue, late))[0]


async def test_renewing_makes_the_lease_longer(queue: Mailqueue, account: AccountId) -> None:
    enqueued = await queue.enqueue(message(account), [recipient()])
    claim = await queue.claim(enqueued.ids, "me", 0)
    before = claim.ends
    assert await queue.renew([(claim, enqueued.ids)], LEASE) == set(enqueued.ids)
    assert claim.ends > before
    assert await queue.end_leases() == []


async def test_rows_given_back_wait_again(queue: Mailqueue, account: AccountId) -> None:
    enqueued = await queue.enqueue(message(account), [recipient()])
    claim = await queue.claim(enqueued.ids, "me", LEASE)
    await queue.give_back(claim, enqueued.ids)
    assert await ids_due(queue) == list(enqueued.ids)


async def test_more_than_memory_holds_is_looked_for_in_the_index(
    queue: Mailqueue, account: AccountId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mox_trio.mailqueue.queue.ARRIVED", 1)
    await queue.enqueue(message(account), [recipient()])
    await queue.enqueue(message(account, "two"), [recipient()])
    arrivals = queue.take_arrivals()
    assert (len(arrivals.rows), arrivals.more) == (1, True)


async def test_accounts_that_go_take_their_queue_with_them(queue: Mailqueue, account: AccountId, index: Index) -> None:
    await queue.enqueue(message(account), [recipient("x"), recipient("y")])
    while await index.write([account], partial(accounts.erase_some, account_id=account)):
        pass
    assert await ids_due(queue) == []
    assert await index.read(lambda tx: queue_admin.bodies(tx, account, 0)) == []
