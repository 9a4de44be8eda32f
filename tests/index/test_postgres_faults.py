"""Postgres goes away, or the way to it: a write is done once or Unavailable, and all goes on when it is back."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import psycopg
import pytest
import trio
import trio.testing
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import bindparam, select, text, update

from storage_backends.contract import index_rows as rows
from storage_backends.contract.index import closing
from storage_backends.errors import Conflict, Unavailable
from storage_backends.index import open, postgres_connection, postgres_wakes, schema
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index, ModSeq, Transaction
from storage_backends.index.statement import insert, prepared
from storage_backends.index.tables import accounts
from tests.kit import cut_proxy, postgres

COUNT = prepared(
    update(schema.document)
    .where(schema.document.c.name == bindparam("document"))
    .values(version=schema.document.c.version + 1)
)
COUNTED = prepared(select(schema.document.c.version).where(schema.document.c.name == bindparam("document")))
NEW = prepared(insert(schema.document).values(name=bindparam("document"), text=""))
MISTAKE = prepared(text("SELECT 1 / 0"))
END_SESSION = prepared(text("SELECT pg_terminate_backend(pg_backend_pid())"))


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    with postgres.private() as server:
        yield server


@pytest.fixture
async def between(postgres_database: str) -> AsyncIterator[tuple[cut_proxy.Proxy, str]]:
    port = conninfo_to_dict(postgres_database)["port"]
    assert port is not None
    async with cut_proxy.proxy(int(port)) as proxy:
        yield proxy, make_conninfo(postgres_database, port=proxy.port)


async def counted(index: Index, name: str = "counter") -> int:
    row = await index.read(lambda tx: tx.one(COUNTED, {"document": name}))
    assert row is not None
    return int(row[0])


async def new_counter(index: Index, name: str = "counter") -> AccountId:
    await index.write(NO_ACCOUNT, lambda tx: tx.run(NEW, {"document": name}))
    return await rows.account(index)


def count(tx: Transaction) -> None:
    assert tx.run(COUNT, {"document": "counter"}) == 1


async def test_what_was_acknowledged_survives_a_killed_server_and_service_goes_on(
    server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "PAUSE", 0)
    async with closing(open.open_postgres(server.conninfo)) as index:
        a = await rows.account(index)
        await rows.write(index, a, "before")
        server.kill()
        with trio.fail_after(30):
            for number in range(3):
                with pytest.raises(Unavailable):
                    await rows.write(index, a, f"away {number}")
                with pytest.raises(Unavailable):
                    await index.read(lambda tx: rows.names(tx, a))
        server.start()  # here, because it dies with the thread that starts it
        assert await index.read(lambda tx: rows.names(tx, a)) == ["before"]
        await rows.write(index, a, "after")
        assert await index.read(lambda tx: rows.names(tx, a)) == ["before", "after"]


@pytest.mark.parametrize("delivered", [True, False])
async def test_a_connection_cut_at_commit_does_it_once(between: tuple[cut_proxy.Proxy, str], delivered: bool) -> None:
    proxy, conninfo = between
    async with closing(open.open_postgres(conninfo)) as index:
        a = await new_counter(index)
        proxy.cut(b"COMMIT", delivered=delivered)
        await index.write((a,), count)
        assert proxy.cuts == 1
        assert await counted(index) == 1
        assert (await index.read(lambda tx: accounts.by_id(tx, a))).modseq == 2


async def test_a_batch_whose_commit_is_lost_is_done_once(between: tuple[cut_proxy.Proxy, str]) -> None:
    proxy, conninfo = between
    begun, go_on = threading.Event(), threading.Event()

    def first(tx: Transaction) -> None:
        begun.set()
        assert go_on.wait(rows.PATIENCE)
        count(tx)

    async with closing(open.open_postgres(conninfo)) as index:
        a = await new_counter(index)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(index.write, (a,), first)
            await rows.waiting(begun)
            for _ in range(20):
                nursery.start_soon(index.write, (a,), count)
            await trio.testing.wait_all_tasks_blocked()
            proxy.cut(b"COMMIT", delivered=True)
            go_on.set()
        assert proxy.cuts == 1
        assert await counted(index) == 21


async def test_a_connection_cut_inside_a_unit_does_it_once(between: tuple[cut_proxy.Proxy, str]) -> None:
    proxy, conninfo = between
    async with closing(open.open_postgres(conninfo)) as index:
        a = await new_counter(index)
        proxy.cut(b"UPDATE document", delivered=True)
        await index.write((a,), count)
        assert proxy.cuts == 1
        assert await counted(index) == 1


async def test_a_read_on_a_lost_connection_is_run_again(postgres_database: str) -> None:
    async with closing(open.open_postgres(postgres_database)) as index:
        runs = []

        def unit(tx: Transaction) -> int:
            runs.append(tx)
            if len(runs) == 1:
                tx.one(END_SESSION)
            return len(runs)

        assert await index.read(unit) == 2


async def test_units_that_lock_each_other_out_are_run_again(postgres_database: str) -> None:
    """Each locks its own row first and the other's then: Postgres ends one of the two."""
    both = threading.Barrier(2)
    async with closing(open.open_postgres(postgres_database)) as index:
        ids = [await new_counter(index, name) if name == "a" else await _second(index) for name in "ab"]

        def unit(tx: Transaction, order: str) -> None:
            tx.run(COUNT, {"document": order[0]})
            if not both.broken:
                with suppress(threading.BrokenBarrierError):
                    both.wait(10)
                both.abort()
            tx.run(COUNT, {"document": order[1]})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(index.write, (ids[0],), lambda tx: unit(tx, "ab"))
            nursery.start_soon(index.write, (ids[1],), lambda tx: unit(tx, "ba"))
        assert [await counted(index, name) for name in "ab"] == [2, 2]


