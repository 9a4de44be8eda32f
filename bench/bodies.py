"""How fast bodies become durable: `python -m bench.bodies`.

Puts of 4 KiB into the disk store, plain and sealed, by 1 and by 50 callers at once: puts a second, CPU and syncs a put,
beside what one fdatasync costs on this disk. CPU is that of this process in user and kernel mode. Plain and sealed take
turns in one directory, because ext4 is slow for minutes to make files near many that were deleted.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from storage_backends.bodies import api, disk, encrypted, files, keyring, master_key

SIZE: Final = 4096
SECONDS: Final = 0.7
TURNS: Final = 4


class CountingFiles(files.Files):
    """The real calls; syncs are counted."""

    def __init__(self) -> None:
        self.syncs = 0
        self._lock = threading.Lock()

    def sync(self, descriptor: int) -> None:
        with self._lock:
            self.syncs += 1
        super().sync(descriptor)

    def sync_directory(self, path: str) -> None:
        with self._lock:
            self.syncs += 1
        super().sync_directory(path)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: puts, seconds, seconds of CPU, syncs."""

    puts: int = 0
    seconds: float = 0
    cpu: float = 0
    syncs: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.puts + other.puts, self.seconds + other.seconds, self.cpu + other.cpu, self.syncs + other.syncs
        )

    @property
    def rate(self) -> float:
        return self.puts / self.seconds


def sync_cost(directory: Path, rounds: int = 200) -> float:
    """Microseconds that writing and syncing 4 KiB in place takes."""
    descriptor = os.open(directory / "sync", os.O_WRONLY | os.O_CREAT, 0o600)
    data = os.urandom(SIZE)
    begun = time.perf_counter()
    for _ in range(rounds):
        os.pwrite(descriptor, data, 0)
        os.fdatasync(descriptor)
    taken = time.perf_counter() - begun
    os.close(descriptor)
    return taken / rounds * 1e6


async def measure(store: api.BodyStore, counted: CountingFiles, callers: int) -> Figures:
    """Put bodies for `SECONDS`."""
    source = api.Bytes(os.urandom(SIZE))
    await store.put(1, source)
    puts = 0
    syncs, cpu, begun = counted.syncs, time.process_time(), time.perf_counter()

    async def put() -> None:
        nonlocal puts
        while time.perf_counter() - begun < SECONDS:
            await store.put(1, source)
            puts += 1

    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(put)
    taken = time.perf_counter() - begun
    return Figures(puts, taken, time.process_time() - cpu, counted.syncs - syncs)


def plain(inner: api.BodyStore) -> api.BodyStore:
    """The store as it is."""
    return inner


def sealed(inner: api.BodyStore) -> api.BodyStore:
    """The store with sealed bodies."""
    masters = [master_key.MasterKey(os.urandom(master_key.SIZE))]
    return encrypted.Encrypted(inner, keyring.Keyring(keyring.MemoryWrappedKeys(), masters))


async def run(top: Path) -> None:
    """Measure and print everything."""
    print(f"bodies: one fdatasync of {SIZE} bytes takes {sync_cost(top):.0f} us")
    wrappers: dict[str, Callable[[api.BodyStore], api.BodyStore]] = {"disk": plain, "encrypted disk": sealed}
    for callers in (1, 50):
        counted = CountingFiles()
        inner = disk.DiskStore(top / str(callers), files=counted)
        stores = {name: wrap(inner) for name, wrap in wrappers.items()}
        found = dict.fromkeys(stores, Figures())
        for _ in range(TURNS):
            for name, store in stores.items():
                found[name] += await measure(store, counted, callers)
        await inner.aclose()
        for name, each in found.items():
            print(
                f"bodies: {name:14} {callers:3} callers {each.rate:7.0f} puts/s"
                f" {each.cpu / each.puts * 1e6:5.0f} us CPU and {each.syncs / each.puts:.2f} syncs a put"
            )
        share = found["encrypted disk"].rate / found["disk"].rate
        print(f"bodies: encrypted disk reaches {share:.0%} with {callers} callers")


def main() -> None:
    """Measure in a temporary directory (TMPDIR chooses the disk)."""
    with tempfile.TemporaryDirectory(prefix="bench-bodies-") as top:
        trio.run(run, Path(top))


if __name__ == "__main__":
    main()
