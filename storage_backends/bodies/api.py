"""The seam for message bodies: what any store of immutable bytes promises.

A body belongs to one account. `put` returns only when the bytes are durable, and no reader ever sees half of them. The
reference it returns is the store's own opaque string (at most 255 ASCII characters), it names the body for ever and is
never used again for another. Up to its first colon it is the body's key, by which bodies are listed and deleted; behind
it stands what a wrapper needs to open the body. Errors are those of `storage_backends.errors` only:

- `put`: Unavailable means that nothing can be relied on: the bytes may be an orphan, which `refs` lists.
- `open`: NotFound for a reference that was never given out or is deleted; Corrupt when the bytes are not what was put.
- `delete`: idempotent; unknown references are no error. After Unavailable some may be gone: call again.
- `read_many`: NotFound and Corrupt stand in the place of what could not be read, as values (`errors.kept`); Unavailable is
  raised for all.
- cancellation: a cancelled `put` leaves at most an orphan; a cancelled `open` leaves nothing.

The promises are runnable: `storage_backends.contract.bodies`.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from storage_backends.errors import Corrupt, NotFound

BLOCK: Final = 256 * 1024
"""Largest block in bytes that a store hands out, and that a source should hand in."""


class Source(Protocol):
    """Bytes that a store can read, more than once when it has to try again, from a worker thread."""

    @property
    def size(self) -> int:
        """Exact number of bytes that `blocks` yields."""

    def blocks(self) -> Iterator[bytes]:
        """Yield all bytes from the beginning in blocks of at most `BLOCK`. Blocking; runs in a thread, one at a time."""


@dataclass(frozen=True, slots=True)
class BodyInfo:
    """One stored body: its account, its key, its size in bytes as it was put, its age in seconds (not negative)."""

    account: int
    key: str
    """What `key` gives of its reference. Listing asks the place for names only, so it does not know what wrappers add."""
    size: int
    age: float


class Range(NamedTuple):
    """Bytes `start` to `stop` (exclusive; None is the end) of a body."""

    ref: str
    start: int = 0
    stop: int | None = None


Answer = bytes | NotFound | Corrupt
"""What became of a range: its bytes, or why there are none."""


class BodyStore(Protocol):
    """A store of immutable bodies."""

    async def put(self, account: int, source: Source) -> str:
        """Store the bytes of `source` for `account` durably and return their reference."""

    def open(
        self, ref: str, start: int = 0, stop: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Read bytes `start` to `stop` (exclusive; None is the end) in blocks of at most `BLOCK`.

        A range past the end is cut to what exists, as with a slice. NotFound is raised on entering; Corrupt and
        Unavailable on entering or while iterating.
        """

    async def read_many(self, wanted: Sequence[Range]) -> list[Answer]:
        """Read ranges of several bodies at once, answered in that order; the caller knows that all together are small.

        A range past the end is cut as by `open`.
        """

    async def delete(self, refs: Iterable[str]) -> None:
        """Delete these bodies, given by reference or key. One that does not exist is no error."""

    def refs(self, account: int | None = None) -> AsyncIterator[BodyInfo]:
        """List the bodies of an account, or of all. A body put or deleted meanwhile may or may not be listed.

        An unfinished put is never listed as a body that could be opened.
        """

    async def aclose(self) -> None:
        """Release what the store holds. Calls under way may fail with Unavailable; the store is not used afterwards."""


def key(ref: str) -> str:
    """The key of the body that a reference names."""
    return ref.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Bytes:
    """A source of bytes in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes; small ones as they are, without a copy."""
        if len(self.data) <= BLOCK:
            yield self.data
            return
        for start in range(0, len(self.data), BLOCK):
            yield self.data[start : start + BLOCK]


async def read(store: BodyStore, ref: str, start: int = 0, stop: int | None = None) -> bytes:
    """Read a range at once; the caller knows that it is small."""
    async with store.open(ref, start, stop) as blocks:
        return b"".join([block async for block in blocks])
