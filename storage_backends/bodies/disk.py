"""Bodies as files below one directory, each synced before its put is answered.

A put writes a temporary file, syncs it, renames it to `<account>/<2 hex>/<name>`, and syncs that directory. Puts that wait
are taken together by one thread (`placing.py`), so they share the sync of the directory and their file syncs overlap. A
body above `LARGE` is written and synced in a thread of its own first, so that it does not hold up small ones.

When a step fails the put raises Unavailable, and the temporary file is removed. Temporary files of a process that died
are removed when the next one opens the store (`scratch.py`); several processes may share a directory. A deletion is not
synced: after a power cut a deleted body can be back, as an orphan that `refs` lists.

The reference is the path and the size, so that a file that was cut, or grew, is found to be Corrupt when it is opened. A
body that is deleted while it is read is read to its end.
"""

import os
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from storage_backends import errors
from storage_backends.bodies import api, placing, ranges, scratch
from storage_backends.bodies.files import Files
from storage_backends.bodies.shared_thread import SharedThread

LARGE: Final = 256 * 1024
"""Bodies above this many bytes are written in a thread of their own."""

BATCH: Final = 100
"""Most puts that share their syncs; each holds one file descriptor."""

_PAGE: Final = 1000
_UNFINISHED: Final = "unfinished"
_REF: Final = re.compile(r"([0-9]{1,19})/[0-9a-f]{2}/[0-9a-f]{32}-([0-9a-f]{1,15})", re.ASCII)


