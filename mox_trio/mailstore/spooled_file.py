"""A file that is in a temporary file of the store, so that nothing readable lies on the disk where bodies are encrypted.

It can be opened again and again, at once too. All of it blocks: call it in a thread.
"""

import io
from dataclasses import dataclass
from typing import IO, Any, Final, Literal, cast

from mox_trio.mailstore.scratch import Scratch

BUFFER: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class SpooledStatus:
    """What is known of it."""

    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A `members.File`."""

    scratch: Scratch
    name: str
    size: int
    modified: int
    """Milliseconds since 1970 UTC."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """From its beginning."""
        return cast("IO[bytes]", io.BufferedReader(_Raw(self.scratch, self.size), BUFFER))

    def stat(self) -> SpooledStatus:
        """What is known of it."""
        return SpooledStatus(self.size, self.modified * 1_000_000)


class _Raw(io.RawIOBase):
    def __init__(self, scratch: Scratch, size: int) -> None:
        self._scratch = scratch
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + position < 0:
            raise OSError("a file has nothing before its beginning")
        self._at = start + position
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._scratch.read(self._at, min(self._at + len(view), self._size)) if self._at < self._size else b""
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
