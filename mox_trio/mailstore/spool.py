"""A message on its way in: kept in memory up to 256 KiB, beyond that in an unlinked temporary file, parsed and hashed
as it comes. A message of a few KiB is read at its end, where it is; a larger one in threads, because mail can be written
to be slow to parse.

    async with Spool(store) as spool:
        async for block in source:
            await spool.write(block)
        spooled = await spool.finish()
        ... deliver it, to several accounts if need be; leaving the block frees it

Failures: LIMIT when the message grows larger than the limit, UNAVAILABLE when the disk is full. After either the caller
may go on writing, but nothing more is kept, and every further call fails in the same way: no message has a hole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from types import TracebackType
from typing import Final, Self, TypeVar

import trio

from mox_trio.base import hashing
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.scratch import Scratch
from mox_trio.mailstore.store import MailStore
from mox_trio.protocol.mime.parser import Parser
from mox_trio.protocol.mime.part import Part
from storage_backends.bodies.api import BLOCK, Source

T = TypeVar("T")

MEMORY: Final = 256 * 1024
"""Bytes of a message that are kept in memory."""
INLINE: Final = 8 * 1024
"""Messages up to this size in bytes are parsed and rendered on the event loop: a thread would cost more than most of
them do, and the worst of them takes 20 ms.
"""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A whole message: a `Source` for body stores, with what its bytes say."""

    size: int
    root: Part
    digest: bytes
    """BLAKE2b-256 of the bytes."""
    memory: bytes | None
    scratch: Scratch | None

    def blocks(self) -> Iterator[bytes]:
        """All bytes; blocks when they are in a file."""
        if self.scratch is not None:
            yield from self.scratch.blocks()
        elif self.memory:
            yield self.memory

    def read(self, start: int, stop: int) -> bytes:
        """A range; blocks when the bytes are in a file."""
        if self.scratch is not None:
            return self.scratch.read(start, stop)
        return (self.memory or b"")[start:stop]


class Spool:
    """Takes the blocks of one message."""

    def __init__(self, store: MailStore, limit: int | None = None) -> None:
        """Take at most `limit` bytes (default: the store's)."""
        self._store = store
        self._limit = store.policy.message_bytes if limit is None else limit
        self._parser = Parser()
        self._hash = blake2b(digest_size=32)
        self._unread: list[bytes] = []
        self._pending: list[bytes] = []
        """What is read and not yet in the file."""
        self._held = 0
        """Bytes in both."""
        self._scratch: Scratch | None = None
        self._failure: Failure | None = None
        self.size = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._unread.clear()
        self._pending.clear()
        if self._scratch is not None:
            # Closing an unlinked file frees its blocks, which may take a while; it must happen even when cancelled.
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._scratch.close, limiter=self._store.spooling)

    def fits(self, count: int) -> bool:
        """Whether so many bytes more are kept without waiting for a thread."""
        return self._held + count <= MEMORY

    async def write(self, data: bytes) -> None:
        """Take the next bytes. LIMIT when they are too many, UNAVAILABLE when the disk is full."""
        if self._failure is None and self.size + len(data) > self._limit:
            self._failure = Failure(Kind.LIMIT, f"the message is larger than {self._limit} bytes; send a smaller one")
        self._check()
        for start in range(0, len(data), BLOCK):
            block = data if len(data) <= BLOCK else data[start : start + BLOCK]
            self._unread.append(block)
            self.size += len(block)
            self._held += len(block)
            if self._held > MEMORY:
                await self._flush(self._read)

    async def finish(self) -> Spooled:
        """The message is whole. Fails as an earlier `write` did."""
        self._check()
        if self.size <= INLINE:
            await trio.lowlevel.checkpoint()  # between two of many small messages others have their turn
            root = self._end()
        elif self._scratch is None:
            root = await trio.to_thread.run_sync(self._end, limiter=self._store.computing)
        else:
            root = await self._flush(self._end)
        digest = self._hash.digest()
        if self._scratch is None:
            return Spooled(self.size, root, digest, b"".join(self._pending), None)
        return Spooled(self.size, root, digest, None, self._scratch)

    def _check(self) -> None:
        if self._failure is not None:
            self._unread.clear()
            self._pending.clear()
            raise self._failure

    def _read(self) -> None:
        """In a thread unless there is little; each block once, even when the task is cancelled behind it."""
        for block in self._unread:
            self._parser.feed(block)
            hashing.feed(self._hash, block)
        self._pending += self._unread
        self._unread = []

    def _end(self) -> Part:
        self._read()
        return self._parser.close()

    async def _flush(self, read: Callable[[], T]) -> T:
        """Read what waits and move it into the file, in one thread: a hop costs as much as either."""

        def both() -> T:
            result = read()
            self._append()
            return result

        try:
            return await trio.to_thread.run_sync(both, limiter=self._store.computing)
        except OSError as error:
            self._failure = Failure(
                Kind.UNAVAILABLE, "the server is out of temporary space; try again later", str(error)
            )
            raise self._failure from error

    def _append(self) -> None:
        """In a thread, while the task waits."""
        if self._scratch is None:
            self._scratch = self._store.scratch()
        for block in self._pending:
            self._scratch.append(block)
        self._pending, self._held = [], 0


async def spooled(store: MailStore, source: Source, spool: Spool) -> Spooled:
    """Spool what a source yields; its blocks are read in a thread, a few MiB at a time at most."""
    blocks = source.blocks()
    while (block := await trio.to_thread.run_sync(next, blocks, None, limiter=store.spooling)) is not None:
        await spool.write(block)
    return await spool.finish()
