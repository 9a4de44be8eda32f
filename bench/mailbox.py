"""Deliveries and mailbox operations in process: `python -m bench.mailbox [--seconds S]`.

Durable; disk with SQLite, readable and sealed in turns, and with Postgres. CPU is this process's, per message; so are
syncs: those of bodies and their directories are counted at the call, and each commit of SQLite is one of its log. The fsync
of the disk is measured beside it.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from unittest.mock import patch

import trio

from bench.bodies import CountingFiles
from mox_trio.mailstore import accounts, deliver, flagging, mailboxes, moving, reading
from mox_trio.mailstore.deliver import Incoming
from mox_trio.mailstore.flagging import Change
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.bodies.disk import DiskStore
from storage_backends.index import sqlite, sqlite_writer
from storage_backends.index.calls import Call
from storage_backends.index.marks import Marks
from storage_backends.index.open import open_postgres
from storage_backends.index.turnstile import Turnstile
from tests.kit import postgres, stores

MESSAGE = stores.message(
    "A message of an ordinary size",
    "The quick brown fox jumps over the lazy dog, again and again.\r\n" * 58,
    Date="Sun, 22 Nov 2026 10:00:00 +0000",
    Message_ID="<{number}@bench.example>",
    MIME_Version="1.0",
    Content_Type="text/plain; charset=utf-8",
    Received="from a.example by b.example; Sun, 22 Nov 2026 10:00:00 +0000",
)

TURNS: Final = 4


def fsync_ms(directory: Path) -> float:
    """The median of 200 fdatasyncs of 4 KiB."""
    times = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


class CountingWriter(sqlite_writer.Writer):
    """The real writer; its commits are counted. Each syncs the write-ahead log once; checkpoints come on top."""

    commits = 0

    def __init__(
        self, path: Path, turnstile: Turnstile, committed: sqlite_writer.Committed, *, durable: bool = True
    ) -> None:
        def counted(calls: list[Call], touched: Marks, pages: int) -> None:
            if pages:
                CountingWriter.commits += 1
            committed(calls, touched, pages)

        super().__init__(path, turnstile, counted, durable=durable)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: deliveries, seconds, seconds of CPU, syncs of bodies and their directories, commits of rows."""

    count: int = 0
    seconds: float = 0
    cpu: float = 0
    syncs: int = 0
    commits: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.count + other.count,
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            self.syncs + other.syncs,
            self.commits + other.commits,
        )

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    def __str__(self) -> str:
        each = f"{self.rate:.0f}/s, CPU {self.cpu / self.count * 1e6:.0f} us"
        return f"{each}, {self.syncs / self.count:.2f} syncs for bodies and {self.commits / self.count:.2f} for rows"


async def deliver_for(
    store: MailStore, account: Account, counted: CountingFiles, callers: int, seconds: float
) -> Figures:
    """Deliver from so many tasks for so long."""
    count = 0
    ends = time.perf_counter() + seconds

    async def caller(number: int) -> None:
        nonlocal count
        while time.perf_counter() < ends:
            async with Spool(store) as spool:
                await spool.write(MESSAGE.replace(b"{number}", b"%d.%d.%d" % (number, count, time.time_ns())))
                await deliver.to_mailbox(store, account, "Inbox", Incoming(await spool.finish()))
            count += 1

    syncs, commits = counted.syncs, CountingWriter.commits
    began, cpu = time.perf_counter(), time.process_time()
    async with trio.open_nursery() as nursery:
        for number in range(callers):
            nursery.start_soon(caller, number)
    took = time.perf_counter() - began
    return Figures(count, took, time.process_time() - cpu, counted.syncs - syncs, CountingWriter.commits - commits)


async def fill(store: MailStore, account: Account, mailbox: str, messages: int) -> None:
    """Fill a mailbox with copies: rows are what is measured."""
    async with Spool(store) as spool:
        await spool.write(MESSAGE)
        spooled = await spool.finish()
        first = await deliver.many(store, account, mailbox, [Incoming(spooled)] * 500)
    box = first[0].mailbox_id
    done = len(first)
    while done < messages:
        take = min(done, messages - done)
        await moving.copy(store, account, box, [(1, take)], mailbox)
        done += take


