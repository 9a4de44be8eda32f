"""A process that is killed while it puts bodies loses none that it had acknowledged, and leaves no half ones."""

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from storage_backends.bodies import api, disk
from storage_backends.contract import bodies
from tests.kit import shared_server

WRITER = """
import sys, trio
from pathlib import Path
from storage_backends.bodies import disk
from storage_backends.contract import sources

async def put(store, size):
    while True:
        print(await store.put(1, sources.Long(size)), flush=True)

async def main():
    store = disk.DiskStore(Path(sys.argv[1]))
    async with trio.open_nursery() as nursery:
        for size in (100, 5_000, 200_000, 400_000, 3_000_000):
            for _ in range(3):
                nursery.start_soon(put, store, size)

trio.run(main)
"""


def acknowledged_until_killed(root: Path, count: int) -> list[str]:
    """Let a process put bodies, kill it after `count` acknowledgements, and give all that it made."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)], cwd=shared_server.ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer, writer.stdout as lines:
        refs = [lines.readline() for _ in range(count)]
        writer.kill()
        refs += lines.readlines()
    return [ref.strip() for ref in refs if ref.endswith("\n")]


@pytest.mark.parametrize("count", [1, 20, 77])
async def test_killed_process_loses_nothing_it_acknowledged(tmp_path: Path, count: int) -> None:
    refs = await trio.to_thread.run_sync(acknowledged_until_killed, tmp_path, count)
    assert len(refs) >= count
    async with bodies.closing(disk.DiskStore(tmp_path)) as store:
        listed = await bodies.listed(store)
        assert set(refs) <= set(listed)
        for ref, info in listed.items():
            assert len(await api.read(store, ref)) == info.size
        assert len(await trio.to_thread.run_sync(list, (tmp_path / "unfinished").glob("*/*"))) == 1  # its own lock
