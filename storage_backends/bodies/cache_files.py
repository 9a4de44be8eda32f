"""The files of the cache: pieces of bodies with a checksum, the least lately used removed when they are too many.

A piece lies in `<2 hex>/<name>.<number>`, where the name is a hash of the body's reference. The file begins with 4 bytes of
mark and a BLAKE2b checksum of 16 bytes over reference, number and piece, so a piece that was cut, changed or put
into another's place is not taken. It is written beside its place and renamed, without a sync: after a power cut the checksum
tells. The time of last change of the file is the time of its last use, refreshed once an hour at most.

All functions block, and none raises for what the disk does: a failure is logged and means "not cached". Each process
counts what it adds and, when that is an eighth of the size, removes the oldest until seven eighths are left; one process at
a time does so. With n processes there are thus at most `size` * (7 + n) / 8 bytes.
"""

import fcntl
import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from storage_backends import errors
from storage_backends.bodies import api

PIECE: Final = 1024 * 1024
"""Bytes of each piece of a body but the last."""

HEAD: Final = 4 + 16
_MARK: Final = b"mtc1"
_REFRESH: Final = 3600.0
_STALE: Final = 3600.0  # a file that is still being written after so long is never finished
_NAME: Final = 40
_log = logging.getLogger(__name__)


class CacheFiles:
    """Pieces below `directory`, about `size` bytes of them. Raises Unavailable when the directory cannot be made."""

    def __init__(self, directory: Path, size: int) -> None:
        self._root = directory
        self._size = size
        self._added = size  # the first write looks at what an earlier process left
        self._counting = threading.Lock()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(256):
                (directory / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise errors.Unavailable(f"cache directory {directory}: {error.strerror}") from error

    def read(self, ref: str, number: int) -> bytes | None:
        """A piece, or None when it is not here, or is damaged."""
        path = self._path(ref, number)
        try:
            with open(path, "rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                data = file.read(HEAD + PIECE + 1)
            if data[:HEAD] == _head(ref, number, data[HEAD:]):
                if time.time() - status.st_mtime > _REFRESH:
                    os.utime(path)
                return data[HEAD:]
            _log.warning("damaged piece in the cache is fetched again")
            os.unlink(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("cache cannot be read", extra={"reason": error.strerror})
        return None

    def write(self, ref: str, number: int, piece: bytes) -> None:
        """Keep a piece, if the disk lets us."""
        path = self._path(ref, number)
        unfinished = f"{path}.{secrets.token_hex(8)}.tmp"
        try:
            try:
                with open(unfinished, "xb") as file:
                    file.write(_head(ref, number, piece) + piece)
                os.rename(unfinished, path)
            except OSError:
                Path(unfinished).unlink(missing_ok=True)
                raise
            self._count(HEAD + len(piece))
        except OSError as error:
            _log.warning("cache cannot be written", extra={"reason": error.strerror})

    def remove(self, refs: Collection[str]) -> None:
        """Forget all pieces of these bodies."""
        directories: dict[str, set[str]] = {}
        for ref in refs:
            name = _name(ref)
            directories.setdefault(name[:2], set()).add(name)
        try:
            for middle, names in directories.items():
                for entry in os.listdir(self._root / middle):
                    if entry[:_NAME] in names:
                        (self._root / middle / entry).unlink(missing_ok=True)
        except OSError as error:
            _log.warning("cache cannot be cleared", extra={"reason": error.strerror})

    def _path(self, ref: str, number: int) -> str:
        name = _name(ref)
        return f"{self._root}/{name[:2]}/{name}.{number}"

    def _count(self, added: int) -> None:
        with self._counting:
            self._added += added
            if self._added < self._size // 8:
                return
            self._added = 0
        with open(self._root / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # another process or thread is at it
            self._evict()

    def _evict(self) -> None:
        """Remove the least lately used pieces until seven eighths of the size are left, and what was never finished."""
        pieces = []
        total = 0
        stale = time.time() - _STALE
        for entry in self._entries():
            try:
                status = entry.stat()
            except FileNotFoundError:
                continue
            if entry.name.endswith(".tmp") and status.st_mtime < stale:
                os.unlink(entry.path)
                continue
            pieces.append((status.st_mtime, status.st_size, entry.path))
            total += status.st_size
        pieces.sort()
        for _, size, path in pieces:
            if total <= self._size * 7 // 8:
                return
            Path(path).unlink(missing_ok=True)
            total -= size

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        for number in range(256):
            with os.scandir(self._root / f"{number:02x}") as entries:
                yield from entries


def _name(ref: str) -> str:
    return hashlib.sha256(api.key(ref).encode(errors="surrogatepass")).hexdigest()[:_NAME]


def _head(ref: str, number: int, piece: bytes) -> bytes:
    found = hashlib.blake2b(f"{ref}\0{number}\0".encode(errors="surrogatepass"), digest_size=16)
    found.update(piece)
    return _MARK + found.digest()
