"""tar and zip files, compressed or not, and single files, as sequences of members. See `members`.

Nothing is extracted to disk, so a member's path is only a name. Limits hold against archives that are made to fill
memory, disk or time. `done` counts bytes of the file itself, so that it ends at the file's size.
"""

import bz2
import gzip
import tarfile
import zipfile
from calendar import timegm
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Final, cast

from mox_trio.mailstore import mbox, xz
from mox_trio.mailstore.members import (
    UNREADABLE,
    Bounded,
    File,
    Folder,
    Limits,
    Member,
    Readable,
    Tree,
    Trouble,
    blocks,
    components,
    leads_out,
    reason,
    skip,
)

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_USTAR: Final = slice(257, 262)
_HEAD: Final = 512
_ENDINGS: Final = (".gz", ".bz2", ".xz")
_ENCRYPTED: Final = 1
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
"""Of zip files. LZMA is none of them: a member says how much memory is needed to read it, and zipfile gives it that."""
_END_BYTES: Final = 20 + 22 + 65_535
"""Bytes at the end of a zip file that hold what says where its list is."""
_LISTED_BYTES: Final = 512
"""Bytes in a zip's list that a member may take on average."""
_NO_DATE: Final = (1980, 1, 1, 0, 0, 0)
_OUTSIDE: Final = "its path leads out of the archive"
_MAILDIR: Final = ("cur", "new")

_DECOMPRESS: Final[tuple[tuple[bytes, Callable[[IO[bytes]], Readable]], ...]] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", xz.open),
)


def open_file(path: File, limits: Limits) -> Tree | None:
    """The members of a file, whose kind its first bytes say; None for one that holds no mail in any way known here.

    OSError when it cannot be read.
    """
    with path.open("rb") as raw:
        head = raw.read(_HEAD)
        if head.startswith(_ZIP):
            return Zip(path, limits)
        with _decompressed(raw, limits) as file:
            inside = head if file is raw else _first(file)
    if inside[_USTAR] == b"ustar":
        return Tar(path, limits)
    if not head or mbox.looks_like(inside):
        return Single(path, limits)
    return Tar(path, limits) if not head[:1].isspace() and _is_old_tar(path, limits) else None


def _first(file: Readable) -> bytes:
    try:
        return file.read(_HEAD)
    except UNREADABLE:
        return b""


def _is_old_tar(path: File, limits: Limits) -> bool:
    return isinstance(next(Tar(path, limits).members(), None), Member | Folder)


@contextmanager
def _decompressed(raw: IO[bytes], limits: Limits) -> Iterator[Readable]:
    """The file from its beginning, decompressed if it is compressed."""
    raw.seek(0)
    start = raw.read(8)
    size = raw.seek(0, 2)
    raw.seek(0)
    for magic, opened in _DECOMPRESS:
        if start.startswith(magic):
            file = opened(raw)
            try:
                yield Bounded(file, limits.expanded(size))
            finally:
                file.close()
            return
    yield raw


