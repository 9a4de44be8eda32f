"""Any body store, with everything in it sealed under the keys of accounts.

A sealed object is a head of 24 bytes (`mtb1`, a random object id of 16 bytes, CRC-32 of both) and the chunks of
`sealed_chunks.py`. The chunks' key is derived from the account's key and the object id; account and object id are bound
to each chunk. The reference holds object id, account and size beside the inner reference. So a body that was cut,
swapped for another, replayed, reordered or changed in one bit is Corrupt, and a range opens only its chunks.

Sealing happens in the thread in which the inner store reads the source; a source that is read again gives the same sealed
bytes. Opening takes about 10 us for each chunk and happens where it is awaited: a block is four chunks, and a hop to a
thread would cost more. Keys come from the keyring: NotFound for an erased account.
"""

import secrets
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

from storage_backends import errors
from storage_backends.bodies import api, keyring, ranges, sealed_chunks

MAGIC: Final = b"mtb1"
HEAD: Final = len(MAGIC) + 16 + 4
"""Bytes before the first chunk."""
FEW: Final = 4
"""Small bodies that are opened where that is awaited."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a reference says: the inner reference, the object's id, its account, and the size of the body in bytes."""

    inner: str
    object_id: bytes
    account: int
    size: int

    def __str__(self) -> str:
        return f"{self.inner}:{self.object_id.hex()}:{self.account}:{self.size:x}"

    @classmethod
    def parse(cls, ref: str) -> "Sealed":
        """Raises NotFound for what is no reference."""
        try:
            inner, object_id, account, size = ref.rsplit(":", 3)
            sealed = cls(inner, bytes.fromhex(object_id), int(account), int(size, 16))
        except ValueError:
            raise errors.NotFound(f"no body {ref!r}") from None
        if str(sealed) != ref or len(sealed.object_id) != 16 or not 0 <= sealed.account < 1 << 63 or sealed.size < 0:
            raise errors.NotFound(f"no body {ref!r}")
        return sealed

    def chunks(self, account_key: bytes) -> sealed_chunks.Chunks:
        """The chunks of this object."""
        key = keyring.derive(account_key, b"mox-trio body 1", salt=self.object_id)
        return sealed_chunks.Chunks(key, b"mox-trio body 1" + self.account.to_bytes(8, "big") + self.object_id)


@dataclass(frozen=True, slots=True)
class SealedSource:
    """A source whose bytes are those of another, sealed under a key derived from the account's."""

    plain: api.Source
    sealed: Sealed
    account_key: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return HEAD + sealed_chunks.sealed_size(self.plain.size)

    def blocks(self) -> Iterator[bytes]:
        """Yield head and chunks."""
        ready = make_head(self.sealed.object_id)
        sealing = sealed_chunks.Sealing(self.sealed.chunks(self.account_key))
        given = 0
        for block in self.plain.blocks():
            given += len(block)
            ready += sealing.update(block)
            while len(ready) > api.BLOCK:
                yield ready[: api.BLOCK]
                ready = ready[api.BLOCK :]
        ranges.check_size(given, self.plain.size)
        ready += sealing.finish()
        yield from api.Bytes(ready).blocks()


def make_head(object_id: bytes) -> bytes:
    """The head of an object."""
    head = MAGIC + object_id
    return head + zlib.crc32(head).to_bytes(4, "big")


