"""One server a data directory: a lock that the kernel releases when its process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mox_trio.base.failure import Failure, Kind

NAME: Final = "serve.lock"


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the lock of a data directory. IN_USE when another process does."""
    descriptor = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                Kind.IN_USE, f"a server runs with {directory} already; stop it, or use another data directory"
            ) from None
        yield
    finally:
        os.close(descriptor)