class Single:
    """One file that is no archive, perhaps compressed."""

    alone: bool = True
    ordered: bool = True

    def __init__(self, path: File, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self.done = 0

    def total(self) -> int:
        """The file's size."""
        return self._path.stat().st_size

    def members(self) -> Iterator[Member | Folder | Trouble]:
        """The file."""
        status = self._path.stat()
        name = self._path.name
        for ending in _ENDINGS:
            name = name.removesuffix(ending)
        yield Member((0,), (name,), status.st_size, status.st_mtime_ns // 1_000_000, self._open)

    @contextmanager
    def _open(self, offset: int) -> Iterator[Iterator[bytes]]:
        with self._path.open("rb") as raw, _decompressed(raw, self._limits) as file:
            if file is raw:
                raw.seek(offset)
            else:
                skip(file, offset)
            yield self._counted(raw, file)

    def _counted(self, raw: IO[bytes], file: Readable) -> Iterator[bytes]:
        for block in blocks(file):
            self.done = raw.tell()
            yield block


class _Forgetful(tarfile.TarFile):
    """tarfile remembers all members that it saw."""

    members: list[tarfile.TarInfo]

    def forget(self) -> None:
        """Let go of them."""
        self.members.clear()


class Tar:
    """A tar file in any of its forms, perhaps compressed. Links, devices and sparse files are no mail."""

    alone: bool = False
    ordered: bool = False

    def __init__(self, path: File, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self.done = 0

    def total(self) -> int:
        """The file's size."""
        return self._path.stat().st_size

    def members(self) -> Iterator[Member | Folder | Trouble]:
        """Its members in their order; Trouble at the end where the file is cut off."""
        with self._path.open("rb") as raw, _decompressed(raw, self._limits) as file:
            # A file that is not compressed is bounded only in how much is read at once.
            bounded = Bounded(file, 1 << 62) if file is raw else file
            try:
                with _Forgetful.open(fileobj=cast(IO[bytes], bounded), mode="r:") as tar:
                    yield from self._of(tar, raw)
            except UNREADABLE as error:
                yield Trouble(self._path.name, f"the rest of the archive cannot be read: {reason(error)}")

    def _of(self, tar: _Forgetful, raw: IO[bytes]) -> Iterator[Member | Folder | Trouble]:
        for number in range(self._limits.members + 1):
            info = tar.next()
            tar.forget()
            self.done = raw.tell()
            if info is None:
                return
            if number == self._limits.members:
                yield Trouble(self._path.name, f"the archive has more than {self._limits.members} members")
            elif self._limits.strict and leads_out(info.name):
                yield Trouble(info.name, _OUTSIDE)
            elif info.isdir():
                yield from folder(components(info.name))
            elif info.isreg() and not info.issparse():
                modified = int(info.mtime * 1000) or None
                yield Member((number,), components(info.name), info.size, modified, self._opener(tar, info, raw))
            else:
                yield Trouble(info.name, "it is neither a file nor a directory")

    def _opener(
        self, tar: tarfile.TarFile, info: tarfile.TarInfo, raw: IO[bytes]
    ) -> Callable[[int], AbstractContextManager[Iterator[bytes]]]:
        @contextmanager
        def opened(offset: int) -> Iterator[Iterator[bytes]]:
            file = tar.extractfile(info)
            assert file is not None  # noqa: S101 - a regular member has bytes
            with file:
                file.seek(offset)
                yield self._whole(blocks(file), info.size - offset, raw)

        return opened

    def _whole(self, read: Iterator[bytes], size: int, raw: IO[bytes]) -> Iterator[bytes]:
        for block in read:
            size -= len(block)
            self.done = raw.tell()
            yield block
        if size > 0:
            raise EOFError("the file is cut off")


def _list_size(path: File) -> int:
    """Bytes of a zip file's list of members, which zipfile reads at once (APPNOTE.TXT 4.3.14 to 4.3.16)."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(size - _END_BYTES, 0)
        file.seek(start)
        tail = file.read()
        end = tail.rfind(b"PK\x05\x06")
        if end < 0 or len(tail) < end + 16:
            return 0  # zipfile says what is wrong
        listed = int.from_bytes(tail[end + 12 : end + 16], "little")
        locator = tail[max(end - 20, 0) : end]
        if listed < 0xFFFFFFFF or not locator.startswith(b"PK\x06\x07"):
            return listed
        file.seek(int.from_bytes(locator[8:16], "little"))
        return int.from_bytes(file.read(56)[40:48], "little")


class Zip:
    """A zip file."""

    alone: bool = False
    ordered: bool = False

    def __init__(self, path: File, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._left = limits.expanded(path.stat().st_size)
        self.done = 0

    def total(self) -> int:
        """The file's size."""
        return self._path.stat().st_size

    def members(self) -> Iterator[Member | Folder | Trouble]:
        """Its members in the order of its list."""
        try:
            if _list_size(self._path) > self._limits.listed * _LISTED_BYTES:
                yield Trouble(self._path.name, f"the archive has more than {self._limits.listed} members")
                return
            with self._path.open("rb") as raw, zipfile.ZipFile(raw) as file:
                yield from self._of(file)
        except UNREADABLE as error:
            yield Trouble(self._path.name, f"the archive cannot be read: {reason(error)}")

    def _of(self, file: zipfile.ZipFile) -> Iterator[Member | Folder | Trouble]:
        for number, info in enumerate(file.infolist()):
            levels = components(info.filename)
            if number == self._limits.listed:
                yield Trouble(self._path.name, f"the archive has more than {self._limits.listed} members")
                return
            if self._limits.strict and leads_out(info.filename):
                yield Trouble(info.filename, _OUTSIDE)
            elif info.is_dir():
                yield from folder(levels)
            elif info.flag_bits & _ENCRYPTED:
                yield Trouble("/".join(levels), "it is protected by a password")
            elif info.compress_type not in _COMPRESSIONS:
                yield Trouble("/".join(levels), "it is compressed in a way that is not read here; use deflate")
            else:
                modified = timegm(info.date_time) * 1000 if info.date_time != _NO_DATE else None
                yield Member((number,), levels, info.file_size, modified, self._opener(file, info))
            self.done += info.compress_size

    def _opener(
        self, file: zipfile.ZipFile, info: zipfile.ZipInfo
    ) -> Callable[[int], AbstractContextManager[Iterator[bytes]]]:
        @contextmanager
        def opened(offset: int) -> Iterator[Iterator[bytes]]:
            with file.open(info) as stream:
                skip(stream, offset)
                yield self._bounded(blocks(stream))

        return opened

    def _bounded(self, read: Iterator[bytes]) -> Iterator[bytes]:
        for block in read:
            self._left -= len(block)
            if self._left < 0:
                raise zipfile.BadZipFile("far more comes out of the file than can be in it")
            yield block


def folder(levels: tuple[str, ...]) -> Iterator[Folder]:
    """The maildir that a directory of this path shows."""
    if levels and levels[-1] in _MAILDIR:
        yield Folder(levels[:-1])