async def timed(what: str, bar: float, work: Callable[[], Awaitable[object]]) -> None:
    """Print the time of one call beside its bar, in milliseconds."""
    began = time.perf_counter()
    await work()
    print(f"{what}: {(time.perf_counter() - began) * 1000:.0f} ms (bar {bar:.0f})", flush=True)


async def operations(store: MailStore) -> None:
    """Flags, opening, storing, copying."""
    account = await accounts.create(store, "ops")
    await fill(store, account, "Twenty", 20_000)
    await fill(store, account, "Hundred", 100_000)
    twenty = (await mailboxes.get(store, account, "Twenty")).id
    hundred = (await mailboxes.get(store, account, "Hundred")).id
    every = [(1, 2**32 - 1)]
    await timed("read the flags of 20,000 messages", 60, partial(reading.flags, store, twenty))
    await timed("open a mailbox of 100,000 (UIDs, flags)", 250, partial(reading.flags, store, hundred))
    flag = partial(flagging.store_flags, store, account, twenty, every, Change.ADD)
    await timed("store a flag on 20,000", 150, partial(flag, ["\\Flagged"]))
    await timed("store \\Seen on 20,000", 150, partial(flag, ["\\Seen"]))
    await timed("copy 5,000", 100, partial(moving.copy, store, account, twenty, [(1, 5000)], "Archive"))


async def on_sqlite(top: Path, *, seconds: float) -> None:
    """All figures on disk and SQLite. Deliveries to a readable and a sealed store take turns, as disks have moods."""
    print(f"disk and SQLite; fsync {fsync_ms(top):.3f} ms", flush=True)
    async with AsyncExitStack() as stack:
        opened: dict[str, tuple[MailStore, Account, CountingFiles]] = {}
        for name in ("readable", "sealed"):
            counted = CountingFiles()
            (top / name).mkdir()
            bodies = await trio.to_thread.run_sync(partial(DiskStore, top / name / "bodies", files=counted))
            opening = stores.opened(top / name, sealing=name == "sealed", bodies=bodies)
            store = (await stack.enter_async_context(opening)).store
            opened[name] = store, await accounts.create(store, "ann"), counted
        for callers in (1, 10, 50):
            found = dict.fromkeys(opened, Figures())
            for _ in range(TURNS):
                for name, (store, account, counted) in opened.items():
                    found[name] += await deliver_for(store, account, counted, callers, seconds / TURNS)
            for name, figures in found.items():
                print(f"deliver 4 KiB, {name}, {callers} callers: {figures}", flush=True)
            share = found["sealed"].rate / found["readable"].rate
            print(f"sealed reaches {share:.0%} of readable with {callers} callers (bar 90%)", flush=True)
        for name, (store, _, _) in opened.items():
            print(f"\n{name}:", flush=True)
            await operations(store)


async def on_postgres(directory: Path, conninfo: str, *, seconds: float) -> None:
    """Deliveries on disk and Postgres."""
    print(f"\nreadable, disk and Postgres; fsync {fsync_ms(directory):.3f} ms", flush=True)
    index = await open_postgres(conninfo)
    try:
        counted = CountingFiles()
        bodies = await trio.to_thread.run_sync(partial(DiskStore, directory / "bodies", files=counted))
        async with stores.opened(directory, index=index, bodies=bodies) as kit:
            account = await accounts.create(kit.store, "ann")
            for callers in (1, 50):
                found = await deliver_for(kit.store, account, counted, callers, seconds)
                each = f"CPU {found.cpu / found.count * 1e6:.0f} us, {found.syncs / found.count:.2f} syncs for bodies"
                print(f"deliver 4 KiB, {callers} callers: {found.rate:.0f}/s, {each}", flush=True)
    finally:
        await index.aclose()


def main() -> None:
    """Parse arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory,
        patch.object(sqlite, "Writer", CountingWriter),
    ):
        trio.run(partial(on_sqlite, Path(directory), seconds=seconds))
    if postgres.binaries() is None:
        print("\nno Postgres here")
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory, postgres.private() as server:
        trio.run(partial(on_postgres, Path(directory), server.conninfo, seconds=seconds))


if __name__ == "__main__":
    main()
