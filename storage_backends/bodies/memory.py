"""Bodies in memory, for tests and for trying things out: everything is gone when the process ends.

Nothing fails here except that an unknown reference is NotFound.
"""

import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import trio

from storage_backends import errors
from storage_backends.bodies import api, ranges


@dataclass(frozen=True, slots=True)
class _Body:
    account: int
    data: bytes
    born: float


class MemoryStore:
    """A body store in a dictionary. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._bodies: dict[str, _Body] = {}

    async def put(self, account: int, source: api.Source) -> str:
        data = await trio.to_thread.run_sync(_join, source)
        ranges.check_size(len(data), source.size)
        ref = f"{account}/{os.urandom(16).hex()}"
        self._bodies[ref] = _Body(account, data, self._clock())
        return ref

    @asynccontextmanager
    async def open(self, ref: str, start: int = 0, stop: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        await trio.lowlevel.checkpoint()
        try:
            data = self._bodies[ref].data
        except KeyError:
            raise errors.NotFound(f"no body {ref!r}") from None
        begin, end = ranges.cut(len(data), start, stop)
        async with aclosing(_blocks(data[begin:end])) as blocks:
            yield blocks

    async def read_many(self, wanted: Sequence[api.Range]) -> list[api.Answer]:
        await trio.lowlevel.checkpoint()
        return [self._range(each) for each in wanted]

    def _range(self, wanted: api.Range) -> api.Answer:
        body = self._bodies.get(wanted.ref)
        if body is None:
            return errors.NotFound(f"no body {wanted.ref!r}")
        begin, end = ranges.cut(len(body.data), wanted.start, wanted.stop)
        return body.data[begin:end]

    async def delete(self, refs: Iterable[str]) -> None:
        await trio.lowlevel.checkpoint()
        for ref in refs:
            self._bodies.pop(ref, None)

    async def refs(self, account: int | None = None) -> AsyncIterator[api.BodyInfo]:
        now = self._clock()
        for ref, body in list(self._bodies.items()):
            await trio.lowlevel.checkpoint()
            if account in (None, body.account):
                yield api.BodyInfo(body.account, ref, len(body.data), max(0.0, now - body.born))

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def _join(source: api.Source) -> bytes:
    parts = []
    for block in source.blocks():
        trio.from_thread.check_cancelled()
        parts.append(block)
    return b"".join(parts)


async def _blocks(data: bytes) -> AsyncGenerator[bytes, None]:
    for block in api.Bytes(data).blocks():
        await trio.lowlevel.checkpoint()
        if block:
            yield block