class Encrypted:
    """Seals what goes into `inner`. Raises what `inner` and the keyring raise, and Corrupt."""

    def __init__(self, inner: api.BodyStore, keys: keyring.Keyring) -> None:
        self._inner = inner
        self._keys = keys
        self._opening = trio.CapacityLimiter(2)

    async def put(self, account: int, source: api.Source) -> str:
        sealed = Sealed("", secrets.token_bytes(16), account, source.size)
        key = await self._keys.account_key(account)
        inner = await self._inner.put(account, SealedSource(source, sealed, key))
        return str(Sealed(inner, sealed.object_id, account, source.size))

    @asynccontextmanager
    async def open(self, ref: str, start: int = 0, stop: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        sealed = Sealed.parse(ref)
        begin, end = ranges.cut(sealed.size, start, stop)
        chunks = sealed.chunks(await self._keys.existing_key(sealed.account))
        opening = sealed_chunks.Opening(chunks, sealed.size, begin, end)
        first, last = opening.sealed_range()
        skip = HEAD if first else 0
        async with (
            self._inner.open(
                sealed.inner, first + skip, min(last, sealed_chunks.sealed_size(sealed.size)) + HEAD
            ) as raw,
            aclosing(_open(raw, opening, b"" if first else make_head(sealed.object_id))) as blocks,
        ):
            yield blocks

    async def read_many(self, wanted: Sequence[api.Range]) -> list[api.Answer]:
        located = [await self._located(each) for each in wanted]
        raw = iter(await self._inner.read_many([each.inner for each in located if isinstance(each, _Located)]))
        pairs = [(each, next(raw)) if isinstance(each, _Located) else (each, b"") for each in located]
        if len(pairs) <= FEW:
            return _open_each(pairs)
        return await trio.to_thread.run_sync(_open_each, pairs, limiter=self._opening)

    async def _located(self, wanted: api.Range) -> "_Located | errors.NotFound":
        try:
            sealed = Sealed.parse(wanted.ref)
            account_key = await self._keys.existing_key(sealed.account)
        except errors.NotFound as error:
            return errors.kept(error)
        begin, end = ranges.cut(sealed.size, wanted.start, wanted.stop)
        return _Located(sealed, account_key, begin, end)

    async def delete(self, refs: Iterable[str]) -> None:
        await self._inner.delete([api.key(ref) for ref in refs])

    async def refs(self, account: int | None = None) -> AsyncIterator[api.BodyInfo]:
        async for info in self._inner.refs(account):
            yield api.BodyInfo(info.account, info.key, _plain_size(info.size), info.age)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _plain_size(size: int) -> int:
    """The size of the body in an object of `size` bytes; of a damaged object its own."""
    try:
        return sealed_chunks.plain_size(size - HEAD)
    except errors.Corrupt:
        return size


async def _open(raw: AsyncIterator[bytes], opening: sealed_chunks.Opening, head: bytes) -> AsyncGenerator[bytes, None]:
    """Open what the inner store gives; `head` is what must come first."""
    async for block in raw:
        if head:
            if block[: len(head)] != head[: len(block)]:
                raise errors.Corrupt("an object does not begin with its head")
            block, head = block[len(head) :], head[len(block) :]
        for piece in opening.update(block):
            yield piece
    for piece in opening.finish():
        yield piece


@dataclass(frozen=True, slots=True)
class _Located:
    """A range of a sealed object."""

    sealed: Sealed
    account_key: bytes = field(repr=False)
    begin: int
    end: int

    @property
    def inner(self) -> api.Range:
        """What of the object is needed, in the inner store."""
        size = self.sealed.size
        first, last = sealed_chunks.sealed_range(size, self.begin, self.end)
        stop = min(last, sealed_chunks.sealed_size(size)) + HEAD
        return api.Range(self.sealed.inner, first + HEAD if first else 0, stop)

    def open(self, raw: bytes) -> bytes:
        """What is in those bytes. Raises Corrupt."""
        chunks = self.sealed.chunks(self.account_key)
        opening = sealed_chunks.Opening(chunks, self.sealed.size, self.begin, self.end)
        if opening.sealed_range()[0] == 0:
            if raw[:HEAD] != make_head(self.sealed.object_id):
                raise errors.Corrupt("an object does not begin with its head")
            raw = raw[HEAD:]
        return b"".join([*opening.update(raw), *opening.finish()])


def _open_each(pairs: Sequence[tuple[_Located | errors.NotFound, api.Answer]]) -> list[api.Answer]:
    answers: list[api.Answer] = []
    for located, raw in pairs:
        if isinstance(located, errors.NotFound):
            answers.append(located)
        elif isinstance(raw, bytes):
            try:
                answers.append(located.open(raw))
            except errors.Corrupt as error:
                answers.append(errors.kept(error))
        else:
            answers.append(raw)
    return answers
