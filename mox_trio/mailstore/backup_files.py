"""Bodies in a backup: a file for each, as the store has it (sealed where that seals), below a directory for each store.

A file is written beside its place, synced and renamed, so that what is there under its name is whole; it may be a hard link to
the file of an earlier backup, or of the store itself, because bodies never change. `BackupBodies` reads them as a body store, so
that a backup is verified and restored by what verifies and moves bodies anywhere.
"""

import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

import trio

from storage_backends.bodies import api
from storage_backends.errors import Corrupt, NotFound, Refused, Unavailable, kept

UNFINISHED: Final = ".unfinished-"


def place(directory: Path, key: str) -> Path:
    """Where the body with a key lies. Refused for a key that would lead elsewhere."""
    parts = key.split("/")
    if any(part in ("", ".", "..") or "\0" in part or part.startswith(UNFINISHED) for part in parts):
        raise Refused(f"a body has a key that names no file: {key!r}")
    return directory.joinpath(*parts)


def link(source: Path, target: Path) -> bool:
    """Make `target` another name of a file; False where that cannot be. Blocks."""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


async def write(target: Path, blocks: AsyncIterator[bytes]) -> int:
    """Write a body to its place, durably; its size. Errors of the source; Unavailable."""
    fresh = target.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
    size = 0
    try:
        with await trio.to_thread.run_sync(_created, fresh) as file:
            async for block in blocks:
                size += await trio.to_thread.run_sync(file.write, block)
            await trio.to_thread.run_sync(_settle, file, fresh, target)
    except OSError as error:
        raise Unavailable(f"cannot write to {target.parent}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    return size


def _created(fresh: Path) -> BinaryIO:
    fresh.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    return open(descriptor, "wb")


def _settle(file: BinaryIO, fresh: Path, target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    fresh.rename(target)


def sync_directories(root: Path) -> None:
    """Make the names of all files below a directory durable. Blocks."""
    for _, _, _, descriptor in os.fwalk(root):
        os.fsync(descriptor)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file as a source of bytes."""

    path: Path
    size: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """A file as it is now. Raises FileNotFoundError. Blocks."""
        return cls(path, path.stat().st_size)

    def blocks(self) -> Iterator[bytes]:
        """Its bytes."""
        with self.path.open("rb") as file:
            while block := file.read(api.BLOCK):
                yield block


class BackupBodies:
    """The bodies of one store in a backup, to be read: a BodyStore that takes and deletes nothing."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._limiter = trio.CapacityLimiter(8)

    async def put(self, account: int, source: api.Source) -> str:
        """A backup is not written to."""
        raise Refused("nothing is put into a backup")

    @asynccontextmanager
    async def open(self, ref: str, start: int = 0, stop: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `bodies.api`."""
        path = place(self._directory, ref)
        try:
            file = await trio.to_thread.run_sync(path.open, "rb", limiter=self._limiter)
        except FileNotFoundError:
            raise NotFound(f"no body {ref!r}") from None
        except OSError as error:
            raise Unavailable(f"the backup cannot be read: {error.strerror}") from error
        with file:
            async with aclosing(self._blocks(file, start, stop)) as blocks:
                yield blocks

    async def _blocks(self, file: BinaryIO, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        at = start
        while stop is None or at < stop:
            wanted = api.BLOCK if stop is None else min(api.BLOCK, stop - at)
            try:
                block = await trio.to_thread.run_sync(os.pread, file.fileno(), wanted, at, limiter=self._limiter)
            except OSError as error:
                raise Unavailable(f"the backup cannot be read: {error.strerror}") from error
            if not block:
                return
            at += len(block)
            yield block

    async def read_many(self, wanted: Sequence[api.Range]) -> list[api.Answer]:
        """See `bodies.api`."""
        answers: list[api.Answer] = []
        for each in wanted:
            try:
                answers.append(await api.read(self, each.ref, each.start, each.stop))
            except (NotFound, Corrupt) as error:
                answers.append(kept(error))
        return answers

    async def delete(self, refs: Iterable[str]) -> None:
        """A backup is not written to."""
        raise Refused("nothing is deleted from a backup")

    async def refs(self, account: int | None = None) -> AsyncGenerator[api.BodyInfo, None]:
        """See `bodies.api`."""
        for info in await trio.to_thread.run_sync(self._listed, account, limiter=self._limiter):
            yield info

    def _listed(self, account: int | None) -> list[api.BodyInfo]:
        found = []
        now = time.time()
        for directory, _, names in os.walk(self._directory if account is None else self._directory / str(account)):
            for name in names:
                path = Path(directory, name)
                key = path.relative_to(self._directory).as_posix()
                owner = key.partition("/")[0]
                if owner.isdecimal() and not name.startswith(UNFINISHED):
                    status = path.stat()
                    found.append(api.BodyInfo(int(owner), key, status.st_size, max(0.0, now - status.st_mtime)))
        return found

    async def aclose(self) -> None:
        """Nothing is held."""
        await trio.lowlevel.checkpoint()
