"""Where an export goes: a directory, a tar or zip file, or one file. All of it blocks: call it in a thread.

Files are written under another name and get their own when they are whole; an archive or a single file only when all
of it is. Nothing that exists is overwritten. Files are for their owner only.
"""

import gzip
import os
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Protocol

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.scratch import Scratch

MEMORY: Final = 256 * 1024
"""Bytes of a file on its way into a tar file that are kept in memory."""
_PART: Final = ".part"
_TEXT: Final = ".txt"
_EARLIEST: Final = 315_532_800
"""1980, when zip files begin, in seconds."""
_LATEST: Final = 4_354_819_198


class Sink(Protocol):
    """A file that is being written."""

    def write(self, data: bytes) -> None:
        """Add bytes. OSError when there is no room."""

    def close(self) -> None:
        """It is whole."""


class Target(Protocol):
    """What files are written to. Paths are levels; times are milliseconds since 1970 UTC."""

    def names(self, path: tuple[str, ...]) -> set[str]:
        """Names of what an earlier run left in a directory."""

    def read(self, path: tuple[str, ...]) -> bytes:
        """A small file that an earlier run left, empty if there is none."""

    def remove(self, path: tuple[str, ...]) -> None:
        """Remove a small file that an earlier run left, if there is one."""

    def folder(self, path: tuple[str, ...]) -> None:
        """Make a directory and its parents."""

    def open(self, path: tuple[str, ...], modified: int) -> Sink:
        """Begin a file, the only one until it is closed. Failure EXISTS."""

    def finish(self) -> None:
        """All is written."""

    def discard(self) -> None:
        """Remove what is not whole."""


def refuse(path: Path) -> Failure:
    """What is said when the target would be overwritten."""
    return Failure(Kind.EXISTS, f"{path.name!r} exists already; choose another name or remove it")


