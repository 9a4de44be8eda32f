"""Faults happen at the call they are meant for; wrappers pass them on and neither lose nor invent a body."""

import os
from pathlib import Path

import pytest

from storage_backends import errors
from storage_backends.bodies import api, cached, encrypted, keyring, memory
from storage_backends.bodies.master_key import MasterKey
from storage_backends.contract import bodies, faults


class TestFaultyWithoutFaults(bodies.BodyStoreContract):
    streams = False

    @pytest.fixture
    def opener(self) -> bodies.Opener:
        inner = memory.MemoryStore()
        return lambda: bodies.closing(faults.FaultyBodies(inner, faults.Schedule()))


async def test_fault_without_effect_does_nothing_and_with_effect_hides_the_answer() -> None:
    for effect in (False, True):
        inner = memory.MemoryStore()
        store = faults.FaultyBodies(inner, faults.Schedule(faults.fail_at(2, effect=effect)))
        await store.put(1, api.Bytes(b"one"))
        with pytest.raises(errors.Unavailable):
            await store.put(1, api.Bytes(b"two"))
        await store.put(1, api.Bytes(b"three"))
        assert len(await bodies.listed(inner)) == 2 + effect


async def test_fault_counts_the_calls_of_its_name() -> None:
    store = faults.FaultyBodies(memory.MemoryStore(), faults.Schedule(faults.fail_at(1, only="block")))
    ref = await store.put(1, api.Bytes(b"one"))
    with pytest.raises(errors.Unavailable, match="block"):
        await api.read(store, ref)
    assert await api.read(store, ref) == b"one"


async def test_delayed_call_is_late_and_right(autojump_clock: object) -> None:
    store = faults.FaultyBodies(memory.MemoryStore(), faults.Schedule(faults.delay_at(1, 60)))
    assert await api.read(store, await store.put(1, api.Bytes(b"late"))) == b"late"


async def test_torn_put_stores_nothing() -> None:
    inner = memory.MemoryStore()
    store = faults.FaultyBodies(inner, faults.Schedule(faults.fail_at(1)), torn=3)
    with pytest.raises(errors.Unavailable):
        await store.put(1, api.Bytes(b"hello"))
    assert await bodies.listed(inner) == {}


@pytest.mark.parametrize("effect", [False, True])
async def test_fault_below_encryption_and_cache_is_unavailable_and_passes(tmp_path: Path, effect: bool) -> None:
    """Every call of a short life of two bodies fails once."""

    async def live(store: api.BodyStore) -> int:
        failed = 0
        kept: dict[str, bytes] = {}
        for text in (b"one", b"two" * 100_000):
            try:
                kept[await store.put(1, api.Bytes(text))] = text
            except errors.Unavailable:
                failed += 1
        for ref, text in kept.items():
            try:
                assert await api.read(store, ref) == text
            except errors.Unavailable:
                failed += 1
            assert await api.read(store, ref) == text
        try:
            await store.delete(kept)
        except errors.Unavailable:
            failed += 1
            await store.delete(kept)
        assert [ref for ref in kept if await bodies.exists(store, ref)] == []
        return failed

    def stack(schedule: faults.Schedule, number: int) -> api.BodyStore:
        keys = keyring.Keyring(keyring.MemoryWrappedKeys(), [MasterKey(os.urandom(32))])
        faulty = faults.FaultyBodies(memory.MemoryStore(), schedule)
        return encrypted.Encrypted(cached.Cached(faulty, tmp_path / str(number), 1_000_000), keys)

    counting = faults.Schedule()
    assert await live(stack(counting, 0)) == 0
    assert counting.calls >= 3
    lived = [
        await live(stack(faults.Schedule(faults.fail_at(number, effect=effect)), number))
        for number in range(1, counting.calls - 1)  # the last two calls are those that look whether all is gone
    ]
    assert lived == [1] * len(lived)
