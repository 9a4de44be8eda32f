"""Files that are made and never overwritten: each is new, whole and durable, and all are taken away when a later step fails.

What is there already stays as it is, unless `put_aside` was called for it, which gives it another name beside its own. Root
that is about to become another user calls `guard`: a shell stays root, and takes away what this process may not, also when this
process is killed.
"""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mox_trio.base.failure import Failure, Kind


@dataclass(slots=True)
class NewFiles:
    """What was made so far. Everything here blocks."""

    owner: tuple[int, int] | None = None
    """Who gets what is for the server's user, where this process is root."""
    made: list[Path] = field(default_factory=list)
    _moved: list[tuple[Path, Path]] = field(default_factory=list)
    _directories: list[Path] = field(default_factory=list)
    _given: list[Path] = field(default_factory=list)
    _guard: subprocess.Popen[bytes] | None = None

    def directory(self, path: Path, *, given: bool = False) -> None:
        """Make a directory, and those above it, unless it is there; `given` to the server's user."""
        for each in (*reversed(path.parents), path):
            if not each.exists():
                try:
                    each.mkdir(mode=0o700 if each == path and given else 0o755)
                except OSError as error:
                    raise Failure(Kind.FORBIDDEN, f"{each} cannot be made: {error.strerror}; see --dir") from None
                self._directories.append(each)
                if given and each == path:
                    self._given.append(each)
                    if self.owner is not None:
                        os.chown(each, *self.owner)

    def write(self, path: Path, content: str | bytes, mode: int = 0o644, *, given: bool = False) -> None:
        """Make a file; EXISTS where there is one, FORBIDDEN where none can be made."""
        data = content.encode() if isinstance(content, str) else content
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise Failure(Kind.EXISTS, f"{path} is there already and is not overwritten") from None
        except OSError as error:
            raise Failure(Kind.FORBIDDEN, f"{path} cannot be made: {error.strerror}; see --dir") from None
        self.made.append(path)
        with open(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, mode)
            if given and self.owner is not None:
                os.fchown(descriptor, *self.owner)
            file.flush()
            os.fsync(descriptor)

    def put_aside(self, paths: Iterable[Path]) -> list[Path]:
        """Give files that are there names of this second; the new names."""
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime())
        aside = []
        for path in paths:
            if path.exists():
                other = path.with_name(f"{path.name}.before-{stamp}")
                path.rename(other)
                self._moved.append((path, other))
                aside.append(other)
        return aside

    def guard(self) -> None:
        """Have a shell with the rights that this process has now take everything back, unless `keep` is called."""
        lines = ['read -r answer; [ "$answer" = keep ] && exit']
        lines += [f"rm -f -- {_quoted(path)}" for path in reversed(self.made)]
        lines += [f"[ -e {_quoted(path)} ] || mv -- {_quoted(other)} {_quoted(path)}" for path, other in self._moved]
        lines += [f"rm -rf -- {_quoted(path)}" for path in self._given]
        lines += [f"rmdir -- {_quoted(path)}" for path in reversed(self._directories)]
        # In a session of its own, so that Ctrl-C at the terminal ends this process alone.
        self._guard = subprocess.Popen(  # noqa: S603 - a path is one quoted word
            ["/bin/sh", "-c", "\n".join(lines)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def keep(self) -> None:
        """It went well: what was made stays."""
        self._end_guard(b"keep\n")

    def _end_guard(self, answer: bytes) -> None:
        if self._guard is not None:
            self._guard.communicate(answer)
            self._guard = None

    def take_back(self) -> list[Path]:
        """Take away what was made, with all that came into directories given, and put back what was put aside.

        What could not be taken away is returned.
        """
        self._end_guard(b"")
        left = [path for path in reversed(self.made) if not _removed(path)]
        for path, other in self._moved:
            if other.exists() and not path.exists():
                other.rename(path)
        for directory in self._given:
            shutil.rmtree(directory, ignore_errors=True)
        for directory in reversed(self._directories):
            try:
                directory.rmdir()
            except OSError:
                continue  # something else is in it
        self.made.clear()
        return left


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _removed(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
