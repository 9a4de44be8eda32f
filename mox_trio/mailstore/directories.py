"""A directory with maildirs and mbox files, in all the ways in which they lie in each other. See `members`.

A directory that holds `cur` or `new` is a maildir: its keywords file comes first, then its messages in the order of
their arrival, as their names say; then files, then directories, by name. The order stays the same when a message gets
other flags or goes from `new` to `cur`, so that an import can go on where it stopped. Links are not followed. The
names in one directory are held in memory.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from mox_trio.mailstore import maildir
from mox_trio.mailstore.members import Folder, Key, Member, Trouble, blocks, reason

_MESSAGES: Final = ("cur", "new")
_DEEPEST: Final = 64


class Directory:
    """All that lies below a directory."""

    alone: bool = False
    ordered: bool = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self.done = 0

    def total(self) -> int:
        """Bytes of all files."""
        size = 0
        waiting = [str(self._path)]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        elif entry.is_file(follow_symlinks=False):
                            size += entry.stat(follow_symlinks=False).st_size
            except OSError:
                continue  # `members` tells of it
        return size

    def members(self) -> Iterator[Member | Folder | Trouble]:
        """All files, directory by directory."""
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            levels = waiting.pop()
            files, directories, troubles = self._listed(levels)
            yield from troubles
            if any(name in directories for name in _MESSAGES):
                yield Folder(levels)
                if maildir.KEYWORDS_FILE in files:
                    yield self._member((levels, -1), levels, maildir.KEYWORDS_FILE)
                yield from self._messages(levels, [name for name in _MESSAGES if name in directories])
                directories = [name for name in directories if name not in (*_MESSAGES, "tmp")]
            yield from (
                self._member((levels, 1, name), levels, name) for name in files if name != maildir.KEYWORDS_FILE
            )
            if len(levels) < _DEEPEST:
                waiting.extend((*levels, name) for name in reversed(directories))

    def _listed(self, levels: tuple[str, ...]) -> tuple[list[str], list[str], list[Trouble]]:
        """Names of files, of directories, and what cannot be read in one directory."""
        files: list[str] = []
        directories: list[str] = []
        troubles: list[Trouble] = []
        try:
            with os.scandir(self._path.joinpath(*levels)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        directories.append(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(entry.name)
                    else:
                        troubles.append(
                            Trouble("/".join((*levels, entry.name)), "it is neither a file nor a directory")
                        )
        except OSError as error:
            troubles.append(Trouble("/".join(levels) or self._path.name, reason(error)))
        return sorted(files), sorted(directories), troubles

    def _messages(self, levels: tuple[str, ...], places: list[str]) -> Iterator[Member | Trouble]:
        paths: list[str] = []
        for place in places:
            files, _, troubles = self._listed((*levels, place))
            yield from troubles
            paths += [f"{place}/{name}" for name in files]
        paths.sort(key=lambda path: maildir.parse(path[4:]).order)
        for path in paths:
            place, _, name = path.partition("/")
            yield self._member((levels, 0, *maildir.parse(name).order), (*levels, place), name)

    def _member(self, key: Key, above: tuple[str, ...], name: str) -> Member | Trouble:
        path = self._path.joinpath(*above, name)
        try:
            status = path.stat(follow_symlinks=False)
        except OSError as error:
            return Trouble("/".join((*above, name)), reason(error))
        return Member(key, (*above, name), status.st_size, status.st_mtime_ns // 1_000_000, self._opener(path))

    def _opener(self, path: Path) -> Callable[[int], AbstractContextManager[Iterator[bytes]]]:
        @contextmanager
        def opened(offset: int) -> Iterator[Iterator[bytes]]:
            with path.open("rb", buffering=0) as file:
                file.seek(offset)
                yield self._counted(blocks(file))

        return opened

    def _counted(self, read: Iterator[bytes]) -> Iterator[bytes]:
        for block in read:
            self.done += len(block)
            yield block
