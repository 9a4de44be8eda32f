"""The cache keeps the promises of a store, stays within its size, and never fails what the store behind can do."""

import os
from pathlib import Path

import pytest
import trio

from storage_backends import errors
from storage_backends.bodies import api, cache_files, cached, encrypted, keyring, memory
from storage_backends.bodies.master_key import MasterKey
from storage_backends.contract import bodies, sources
from tests.kit import watched_bodies

MIB = 1024 * 1024


class TestCached(bodies.BodyStoreContract):
    streams = False

    @pytest.fixture
    def opener(self, tmp_path: Path) -> bodies.Opener:
        inner = memory.MemoryStore()
        return lambda: bodies.closing(cached.Cached(inner, tmp_path, 20 * MIB))


class TestCachedInNoSpace(bodies.BodyStoreContract):
    """A cache too small for anything."""

    streams = False

    @pytest.fixture
    def opener(self, tmp_path: Path) -> bodies.Opener:
        inner = memory.MemoryStore()
        return lambda: bodies.closing(cached.Cached(inner, tmp_path, 10))


def pieces(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and path.name != "lock"]


async def test_what_was_put_or_read_once_is_not_fetched_again(tmp_path: Path) -> None:
    inner = watched_bodies.WatchedStore()
    store = cached.Cached(inner, tmp_path, 50 * MIB)
    small, large = await store.put(1, api.Bytes(b"small")), await store.put(1, sources.Long(3 * MIB))
    assert await api.read(store, small) == b"small"
    assert inner.asked == []
    assert len(await api.read(store, large)) == 3 * MIB
    assert len(inner.asked) == 4  # three pieces, and the empty one that says that this is the end
    again = cached.Cached(inner, tmp_path, 50 * MIB)
    assert await api.read(again, large) == b"".join(sources.Long(3 * MIB).blocks())
    assert len(inner.asked) == 4


async def test_small_range_of_a_large_body_fetches_its_piece_only(tmp_path: Path) -> None:
    inner = watched_bodies.WatchedStore()
    store = cached.Cached(inner, tmp_path, 50 * MIB)
    ref = await store.put(1, sources.Long(10 * MIB))
    whole = b"".join(sources.Long(10 * MIB).blocks())
    assert await api.read(store, ref, 5 * MIB + 10, 5 * MIB + 1000) == whole[5 * MIB + 10 : 5 * MIB + 1000]
    assert inner.asked == [(5 * MIB, 6 * MIB)]


async def test_tiny_range_is_passed_through_and_does_not_fill_the_cache(tmp_path: Path) -> None:
    inner = watched_bodies.WatchedStore()
    store = cached.Cached(inner, tmp_path, 50 * MIB)
    ref = await store.put(1, sources.Long(3 * MIB))
    assert len(await api.read(store, ref, 0, 24)) == 24
    assert inner.asked == [(0, 24)]
    assert pieces(tmp_path) == []


@pytest.mark.parametrize("damage", ["cut", "empty", "changed", "longer", "another"])
async def test_damaged_piece_is_fetched_again(tmp_path: Path, damage: str) -> None:
    store = cached.Cached(memory.MemoryStore(), tmp_path, 50 * MIB)
    ref = await store.put(1, api.Bytes(b"right " * 100))
    (path,) = pieces(tmp_path)
    data = path.read_bytes()
    await store.put(1, api.Bytes(b"wrong " * 100))
    (other,) = [each for each in pieces(tmp_path) if each != path]
    path.write_bytes(
        {
            "cut": data[:-1],
            "empty": b"",
            "changed": data[:-1] + b"!",
            "longer": data + b"!",
            "another": other.read_bytes(),
        }[damage]
    )
    assert await api.read(store, ref) == b"right " * 100
    assert path.read_bytes() == data


