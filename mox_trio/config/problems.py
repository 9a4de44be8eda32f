"""What is wrong with a configuration: every problem with its file, line, key and what to do. No value is ever repeated."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")

KeyPath = tuple[str | int, ...]
"""The way to a value: names of tables and keys, and numbers of array items from 0."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    file: str
    """The file, or the name of the source the document came from."""
    line: int
    """From 1; 0 when it is about the whole document."""
    column: int
    """In characters from 1; 0 when it is about the whole document."""
    key: str
    """The key in TOML's dotted form; empty when it is about the whole document."""
    message: str
    """What is wrong."""
    advice: str
    """What to do."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.message) if part) + f"; {self.advice}"


class ConfigErrors(Exception):
    """A configuration cannot be used; `problems` are all that were found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before its place in the text is known."""

    key: KeyPath
    message: str
    advice: str


def dotted(path: KeyPath) -> str:
    """Write a key path as TOML does: `domains."example.org".routes[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + quoted_if_needed(part)
    return text


def quoted_if_needed(key: str) -> str:
    """Write one key of TOML: bare if it can be, else as a basic string."""
    if _BARE.fullmatch(key):
        return key
    escapes = {'"': '\\"', "\\": "\\\\"}
    written = (escapes.get(each) or (each if each.isprintable() else f"\\U{ord(each):08X}") for each in key)
    return '"' + "".join(written) + '"'
