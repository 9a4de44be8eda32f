"""Several real processes on one index: strict order, turns for each, nothing acknowledged is lost by kill -9."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from storage_backends.index.api import AccountId, ModSeq
from tests.kit import index_writer, shared_server


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'index.db'}"
    return f"postgres:{request.getfixturevalue('postgres_database')}"


@contextmanager
def writing(where: str, account: AccountId, count: int, callers: int) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.kit.index_writer", where, str(account), str(count), str(callers)]
    process = subprocess.Popen(command, cwd=shared_server.ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def acknowledged(process: "subprocess.Popen[str]", count: int = sys.maxsize) -> list[tuple[int, int]]:
    """The next lines, whole ones only."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        if line.endswith("\n"):
            uid, modseq = line.split()
            lines.append((int(uid), int(modseq)))
        if len(lines) == count:
            break
    return lines


async def test_uids_and_modseqs_are_strict_across_processes(where: str) -> None:
    async with index_writer.opened(where) as index:
        account = await index_writer.make_account(index)
        with writing(where, account, 200, 10) as one, writing(where, account, 200, 1) as two:
            first = await trio.to_thread.run_sync(acknowledged, one)
            second = await trio.to_thread.run_sync(acknowledged, two)
        both = sorted(first + second)
        assert both == [(number, number + 1) for number in range(1, 401)]
        assert await index.read(lambda tx: index_writer.added(tx, account)) == both


async def test_a_process_that_writes_without_pause_leaves_others_their_turn(where: str) -> None:
    async with index_writer.opened(where) as index:
        account = await index_writer.make_account(index)
        with writing(where, account, 10_000_000, 50) as busy:
            await trio.to_thread.run_sync(acknowledged, busy, 500)
            with trio.fail_after(60):
                for _ in range(20):
                    await index.write((account,), lambda tx: index_writer.add(tx, account))
            assert busy.poll() is None


async def test_past_hears_of_commits_in_another_process(where: str) -> None:
    async with index_writer.opened(where) as index:
        account = await index_writer.make_account(index)
        with writing(where, account, 10, 1) as process:
            with trio.fail_after(60):
                modseq = ModSeq(1)
                while modseq < 11:
                    modseq = await index.past(account, modseq)
            assert len(acknowledged(process)) == 10


async def test_what_was_acknowledged_survives_kill_9(where: str) -> None:
    async with index_writer.opened(where) as index:
        account = await index_writer.make_account(index)
    seen: set[tuple[int, int]] = set()
    for round_ in range(3):
        with writing(where, account, 10_000_000, 20) as process:
            seen.update(await trio.to_thread.run_sync(acknowledged, process, 100 + 37 * round_))
            process.kill()
            seen.update(await trio.to_thread.run_sync(acknowledged, process))
        async with index_writer.opened(where) as index:
            there = await index.read(lambda tx: index_writer.added(tx, account))
            assert list(await index.integrity()) == []
        assert seen <= set(there), "acknowledged and gone"
        assert there == [(number, number + 1) for number in range(1, len(there) + 1)]
