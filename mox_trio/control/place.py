"""Where the socket is, whatever the length of the directory's name.

A path of a Unix socket has at most 107 bytes (unix(7)), a data directory may have more: the socket is named by way of an open
descriptor of its directory.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NAME: Final = "control.sock"


@contextmanager
def short(directory: Path, name: str = NAME) -> Iterator[str]:
    """A path to the socket that is short enough, for as long as the block lasts. OSError as opening the directory."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
