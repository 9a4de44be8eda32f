"""What lies in a backup and says so: a file that is written last, so that a backup without it is not finished.

    backup.json      this
    index.db         the index at one instant
    bodies/STORE/    a file for each body, as the store has it
    config/          mox-trio.toml and domains.toml
    data/            server.key and the keys that sign mail, where they are below the data directory

Not in it: the master key, which opens sealed mail and is to be kept apart, and certificates.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.config.models.static import Static

NAME: Final = "backup.json"
INDEX: Final = "index.db"
BODIES: Final = "bodies"
CONFIG: Final = "config"
DATA: Final = "data"
FORMAT: Final = 1
KEPT: Final = ("server.key", "dkim")
"""Of the data directory."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Of a finished backup."""

    version: str
    """Of the program."""
    hostname: str
    started: int
    """Milliseconds since 1970 UTC, before the index was copied: everything acknowledged until then is in it."""
    finished: int
    stores: dict[str, str]
    """Kinds by name, of all that the configuration had."""
    bodies: int
    size: int
    linked: int
    left: int
    gone: list[str]
    format: int = FORMAT


def prepare(directory: Path) -> None:
    """Make the directory of a backup, or find one that was not finished. EXISTS, INVALID. Blocks."""
    if (directory / NAME).exists():
        raise Failure(Kind.EXISTS, f"{directory} holds a finished backup; name a new directory")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = {each.name for each in directory.iterdir()} - {
            INDEX,
            BODIES,
            CONFIG,
            DATA,
            f"{INDEX}-wal",
            f"{INDEX}-shm",
        }
    except OSError as error:
        raise Failure(Kind.INVALID, f"{directory} cannot be a backup: {error.strerror}") from None
    if others := {each for each in there if not each.startswith(INDEX)}:
        raise Failure(Kind.INVALID, f"{directory} is not empty ({', '.join(sorted(others)[:3])}); name a new directory")


def keep_files(directory: Path, config: Path, dynamic: str, static: Static) -> None:
    """Copy the documents, and the keys that the server made. Blocks."""
    for name in (CONFIG, DATA):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    _put(directory / CONFIG / "mox-trio.toml", config.read_bytes())
    _put(directory / CONFIG / "domains.toml", dynamic.encode())
    for name in KEPT:
        source = static.data_directory / name
        files = sorted(source.iterdir()) if source.is_dir() else [source] if source.exists() else []
        for each in files:
            target = directory / DATA / each.relative_to(static.data_directory)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            _put(target, each.read_bytes())


def _put(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def finish(directory: Path, manifest: Manifest) -> None:
    """Say that the backup is whole. Blocks."""
    _put(directory / NAME, json.dumps(asdict(manifest), indent=2).encode() + b"\n")
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(directory: Path) -> Manifest:
    """What a backup says of itself. NOT_FOUND for what is none or is not finished, UNSUPPORTED for a newer one. Blocks."""
    try:
        facts = json.loads((directory / NAME).read_text())
        manifest = Manifest(**facts)
    except FileNotFoundError:
        raise Failure(Kind.NOT_FOUND, f"{directory} holds no finished backup") from None
    except (OSError, ValueError, TypeError) as error:
        raise Failure(Kind.INVALID, f"{directory / NAME} cannot be read", str(error)) from None
    if manifest.format != FORMAT:
        raise Failure(Kind.UNSUPPORTED, f"the backup was made by mox-trio {manifest.version}; use that or a newer one")
    return manifest


def give_back(directory: Path, static: Static, dynamic: Path | None) -> list[Path]:
    """Bring the documents and keys back where none are; the files made. `dynamic` is None where it is in the index. Blocks."""
    made = []
    pairs: list[tuple[Path, Path]] = []
    if dynamic is not None:
        pairs.append((directory / CONFIG / "domains.toml", dynamic))
    kept = directory / DATA
    pairs += [
        (each, static.data_directory / each.relative_to(kept)) for each in sorted(kept.rglob("*")) if each.is_file()
    ]
    for source, target in pairs:
        if not target.exists() and source.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o600)
            made.append(target)
    return made
