"""Calls that fail on purpose, as objects: wrap a store, say which call goes wrong and how, and run what uses it.

    schedule = Schedule(fail_at(3))                       the third call raises Unavailable and does nothing
    schedule = Schedule(fail_at(3, effect=True))          the third call is done, and its answer is lost
    schedule = Schedule(fail_at(2, only="put"), delay_at(5, 0.2))
    store = FaultyBodies(inner, schedule)

`schedule.calls` counts, so a first run without faults tells how many places there are to fail. `Schedule.around` serves any
asynchronous call; an index is wrapped in the same way.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import trio

from storage_backends import errors
from storage_backends.bodies import api

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong at call `number` (from 1), counted over the calls named `only`, or over all.

    `delay` seconds pass first; with `fails` the call raises Unavailable, after its effect when `effect` is set.
    """

    number: int
    only: str | None = None
    delay: float = 0
    fails: bool = True
    effect: bool = False


def fail_at(number: int, *, effect: bool = False, only: str | None = None) -> Fault:
    """Unavailable at one call, with or without its effect."""
    return Fault(number, only, effect=effect)


def delay_at(number: int, seconds: float, *, only: str | None = None) -> Fault:
    """One call takes longer."""
    return Fault(number, only, delay=seconds, fails=False)


class Schedule:
    """Counts calls and lets faults happen at theirs."""

    def __init__(self, *faults: Fault) -> None:
        self._faults = faults
        self._by_name: dict[str, int] = {}
        self.calls = 0

    async def around(self, name: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a call, or fail it, or both."""
        self.calls += 1
        self._by_name[name] = self._by_name.get(name, 0) + 1
        for fault in self._faults:
            if fault.number == (self.calls if fault.only is None else self._by_name[name] * (fault.only == name)):
                await trio.sleep(fault.delay)
                if fault.fails:
                    if fault.effect:
                        await call()
                    raise errors.Unavailable(f"fault at call {fault.number} ({name})")
        return await call()


@dataclass(frozen=True, slots=True)
class Torn:
    """A source that breaks off after `keep` bytes, as a connection or a process may while a body is put."""

    source: api.Source
    keep: int

    @property
    def size(self) -> int:
        return self.source.size

    def blocks(self) -> Iterator[bytes]:
        """Yield the first bytes, then raise Unavailable."""
        left = self.keep
        for block in self.source.blocks():
            yield block[:left]
            left -= min(left, len(block))
            if not left:
                raise errors.Unavailable(f"torn after {self.keep} bytes")


class FaultyBodies:
    """A body store whose calls `put`, `open`, `block` (each block of a reading), `read_many`, `delete` and `refs` follow a
    schedule.

    With `torn`, a put that fails without effect has handed so many bytes to the inner store.
    """

    def __init__(self, inner: api.BodyStore, schedule: Schedule, torn: int | None = None) -> None:
        self._inner = inner
        self._schedule = schedule
        self._torn = torn

    async def put(self, account: int, source: api.Source) -> str:
        begun = False

        async def put() -> str:
            nonlocal begun
            begun = True
            return await self._inner.put(account, source)

        try:
            return await self._schedule.around("put", put)
        except errors.Unavailable:
            if self._torn is not None and not begun:
                await self._inner.put(account, Torn(source, self._torn))
            raise

    @asynccontextmanager
    async def open(self, ref: str, start: int = 0, stop: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        async with AsyncExitStack() as stack:
            opening = self._inner.open(ref, start, stop)
            blocks = await self._schedule.around("open", lambda: stack.enter_async_context(opening))
            yield _FaultyBlocks(blocks, self._schedule)

    async def read_many(self, wanted: Sequence[api.Range]) -> list[api.Answer]:
        return await self._schedule.around("read_many", lambda: self._inner.read_many(wanted))

    async def delete(self, refs: Iterable[str]) -> None:
        gone = list(refs)
        await self._schedule.around("delete", lambda: self._inner.delete(gone))

    async def refs(self, account: int | None = None) -> AsyncIterator[api.BodyInfo]:
        await self._schedule.around("refs", trio.lowlevel.checkpoint)
        async for info in self._inner.refs(account):
            yield info

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass(frozen=True, slots=True)
class _FaultyBlocks:
    blocks: AsyncIterator[bytes]
    schedule: Schedule

    def __aiter__(self) -> "_FaultyBlocks":
        return self

    async def __anext__(self) -> bytes:
        return await self.schedule.around("block", self.blocks.__anext__)
