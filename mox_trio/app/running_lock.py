"""One server a data directory: a lock that the kernel releases when its process ends, however it ends.

The file that is locked holds a random name, made once: what a process of this data directory has claimed from the queue
is known by it, so that the next one takes it over at once. Two containers with the same host name and path have two names.
"""

import fcntl
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mox_trio.base.failure import Failure, Kind

NAME: Final = "serve.lock"

_LOCK: Final = struct.Struct("@hhqqi4x")
"""struct flock of fcntl(2): type, whence, start, length, process."""


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the lock of a data directory. IN_USE when another process does."""
    descriptor = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        except BlockingIOError:
            raise Failure(
                Kind.IN_USE, f"a server runs with {directory} already; stop it, or use another data directory"
            ) from None
        if not os.pread(descriptor, 1, 0):
            os.pwrite(descriptor, secrets.token_hex(8).encode(), 0)
            os.fsync(descriptor)
        yield
    finally:
        os.close(descriptor)


def name(directory: Path) -> str:
    """The name of the servers of a data directory; its path where no server ever ran. Blocks."""
    try:
        return (directory / NAME).read_text("ascii") or str(directory)
    except FileNotFoundError:
        return str(directory)


def is_held(directory: Path) -> bool:
    """Whether a server runs with a data directory; takes nothing, so that one may start at this moment."""
    try:
        descriptor = os.open(directory / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind: int = _LOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))[0]
    finally:
        os.close(descriptor)
    return kind != fcntl.F_UNLCK
