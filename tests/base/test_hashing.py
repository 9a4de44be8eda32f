"""Hashing in pieces gives what hashing at once gives."""

import hashlib

import pytest

from mox_trio.base import hashing


@pytest.mark.parametrize(
    "size", [0, 1, hashing.UNLOCKED, hashing.UNLOCKED + 1, 3 * hashing.UNLOCKED, hashing.LITTLE + 1]
)
def test_pieces_make_no_difference(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    digest = hashlib.sha256()
    hashing.feed(digest, data[:size])
    assert digest.digest() == hashlib.sha256(data[:size]).digest()


def test_little_is_hashed_while_the_lock_is_kept_and_much_at_once() -> None:
    class Watched:
        def __init__(self) -> None:
            self.sizes: list[int] = []

        def update(self, data: bytes, /) -> None:
            self.sizes.append(len(data))

    little, much = Watched(), Watched()
    hashing.feed(little, bytes(hashing.LITTLE))
    hashing.feed(much, bytes(hashing.LITTLE + 1))
    assert max(little.sizes) == hashing.UNLOCKED
    assert much.sizes == [hashing.LITTLE + 1]