def _sync_and_rename(file: IO[bytes], path: Path, final: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
    if final.exists():
        raise refuse(final)
    path.rename(final)
    directory = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


class _InDirectory:
    """A file of a directory: beside its place, or in `tmp` where that is a maildir's."""

    def __init__(self, final: Path, modified: int) -> None:
        if final.exists():
            raise refuse(final)
        self._final = final
        self._modified = modified
        in_maildir = final.parent.name == "cur"
        self.part = final.parent.parent / "tmp" / final.name if in_maildir else final.with_name(final.name + _PART)
        self.part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file = _private(self.part)

    def write(self, data: bytes) -> None:
        self.file.write(data)

    def close(self) -> None:
        self.file.close()
        seconds = self._modified / 1000
        os.utime(self.part, (seconds, seconds))
        self.part.rename(self._final)


class Directory:
    """A directory, which is new or empty, or goes on where an earlier export stopped."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self._open: _InDirectory | None = None
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not resume and any(path.iterdir()):
            raise Failure(Kind.EXISTS, f"the directory {path.name!r} is not empty; choose another or go on with it")

    def names(self, path: tuple[str, ...]) -> set[str]:
        try:
            return set(os.listdir(self._path.joinpath(*path)))
        except FileNotFoundError:
            return set()

    def read(self, path: tuple[str, ...]) -> bytes:
        try:
            with self._path.joinpath(*path).open("rb") as file:
                return file.read(MEMORY)
        except FileNotFoundError:
            return b""

    def remove(self, path: tuple[str, ...]) -> None:
        self._path.joinpath(*path).unlink(missing_ok=True)

    def folder(self, path: tuple[str, ...]) -> None:
        self._path.joinpath(*path).mkdir(parents=True, exist_ok=True, mode=0o700)

    def open(self, path: tuple[str, ...], modified: int) -> Sink:
        final = self._path.joinpath(*path)
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._open = _InDirectory(final, modified)
        return self._open

    def finish(self) -> None:
        """Each file is whole by itself; the system brings them to disk in its own time."""

    def discard(self) -> None:
        if self._open is not None:
            with suppress(OSError):
                self._open.file.close()
            self._open.part.unlink(missing_ok=True)


class _New:
    """A target that begins with nothing: a file, or with `raw` what is written to, of which nothing is on the disk."""

    def __init__(self, path: Path, raw: IO[bytes] | None = None) -> None:
        if raw is None and path.exists():
            raise refuse(path)
        self.final = path
        self.part = path.with_name(path.name + _PART)
        self.is_stream = raw is not None
        self.raw = raw or _private(self.part)

    def names(self, path: tuple[str, ...]) -> set[str]:
        return set()

    def read(self, path: tuple[str, ...]) -> bytes:
        return b""

    def remove(self, path: tuple[str, ...]) -> None:
        """There is nothing."""

    def folder(self, path: tuple[str, ...]) -> None:
        """A file has no directories."""

    def write(self, data: bytes) -> None:
        self.raw.write(data)

    def close(self) -> None:
        """More may follow."""

    def finish(self) -> None:
        if not self.is_stream:
            _sync_and_rename(self.raw, self.part, self.final)

    def discard(self) -> None:
        with suppress(OSError):
            self.raw.close()
        if not self.is_stream:
            self.part.unlink(missing_ok=True)


class File(_New):
    """One file, to which all is written that is not about errors: those are beside it."""

    def names(self, path: tuple[str, ...]) -> set[str]:
        beside = f"{self.final.name}."
        names = (name for name in os.listdir(self.final.parent) if name.startswith(beside) and name.endswith(_TEXT))
        return {name.removeprefix(beside) for name in names}

    def open(self, path: tuple[str, ...], modified: int) -> Sink:
        if path[-1].endswith(_TEXT):
            return _InDirectory(self.final.with_name(f"{self.final.name}.{path[-1]}"), modified)
        return self


class Tar(_New):
    """A tar file of the POSIX.1-2001 form, compressed or not."""

    def __init__(
        self, path: Path, scratch: Callable[[], Scratch], *, compressed: bool, raw: IO[bytes] | None = None
    ) -> None:
        super().__init__(path, raw)
        self._scratch = scratch
        self._member: _InTar | None = None
        self._packed = gzip.GzipFile(path.name, "wb", 6, self.raw) if compressed else None

    def folder(self, path: tuple[str, ...]) -> None:
        info = tarfile.TarInfo("/".join(path))
        info.type, info.mode = tarfile.DIRTYPE, 0o700
        self._put(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def open(self, path: tuple[str, ...], modified: int) -> Sink:
        self._member = _InTar(self, "/".join(path), modified, self._scratch)
        return self._member

    def add(self, name: str, modified: int, size: int, blocks: Iterator[bytes]) -> None:
        """Add a file of this size."""
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, modified / 1000
        self._put(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        for block in blocks:
            self._put(block)
        self._put(bytes(-size % tarfile.BLOCKSIZE))

    def finish(self) -> None:
        self._put(bytes(2 * tarfile.BLOCKSIZE))
        if self._packed is not None:
            self._packed.close()
        super().finish()

    def discard(self) -> None:
        if self._member is not None:
            self._member.discard()
        if self._packed is not None:
            with suppress(OSError):
                self._packed.close()
        super().discard()

    def _put(self, data: bytes) -> None:
        if self._packed is not None:
            self._packed.write(data)
        else:
            self.write(data)


class _InTar:
    """A file on its way into a tar file, which wants to know its size first."""

    def __init__(self, tar: Tar, name: str, modified: int, scratch: Callable[[], Scratch]) -> None:
        self._tar = tar
        self._name = name
        self._modified = modified
        self._make = scratch
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._size = 0
        self._scratch: Scratch | None = None

    def write(self, data: bytes) -> None:
        self._pending.append(data)
        self._pending_size += len(data)
        self._size += len(data)
        if self._pending_size > MEMORY:
            self._spill()

    def close(self) -> None:
        if self._scratch is None:
            self._tar.add(self._name, self._modified, self._size, iter(self._pending))
            return
        self._spill()
        try:
            self._tar.add(self._name, self._modified, self._size, self._scratch.blocks())
        finally:
            self.discard()

    def discard(self) -> None:
        """Give the space back."""
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None

    def _spill(self) -> None:
        if self._scratch is None:
            self._scratch = self._make()
        for block in self._pending:
            self._scratch.append(block)
        self._pending, self._pending_size = [], 0


class Zip(_New):
    """A zip file; the list of its members is held in memory."""

    def __init__(self, path: Path, raw: IO[bytes] | None = None) -> None:
        super().__init__(path, raw)
        self._member: IO[bytes] | None = None
        self._zip = zipfile.ZipFile(self.raw, "w", zipfile.ZIP_DEFLATED)

    def folder(self, path: tuple[str, ...]) -> None:
        self._zip.writestr(zipfile.ZipInfo("/".join(path) + "/"), b"")

    def open(self, path: tuple[str, ...], modified: int) -> Sink:
        seconds = min(max(modified // 1000, _EARLIEST), _LATEST)
        info = zipfile.ZipInfo("/".join(path), time.gmtime(seconds)[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        self._member = self._zip.open(info, "w", force_zip64=True)
        return _InZip(self._member)

    def finish(self) -> None:
        self._zip.close()
        super().finish()

    def discard(self) -> None:
        with suppress(OSError):
            if self._member is not None:
                self._member.close()
        with suppress(OSError):
            self._zip.close()
        super().discard()


class _InZip:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def close(self) -> None:
        self._file.close()
