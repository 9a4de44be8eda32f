"""A process's own directory for unfinished files, below a directory that several processes share.

Each process holds a lock on the `lock` file in its directory for as long as it lives. A directory whose lock can be taken
belongs to a dead process: it is removed with all that is in it when the next process starts. The kernel drops locks
however a process ends, so nothing is removed under a living one and nothing stays for ever. Making and removing happen
under a lock on `<top>/lock`, so that a directory is never seen before it is locked.
"""

import fcntl
import os
import secrets
import shutil
from pathlib import Path
from typing import Final

_LOCK: Final = "lock"


class Scratch:
    """The directory `path` of this process below `top`. Making one removes those of dead processes. Raises OSError."""

    def __init__(self, top: Path) -> None:
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (top / _LOCK).open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            _remove_dead(top)
            self.path = top / secrets.token_hex(8)
            self.path.mkdir(mode=0o700)
            self._lock = os.open(self.path / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._closed = False

    def close(self) -> None:
        """Remove the directory and let go of the lock. Again is fine."""
        if not self._closed:
            self._closed = True
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)


def _remove_dead(top: Path) -> None:
    for directory in top.iterdir():
        if not directory.is_dir():
            continue
        with (directory / _LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(directory)
