"""What every index promises about the rows of the queue, as tests: one claims a row, settling is by claim, a message goes with
its last recipient. The test file of an engine derives from `QueueContract` as it does from `index.IndexContract`.
"""

from functools import partial

from storage_backends.contract import index_rows
from storage_backends.contract.index import Opener
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index, Transaction
from storage_backends.index.tables import queue, queue_admin, releases
from storage_backends.index.tables.queue import Ended, NewRecipient, OutgoingId, OutgoingRow, QueuedId, Retry

NOW = 1_700_000_000_000
MINUTE = 60_000


def message(account: AccountId, ref: str = "ref") -> OutgoingRow:
    """A message."""
    return OutgoingRow(account, f"Q{ref}", "main", ref, b"\0", b"\0", 1, "7BIT", 0, "", "", "", NOW)


def recipient(name: str, **changes: int) -> NewRecipient:
    """A recipient that is due."""
    row = NewRecipient("<a@a.example>", f"<{name}@b.example>", "b.example", NOW)
    return row._replace(**changes)  # type: ignore[arg-type]


async def enqueued(index: Index, account: AccountId, *names: str) -> tuple[OutgoingId, list[QueuedId]]:
    """A message with these recipients in the queue."""
    recipients = [recipient(name) for name in names]

    def unit(tx: Transaction) -> tuple[OutgoingId, list[QueuedId]]:
        return queue.add(tx, message(account), recipients)()

    return await index.write((account,), unit)


async def claimed(index: Index, ids: list[QueuedId], mine: int, milliseconds: int = MINUTE) -> list[QueuedId]:
    """The rows that a claim got."""
    unit = partial(queue.claim, ids=ids, mine=mine, holder="test", now=NOW, milliseconds=milliseconds)
    rows, _ = await index.write(NO_ACCOUNT, unit)
    return [row.id for row in rows]


async def taken_out(index: Index, outgoing: OutgoingId, ids: list[QueuedId], mine: int) -> tuple[bool, Ended | None]:
    """Settle rows that are done."""
    return await index.write(NO_ACCOUNT, partial(queue.take_out, outgoing_id=outgoing, ids=ids, mine=mine))


class QueueContract:
    """Derive from it and add the fixture `opener`."""

    async def test_of_many_at_once_one_claims_a_row(self, opener: Opener) -> None:
        async with opener() as one, opener() as two:
            account = await index_rows.account(one)
            _, ids = await enqueued(one, account, *"abcdefghij")
            got: list[QueuedId] = []

            async def claim(index: Index, mine: int) -> None:
                got.extend(await claimed(index, ids, mine))

            await index_rows.at_once(*(partial(claim, (one, two)[number % 2], number + 1) for number in range(8)))
            assert sorted(got) == ids

    async def test_a_message_goes_with_the_last_of_its_recipients(self, opener: Opener) -> None:
        async with opener() as one, opener() as two:
            account = await index_rows.account(one)
            for _ in range(5):
                outgoing, ids = await enqueued(one, account, *"abcd")
                for number, each in enumerate(ids):
                    await claimed(one, [each], number + 1)
                ended: list[Ended | None] = []

                async def settle(
                    index: Index,
                    each: QueuedId,
                    mine: int,
                    outgoing: OutgoingId = outgoing,
                    ended: list[Ended | None] = ended,
                ) -> None:
                    ended.append((await taken_out(index, outgoing, [each], mine))[1])

                work = [partial(settle, (one, two)[n % 2], each, n + 1) for n, each in enumerate(ids)]
                await index_rows.at_once(*work)
                assert [each for each in ended if each] == [Ended(account, "main", "ref")]
            assert await one.read(lambda tx: queue_admin.refs(tx, account, "main")) == set()
            assert await one.read(lambda tx: releases.refs(tx, account, "main")) == set()

    async def test_a_lease_ends_by_the_clock_of_the_database(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index)
            outgoing, ids = await enqueued(index, account, "a", "b")
            assert await claimed(index, ids[:1], 1, 0) == ids[:1]
            assert await claimed(index, ids[1:], 2) == ids[1:]
            assert await index.write(NO_ACCOUNT, queue.end_leases) == [(ids[0], "test")]
            assert await claimed(index, ids, 3) == ids[:1]
            assert await taken_out(index, outgoing, ids[:1], 1) == (False, None)
            change = Retry(NOW + 1, "", "", 0)
            assert not await index.write(NO_ACCOUNT, partial(queue.retry, row=ids[0], mine=1, change=change))
            assert await index.write(NO_ACCOUNT, partial(queue.retry, row=ids[0], mine=3, change=change))

    async def test_renewing_is_for_who_holds(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index)
            _, ids = await enqueued(index, account, "a", "b")
            await claimed(index, ids[:1], 1, 0)
            await claimed(index, ids[1:], 2)
            renew = partial(queue.renew, ids=ids, claims=[1, 9], milliseconds=MINUTE)
            assert await index.write(NO_ACCOUNT, renew) == {ids[0]}
            assert await index.write(NO_ACCOUNT, queue.end_leases) == []

    async def test_members_take_the_place_of_a_list(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index)
            outgoing, ids = await enqueued(index, account, "list")
            claim = partial(queue.claim, ids=ids, mine=1, holder="test", now=NOW, milliseconds=MINUTE)
            (row,), _ = await index.write(NO_ACCOUNT, claim)
            members = [recipient(name) for name in "abc"]
            assert await index.write(NO_ACCOUNT, partial(queue.expand, row=row, members=members))
            assert not await index.write(NO_ACCOUNT, partial(queue.expand, row=row, members=members))
            due = partial(queue.due, urgency=queue.NORMAL, now=NOW, after=(-1, 0), most=9)
            ids = [each.id for each in await index.read(due)]
            assert len(ids) == 3
            await claimed(index, ids, 2)
            assert (await taken_out(index, outgoing, ids[:2], 2))[1] is None
            assert (await taken_out(index, outgoing, ids[2:], 2))[1] is not None