async def _second(index: Index) -> AccountId:
    await index.write(NO_ACCOUNT, lambda tx: tx.run(NEW, {"document": "b"}))
    return await rows.account(index, "second")


async def test_a_waiting_unit_of_one_account_holds_one_connection_only(postgres_database: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        begun.set()
        assert go_on.wait(rows.PATIENCE)

    async with closing(open.open_postgres(postgres_database)) as index:
        busy, quiet = await rows.account(index, "busy"), await rows.account(index, "quiet")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(index.write, (busy,), slow)
            await rows.waiting(begun)
            for number in range(50):
                nursery.start_soon(rows.write, index, busy, str(number))
            await trio.testing.wait_all_tasks_blocked()
            for number in range(10):
                await rows.write(index, quiet, str(number))
            go_on.set()
        assert len(await index.read(lambda tx: rows.names(tx, busy))) == 50


async def test_a_conflict_does_not_quote_values(postgres_database: str) -> None:
    async with closing(open.open_postgres(postgres_database)) as index:
        await rows.account(index, "somebody-secret")
        with pytest.raises(Conflict) as caught:
            await rows.account(index, "somebody-secret")
        assert "secret" not in str(caught.value)


async def test_a_unit_that_goes_on_after_a_failed_statement_is_told(postgres_database: str) -> None:
    async with closing(open.open_postgres(postgres_database)) as index:
        a = await new_counter(index)

        def unit(tx: Transaction) -> None:
            count(tx)
            with pytest.raises(psycopg.errors.DivisionByZero):
                tx.one(MISTAKE)

        with pytest.raises(RuntimeError, match="went on"):
            await index.write((a,), unit)
        assert await counted(index) == 0


async def test_a_change_without_a_wake_up_is_seen_by_comparing(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_wakes, "COMPARE_SECONDS", 0.2)
    async with closing(open.open_postgres(postgres_database)) as index:
        a = await rows.account(index)
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(index.past, a, ModSeq(1))
                await trio.testing.wait_all_tasks_blocked()
                with psycopg.connect(postgres_database, autocommit=True) as raw:
                    raw.execute("UPDATE account SET modseq = modseq + 1")
