"""Names in maildirs: of messages, with their time and flags, and the file that says which letters are which keywords.

A message is one file in `cur` or `new`, named `<seconds>.<anything unique>:2,<flags>`; files in `tmp` are unfinished.
Letters DFPRST are flags, a to z are keywords as Dovecot's file `dovecot-keywords` says, line by line `<number> <name>`;
numbers may be missing. A letter that nothing explains is passed over. Pure functions; no name is an error.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.mailstore import keywords

KEYWORDS_FILE: Final = "dovecot-keywords"
KEYWORDS_BYTES: Final = 64 * 1024
"""Bytes of a keywords file that are read."""
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"

FLAGS: Final[Mapping[str, str]] = {
    "D": "\\Draft",
    "F": "\\Flagged",
    "P": "$Forwarded",
    "R": "\\Answered",
    "S": "\\Seen",
    "T": "\\Deleted",
}
_LETTER_OF: Final = {name: letter for letter, name in FLAGS.items()}

# A colon cannot stand in names of some file systems: programs there write ";" or "!".
_INFO: Final = re.compile(r"[:;!]2,([A-Za-z]*)\Z")
_TIME: Final = re.compile(r"(\d{9,11})\.(?:[A-Z0-9]*M(\d{1,6})(?!\d))?")
_OWN: Final = re.compile(r"(-?\d{1,12})\.M(\d{3})000Q(\d{1,10})\.mox-trio")
_INDEX: Final = re.compile(r"[0-9]{1,2}")
_NUMBER: Final = re.compile(r"Q(\d{1,10})(?!\d)")


@dataclass(frozen=True, slots=True)
class Name:
    """What the name of a message's file says."""

    unique: str
    """The name without its flags: it stays when they change."""
    letters: str
    received: int | None
    """Milliseconds since 1970 UTC."""
    number: int
    """What orders messages of the same time; 0 when the name has none."""

    @property
    def order(self) -> tuple[int, int, str]:
        """Names in this order are in the order of their arrival."""
        return (self.received or 0, self.number, self.unique)


def parse(file_name: str) -> Name:
    """What a name says; any name says something."""
    info = _INFO.search(file_name)
    unique = file_name[: info.start()] if info else file_name
    letters = info[1] if info else ""
    if own := _OWN.fullmatch(unique):
        return Name(unique, letters, int(own[1]) * 1000 + int(own[2]), int(own[3]))
    found = _TIME.match(unique)
    if found is None:
        return Name(unique, letters, None, 0)
    received = int(found[1]) * 1000 + int(found[2] or 0) // 1000
    number = _NUMBER.search(unique.partition(".")[2].partition(".")[0])
    return Name(unique, letters, received, int(number[1]) if number else 0)


def file_name(received: int, number: int, letters: str) -> str:
    """The name for a message received at a time (in milliseconds) that has this number in its mailbox, with flags."""
    seconds, milliseconds = divmod(received, 1000)
    return f"{seconds}.M{milliseconds:03}000Q{number}.mox-trio:2,{letters}"


def parse_keywords(data: bytes) -> dict[str, str]:
    """What each letter stands for, as a keywords file says; lines that make no sense are passed over."""
    found: dict[str, str] = {}
    for line in data[:KEYWORDS_BYTES].decode("utf-8", "replace").splitlines():
        number, _, name = line.strip().partition(" ")
        name = name.strip()
        known = _INDEX.fullmatch(number) is not None and int(number) < len(LETTERS)
        if known and keywords.is_keyword(name):
            found[LETTERS[int(number)]] = name
    return found


def format_keywords(table: Mapping[str, str]) -> bytes:
    """The keywords file in which letters stand for these names."""
    return "".join(f"{LETTERS.index(letter)} {table[letter]}\n" for letter in sorted(table)).encode("ascii")


def flags(letters: str, table: Mapping[str, str]) -> tuple[str, ...]:
    """The names of flags and keywords that letters stand for."""
    named = (FLAGS.get(letter) or table.get(letter) for letter in letters)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def letter_table(names: Sequence[str], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Letters for those names that are no flags of maildirs, besides the letters that are known; 26 in all."""
    table = dict(known or {})
    free = (letter for letter in LETTERS if letter not in table)
    wanted = dict.fromkeys(name for name in names if name not in _LETTER_OF and name not in table.values())
    return table | dict(zip(free, wanted, strict=False))


def letters(names: Sequence[str], table: Mapping[str, str]) -> tuple[str, list[str]]:
    """The letters of a message's flags in their order (ASCII), and the names that have none."""
    by_name = {name: letter for letter, name in table.items()} | _LETTER_OF
    found = sorted({by_name[name] for name in names if name in by_name})
    return "".join(found), [name for name in names if name not in by_name]
