"""Bytes sealed in chunks: any range is opened alone, and nothing can be cut, swapped, repeated or changed unseen.

The bytes are split into chunks of 64 KiB, each sealed with AES-256-GCM (NIST SP 800-38D) under one key. The nonce is the
number of the chunk and a mark on the last one (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizar, 2015),
so a chunk opens only in its place and the end is where it was. A body without bytes is one empty last chunk. A key
seals one body only: the same key and the same number must never seal two texts.

Sealed chunks lie one after the other, each 16 bytes longer than what it holds. Everything here is synchronous and takes
one chunk at a time (about 10 us). What does not open raises Corrupt.

`mox_trio` seals temporary files with `ephemeral()`, whose key exists in memory only:

    chunks = sealed_chunks.ephemeral()
    sealing = sealed_chunks.Sealing(chunks)
    file.write(sealing.update(data)); ...; file.write(sealing.finish())
    b"".join(sealed_chunks.open_range(lambda start, stop: os.pread(fd, stop - start, start), chunks, size, 10, 20))
"""

import secrets
from collections.abc import Callable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage_backends import errors
from storage_backends.bodies import ranges

CHUNK: Final = 64 * 1024
"""Bytes in each chunk but the last."""

TAG: Final = 16
SEALED: Final = CHUNK + TAG
"""Bytes of a sealed chunk."""

KEY: Final = 32


class Chunks:
    """Seals and opens single chunks with a `KEY`-byte key; `associated` is bound to each and not stored."""

    def __init__(self, key: bytes, associated: bytes) -> None:
        self._cipher = AESGCM(key)
        self._associated = associated

    def seal(self, number: int, data: bytes, last: bool) -> bytes:
        """Seal chunk `number` (from 0); all but the last have `CHUNK` bytes."""
        return self._cipher.encrypt(_nonce(number, last), data, self._associated)

    def open(self, number: int, sealed: bytes, last: bool) -> bytes:
        """Open chunk `number`. Raises Corrupt."""
        try:
            return self._cipher.decrypt(_nonce(number, last), sealed, self._associated)
        except InvalidTag:
            raise errors.Corrupt(f"chunk {number} does not open") from None


def ephemeral() -> Chunks:
    """Chunks under a random key that exists in memory only."""
    return Chunks(secrets.token_bytes(KEY), b"ephemeral")


def sealed_size(size: int) -> int:
    """How many bytes `size` bytes take sealed."""
    return size + TAG * (last_chunk(size) + 1)


def plain_size(sealed: int) -> int:
    """How many bytes are in `sealed` sealed ones. Raises Corrupt for a size that cannot be."""
    size = sealed - TAG * max(1, -(-sealed // SEALED))
    if size < 0 or sealed_size(size) != sealed:
        raise errors.Corrupt(f"{sealed} bytes are not a whole number of sealed chunks")
    return size


def last_chunk(size: int) -> int:
    """The number of the last chunk of `size` bytes."""
    return max(0, (size - 1) // CHUNK)


def sealed_range(size: int, begin: int, end: int) -> tuple[int, int]:
    """Where the chunks lie that hold `begin` to `end` of `size` bytes; one at least, for it proves the body."""
    first = begin // CHUNK if begin < size else last_chunk(size)
    final = max(first, (end - 1) // CHUNK) if end else first
    return first * SEALED, (final + 1) * SEALED


class Sealing:
    """Seals bytes that come in order, in pieces of any length."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._number = 0
        self._rest = b""

    def update(self, data: bytes) -> bytes:
        """Take more bytes; give the chunks that are now whole. One chunk's worth is held back: it may be the last."""
        whole = []
        data = self._rest + data if self._rest else data
        at = 0
        while len(data) - at > CHUNK:
            whole.append(self._chunks.seal(self._number, data[at : at + CHUNK], last=False))
            self._number += 1
            at += CHUNK
        self._rest = data[at:]
        return b"".join(whole)

    def finish(self) -> bytes:
        """Give the last chunk."""
        return self._chunks.seal(self._number, self._rest, last=True)


class Opening:
    """Opens sealed bytes that come in order in pieces of any length, from the chunk where a range begins.

    `size` is the number of bytes in the whole body; `begin` to `end` is the range, cut to it.
    """

    def __init__(self, chunks: Chunks, size: int, begin: int, end: int) -> None:
        self._chunks = chunks
        self._size = size
        self._last = last_chunk(size)
        self._begin = begin
        self._end = end
        self._number = begin // CHUNK if begin < size else self._last
        self._rest = b""

    def sealed_range(self) -> tuple[int, int]:
        """The range of sealed bytes that is needed; never empty, because an empty range still proves one chunk."""
        return sealed_range(self._size, self._begin, self._end)

    def update(self, sealed: bytes) -> Iterator[bytes]:
        """Take more sealed bytes; yield what is now open, without empty pieces. Raises Corrupt."""
        sealed = self._rest + sealed if self._rest else sealed
        at = 0
        while len(sealed) - at >= SEALED:
            yield from self._open(sealed[at : at + SEALED])
            at += SEALED
        self._rest = sealed[at:]

    def finish(self) -> Iterator[bytes]:
        """Yield what the end holds. Raises Corrupt when bytes are missing."""
        if self._rest:
            yield from self._open(self._rest)
        if self._number * CHUNK < self._end or self._number == 0:
            raise errors.Corrupt(f"sealed bytes end before chunk {self._number} of {self._last}")

    def _open(self, sealed: bytes) -> Iterator[bytes]:
        data = self._chunks.open(self._number, sealed, self._number == self._last)
        start = self._number * CHUNK
        if len(data) != min(CHUNK, self._size - start):
            raise errors.Corrupt(f"sealed bytes end at {start + len(data)} and not at {self._size}")
        self._number += 1
        piece = data[max(0, self._begin - start) : max(0, self._end - start)]
        if piece:
            yield piece


def open_range(
    read_at: Callable[[int, int], bytes], chunks: Chunks, size: int, start: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """Yield bytes `start` to `stop` of a body of `size` bytes, a chunk at a time.

    `read_at(start, stop)` gives sealed bytes, fewer at the end only. Raises Corrupt, and what `read_at` raises.
    """
    opening = Opening(chunks, size, *ranges.cut(size, start, stop))
    begin, end = opening.sealed_range()
    for at in range(begin, end, SEALED):
        yield from opening.update(read_at(at, min(at + SEALED, end)))
    yield from opening.finish()


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")
