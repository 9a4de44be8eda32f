"""Files that show a word, found by another process: in this one, closing SQLite's files would drop its locks.

    python -m tests.kit.shown WORD DIRECTORY PROCESS

Looks at the names and contents of what is below the directory and at the files that the process holds open, also those
without a name. Prints a JSON list of where the word is.
"""

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import trio

ROOT = Path(__file__).parents[2]


async def of(word: str, directory: Path) -> list[str]:
    """Where the word is, in either case; files of this process that have no name end with "(deleted)"."""
    command = [sys.executable, "-m", "tests.kit.shown", word, str(directory), str(os.getpid())]
    done = await trio.run_process(command, capture_stdout=True, cwd=ROOT)
    found: list[str] = json.loads(done.stdout)
    return found


def _below(directory: Path) -> Iterator[tuple[str, Path]]:
    for path in directory.rglob("*"):
        yield str(path.relative_to(directory)), path


def _open_files(process: int) -> Iterator[tuple[str, Path]]:
    for path in Path(f"/proc/{process}/fd").iterdir():
        if path.exists():
            yield str(path.readlink()), path


def _shows(word: bytes, name: str, path: Path) -> bool:
    try:
        return word in name.lower().encode() or (
            stat.S_ISREG(path.stat().st_mode) and word in path.read_bytes().lower()
        )
    except FileNotFoundError:  # it went meanwhile
        return False


def main(word: str, directory: str, process: str) -> None:
    """What the other process does."""
    places = [*_below(Path(directory)), *_open_files(int(process))]
    found = [name for name, path in places if _shows(word.encode(), name, path)]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
