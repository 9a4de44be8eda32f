"""A full or failing disk under SQLite, and what makes its commits durable."""

import os
import resource
import socket
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from sqlalchemy import bindparam, text

from storage_backends import errors
from storage_backends.contract import index_rows as rows
from storage_backends.contract.index import closing
from storage_backends.errors import Unavailable
from storage_backends.index import open, schema, sqlite_connection, wake_local
from storage_backends.index import turnstile as turnstile_module
from storage_backends.index.api import AccountId, Index, ModSeq, Transaction
from storage_backends.index.sqlite_checkpoints import Checkpoints
from storage_backends.index.statement import insert, prepared
from storage_backends.index.turnstile import Turnstile

ADD = prepared(
    insert(schema.setting).values(
        account_id=bindparam("account"), name=bindparam("name"), value=bindparam("value"), modseq=bindparam("modseq")
    )
)
PAGES = prepared(text("PRAGMA page_count"))
BIG = b"x" * 50_000


def add_big(tx: Transaction, account: AccountId, name: str) -> None:
    tx.run(ADD, {"account": account, "name": name, "value": BIG, "modseq": tx.modseq(account)})


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Writing beyond so many bytes of a file fails, as on a disk that is broken there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def batch_of_big(index: Index, account: AccountId, first: threading.Event, go_on: threading.Event) -> set[str]:
    """Twenty big writes in one batch; the names of those that were acknowledged, others being Unavailable."""
    done: set[str] = set()

    def opening(tx: Transaction) -> None:
        first.set()
        assert go_on.wait(rows.PATIENCE)

    async def one(name: str) -> None:
        error = await rows.failure(index.write((account,), lambda tx: add_big(tx, account, name)))
        assert error is None or isinstance(error, Unavailable)
        if error is None:
            done.add(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rows.failure, index.write((account,), opening))
        await rows.waiting(first)
        for number in range(20):
            nursery.start_soon(one, str(number))
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()
    return done


async def test_a_batch_that_fills_the_database_is_run_again_unit_by_unit(tmp_path: Path) -> None:
    """The bound holds on one connection, which is closed: everything succeeds on the next, and once."""
    async with closing(open.open_sqlite(tmp_path / "index.db")) as index:
        account = await rows.account(index)
        begun, go_on = threading.Event(), threading.Event()

        def bound(tx: Transaction) -> None:
            row = tx.one(PAGES)
            assert row is not None
            tx.all(prepared(text(f"PRAGMA max_page_count = {row[0] + 40}")))

        await index.write((account,), bound)
        done = await batch_of_big(index, account, begun, go_on)
        assert done == {str(number) for number in range(20)}
        assert set(await index.read(lambda tx: rows.names(tx, account))) == done


async def test_an_io_error_in_a_batch_is_answered_and_service_recovers(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    async with closing(open.open_sqlite(path)) as index:
        account = await rows.account(index)
        begun, go_on = threading.Event(), threading.Event()
        with no_file_beyond(path.with_name("index.db-wal").stat().st_size + 400_000):
            done = await batch_of_big(index, account, begun, go_on)
        assert 0 < len(done) < 20
        assert set(await index.read(lambda tx: rows.names(tx, account))) == done
        await rows.write(index, account, "after")
        assert list(await index.integrity()) == []
    async with closing(open.open_sqlite(path)) as index:
        assert set(await index.read(lambda tx: rows.names(tx, account))) == done | {"after"}


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


async def test_files_are_the_owner_s_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        async with closing(open.open_sqlite(tmp_path / "index.db")) as index:
            await rows.account(index)
            found = modes(tmp_path)
    finally:
        os.umask(old)
    assert found == {"index.db": 0o600, "index.db-wal": 0o600, "index.db-shm": 0o600, "index.db-wake": 0o700}


def test_a_setting_that_does_not_take_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_connection, "SETTINGS", (("journal_mode", "WAL", "memory"),))
    sqlite_connection.create(tmp_path / "index.db")
    with pytest.raises(errors.Refused, match="journal_mode"):
        sqlite_connection.connect(tmp_path / "index.db")


def test_every_connection_is_durable(tmp_path: Path) -> None:
    sqlite_connection.create(tmp_path / "index.db")
    for query_only in (False, True):
        connection = sqlite_connection.connect(tmp_path / "index.db", query_only=query_only)
        found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name, _, _ in sqlite_connection.SETTINGS}
        connection.close()
        assert found["journal_mode"] == "wal"
        assert found["synchronous"] == 2
        assert found["foreign_keys"] == 1


def test_only_who_asks_for_it_gets_a_connection_that_is_not_durable(tmp_path: Path) -> None:
    sqlite_connection.create(tmp_path / "index.db")
    connection = sqlite_connection.connect(tmp_path / "index.db", durable=False)
    assert connection.execute("PRAGMA synchronous").fetchone() == (0,)
    connection.close()


async def test_the_wal_does_not_grow_without_bound(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    async with closing(open.open_sqlite(path)) as index:
        account = await rows.account(index)
        directory = wake_local.directory_of(path)
        turnstile = Turnstile(directory)
        checkpoints = Checkpoints(path, turnstile, pages=50, bound=500)
        for number in range(100):
            await index.write((account,), partial(add_big, account=account, name=str(number)))
            checkpoints.wrote(13)
        await trio.to_thread.run_sync(checkpoints.close)
        turnstile.close()
        assert path.with_name("index.db-wal").stat().st_size < 100 * len(BIG)


async def test_a_stopped_writer_costs_unavailable_not_a_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.db"
    async with closing(open.open_sqlite(path)) as index:
        account = await rows.account(index)
        monkeypatch.setattr(turnstile_module, "PATIENCE", 0.2)
        other = Turnstile(wake_local.directory_of(path))
        failures: list[BaseException | None] = []

        async def shut_out() -> None:
            failures.append(await rows.failure(rows.write(index, account, "shut out")))

        with other.turn(), trio.fail_after(20):
            await rows.at_once(*[shut_out] * 200)
        assert all(isinstance(error, Unavailable) for error in failures)
        other.close()
        await rows.write(index, account, "in turn")
        assert await index.read(lambda tx: rows.names(tx, account)) == ["in turn"]


async def test_a_change_without_a_wake_up_is_seen_by_comparing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake_local, "COMPARE_SECONDS", 0.2)
    path = tmp_path / "index.db"
    async with closing(open.open_sqlite(path)) as index:
        account = await rows.account(index)
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(index.past, account, ModSeq(1))
                await trio.testing.wait_all_tasks_blocked()
                raw = sqlite3.connect(path)
                with raw:
                    raw.execute("UPDATE account SET modseq = modseq + 1")
                raw.close()


async def test_sockets_of_dead_processes_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    directory = wake_local.directory_of(path)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(directory / "1-dead.sock"))
    dead.close()
    async with closing(open.open_sqlite(path)):
        assert [name.name for name in directory.glob("*.sock") if "dead" in name.name] == []
    assert list(directory.glob("*.sock")) == []


async def test_our_locks_hold_while_another_process_comes_and_goes(tmp_path: Path) -> None:
    """Had they been lost, the other would be the last to close and remove the WAL that we write to."""
    path = tmp_path / "index.db"
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM account').fetchall(); c.close()"
    async with closing(open.open_sqlite(path)) as index:
        account = await rows.account(index)
        assert await index.read(lambda tx: rows.names(tx, account)) == []
        before = path.with_name("index.db-wal").stat().st_ino
        await trio.run_process([sys.executable, "-c", script, str(path)])
        assert path.with_name("index.db-wal").stat().st_ino == before
