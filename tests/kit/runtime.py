"""What the program needs to run, without what tests need: copied to a place that another user can read."""

import shutil
import subprocess
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from mox_trio.app import privileges

ROOT: Final = Path(__file__).parents[2]
USER: Final = "nobody"
"""Another user, who can do little."""
PACKAGES: Final = ("mox_trio", "storage_backends", "webui")


def copy(target: Path) -> None:
    """Copy the packages and all that they depend on."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package)
    for each in needed("mox-trio"):
        for file in each.files or ():
            source = Path(str(each.locate_file(file)))
            if ".." not in file.parts and source.is_file():
                (target / file.parent).mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target / file)  # with its time, by which what was compiled is known to be of it


def needed(name: str) -> list[Distribution]:
    """The installed distributions that one depends on, itself not among them."""
    found: dict[str, Distribution] = {}
    waiting = [(name, frozenset({""}))]
    while waiting:
        current, extras = waiting.pop()
        for text in distribution(current).requires or ():
            wanted = Requirement(text)
            applies = wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras)
            if applies and (wanted.name not in found or wanted.extras):
                found[wanted.name] = distribution(wanted.name)
                waiting.append((wanted.name, frozenset({"", *wanted.extras})))
    return list(found.values())


def reads(command: list[str]) -> bool:
    """Whether the user can run the program with this Python."""
    test = [*command, "-c", "import trio, sqlalchemy, pydantic_core, mox_trio"]
    group = privileges.lookup(USER).gid
    return subprocess.run(test, user=USER, group=group, cwd="/", capture_output=True, check=False).returncode == 0
