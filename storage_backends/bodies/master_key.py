"""Master keys: the few secrets outside of the store that open all others.

A master key is 32 random bytes, written as 64 hexadecimal digits (white space around is fine). It comes from a file that
only its owner may read, from an environment variable, or from the output of a command (a password manager, a cloud's key
service); it is never an argument of a process. All functions here block and raise Refused, whose text says what to do and
never holds a key.
"""

import hashlib
import os
import secrets
import stat
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from storage_backends import errors

SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key and its identifier of 8 bytes, which stands in all that it wraps and tells nothing about it."""

    key: bytes = field(repr=False)
    id: bytes = field(init=False)

    def __post_init__(self) -> None:
        if len(self.key) != SIZE:
            raise errors.Refused(f"a master key has {SIZE} bytes")
        object.__setattr__(self, "id", hashlib.sha256(b"mox-trio master key id\0" + self.key).digest()[:8])


def new() -> MasterKey:
    """A key that nobody had before."""
    return MasterKey(secrets.token_bytes(SIZE))


def create_file(path: Path) -> MasterKey:
    """Make a new key in a new file of mode 0600, durably. Refused when the file exists or cannot be written."""
    key = new()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with ExitStack() as undo, os.fdopen(descriptor, "w") as file:
            undo.callback(path.unlink)
            file.write(key.key.hex() + "\n")
            file.flush()
            os.fsync(descriptor)
            undo.pop_all()
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise errors.Refused(f"master key file {path} cannot be made: {error.strerror}") from error
    return key


def from_file(path: Path) -> MasterKey:
    """Read a key from a file that nobody but its owner can read."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1000)
    except OSError as error:
        raise errors.Refused(f"master key file {path} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise errors.Refused(f"master key file {path} can be read by others: chmod 600 {path}")
    return _parse(text, f"master key file {path}")


def from_environment(name: str, environment: Mapping[str, str] = os.environ) -> MasterKey:
    """Read a key from an environment variable."""
    text = environment.get(name)
    if text is None:
        raise errors.Refused(f"environment variable {name}, which shall hold the master key, is not set")
    return _parse(text.encode(), f"environment variable {name}")


def from_command(command: Sequence[str], seconds: float = 30) -> MasterKey:
    """Read a key from the standard output of a command, which has `seconds` to answer."""
    name = f"master key command {command[0]}"
    try:
        result = subprocess.run(  # noqa: S603 - the administrator's own command, without a shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise errors.Refused(f"{name} did not answer within {seconds:g} s") from None
    except OSError as error:
        raise errors.Refused(f"{name} cannot be run: {error.strerror}") from error
    if result.returncode != 0:
        raise errors.Refused(f"{name} failed with status {result.returncode}")
    return _parse(result.stdout, name)


def _parse(text: bytes, where: str) -> MasterKey:
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != SIZE:
        raise errors.Refused(f"{where} does not hold a key of {SIZE * 2} hexadecimal digits") from None
    return MasterKey(key)
