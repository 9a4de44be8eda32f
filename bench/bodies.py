"""How fast bodies become durable: `python -m bench.bodies`.

Puts of 4 KiB into the disk store, plain and sealed, by 1 and by 50 callers at once: puts a second, CPU and syncs a put,
beside what one fdatasync costs on this disk. CPU is that of this process in user and kernel mode.
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
SECONDS: Final = 2.0


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
    """What was measured: puts a second, microseconds of CPU a put, syncs a put."""

    rate: float
    cpu: float
    syncs: float


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
    return Figures(puts / taken, (time.process_time() - cpu) / puts * 1e6, (counted.syncs - syncs) / puts)


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
        rates = {}
        for name, wrap in wrappers.items():
            counted = CountingFiles()
            store = wrap(disk.DiskStore(top / f"{name} {callers}", files=counted))
            found = await measure(store, counted, callers)
            await store.aclose()
            rates[name] = found.rate
            print(
                f"bodies: {name:14} {callers:3} callers {found.rate:7.0f} puts/s"
                f" {found.cpu:5.0f} us CPU and {found.syncs:.2f} syncs a put"
            )
        print(f"bodies: encrypted disk reaches {rates['encrypted disk'] / rates['disk']:.0%} with {callers} callers")


def main() -> None:
    """Measure in a temporary directory (TMPDIR chooses the disk)."""
    with tempfile.TemporaryDirectory(prefix="bench-bodies-") as top:
        trio.run(run, Path(top))


if __name__ == "__main__":
    main()
