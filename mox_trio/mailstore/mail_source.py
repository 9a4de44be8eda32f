"""Messages of a directory, an archive or a file, one after the other, from any position on.

What is in `cur` or `new` is a message of a maildir, what is in `tmp` is unfinished, what begins with "From " is an mbox
file; files that mail programs keep beside these are passed over, anything else is Trouble. A message comes as `Begin`,
blocks with CRLF, and `End` with the position behind it; Trouble in place of the `End` says that it could not be read to
its end and is not to be kept. Everything blocks: call it in a thread.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import archives, folder_names, line_ends, maildir, mbox
from mox_trio.mailstore.directories import Directory
from mox_trio.mailstore.members import UNREADABLE, File, Folder, Key, Limits, Member, Tree, Trouble, reason

KEYWORD_FILES: Final = 10_000
"""Keywords files that are read from an archive before its messages."""
_WHOLE: Final = -1
_PLACES: Final = ("cur", "new", "tmp")
_BESIDE: Final = re.compile(
    r"(?:dovecot.*|courier.*|maildirsize|maildirfolder|\.?subscriptions|\.uidvalidity|\.mh_sequences|\.customflags"
    r"|errors(?:\.\d+)?\.txt|.*\.msf|\.DS_Store|\._.*|thumbs\.db|msgfilterrules\.dat|popstate\.dat)",
    re.I,
)


class Position(NamedTuple):
    """How far a source was read: everything before the member `key`, and of this the bytes before `offset` (-1: all)."""

    key: Key
    offset: int

    def dump(self) -> str:
        """As ASCII text."""
        return json.dumps(self)

    @staticmethod
    def load(stored: str) -> "Position":
        """What `dump` made."""
        key, offset = json.loads(stored)
        return Position(_tuples(key), offset)


def _tuples(value: list[object]) -> Key:
    return tuple(_tuples(each) if isinstance(each, list) else each for each in value)


@dataclass(frozen=True, slots=True)
class Begin:
    """A message begins."""

    levels: tuple[str, ...]
    """Of the mailbox's name; none for the root."""
    name: str
    """What a report calls it."""
    flags: tuple[str, ...]
    received: int | None
    """Milliseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class End:
    """The message is whole."""

    position: Position


@dataclass(frozen=True, slots=True)
class Mailbox:
    """There is a mailbox, which may be empty."""

    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passed:
    """A member that an earlier reader was done with: nothing to do but to say that reading goes on."""


Event = Begin | bytes | End | Mailbox | Trouble | Passed


def open_tree(path: Path | File, limits: Limits) -> Tree:
    """Find out what a path or a file holds. NOT_FOUND, FORBIDDEN, INVALID where it holds no mail."""
    try:
        tree: Tree | None = (
            Directory(path) if isinstance(path, Path) and path.is_dir() else archives.open_file(path, limits)
        )
    except FileNotFoundError as error:
        raise Failure(Kind.NOT_FOUND, f"there is no file or directory {path.name!r}", str(error)) from error
    except OSError as error:
        raise Failure(Kind.FORBIDDEN, f"{path.name!r} cannot be read: {reason(error)}", str(error)) from error
    if tree is None:
        raise Failure(
            Kind.INVALID,
            f"{path.name!r} is not a maildir, an mbox file, a directory of these, or a tar, tgz or zip file",
        )
    return tree


class Reader:
    """The messages of one source."""

    def __init__(self, tree: Tree, after: Position | None = None, *, nameless: bool = False) -> None:
        """Begin behind `after`, or at the beginning. `nameless`: an mbox file's name is no mailbox's."""
        self._tree = tree
        self._nameless = nameless
        self._after = after
        self._keywords: dict[tuple[str, ...], dict[str, str]] = {}

    def events(self) -> Iterator[Event]:
        """All that is left."""
        if not self._tree.ordered:
            self._survey()
        for member in self._tree.members():
            if isinstance(member, Trouble):
                yield member
            elif isinstance(member, Folder):
                yield Mailbox(tuple(folder_names.levels_of_folder(member.components)))
            elif member.components[-1:] == (maildir.KEYWORDS_FILE,):
                yield from self._read_keywords(member)
            else:
                yield from self._member(member)

    def _survey(self) -> None:
        """In an archive keywords may come behind the messages that have them."""
        for member in self._tree.members():
            if (
                isinstance(member, Member)
                and member.components[-1:] == (maildir.KEYWORDS_FILE,)
                and len(self._keywords) < KEYWORD_FILES
            ):
                list(self._read_keywords(member))
        self._tree.done = 0

    def _read_keywords(self, member: Member) -> Iterator[Trouble]:
        if self._tree.ordered:
            self._keywords.clear()
        try:
            with member.open(0) as blocks:
                self._keywords[member.components[:-1]] = maildir.parse_keywords(next(blocks, b""))
        except UNREADABLE as error:
            yield Trouble(member.name, reason(error))

    def _member(self, member: Member) -> Iterator[Event]:
        offset = 0
        if self._after is not None:
            if member.key < self._after.key:
                yield Passed()
                return
            if member.key == self._after.key:
                offset = self._after.offset
        above = member.components[:-1]
        place = above[-1] if above else ""
        if offset == _WHOLE or place == "tmp":
            return
        try:
            with member.open(offset) as blocks:
                if place in _PLACES:
                    yield from self._message(member, above[:-1], blocks)
                else:
                    yield from self._mbox(member, offset, blocks)
        except UNREADABLE as error:
            yield Trouble(member.name, reason(error))

    def _message(self, member: Member, folder: tuple[str, ...], blocks: Iterator[bytes]) -> Iterator[Event]:
        name = maildir.parse(member.components[-1])
        flags = maildir.flags(name.letters, self._keywords.get(folder, {}))
        received = name.received if name.received is not None else member.modified
        yield Begin(tuple(folder_names.levels_of_folder(folder)), member.name, flags, received)
        yield from line_ends.crlf(blocks)
        yield End(Position(member.key, _WHOLE))

    def _mbox(self, member: Member, offset: int, blocks: Iterator[bytes]) -> Iterator[Event]:
        first = next(blocks, b"")
        if offset == 0 and not mbox.looks_like(first) and (first or _is_beside(member)):
            if not _is_beside(member):
                yield Trouble(member.name, "it is neither an mbox file nor a message in a maildir")
            return
        levels = () if self._nameless else tuple(folder_names.levels_of_file(member.components))
        yield Mailbox(levels)
        for piece in mbox.read(chain([first], blocks), offset):
            if isinstance(piece, bytes):
                yield piece
            elif isinstance(piece, mbox.Begin):
                yield Begin(levels, f"{member.name} at byte {piece.offset}", piece.flags, piece.received)
            elif isinstance(piece, mbox.End):
                yield End(Position(member.key, piece.offset))
            else:
                yield Trouble(member.name, f"{piece.size} bytes stand before the first message")


def _is_beside(member: Member) -> bool:
    return not member.components or _BESIDE.fullmatch(member.components[-1]) is not None
