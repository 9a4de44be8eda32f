"""Files that come with a request: in memory up to 256 KiB, then in an unlinked file of the store, sealed where mail is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from types import TracebackType
from typing import Any, Final, Self

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.scratch import Scratch
from mox_trio.mailstore.store import MailStore

MEMORY: Final = 256 * 1024


@dataclass(slots=True)
class Upload:
    """One file."""

    name: str
    content_type: str
    content_id: str
    size: int = 0
    digest: Any = field(default_factory=lambda: blake2b(digest_size=32))
    """Of what came so far."""
    _held: bytearray | None = None
    _scratch: Scratch | None = None

    def blocks(self) -> Iterator[bytes]:
        """All bytes. Blocks."""
        if self._scratch is not None:
            yield from self._scratch.blocks()
        if self._held:
            yield bytes(self._held)

    def hold(self, data: bytes) -> int:
        """Take bytes into memory; how many are there now."""
        if self._held is None:
            self._held = bytearray()
        self._held += data
        self.size += len(data)
        self.digest.update(data)
        return len(self._held)

    def flush(self, store: MailStore) -> None:
        """Move what is in memory into the file. In a thread."""
        if self._scratch is None:
            self._scratch = store.scratch()
        if self._held:
            self._scratch.append(bytes(self._held))
            self._held = None

    def close(self) -> None:
        """Give the space back. In a thread where there is a file."""
        if self._scratch is not None:
            self._scratch.close()

    @property
    def has_file(self) -> bool:
        """Whether it is in a file."""
        return self._scratch is not None


class Uploads:
    """The files of one request; leaving the block frees them."""

    def __init__(self, store: MailStore, limit: int) -> None:
        """Take at most `limit` bytes in all."""
        self._store = store
        self._limit = limit
        self._size = 0
        self.by_field: dict[str, list[Upload]] = {}
        self._held = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        every = [each for some in self.by_field.values() for each in some if each.has_file]
        if every:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(_close, every, limiter=self._store.spooling)

    def begin(self, field: str, upload: Upload) -> Upload:
        """Another file begins."""
        self.by_field.setdefault(field, []).append(upload)
        return upload

    def count(self) -> int:
        """How many files there are."""
        return sum(len(some) for some in self.by_field.values())

    async def write(self, upload: Upload, data: bytes) -> None:
        """Take the next bytes of a file. Failure LIMIT when they are too many, UNAVAILABLE when the disk is full."""
        self._size += len(data)
        if self._size > self._limit:
            raise Failure(Kind.LIMIT, f"the files are larger than {self._limit} bytes")
        upload.hold(data)
        self._held += len(data)
        if self._held > MEMORY:
            self._held = 0
            try:
                await trio.to_thread.run_sync(upload.flush, self._store, limiter=self._store.spooling)
            except OSError as error:
                text = "the server is out of temporary space; try again later"
                raise Failure(Kind.UNAVAILABLE, text, str(error)) from error


def _close(every: list[Upload]) -> None:
    for each in every:
        each.close()
