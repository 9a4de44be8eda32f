"""What mail is imported from, whatever it is: a sequence of members, which are files with a path, in a fixed order.

A member is read while it is the latest of its sequence. Everything here blocks: call it in a thread. What cannot be
read comes as `Trouble` in its place and the sequence goes on; where a source is broken itself it ends the sequence.
"""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Any, Final, Literal, Protocol

from storage_backends.bodies.api import BLOCK

Key = tuple[Any, ...]
"""What orders members: strings, integers and tuples of these, in the same places in all members of a sequence."""

UNREADABLE: Final = (
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,  # what zipfile raises for a member under a password
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a broken file may raise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken from a source."""

    members: int = 10_000_000
    listed: int = 500_000
    """Members of a zip file, whose list is held in memory."""
    ratio: int = 200
    """Bytes that may come out of a compressed file for each that is in it."""
    allowed: int = 1 << 30
    """Bytes that may come out of a compressed file in any case."""
    strict: bool = False
    """Refuse members whose path is absolute or leads out of the archive; else what leads out is left out of their name."""

    def expanded(self, size: int) -> int:
        """Bytes that may come out of a compressed file of this size."""
        return max(self.allowed, size * self.ratio)


class Status(Protocol):
    """What is known of a file; `os.stat_result` is one."""

    @property
    def st_size(self) -> int:
        """Bytes."""

    @property
    def st_mtime_ns(self) -> int:
        """When it was changed last: nanoseconds since 1970 UTC."""


class File(Protocol):
    """A file that can be opened again and again; a Path is one."""

    @property
    def name(self) -> str:
        """Without directories."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """From its beginning. OSError."""

    def stat(self) -> Status:
        """What is known of it. OSError."""


class Readable(Protocol):
    """A file that is read."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; none at the end."""

    def seek(self, position: int, whence: int = ..., /) -> int:
        """Go to a position."""

    def tell(self) -> int:
        """The position."""

    def close(self) -> None:
        """Close it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file."""

    key: Key
    components: tuple[str, ...]
    """The levels of its path."""
    size: int
    modified: int | None
    """Milliseconds since 1970 UTC."""
    open: Callable[[int], AbstractContextManager[Iterator[bytes]]]
    """Read it from an offset on, in blocks of at most `BLOCK`."""

    @property
    def name(self) -> str:
        """Its path, for a report."""
        return "/".join(self.components)


@dataclass(frozen=True, slots=True)
class Folder:
    """A maildir, which may have nothing in it."""

    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be read, and why."""

    name: str
    reason: str


class Tree(Protocol):
    """A source: what it holds in a fixed order."""

    alone: bool
    """Whether it is one file that is no archive."""
    ordered: bool
    """Whether a maildir's keywords file comes before its messages."""
    done: int
    """Bytes that were read so far: of the archive, or of the files."""

    def total(self) -> int:
        """What `done` will be at the end."""

    def members(self) -> Iterator[Member | Folder | Trouble]:
        """All that it holds, from the beginning."""


def components(name: str) -> tuple[str, ...]:
    """The levels of a path that name a place: nothing is written to it, so what is left out does no harm."""
    return tuple(level for level in name.split("/") if level not in ("", ".", ".."))


def leads_out(name: str) -> bool:
    """Whether a path names something outside of the archive."""
    return name.startswith("/") or ".." in name.replace("\\", "/").split("/")


def reason(error: BaseException) -> str:
    """Why something could not be read, in one line for a report."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def blocks(file: Readable) -> Iterator[bytes]:
    """What is left of a file."""
    while block := file.read(BLOCK):
        yield block


def skip(file: Readable, size: int) -> None:
    """Read and forget so many bytes."""
    while size and (block := file.read(min(BLOCK, size))):
        size -= len(block)


class Bounded:
    """An archive's bytes: refuses to be read in large pieces, or to give much more than was put in.

    An archive's headers say how many bytes to read at once, and a compressed file how many it becomes: neither must
    fill memory or time. Raises tarfile.ReadError.
    """

    def __init__(self, file: Readable, most: int) -> None:
        self._file = file
        self._left = most

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""
        if not 0 <= size <= 4 * BLOCK:
            raise tarfile.ReadError("a header of the archive is too large")
        data = self._file.read(size)
        self._spend(len(data))
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        """Go to a position; what lies between counts as read."""
        before = self._file.tell()
        if whence == 0:
            self._spend(max(position - before, 0))
        return self._file.seek(position, whence)

    def seekable(self) -> bool:
        """Archives are files."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._file.tell()

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise tarfile.ReadError("far more comes out of the file than can be in it")
