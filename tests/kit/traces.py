"""System calls of a process and its threads, as strace saw them: what was written, synced, made and renamed, in order."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

CALLS: Final = "openat,write,pwrite64,pwritev,writev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,mkdir"
_LINE: Final = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")
_DESCRIPTOR: Final = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Call:
    """One call that succeeded. It is at its place in a trace by its end; `begun` is how many had ended when it began."""

    name: str
    path: str
    begun: int
    target: str = ""
    text: str = ""

    @property
    def is_sync(self) -> bool:
        return self.name in ("fsync", "fdatasync")


def of(command: Sequence[str], trace: Path) -> list[Call]:
    """Run a command to its end under strace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    subprocess.run(
        [strace, "-f", "-y", "-s", "16", "-e", f"trace={CALLS}", "-o", str(trace), *command],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    return list(_calls(trace.read_text(errors="replace").splitlines()))


def _calls(lines: Sequence[str]) -> Iterator[Call]:
    waiting: dict[str, tuple[str, int]] = {}
    ended = 0
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        thread, resumed, name, rest = match.groups()
        if name is not None and rest.endswith("<unfinished ...>"):
            waiting[thread] = (rest.removesuffix("<unfinished ...>"), ended)
            continue
        begun = ended
        if resumed is not None:
            start, begun = waiting.pop(thread)
            name, rest = resumed, start + rest
        call = _call(name, rest, begun)
        if call is not None:
            ended += 1
            yield call


def _call(name: str, rest: str, begun: int) -> Call | None:
    arguments, _, result = rest.rpartition(" = ")
    if result.startswith("-1"):
        return None
    strings = _STRING.findall(arguments)
    if name == "openat":
        return Call("create", os.path.abspath(strings[0]), begun) if "O_CREAT" in arguments else None
    if name.startswith("rename"):
        return Call("rename", strings[0], begun, target=strings[1])
    if name == "mkdir":
        return Call("mkdir", strings[0], begun)
    found = _DESCRIPTOR.match(arguments)
    path = found[1] if found else ""
    if name in ("fsync", "fdatasync"):
        return Call(name, path, begun)
    return Call("write", path, begun, text=strings[0] if strings else "")
