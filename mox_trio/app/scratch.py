"""Temporary files for large messages where bodies are encrypted: sealed under a key that exists only in memory."""

from collections.abc import Iterator

from mox_trio.mailstore.scratch import Plain, Scratch
from storage_backends.bodies import sealed_chunks


class Sealed:
    """A temporary file whose bytes are sealed in chunks; the last chunk is sealed when reading begins."""

    def __init__(self, directory: str | None = None) -> None:
        self._file = Plain(directory)
        self._chunks = sealed_chunks.ephemeral()
        self._sealing: sealed_chunks.Sealing | None = sealed_chunks.Sealing(self._chunks)
        self._size = 0

    def append(self, data: bytes) -> None:
        """Seal and write; not after reading has begun."""
        if self._sealing is None:
            raise ValueError("a sealed temporary file is written before it is read")
        self._size += len(data)
        self._file.append(self._sealing.update(data))

    def blocks(self) -> Iterator[bytes]:
        """Open all chunks in order."""
        yield from self._opened(0, self._size)

    def read(self, start: int, stop: int) -> bytes:
        """Open the chunks of a range."""
        return b"".join(self._opened(start, min(stop, self._size)))

    def close(self) -> None:
        """Close, which removes the file."""
        self._file.close()

    def _opened(self, start: int, stop: int) -> Iterator[bytes]:
        if self._sealing is not None:
            self._file.append(self._sealing.finish())
            self._sealing = None
        yield from sealed_chunks.open_range(self._file.read, self._chunks, self._size, start, stop)


def sealed() -> Scratch:
    """A sealed temporary file in the system's directory."""
    return Sealed()
