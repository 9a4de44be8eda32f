"""One server a data directory: a lock that the kernel releases when its process ends, however it ends."""

import fcntl
import os
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
        yield
    finally:
        os.close(descriptor)


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
