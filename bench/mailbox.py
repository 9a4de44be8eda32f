"""Deliveries and mailbox operations in process: `python -m bench.mailbox [--seconds S]`.

Durable; disk with SQLite, readable and sealed, and with Postgres. CPU is this process's, per message; the fsync of
the disk is measured beside it.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import trio

from mox_trio.mailstore import accounts, deliver, flagging, mailboxes, moving, reading
from mox_trio.mailstore.deliver import Incoming
from mox_trio.mailstore.flagging import Change
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.open import open_postgres
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


async def deliver_for(store: MailStore, account: Account, callers: int, seconds: float) -> tuple[float, float]:
    """Deliver from so many tasks for so long; messages a second, and CPU microseconds each."""
    count = 0
    ends = time.perf_counter() + seconds

    async def caller(number: int) -> None:
        nonlocal count
        while time.perf_counter() < ends:
            async with Spool(store) as spool:
                await spool.write(MESSAGE.replace(b"{number}", b"%d.%d.%d" % (number, count, time.time_ns())))
                await deliver.to_mailbox(store, account, "Inbox", Incoming(await spool.finish()))
            count += 1

    began, cpu = time.perf_counter(), time.process_time()
    async with trio.open_nursery() as nursery:
        for number in range(callers):
            nursery.start_soon(caller, number)
    took = time.perf_counter() - began
    return count / took, (time.process_time() - cpu) / count * 1e6


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


async def rates(store: MailStore, account: Account, callers: Sequence[int], seconds: float) -> None:
    """Deliveries by so many callers each."""
    for number in callers:
        rate, cpu = await deliver_for(store, account, number, seconds)
        print(f"deliver 4 KiB, {number} callers: {rate:.0f}/s, CPU {cpu:.0f} us", flush=True)


async def on_sqlite(directory: Path, *, sealing: bool, seconds: float) -> None:
    """All figures on disk and SQLite."""
    print(f"\n{'sealed' if sealing else 'readable'}, disk and SQLite; fsync {fsync_ms(directory):.3f} ms", flush=True)
    async with stores.opened(directory, sealing=sealing) as kit:
        await rates(kit.store, await accounts.create(kit.store, "ann"), (1, 10, 50), seconds)
        await operations(kit.store)


async def on_postgres(directory: Path, conninfo: str, *, seconds: float) -> None:
    """Deliveries on disk and Postgres."""
    print(f"\nreadable, disk and Postgres; fsync {fsync_ms(directory):.3f} ms", flush=True)
    index = await open_postgres(conninfo)
    try:
        async with stores.opened(directory, index=index) as kit:
            await rates(kit.store, await accounts.create(kit.store, "ann"), (1, 50), seconds)
    finally:
        await index.aclose()


def main() -> None:
    """Parse arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    for sealing in (False, True):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
            trio.run(partial(on_sqlite, Path(directory), sealing=sealing, seconds=seconds))
    if postgres.binaries() is None:
        print("\nno Postgres here")
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory, postgres.private() as server:
        trio.run(partial(on_postgres, Path(directory), server.conninfo, seconds=seconds))


if __name__ == "__main__":
    main()
