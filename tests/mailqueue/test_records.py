"""Records of what left the queue are found by their sender id and forgotten in time."""

from mox_trio.mailqueue import records
from mox_trio.mailqueue.queue import Mailqueue
from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.tables import retired
from storage_backends.index.tables.retired import RetiredRow
from tests.kit.queued import START, MovedClock


def record(account: AccountId, number: int, keep: int, from_id: str = "") -> RetiredRow:
    return RetiredRow(
        number, account, 1, "Q1", b"\0", 100, "<a@a.example>", from_id, "<b@b.example>", START, 1, START, "delivered",
        "", START + keep,
    )  # fmt: skip


async def test_records_are_listed_found_and_forgotten(queue: Mailqueue, account: AccountId, clock: MovedClock) -> None:
    rows = [record(account, 1, 10, "abc"), record(account, 2, 20), record(account, 3, 30)]

    def add(tx: Transaction) -> None:
        for row in rows:
            retired.add(tx, row)

    await queue.index.write([account], add)
    assert await records.listed(queue, account) == rows[::-1]
    assert await records.listed(queue, account, before=3, most=1) == [rows[1]]
    assert await records.by_from_id(queue, account, "abc") == rows[0]
    assert await records.by_from_id(queue, account, "") is None
    assert await queue.index.read(lambda tx: retired.from_id_taken(tx, "abc"))
    clock.now += 20
    assert await records.prune(queue) == 2
    assert await records.listed(queue, account) == rows[2:]
    assert not await queue.index.read(lambda tx: retired.from_id_taken(tx, "abc"))