async def test_cache_stays_within_its_size_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    inner = watched_bodies.WatchedStore()
    store = cached.Cached(inner, tmp_path, 2_000_000)
    refs = [await store.put(1, api.Bytes(bytes([number]) * 100_000)) for number in range(15)]
    for age, path in enumerate(sorted(pieces(tmp_path), key=lambda path: path.read_bytes()[-1])):
        os.utime(path, (1_000_000_000 + age, 1_000_000_000 + age))
    assert (await api.read(store, refs[0]))[0] == 0  # the oldest is used again
    more = [await store.put(1, api.Bytes(bytes([number]) * 100_000)) for number in range(100, 110)]
    assert sum(path.stat().st_size for path in pieces(tmp_path)) <= 2_000_000
    inner.asked.clear()
    await api.read(store, refs[0])
    await api.read(store, more[-1])
    assert inner.asked == []
    await api.read(store, refs[1])
    assert len(inner.asked) == 1


async def test_deleted_body_leaves_no_piece(tmp_path: Path) -> None:
    store = cached.Cached(memory.MemoryStore(), tmp_path, 50 * MIB)
    ref, kept = await store.put(1, sources.Long(2 * MIB + 1)), await store.put(1, api.Bytes(b"kept"))
    await api.read(store, ref)
    assert len(pieces(tmp_path)) == 4
    await store.delete([ref])
    assert len(pieces(tmp_path)) == 1
    with pytest.raises(errors.NotFound):
        await api.read(store, ref)
    assert await api.read(store, kept) == b"kept"


async def test_cache_whose_disk_fails_fails_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    store = cached.Cached(memory.MemoryStore(), directory, 50 * MIB)
    for middle in directory.iterdir():
        middle.rmdir()
        middle.write_bytes(b"where a directory should be")
    ref = await store.put(1, api.Bytes(b"body"))
    assert await api.read(store, ref) == b"body"
    await store.delete([ref])


async def test_full_disk_fails_no_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store = cached.Cached(memory.MemoryStore(), tmp_path, 50 * MIB)
    monkeypatch.setattr(os, "rename", full)
    ref = await store.put(1, sources.Long(3 * MIB))
    assert len(await api.read(store, ref)) == 3 * MIB
    assert pieces(tmp_path) == []


async def test_cache_below_the_encryption_holds_no_plain_text(tmp_path: Path) -> None:
    keys = keyring.Keyring(keyring.MemoryWrappedKeys(), [MasterKey(os.urandom(32))])
    store = encrypted.Encrypted(cached.Cached(memory.MemoryStore(), tmp_path, 50 * MIB), keys)
    canary = b"the quick canary sings in the mine"
    refs = [await store.put(1, api.Bytes(canary)), await store.put(1, api.Bytes(canary * 100_000))]
    for ref in refs:
        await api.read(store, ref)
    assert len(pieces(tmp_path)) > 3
    assert [path for path in pieces(tmp_path) if canary in path.read_bytes()] == []


async def test_many_readers_of_one_body_get_it_right(tmp_path: Path) -> None:
    whole = b"".join(sources.Long(2 * MIB).blocks())
    inner = memory.MemoryStore()
    stores = [cached.Cached(inner, tmp_path, 3 * MIB) for _ in range(3)]
    ref = await inner.put(1, sources.Long(2 * MIB))
    right: list[bool] = []

    async def read(store: cached.Cached) -> None:
        right.append(await api.read(store, ref) == whole)

    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(read, stores[number % 3])
    assert right == [True] * 30


def test_file_that_was_never_finished_goes_after_an_hour(tmp_path: Path) -> None:
    files = cache_files.CacheFiles(tmp_path, MIB)
    stale, fresh = tmp_path / "00" / "a.tmp", tmp_path / "00" / "b.tmp"
    for path in (stale, fresh):
        path.write_bytes(b"half")
    os.utime(stale, (1, 1))
    files.write("ref", 0, b"piece")
    assert not stale.exists()
    assert fresh.exists()
