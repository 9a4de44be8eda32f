"""Sealed bodies: all promises of a store, and whatever was done to the files underneath is found out."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from storage_backends import errors
from storage_backends.bodies import api, disk, encrypted, keyring, memory, sealed_chunks
from storage_backends.bodies.master_key import MasterKey
from storage_backends.contract import bodies, sources
from tests.kit import watched_bodies

CANARY = b"the quick canary sings in the mine"


def new_keyring() -> keyring.Keyring:
    return keyring.Keyring(keyring.MemoryWrappedKeys(), [MasterKey(os.urandom(32))])


class TestEncryptedDisk(bodies.BodyStoreContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> bodies.Opener:
        keys = new_keyring()
        return lambda: bodies.closing(encrypted.Encrypted(disk.DiskStore(tmp_path), keys))


class TestEncryptedTwice(bodies.BodyStoreContract):
    streams = False

    @pytest.fixture
    def opener(self) -> bodies.Opener:
        keys, inner = new_keyring(), memory.MemoryStore()
        return lambda: bodies.closing(encrypted.Encrypted(encrypted.Encrypted(inner, keys), keys))


def files_below(root: Path) -> int:
    return sum(path.is_file() for path in root.rglob("*"))


def files_with_canary(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and CANARY in path.read_bytes()]


def path_of(root: Path, ref: str) -> Path:
    return root / encrypted.Sealed.parse(ref).inner


async def test_plain_text_is_in_no_file(tmp_path: Path) -> None:
    async with bodies.closing(encrypted.Encrypted(disk.DiskStore(tmp_path), new_keyring())) as store:
        await store.put(1, api.Bytes(CANARY))
        await store.put(1, api.Bytes(CANARY * 20_000))
        assert files_below(tmp_path) >= 2
        assert files_with_canary(tmp_path) == []


async def test_equal_bodies_are_not_equal_when_sealed(tmp_path: Path) -> None:
    async with bodies.closing(encrypted.Encrypted(disk.DiskStore(tmp_path), new_keyring())) as store:
        one, two = [path_of(tmp_path, await store.put(1, api.Bytes(CANARY))).read_bytes() for _ in range(2)]
        assert one[encrypted.HEAD :] != two[encrypted.HEAD :]


def flip(place: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[place] ^= 0x10
        path.write_bytes(data)

    return damage


@pytest.mark.parametrize("place", [0, 4, 19, 20, 23, 24, 30, 65_000, 70_000, -17, -1])
async def test_changed_bit_is_corrupt(tmp_path: Path, place: int) -> None:
    async with bodies.closing(encrypted.Encrypted(disk.DiskStore(tmp_path), new_keyring())) as store:
        ref = await store.put(1, sources.Long(300_000))
        flip(place)(path_of(tmp_path, ref))
        with pytest.raises(errors.Corrupt):
            await api.read(store, ref)
        assert await kinds(store, ref, ref, str(encrypted.Sealed("x", bytes(16), 1, 5))) == [
            errors.Corrupt,
            errors.Corrupt,
            errors.NotFound,
        ]


async def kinds(store: api.BodyStore, *refs: str) -> list[type]:
    """What becomes of bodies that are read at once."""
    return [type(each) for each in await store.read_many([api.Range(ref) for ref in refs])]


async def test_body_swapped_for_another_of_its_account_is_corrupt(tmp_path: Path) -> None:
    async with bodies.closing(encrypted.Encrypted(disk.DiskStore(tmp_path), new_keyring())) as store:
        one, two = [await store.put(1, api.Bytes(text)) for text in (b"pay ten", b"pay two")]
        shutil.copy(path_of(tmp_path, one), path_of(tmp_path, two))
        assert await api.read(store, one) == b"pay ten"
        for start in (0, 3):
            with pytest.raises(errors.Corrupt):
                await api.read(store, two, start)
        assert await kinds(store, *[two] * encrypted.FEW, one) == [errors.Corrupt] * encrypted.FEW + [bytes]


async def test_body_under_the_head_of_another_is_corrupt(tmp_path: Path) -> None:
    async with bodies.closing(encrypted.Encrypted(disk.DiskStore(tmp_path), new_keyring())) as store:
        refs = [await store.put(1, api.Bytes(b"x")) for _ in range(2)]
        one, two = [path_of(tmp_path, ref) for ref in refs]
        two.write_bytes(two.read_bytes()[: encrypted.HEAD] + one.read_bytes()[encrypted.HEAD :])
        with pytest.raises(errors.Corrupt):
            await api.read(store, refs[1])
        assert await kinds(store, refs[1], refs[0]) == [errors.Corrupt, bytes]


async def test_reference_with_a_changed_size_account_or_id_opens_nothing() -> None:
    store = encrypted.Encrypted(memory.MemoryStore(), new_keyring())
    await store.put(2, api.Bytes(b"account 2 has a key"))
    sealed = encrypted.Sealed.parse(await store.put(1, sources.Long(100_000)))
    for changed in (
        encrypted.Sealed(sealed.inner, sealed.object_id, sealed.account, 65_536),
        encrypted.Sealed(sealed.inner, sealed.object_id, sealed.account, 100_001),
        encrypted.Sealed(sealed.inner, sealed.object_id, 2, sealed.size),
        encrypted.Sealed(sealed.inner, bytes(16), sealed.account, sealed.size),
    ):
        with pytest.raises(errors.Corrupt):
            await api.read(store, str(changed))
        assert await kinds(store, str(changed)) == [errors.Corrupt]


async def test_range_asks_the_inner_store_for_its_chunks_only() -> None:
    inner = watched_bodies.WatchedStore()
    store = encrypted.Encrypted(inner, new_keyring())
    ref = await store.put(1, sources.Long(1_000_000))
    await api.read(store, ref, 3 * sealed_chunks.CHUNK, 3 * sealed_chunks.CHUNK + 10)
    first = encrypted.HEAD + 3 * sealed_chunks.SEALED
    assert inner.asked == [(first, first + sealed_chunks.SEALED)]


async def test_erased_account_is_not_found_and_others_stay() -> None:
    keys = new_keyring()
    store = encrypted.Encrypted(memory.MemoryStore(), keys)
    erased, kept = await store.put(1, api.Bytes(b"one")), await store.put(2, api.Bytes(b"two"))
    await keys.erase(1)
    with pytest.raises(errors.NotFound):
        await api.read(store, erased)
    with pytest.raises(errors.NotFound):
        await store.put(1, api.Bytes(b"more"))
    assert await api.read(store, kept) == b"two"
    await store.delete(await bodies.listed(store, 1))
    assert await bodies.listed(store, 1) == {}


async def test_damaged_object_is_listed_because_its_row_leads_to_it(tmp_path: Path) -> None:
    async with bodies.closing(encrypted.Encrypted(disk.DiskStore(tmp_path), new_keyring())) as store:
        damaged, whole = await store.put(1, api.Bytes(b"x")), await store.put(1, api.Bytes(b"y"))
        flip(10)(path_of(tmp_path, damaged))
        assert set(await bodies.listed(store)) == {api.key(damaged), api.key(whole)}
        with pytest.raises(errors.Corrupt):
            await api.read(store, damaged)


async def test_listing_reads_no_object() -> None:
    inner = watched_bodies.WatchedStore()
    store = encrypted.Encrypted(inner, new_keyring())
    await store.put(1, sources.Long(100_000))
    assert [info.size for info in (await bodies.listed(store)).values()] == [100_000]
    assert inner.asked == []


async def test_rotated_master_key_opens_bodies_of_before() -> None:
    wrapped, inner = keyring.MemoryWrappedKeys(), memory.MemoryStore()
    old, new = MasterKey(os.urandom(32)), MasterKey(os.urandom(32))
    ref = await encrypted.Encrypted(inner, keyring.Keyring(wrapped, [old])).put(1, api.Bytes(b"before"))
    await keyring.Keyring(wrapped, [new, old]).rewrap()
    assert await api.read(encrypted.Encrypted(inner, keyring.Keyring(wrapped, [new])), ref) == b"before"
