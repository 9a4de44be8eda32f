"""The bytes of a message in the queue: what was put before it, and its body from the store.

A body that was queued a moment ago is still in memory (`recent`). It may move to another store while it waits: who finds nothing
looks at the row again, once. Failure (CORRUPT, UNAVAILABLE) when it cannot be read: the attempt fails and is made again later.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.outgoing import summary
from mox_trio.outgoing.parts import Parts
from mox_trio.protocol.mime import header
from storage_backends.errors import Corrupt, NotFound, StorageError
from storage_backends.index.tables import queue_admin
from storage_backends.index.tables.queue import Message

HEADER_BYTES: Final = 64 * 1024
"""Of the header of a message that a notice shows."""
RETURNED_BYTES: Final = 256 * 1024
"""Of a message that a notice holds whole, where the sender wants that (RFC 3461 4.3)."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message of the queue, as `job.OutgoingMessage` has it."""

    store: MailStore
    row: Message
    prefix: bytes
    body: bytes | None = None
    """What follows the prefix, where it is in memory."""

    @property
    def size(self) -> int:
        """Bytes of prefix and body; bare line ends, which become CRLF, are rare."""
        return self.row.size

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Prefix and body; what begins together comes together, since each block is sent by itself."""
        if self.body is not None:
            yield self.prefix + self.body
            return
        before = self.prefix
        try:
            async with AsyncExitStack() as stack:
                found = await self._opened(stack)
                async for block in found:
                    yield before + block
                    before = b""
            if before:
                yield before
        except StorageError as error:
            kind = Kind.CORRUPT if isinstance(error, Corrupt | NotFound) else Kind.UNAVAILABLE
            raise Failure(kind, "the message cannot be read from the store", str(error)) from error

    async def _opened(self, stack: AsyncExitStack) -> AsyncIterator[bytes]:
        try:
            return await stack.enter_async_context(self._at(self.row.store, self.row.ref))
        except NotFound:
            now = await self.store.index.read(partial(queue_admin.body, outgoing_id=self.row.id))
            if now is None:
                raise
            return await stack.enter_async_context(self._at(now.store, now.ref))

    def _at(self, store: str, ref: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        if store not in self.store.bodies:
            raise Corrupt(f"the store {store!r} is not configured")
        return self.store.bodies[store].open(ref)

    async def start(self, most: int) -> bytes:
        """The first bytes. Failure as `blocks`."""
        found = b""
        async with aclosing(self.blocks()) as blocks:
            async for block in blocks:
                found += block
                if len(found) >= most:
                    break
        return found[:most]

    async def header_block(self) -> bytes:
        """The header block with its blank line, or as much of it as a notice shows. Failure."""
        start = await self.start(HEADER_BYTES)
        parsed = header.parse(start)
        block = start[: len(start) - len(parsed.end)]
        return block[: block.rfind(b"\n") + 1] + b"\r\n"

    async def whole(self) -> bytes | None:
        """All of it; None when it is large. Failure."""
        return await self.start(RETURNED_BYTES) if self.size <= RETURNED_BYTES else None


def of(parts: Parts, account: Account, row: Message) -> QueuedMessage:
    """The bytes of a message. Corrupt when its prefix does not open."""
    prefix = account.codec.open(summary.place("prefix", row.object_id), row.prefix)
    return QueuedMessage(parts.store, row, prefix, parts.recent.maybe(row.store, row.ref))
