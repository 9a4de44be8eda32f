"""Chunks open in their place only, and any range of them alone."""

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage_backends import errors
from storage_backends.bodies import sealed_chunks
from storage_backends.bodies.sealed_chunks import CHUNK, SEALED, TAG

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17]


def seal(chunks: sealed_chunks.Chunks, data: bytes, step: int = 100_000) -> bytes:
    sealing = sealed_chunks.Sealing(chunks)
    sealed = [sealing.update(data[at : at + step]) for at in range(0, len(data), step)]
    return b"".join([*sealed, sealing.finish()])


def unseal(chunks: sealed_chunks.Chunks, sealed: bytes, size: int, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(sealed_chunks.open_range(lambda a, b: sealed[a:b], chunks, size, start, stop))


@pytest.mark.parametrize("size", SIZES)
def test_sizes_are_known_before_and_after(size: int) -> None:
    sealed = seal(sealed_chunks.ephemeral(), bytes(size))
    assert len(sealed) == sealed_chunks.sealed_size(size)
    assert sealed_chunks.plain_size(len(sealed)) == size


@pytest.mark.parametrize("sealed", [0, 1, TAG - 1, SEALED + 1, SEALED + TAG, 2 * SEALED + 3])
def test_impossible_size_is_corrupt(sealed: int) -> None:
    with pytest.raises(errors.Corrupt):
        sealed_chunks.plain_size(sealed)


@settings(deadline=None)
@given(
    size=st.one_of(st.sampled_from(SIZES), st.integers(0, 3 * CHUNK)),
    start=st.integers(0, 4 * CHUNK),
    stop=st.one_of(st.none(), st.integers(0, 4 * CHUNK)),
    step=st.integers(1000, 3 * CHUNK),
)
def test_range_is_what_a_slice_would_give(size: int, start: int, stop: int | None, step: int) -> None:
    chunks = sealed_chunks.ephemeral()
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert unseal(chunks, seal(chunks, data, step), size, start, stop) == data[start:stop]


@settings(deadline=None)
@given(st.data())
def test_changed_bit_is_corrupt(data: st.DataObject) -> None:
    chunks = sealed_chunks.ephemeral()
    size = data.draw(st.sampled_from(SIZES))
    sealed = bytearray(seal(chunks, bytes(size)))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(errors.Corrupt):
        unseal(chunks, bytes(sealed), size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keep", [0, 1, TAG, SEALED - 1, SEALED, SEALED + 1, 2 * SEALED])
def test_cut_is_corrupt(size: int, keep: int) -> None:
    chunks = sealed_chunks.ephemeral()
    sealed = seal(chunks, bytes(size))
    if keep < len(sealed):
        with pytest.raises(errors.Corrupt):
            unseal(chunks, sealed[:keep], size)


def test_body_cut_between_chunks_is_corrupt_even_when_the_size_is_cut_too() -> None:
    chunks = sealed_chunks.ephemeral()
    sealed = seal(chunks, bytes(3 * CHUNK))
    with pytest.raises(errors.Corrupt):
        unseal(chunks, sealed[: 2 * SEALED], 2 * CHUNK)


def test_chunks_in_another_order_are_corrupt() -> None:
    chunks = sealed_chunks.ephemeral()
    sealed = seal(chunks, secrets.token_bytes(3 * CHUNK))
    with pytest.raises(errors.Corrupt):
        unseal(chunks, sealed[SEALED : 2 * SEALED] + sealed[:SEALED] + sealed[2 * SEALED :], 3 * CHUNK)


def test_other_key_or_other_association_is_corrupt() -> None:
    key = secrets.token_bytes(32)
    sealed = seal(sealed_chunks.Chunks(key, b"one"), b"hello")
    assert unseal(sealed_chunks.Chunks(key, b"one"), sealed, 5) == b"hello"
    for other in (sealed_chunks.Chunks(key, b"two"), sealed_chunks.ephemeral()):
        with pytest.raises(errors.Corrupt):
            unseal(other, sealed, 5)


def test_small_range_reads_its_chunk_only() -> None:
    chunks = sealed_chunks.ephemeral()
    sealed = seal(chunks, bytes(10 * CHUNK))
    asked: list[tuple[int, int]] = []

    def read_at(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return sealed[start:stop]

    assert b"".join(sealed_chunks.open_range(read_at, chunks, 10 * CHUNK, 5 * CHUNK + 1, 5 * CHUNK + 3)) == bytes(2)
    assert asked == [(5 * SEALED, 6 * SEALED)]
