"""A disk cache before a far store: what was read once is near, and the store behind stays the truth.

Bodies are cached in pieces of 1 MiB (`cache_files.py`), so a small range of a large body costs one piece. A body of one
piece is also kept when it is put. Several processes may share the directory, and it survives restarts. A piece is
checked when it is read; one that is damaged, or that the disk does not give, is fetched again. Whatever fails in the cache
(a full disk too) is logged and costs only time: no read and no put fails for it.

Deleting a body removes its pieces here. A body deleted through another machine may be read here until its pieces are
evicted. Put `Encrypted` above it, and the cache holds sealed bytes.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from storage_backends.bodies import api, cache_files, ranges, side_by_side
from storage_backends.bodies.cache_files import PIECE

TINY: Final = 64
"""A range of at most so many bytes that is not near is passed through: whoever looks at the heads of all bodies shall not
fill the cache with them."""

READERS: Final = 8
"""Bodies that are fetched at a time."""


@dataclass(frozen=True, slots=True)
class _Listening:
    """A source that remembers a short body while a store reads it."""

    source: api.Source
    heard: list[bytes] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.source.size

    def blocks(self) -> Iterator[bytes]:
        """Yield what the source yields."""
        self.heard.clear()
        for block in self.source.blocks():
            self.heard.append(block)
            yield block


class Cached:
    """Keeps at most about `size` bytes of `inner`'s bodies in `directory`, which is made when it does not exist."""

    def __init__(self, inner: api.BodyStore, directory: Path, size: int) -> None:
        self._inner = inner
        self._files = cache_files.CacheFiles(directory, size)
        self._limiter = trio.CapacityLimiter(READERS)

    async def put(self, account: int, source: api.Source) -> str:
        if source.size >= PIECE:  # a shorter piece is the last one, so a full one would need a second
            return await self._inner.put(account, source)
        listening = _Listening(source)
        ref = await self._inner.put(account, listening)
        await self._keep(ref, 0, b"".join(listening.heard))
        return ref

    @asynccontextmanager
    async def open(self, ref: str, start: int = 0, stop: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        ranges.check(start, stop)
        first = await self._near(ref, start // PIECE)
        if first is None and stop is not None and 0 < stop - start <= TINY:
            async with self._inner.open(ref, start, stop) as passed:
                yield passed
            return
        if first is None:
            first = await self._fetch(ref, start // PIECE)
        async with aclosing(self._blocks(ref, first, start, stop)) as blocks:
            yield blocks

    async def _blocks(self, ref: str, piece: bytes, at: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        while True:
            number = at // PIECE
            wanted = piece[at % PIECE : None if stop is None else max(0, stop - number * PIECE)]
            for block in api.Bytes(wanted).blocks():
                if block:
                    yield block
            at = (number + 1) * PIECE
            if len(piece) < PIECE or (stop is not None and at >= stop):
                return
            piece = await self._piece(ref, number + 1)

    async def _piece(self, ref: str, number: int) -> bytes:
        """A piece of a body; it is shorter than `PIECE` at the end only, and empty after it."""
        near = await self._near(ref, number)
        return await self._fetch(ref, number) if near is None else near

    async def _near(self, ref: str, number: int) -> bytes | None:
        return await trio.to_thread.run_sync(self._files.read, ref, number, limiter=self._limiter)

    async def _fetch(self, ref: str, number: int) -> bytes:
        piece = await api.read(self._inner, ref, number * PIECE, (number + 1) * PIECE)
        await self._keep(ref, number, piece)
        return piece

    async def _keep(self, ref: str, number: int, piece: bytes) -> None:
        await trio.to_thread.run_sync(self._files.write, ref, number, piece, limiter=self._limiter)

    async def read_many(self, wanted: Sequence[api.Range]) -> list[api.Answer]:
        for each in wanted:
            ranges.check(each.start, each.stop)
        near = await trio.to_thread.run_sync(self._near_many, wanted, limiter=self._limiter)
        far = [number for number, found in enumerate(near) if found is None]
        fetched = await side_by_side.read_each(self, [wanted[number] for number in far], READERS) if far else []
        answers = dict(zip(far, fetched, strict=True))
        return [answers[number] if found is None else found for number, found in enumerate(near)]

    def _near_many(self, wanted: Sequence[api.Range]) -> list[bytes | None]:
        found: list[bytes | None] = []
        for each in wanted:
            trio.from_thread.check_cancelled()
            found.append(self._near_range(each))
        return found

    def _near_range(self, wanted: api.Range) -> bytes | None:
        """A range of which all pieces are near."""
        ref, start, stop = wanted
        pieces: list[bytes] = []
        number = start // PIECE
        while stop is None or number * PIECE < stop or not pieces:
            piece = self._files.read(ref, number)
            if piece is None:
                return None
            pieces.append(piece)
            if len(piece) < PIECE:
                break
            number += 1
        before = start // PIECE * PIECE
        return b"".join(pieces)[start - before : None if stop is None else max(0, stop - before)]

    async def delete(self, refs: Iterable[str]) -> None:
        gone = list(refs)
        await self._inner.delete(gone)
        await trio.to_thread.run_sync(self._files.remove, gone, limiter=self._limiter)

    def refs(self, account: int | None = None) -> AsyncIterator[api.BodyInfo]:
        return self._inner.refs(account)

    async def aclose(self) -> None:
        await self._inner.aclose()
