"""A failing disk: at whichever call it fails, a put is either done or Unavailable, and the store goes on afterwards."""

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from storage_backends import errors
from storage_backends.bodies import api, disk, files
from storage_backends.contract import bodies, sources


class FailingFiles(files.Files):
    """Fails the call number `fail_at` (from 1) with `code`; a write is torn: half of its bytes are written."""

    def __init__(self, fail_at: int, code: int) -> None:
        self.calls = 0
        self._lock = threading.Lock()
        self._fail_at = fail_at
        self._code = code

    def _count(self) -> None:
        with self._lock:  # syncs come from several threads
            self.calls += 1
            fails = self.calls == self._fail_at
        if fails:
            raise OSError(self._code, os.strerror(self._code))

    def create(self, path: str) -> int:
        self._count()
        return super().create(path)

    def write(self, descriptor: int, data: bytes) -> None:
        try:
            self._count()
        except OSError:
            super().write(descriptor, data[: len(data) // 2])
            raise
        super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._count()
        super().sync(descriptor)

    def rename(self, old: str, new: str) -> None:
        self._count()
        super().rename(old, new)

    def make_directory(self, path: str) -> None:
        self._count()
        super().make_directory(path)

    def sync_directory(self, path: str) -> None:
        self._count()
        super().sync_directory(path)


async def put_some(store: disk.DiskStore) -> tuple[dict[str, api.Source], int]:
    """Put small bodies together and a large one; give what was acknowledged and how many puts failed."""
    done: dict[str, api.Source] = {}
    failed = 0

    async def put(account: int, source: api.Source) -> None:
        nonlocal failed
        try:
            done[await store.put(account, source)] = source
        except errors.Unavailable:
            failed += 1

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(put, number % 2, api.Bytes(b"%d" % number * 1000))
        nursery.start_soon(put, 1, sources.Long(600_000))
    return done, failed


def unfinished(root: Path) -> list[Path]:
    return [path for path in (root / "unfinished").glob("*/*") if path.name != "lock"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
async def test_fault_at_any_call_is_unavailable_and_harms_no_other_put(tmp_path: Path, code: int) -> None:
    counting = FailingFiles(0, code)
    await put_some(disk.DiskStore(tmp_path / "counting", files=counting))
    assert counting.calls > 20
    for fail_at in range(3, counting.calls + 1):  # the first two calls belong to opening the store
        root = tmp_path / str(fail_at)
        async with bodies.closing(disk.DiskStore(root, files=FailingFiles(fail_at, code))) as store:
            done, failed = await put_some(store)
            assert len(done) + failed == 5
            for ref, source in done.items():
                assert await api.read(store, ref) == b"".join(source.blocks())
            assert set(await bodies.listed(store)) == set(done)
            assert unfinished(root) == []
            assert await api.read(store, await store.put(1, api.Bytes(b"works again"))) == b"works again"


async def test_full_disk_tells_so_without_a_path(tmp_path: Path) -> None:
    async with bodies.closing(disk.DiskStore(tmp_path, files=FailingFiles(4, errno.ENOSPC))) as store:
        with pytest.raises(errors.Unavailable, match=r"cannot write: ENOSPC") as caught:
            await store.put(1, api.Bytes(b"x"))
    assert str(tmp_path) not in str(caught.value)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


@pytest.mark.parametrize("damage", [cut, lengthen])
async def test_file_of_another_size_is_corrupt(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    async with bodies.closing(disk.DiskStore(tmp_path)) as store:
        ref = await store.put(1, api.Bytes(b"hello"))
        damage(tmp_path / ref)
        with pytest.raises(errors.Corrupt):
            await api.read(store, ref)


async def test_body_deleted_while_open_is_read_to_its_end(tmp_path: Path) -> None:
    async with bodies.closing(disk.DiskStore(tmp_path)) as store:
        ref = await store.put(1, sources.Long(1_000_000))
        async with store.open(ref) as blocks:
            await store.delete([ref])
            assert b"".join([block async for block in blocks]) == b"".join(sources.Long(1_000_000).blocks())


async def test_leftovers_of_a_dead_process_go_and_those_of_a_living_one_stay(tmp_path: Path) -> None:
    dead, living = tmp_path / "unfinished" / "dead", tmp_path / "unfinished" / "living"
    for directory in (dead, living):
        directory.mkdir(parents=True)
        (directory / "half a body").write_bytes(b"half")
    with (living / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with bodies.closing(disk.DiskStore(tmp_path)) as store:
            await store.put(1, api.Bytes(b"x"))
            assert not dead.exists()
            assert (living / "half a body").exists()
    async with bodies.closing(disk.DiskStore(tmp_path)):
        assert not living.exists()


async def test_put_succeeds_when_somebody_removed_its_directory(tmp_path: Path) -> None:
    async with bodies.closing(disk.DiskStore(tmp_path)) as store:
        ref = await store.put(1, api.Bytes(b"first"))
        await store.delete([ref])
        (tmp_path / ref).parent.rmdir()
        (tmp_path / "1").rmdir()
        assert await api.read(store, await store.put(1, api.Bytes(b"second"))) == b"second"


async def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    async with bodies.closing(disk.DiskStore(tmp_path / "bodies")) as store:
        await store.put(1, api.Bytes(b"private"))
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "bodies").rglob("*") if path.name != "lock"}
    assert modes == {0}


def test_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.Unavailable, match="body directory"):
        disk.DiskStore(tmp_path / "file" / "bodies")
