"""What a power cut would leave of the files of a body store, told from a record of its file system calls.

`Recorder` does the real calls and notes each. `lost(record)` replays the notes on a model of the cruellest disk: bytes
survive when their file was synced, the name of a file or directory when its directory was synced after it appeared, and
nothing else survives. It gives every body that was acknowledged and would be gone, or would be there in part.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from storage_backends.bodies import files


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `data` is what was written, or what was acknowledged; `target` is where a rename goes."""

    name: str
    path: str
    data: bytes = b""
    target: str = ""

    @property
    def is_sync(self) -> bool:
        return self.name in ("sync", "sync_directory")


class Recorder(files.Files):
    """The real calls, noted in `record` in their order."""

    def __init__(self) -> None:
        self.record: list[Call] = []
        self._paths: dict[int, str] = {}

    def syncs(self) -> int:
        """How many syncs there were."""
        return sum(call.is_sync for call in self.record)

    def acknowledge(self, path: str, data: bytes) -> None:
        """Note that from now on a body must survive."""
        self.record.append(Call("acknowledge", path, data))

    def create(self, path: str) -> int:
        descriptor = super().create(path)
        self._paths[descriptor] = path
        self.record.append(Call("create", path))
        return descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        super().write(descriptor, data)
        self.record.append(Call("write", self._paths[descriptor], data))

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self.record.append(Call("sync", self._paths[descriptor]))

    def rename(self, old: str, new: str) -> None:
        super().rename(old, new)
        self.record.append(Call("rename", old, target=new))

    def make_directory(self, path: str) -> None:
        super().make_directory(path)
        self.record.append(Call("make_directory", path))

    def sync_directory(self, path: str) -> None:
        super().sync_directory(path)
        self.record.append(Call("sync_directory", path))

    def unlink(self, path: str) -> None:
        super().unlink(path)
        self.record.append(Call("unlink", path))


@dataclass(slots=True)
class File:
    """A file's bytes as programs see them, and those that survive."""

    seen: bytes = b""
    safe: bytes | None = None


@dataclass(slots=True)
class Directory:
    """A directory's entries as programs see them, and those that survive."""

    seen: dict[str, "File | Directory"] = field(default_factory=dict)
    safe: dict[str, "File | Directory"] = field(default_factory=dict)


class Disk:
    """The cruellest disk. `top` is there from the beginning; paths are absolute and below it."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._root = Directory()
        self.missing: list[str] = []

    def replay(self, record: Sequence[Call]) -> None:
        """Replay calls; adds to `missing` what an acknowledgement lacks."""
        steps = {
            "create": lambda call: self._enter(call.path, File()),
            "make_directory": lambda call: self._enter(call.path, Directory()),
            "unlink": lambda call: self._parent(call.path).seen.pop(os.path.basename(call.path), None),
            "write": self._write,
            "sync": self._sync,
            "rename": self._rename,
            "sync_directory": self._sync_directory,
            "acknowledge": self._acknowledge,
        }
        for call in record:
            steps[call.name](call)

    def _enter(self, path: str, new: File | Directory) -> None:
        self._parent(path).seen.setdefault(os.path.basename(path), new)

    def _write(self, call: Call) -> None:
        self._file(call.path).seen += call.data

    def _sync(self, call: Call) -> None:
        file = self._file(call.path)
        file.safe = file.seen

    def _rename(self, call: Call) -> None:
        file = self._parent(call.path).seen.pop(os.path.basename(call.path))
        assert isinstance(file, File)
        if file.safe != file.seen:
            self.missing.append(f"{call.target} has its name before its bytes")
        self._parent(call.target).seen[os.path.basename(call.target)] = file

    def _sync_directory(self, call: Call) -> None:
        if call.path == self._top or call.path.startswith(self._top + "/"):
            directory = self._parent(call.path + "/.")
            directory.safe = dict(directory.seen)

    def _acknowledge(self, call: Call) -> None:
        here: File | Directory | None = self._root
        for name in self._names(call.path):
            here = here.safe.get(name) if isinstance(here, Directory) else None
        if not isinstance(here, File) or here.safe != call.data:
            self.missing.append(call.path)

    def _names(self, path: str) -> list[str]:
        return [name for name in path.removeprefix(self._top).split("/") if name]

    def _parent(self, path: str) -> Directory:
        here = self._root
        for name in self._names(os.path.dirname(path)):
            inside = here.seen.setdefault(name, Directory())  # made by calls that no acknowledgement needs
            assert isinstance(inside, Directory)
            here = inside
        return here

    def _file(self, path: str) -> File:
        file = self._parent(path).seen[os.path.basename(path)]
        assert isinstance(file, File)
        return file


def lost(top: str, record: Sequence[Call]) -> list[str]:
    """What a power cut at some acknowledgement would cost; empty when every promise holds."""
    disk = Disk(top)
    disk.replay(record)
    return disk.missing
