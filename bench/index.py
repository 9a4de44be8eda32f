"""Writes a second and CPU for 1, 10 and 50 callers on both engines: `python -m bench.index`.

A write raises its account's modseq and changes one row; it is durable when it counts. CPU is that of this process, all
its threads; the database server's is its own.
"""

import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import trio

from storage_backends.contract import index_rows as rows
from storage_backends.index import open as open_index
from storage_backends.index.api import AccountId, Index
from tests.kit import postgres

WRITES: Final = 2000
CALLERS: Final = (1, 10, 50)


def sync_seconds(directory: Path) -> float:
    """What one fdatasync of 4 KiB costs here."""
    with (directory / "sync").open("wb", buffering=0) as file:
        started = time.perf_counter()
        for _ in range(100):
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
    return (time.perf_counter() - started) / 100


async def measure(index: Index, accounts: Sequence[AccountId], callers: int, label: str) -> None:
    """Print a line: callers share the accounts evenly."""

    async def caller(number: int) -> None:
        account = accounts[number % len(accounts)]
        for _ in range(WRITES // callers):
            await rows.write(index, account, str(number))

    cpu, started = time.process_time(), time.perf_counter()
    async with trio.open_nursery() as nursery:
        for number in range(callers):
            nursery.start_soon(caller, number)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"{label:40} {callers:3} callers {WRITES / seconds:8.0f} writes/s {cpu / WRITES * 1e6:6.0f} us CPU")


async def engine(opening: Callable[[], Awaitable[Index]], name: str) -> None:
    """All figures of an engine."""
    index = await opening()
    try:
        accounts = [await rows.account(index, str(number)) for number in range(50)]
        for callers in CALLERS:
            await measure(index, accounts[:1], callers, f"{name}, one account")
        await measure(index, accounts, CALLERS[-1], f"{name}, an account each")
    finally:
        await index.aclose()


def main() -> None:
    """Print everything."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        print(f"fdatasync {sync_seconds(directory) * 1e3:.2f} ms")
        trio.run(engine, lambda: open_index.open_sqlite(directory / "index.db"), "SQLite")
    if postgres.binaries() is None:
        print("Postgres: none on this machine")
        return
    with postgres.private() as server:
        trio.run(engine, lambda: open_index.open_postgres(server.conninfo), "Postgres")


if __name__ == "__main__":
    main()