class DiskStore:
    """A body store in `directory`, which is made when it does not exist. Opening it blocks for some file system calls.

    `limiter` bounds the threads that read and that write large bodies. `files` are the calls on which durability hangs;
    `clock` gives seconds since the epoch. Raises Unavailable when the directory cannot be used.
    """

    def __init__(
        self,
        directory: Path,
        *,
        limiter: trio.CapacityLimiter | None = None,
        files: Files | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root = os.fspath(directory.absolute())
        self._limiter = limiter or trio.CapacityLimiter(16)
        self._files = files or Files()
        self._clock = clock
        try:
            placing.make_durable(self._files, self._root)
            self._scratch = scratch.Scratch(Path(self._root, _UNFINISHED))
        except OSError as error:
            raise errors.Unavailable(f"body directory {self._root}: {error.strerror}") from error
        self._placer = placing.Placer(self._files, self._root, os.fspath(self._scratch.path))
        self._placing = SharedThread(self._placer.place, BATCH)

    async def put(self, account: int, source: api.Source) -> str:
        if source.size <= LARGE:
            return await self._placing.do(placing.Put(account, source))
        staged = await trio.to_thread.run_sync(self._placer.stage_large, source, limiter=self._limiter)
        try:
            return await self._placing.do(placing.Put(account, source, staged))
        except (trio.Cancelled, errors.Unavailable):
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._placer.discard, staged)
            raise

    @asynccontextmanager
    async def open(self, ref: str, start: int = 0, stop: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        match = _REF.fullmatch(ref)
        if match is None:
            raise errors.NotFound(f"no body {ref!r}")
        size = int(match[2], 16)
        begin, end = ranges.cut(size, start, stop)
        path = f"{self._root}/{ref}"
        reading = await trio.to_thread.run_sync(_Reading.begin, path, size, begin, end, limiter=self._limiter)
        try:
            async with aclosing(self._blocks(reading)) as blocks:
                yield blocks
        finally:
            reading.close()

    async def _blocks(self, reading: "_Reading") -> AsyncGenerator[bytes, None]:
        if reading.first:
            yield reading.first
        while reading.at < reading.end:
            yield await trio.to_thread.run_sync(reading.next_block, limiter=self._limiter)

    async def read_many(self, wanted: Sequence[api.Range]) -> list[api.Answer]:
        return await trio.to_thread.run_sync(self._read_many, wanted, limiter=self._limiter)

    def _read_many(self, wanted: Sequence[api.Range]) -> list[api.Answer]:
        answers: list[api.Answer] = []
        for each in wanted:
            trio.from_thread.check_cancelled()
            try:
                answers.append(self._read_one(each))
            except (errors.NotFound, errors.Corrupt) as error:
                answers.append(errors.kept(error))
        return answers

    def _read_one(self, wanted: api.Range) -> bytes:
        match = _REF.fullmatch(wanted.ref)
        if match is None:
            raise errors.NotFound(f"no body {wanted.ref!r}")
        size = int(match[2], 16)
        begin, end = ranges.cut(size, wanted.start, wanted.stop)
        path = f"{self._root}/{wanted.ref}"
        if begin == 0 and end == size < api.BLOCK:
            return _read_whole(path, size)
        reading = _Reading.begin(path, size, begin, end)
        blocks = [reading.first]
        try:
            while reading.at < end:
                blocks.append(reading.next_block())
        finally:
            reading.close()
        return b"".join(blocks)

    async def delete(self, refs: Iterable[str]) -> None:
        paths = [f"{self._root}/{ref}" for ref in refs if _REF.fullmatch(ref)]
        for first in range(0, len(paths), _PAGE):
            page = paths[first : first + _PAGE]
            await trio.to_thread.run_sync(self._unlink, page, limiter=self._limiter)

    def _unlink(self, paths: list[str]) -> None:
        try:
            for path in paths:
                self._files.unlink(path)
        except OSError as error:
            raise placing.unavailable("delete", error) from error

    async def refs(self, account: int | None = None) -> AsyncIterator[api.BodyInfo]:
        found = self._walk(account)
        while page := await trio.to_thread.run_sync(self._page, found, limiter=self._limiter):
            for info in page:
                yield info

    def _page(self, found: Iterator[os.DirEntry[str]]) -> list[api.BodyInfo]:
        """The next bodies that still exist; empty at the end."""
        page: list[api.BodyInfo] = []
        now = self._clock()
        try:
            for entry in found:
                ref = entry.path[len(self._root) + 1 :]
                match = _REF.fullmatch(ref)
                if match is None:
                    continue
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    continue  # deleted meanwhile
                page.append(api.BodyInfo(int(match[1]), ref, status.st_size, max(0.0, now - status.st_mtime)))
                if len(page) == _PAGE:
                    break
        except OSError as error:
            raise placing.unavailable("list", error) from error
        return page

    def _walk(self, account: int | None) -> Iterator[os.DirEntry[str]]:
        names = os.listdir(self._root) if account is None else [str(account)]
        for top in (f"{self._root}/{name}" for name in names if name.isdecimal()):
            if not os.path.isdir(top):
                continue
            for middle in os.listdir(top):
                with os.scandir(f"{top}/{middle}") as entries:
                    yield from entries

    async def aclose(self) -> None:
        for close in (self._placing.close, self._placer.close, self._scratch.close):
            await trio.to_thread.run_sync(close)


@dataclass(slots=True)
class _Reading:
    """An open range: `first` is read with the opening, in the same hop; `descriptor` is -1 when that was all."""

    descriptor: int
    at: int
    end: int
    first: bytes = b""

    @classmethod
    def begin(cls, path: str, size: int, begin: int, end: int) -> "_Reading":
        """Open the file and read the first block. Raises NotFound, Corrupt, Unavailable."""
        reading = cls(_open(path), begin, end)
        try:
            reading._check_size(path, size)
            if begin < end:
                reading.first = reading.next_block()
        except errors.StorageError:
            reading.close()
            raise
        if reading.at == end:
            reading.close()
        return reading

    def _check_size(self, path: str, size: int) -> None:
        found = os.fstat(self.descriptor).st_size
        if found != size:
            raise errors.Corrupt(f"{path!r} has {found} bytes instead of {size}")

    def next_block(self) -> bytes:
        """Read the next block."""
        wanted = min(api.BLOCK, self.end - self.at)
        try:
            block = os.pread(self.descriptor, wanted, self.at)
        except OSError as error:
            raise placing.unavailable("read", error) from error
        if len(block) != wanted:
            raise errors.Corrupt(f"a body ends at {self.at + len(block)} and not at {self.end}")
        self.at += wanted
        return block

    def close(self) -> None:
        """Close the file. Again is fine."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise errors.NotFound(f"no body {path!r}") from None
    except OSError as error:
        raise placing.unavailable("open", error) from error


def _read_whole(path: str, size: int) -> bytes:
    """A body in three system calls. Raises NotFound, Corrupt, Unavailable."""
    descriptor = _open(path)
    try:
        data = os.read(descriptor, size + 1)
    except OSError as error:
        raise placing.unavailable("read", error) from error
    finally:
        os.close(descriptor)
    if len(data) != size:
        raise errors.Corrupt(f"{path!r} has not the {size} bytes that were put")
    return data
