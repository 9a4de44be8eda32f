"""Where the dynamic document comes from, and the file as the first such source.

A version names one exact text. Saving compares and sets: a text that somebody changed meanwhile is a Conflict and stays as it
is. `FileSource` writes a temporary file beside the document, syncs it, renames it, syncs the directory: after a crash the
document is the old one or the new one. Mode and group stay; the owner does where this process may set it. Between processes of
this program the directory is locked; an editor does not lock, so the text is compared again right before the rename.
"""

import errno
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.config import load
from mox_trio.config.problems import ConfigErrors

POLL: Final = 1.0
"""Seconds between looks at the file."""
UNREADABLE: Final = ""
"""What `changed` is given in place of a version when the last look found nothing readable."""
_SETTLED: Final = 2.0  # seconds after which a file's times prove that it was not changed within the same tick

_Signature = tuple[int, int, int, int]


class Conflict(Failure):
    """Somebody else changed the document since it was read; nothing was saved."""


@dataclass(frozen=True, slots=True)
class Document:
    """A dynamic document as it was read."""

    text: str
    version: str
    """Equal for equal texts of one source."""


class DocumentSource(Protocol):
    """Where the dynamic document is kept."""

    @property
    def name(self) -> str:
        """What problems call it: a file name, or words."""
        ...

    async def load(self) -> Document:
        """Read it. Raises ConfigErrors when there is none that can be read, Failure(UNAVAILABLE) when its store is away."""
        ...

    async def save(self, text: str, expected_version: str) -> Document:
        """Replace it if it still has this version, durably. Raises Conflict, and Failure when it cannot be written."""
        ...

    async def changed(self, since: str) -> None:
        """Wait until it may have another version than this. May return too early; never raises because a read failed."""
        ...


def version_of(text: str) -> str:
    """The version of a text: its SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


class FileSource:
    """The dynamic document as a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = trio.CapacityLimiter(1)
        self._seen: tuple[_Signature, str] | None = None  # a settled look at the file, and the version it had then

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self._path)

    async def load(self) -> Document:
        """Read the file. Raises ConfigErrors."""
        return await trio.to_thread.run_sync(self._load, limiter=self._threads)

    async def save(self, text: str, expected_version: str) -> Document:
        """Replace the file if it still has this version. Raises Conflict, Failure: FORBIDDEN, or UNAVAILABLE (the disk)."""
        return await trio.to_thread.run_sync(self._save, text, expected_version, limiter=self._threads)

    async def create(self, text: str) -> Document:
        """Write a first document. Raises Conflict if there is a file already, Failure as `save`.

        A missing file is never taken for an empty one: with no accounts a server would refuse all mail for good.
        """
        return await trio.to_thread.run_sync(self._create, text, limiter=self._threads)

    async def changed(self, since: str) -> None:
        """Look once a second until the file has another version, is gone, or cannot be read."""
        while True:
            await trio.sleep(POLL)
            if await trio.to_thread.run_sync(self._is_other, since, limiter=self._threads):
                return

    def _load(self) -> Document:
        signature, is_settled = self._signature()
        text = load.text(self._path)
        version = version_of(text)
        self._seen = (signature, version) if signature and is_settled else None
        return Document(text, version)

    def _is_other(self, since: str) -> bool:
        signature, _ = self._signature()
        if self._seen is not None and self._seen == (signature, since):
            return False
        try:
            return self._load().version != since
        except ConfigErrors:
            return since != UNREADABLE

    def _signature(self) -> tuple[_Signature | None, bool]:
        try:
            status = self._path.stat()
        except OSError:
            return None, False
        is_settled = time.time() - max(status.st_mtime, status.st_ctime) > _SETTLED
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns), is_settled

    def _save(self, text: str, expected_version: str) -> Document:
        path = Path(os.path.realpath(self._path))  # a link stays a link
        try:
            with _locked(path.parent) as directory:
                self._expect(expected_version)
                with _temporary(path) as temporary:
                    _write(temporary, text, path)
                    self._expect(expected_version)
                    temporary.replace(path)
                os.fsync(directory)
        except OSError as error:
            raise _cannot_write(path, error) from None
        self._seen = None
        return Document(text, version_of(text))

    def _create(self, text: str) -> Document:
        try:
            with _locked(self._path.parent) as directory, _temporary(self._path) as temporary:
                _write(temporary, text, None)
                os.link(temporary, self._path)  # unlike a rename it fails where there is a file
                os.fsync(directory)
        except FileExistsError:
            raise Conflict(Kind.CONFLICT, "there is a configuration already", str(self._path)) from None
        except OSError as error:
            raise _cannot_write(self._path, error) from None
        return Document(text, version_of(text))

    def _expect(self, version: str) -> None:
        if version_of(load.text(self._path)) != version:
            raise Conflict(Kind.CONFLICT, "somebody else changed the configuration; read it again", str(self._path))


@contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """Hold the lock of a directory; yields its descriptor."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A new empty file beside another; removed at the end unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _write(temporary: Path, text: str, like: Path | None) -> None:
    """Fill a file durably, with owner and mode of another; a new one is readable for owner and group."""
    model = like.stat() if like else None
    with temporary.open("w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        descriptor = stream.fileno()
        if model is not None:
            with suppress(
                PermissionError
            ):  # not root: the file becomes ours, its group stays if it is one of our groups
                os.fchown(descriptor, -1, model.st_gid)
                os.fchown(descriptor, model.st_uid, -1)
        os.fchmod(descriptor, model.st_mode & 0o7777 if model else 0o640)
        os.fsync(descriptor)


def _cannot_write(path: Path, error: OSError) -> Failure:
    said, detail = "the configuration cannot be written", f"{path}: {error.strerror}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failure(Kind.FORBIDDEN, f"{said}; its directory must be writable for this user", detail)
    return Failure(Kind.UNAVAILABLE, said, detail)
