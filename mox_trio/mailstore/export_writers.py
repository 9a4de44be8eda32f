"""The messages of one mailbox as files of a target: a maildir or an mbox file. All of it blocks: call it in a thread."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mox_trio.mailstore import folder_names, line_ends, maildir, mbox
from mox_trio.mailstore.export_targets import Sink, Target
from mox_trio.mailstore.scratch import Scratch
from storage_backends.index.tables.messages import MessageRow


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message on its way out, in memory or in a temporary file."""

    row: MessageRow
    flags: tuple[str, ...]
    data: bytes
    scratch: Scratch | None

    def blocks(self) -> Iterator[bytes]:
        """Its bytes."""
        if self.scratch is not None:
            return self.scratch.blocks()
        return iter((self.data,) if self.data else ())


class Writer(Protocol):
    """Writes one mailbox."""

    def begin(self) -> None:
        """Make what an empty mailbox is."""

    def has(self, row: MessageRow) -> bool:
        """Whether an earlier run wrote this message."""

    def write(self, fetched: Sequence[Fetched]) -> list[tuple[str, str]]:
        """Write messages; what of them could not be written, and why."""

    def end(self) -> None:
        """The mailbox is whole."""


class Maildir:
    """A maildir with its keywords file, which comes first."""

    def __init__(self, target: Target, levels: tuple[str, ...], used: Iterable[str]) -> None:
        """`used` are the names of all flags and keywords in the mailbox."""
        self._target = target
        self._levels = levels
        self._used = list(used)
        self._table: dict[str, str] = {}
        self._written: set[str] = set()

    def begin(self) -> None:
        for name in ("cur", "new", "tmp"):
            self._target.folder((*self._levels, name))
        self._written = {maildir.parse(name).unique for name in self._target.names((*self._levels, "cur"))}
        path = (*self._levels, maildir.KEYWORDS_FILE)
        before = maildir.parse_keywords(self._target.read(path))
        self._table = maildir.letter_table(self._used, before)
        if self._table != before:
            self._target.remove(path)
            sink = self._target.open(path, 0)
            sink.write(maildir.format_keywords(self._table))
            sink.close()

    def has(self, row: MessageRow) -> bool:
        return maildir.parse(maildir.file_name(row.received, row.uid, "")).unique in self._written

    def write(self, fetched: Sequence[Fetched]) -> list[tuple[str, str]]:
        problems: list[tuple[str, str]] = []
        for each in fetched:
            letters, left_out = maildir.letters(each.flags, self._table)
            name = maildir.file_name(each.row.received, each.row.uid, letters)
            sink = self._target.open((*self._levels, "cur", name), each.row.received)
            for block in line_ends.lf(each.blocks()):
                sink.write(block)
            sink.close()
            if left_out:
                problems.append(
                    (f"UID {each.row.uid}", f"written without {' '.join(left_out)}: a maildir has 26 keywords")
                )
        return problems

    def end(self) -> None:
        """Each message is whole by itself."""


class Mbox:
    """An mbox file; one that an earlier run finished is left as it is."""

    def __init__(self, target: Target, levels: tuple[str, ...], now: int) -> None:
        self._target = target
        self._path = (*levels[:-1], levels[-1] + folder_names.MBOX)
        self._now = now
        self._sink: Sink | None = None

    def begin(self) -> None:
        if self._path[-1] not in self._target.names(self._path[:-1]):
            self._sink = self._target.open(self._path, self._now)

    def has(self, row: MessageRow) -> bool:
        return self._sink is None

    def write(self, fetched: Sequence[Fetched]) -> list[tuple[str, str]]:
        assert self._sink is not None  # noqa: S101 - nothing is written of what is there
        for each in fetched:
            for block in mbox.write(each.row.received, each.flags, each.blocks()):
                self._sink.write(block)
        return []

    def end(self) -> None:
        if self._sink is not None:
            self._sink.close()
