"""The file system calls on which durability hangs, all in one object, so that a test can record each and fail at each.

`DiskStore` makes no such call elsewhere. Every method blocks and raises OSError. What each promises about a power cut:

- `write` and `start_writeback`: nothing; `sync`: the bytes written to this file survive.
- `rename`, `make_directory`, `unlink`: nothing; `sync_directory`: what was done in this directory survives.
"""

import ctypes
import os
from typing import Final

_SYNC_FILE_RANGE_WRITE: Final = 2  # sync_file_range(2): start write-out of dirty pages, do not wait
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]


class Files:
    """The real calls."""

    def create(self, path: str) -> int:
        """Create a file that must not exist, readable by its owner only; return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data` at the end."""
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, memoryview(data)[written:])

    def start_writeback(self, descriptor: int) -> None:
        """Ask the kernel to begin writing, so that the syncs of many files overlap. A hint: errors show in `sync`."""
        if _sync_file_range is not None:
            _sync_file_range(descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)

    def sync(self, descriptor: int) -> None:
        """Make the file's bytes and size durable."""
        os.fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Move a file into place."""
        os.rename(old, new)

    def make_directory(self, path: str) -> None:
        """Make a directory for the owner only; one that exists is fine."""
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):
                raise

    def sync_directory(self, path: str) -> None:
        """Make the entries of a directory durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, path: str) -> None:
        """Remove a file; one that does not exist is fine."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
