"""How the disk store makes a group of files durable with as few syncs as it can.

`Placer.place` runs in one thread at a time and takes all puts that wait: write all temporary files, start their writeback,
sync them side by side, rename each, sync every directory once. It answers with one outcome a put:

- writing or syncing a file fails: that put is Unavailable and its temporary file is removed;
- making or syncing a directory fails: all puts into it, or into any new directory of the batch, are Unavailable and
  their files are removed;
- the source raises: that put gets the exception as it is.

All files that one batch writes for an account go to the same of its 256 directories, because each directory costs a
sync; the number moves on after `STAY` puts, so directories fill evenly and bodies of one time lie together. A directory is
used only after this process itself has synced its parent: another process may have made it a moment ago.
"""

import errno
import os
import random
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import outcome
import trio

from storage_backends import errors
from storage_backends.bodies import api, ranges
from storage_backends.bodies.files import Files

STAY: Final = 1000
"""Puts after which new bodies go to another directory."""

SYNCING: Final = 8
"""Threads that sync. Measured with 50 files where a flush takes 3 ms: 3,000 us a file in one thread, 150 us in eight."""

_WRITEBACK: Final = 8 * 1024 * 1024  # a large body's pages are sent to the disk while the rest is still coming
Waits = TypeVar("Waits")


@dataclass(frozen=True, slots=True)
class Put:
    """One put that waits; `staged` is the path of its temporary file when that is written and synced already."""

    account: int
    source: api.Source
    staged: str | None = None


@dataclass(slots=True)
class _Placing:
    """A put on its way: where its file is now, and what came of it."""

    put: Put
    middle: str
    path: str = ""
    descriptor: int = -1
    result: outcome.Outcome[str] | None = None


def unavailable(what: str, error: OSError) -> errors.Unavailable:
    """What a failed system call becomes: the name of the error, without a path."""
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return errors.Unavailable(f"body store cannot {what}: {name} ({error.strerror})")


def make_durable(files: Files, directory: str) -> None:
    """Make a directory and its parents, and make its entry survive a power cut. Raises OSError."""
    parent = os.path.dirname(directory)
    if not os.path.isdir(directory):
        if not os.path.isdir(parent):
            make_durable(files, parent)
        files.make_directory(directory)
    files.sync_directory(parent)


class Placer:
    """Writes temporary files in `scratch` and moves them below `root`; both are in one file system."""

    def __init__(self, files: Files, root: str, scratch: str) -> None:
        self._files = files
        self._root = root
        self._scratch = scratch
        self._ready: dict[int, int] = {}  # account -> bits of its directories whose entries are durable
        self._middle = random.randrange(256)  # noqa: S311 - spreads files, protects nothing
        self._left = STAY
        self._threads = ThreadPoolExecutor(SYNCING, "body-sync")

    def place(self, puts: Sequence[Put]) -> list[outcome.Outcome[str]]:
        """Make all these bodies durable; one outcome a put: its reference, or why not."""
        middle = self._next_middle(len(puts))
        placings = [_Placing(put, middle) for put in puts]
        self._each(self._stage, placings)
        if len(puts) > 1:
            self._each(self._start_writeback, placings)
        self._side_by_side(partial(self._each, self._sync), placings)
        self._make_ready(placings)
        self._each(self._move, placings)
        self._sync_directories(placings)
        return [placing.result or outcome.Value(self._ref(placing)) for placing in placings]

    def stage_large(self, source: api.Source) -> str:
        """Write and sync one body outside of a batch; return its path. Stops early when its caller is cancelled."""
        try:
            path = self._new_path()
            with ExitStack() as undo:
                descriptor = self._files.create(path)
                undo.callback(self.discard, path)
                with closing_descriptor(self._files, descriptor):
                    self._write_large(descriptor, source)
                    self._files.sync(descriptor)
                undo.pop_all()
        except OSError as error:
            raise unavailable("write", error) from error
        return path

    def close(self) -> None:
        """End the threads. Blocks."""
        self._threads.shutdown()

    def discard(self, path: str) -> None:
        """Remove a temporary file; where that fails it goes when its process has ended."""
        with suppress(OSError):
            self._files.unlink(path)

    def _each(self, step: Callable[[_Placing], None], placings: Sequence[_Placing]) -> None:
        """Take one step for all that have not failed: a failure is that of its own put."""
        for placing in placings:
            if placing.result is None:
                done = outcome.capture(step, placing)
                if isinstance(done, outcome.Error):
                    self._fail(placing, done.error)

    def _side_by_side(self, work: Callable[[list[Waits]], None], items: list[Waits]) -> None:
        """Do work that waits for the disk in several threads: syncs that meet share one flush of the disk's cache."""
        if len(items) < 3:
            work(items)
        else:
            list(self._threads.map(work, [items[first::SYNCING] for first in range(min(SYNCING, len(items)))]))

    def _fail(self, placing: _Placing, error: BaseException) -> None:
        if placing.descriptor >= 0:
            with suppress(OSError):
                self._files.close(placing.descriptor)
        if placing.path:
            self.discard(placing.path)
        placing.result = outcome.Error(unavailable("write", error) if isinstance(error, OSError) else error)

    def _stage(self, placing: _Placing) -> None:
        put = placing.put
        if put.staged is not None:
            placing.path = put.staged
            return
        path = self._new_path()
        placing.descriptor = self._files.create(path)
        placing.path = path
        written = 0
        for block in put.source.blocks():
            self._files.write(placing.descriptor, block)
            written += len(block)
        ranges.check_size(written, put.source.size)

    def _start_writeback(self, placing: _Placing) -> None:
        if placing.descriptor >= 0:
            self._files.start_writeback(placing.descriptor)

    def _sync(self, placing: _Placing) -> None:
        descriptor = placing.descriptor
        if descriptor >= 0:
            self._files.sync(descriptor)
            placing.descriptor = -1
            self._files.close(descriptor)

    def _move(self, placing: _Placing) -> None:
        target = f"{self._root}/{self._ref(placing)}"
        try:
            self._files.rename(placing.path, target)
        except FileNotFoundError:
            account = placing.put.account
            self._ready.pop(account, None)  # somebody removed the directory
            self._make_directories([account], placing.middle)
            self._files.rename(placing.path, target)
        placing.path = target

    def _sync_directories(self, placings: Sequence[_Placing]) -> None:
        directories: dict[str, list[_Placing]] = {}
        for placing in placings:
            if placing.result is None:
                directories.setdefault(os.path.dirname(placing.path), []).append(placing)

        def sync(some: list[tuple[str, list[_Placing]]]) -> None:
            for directory, inside in some:
                try:
                    self._files.sync_directory(directory)
                except OSError as error:
                    for placing in inside:
                        self._fail(placing, error)

        self._side_by_side(sync, list(directories.items()))

    def _make_ready(self, placings: Sequence[_Placing]) -> None:
        """Have all directories that this batch needs; where that fails, so do all puts that needed a new one."""
        bit = 1 << self._middle
        needing = [p for p in placings if p.result is None and not self._ready.get(p.put.account, 0) & bit]
        if needing:
            try:
                self._make_directories({placing.put.account for placing in needing}, needing[0].middle)
            except OSError as error:
                for placing in needing:
                    self._fail(placing, error)

    def _make_directories(self, accounts: Collection[int], middle: str) -> None:
        """Make `<account>/<middle>` and its entries up to the root durable, once in the life of this process."""
        new = [account for account in accounts if account not in self._ready]
        for account in new:
            self._files.make_directory(f"{self._root}/{account}")
        if new:
            self._files.sync_directory(self._root)
        for account in accounts:
            self._files.make_directory(f"{self._root}/{account}/{middle}")
            self._files.sync_directory(f"{self._root}/{account}")
            self._ready[account] = self._ready.get(account, 0) | 1 << int(middle, 16)

    def _write_large(self, descriptor: int, source: api.Source) -> None:
        written = sent = 0
        for block in source.blocks():
            trio.from_thread.check_cancelled()
            self._files.write(descriptor, block)
            written += len(block)
            if written - sent >= _WRITEBACK:
                self._files.start_writeback(descriptor)
                sent = written
        ranges.check_size(written, source.size)

    def _next_middle(self, count: int) -> str:
        self._left -= count
        if self._left < 0:
            self._left = STAY
            self._middle = (self._middle + 1) % 256
        return f"{self._middle:02x}"

    def _new_path(self) -> str:
        return f"{self._scratch}/{secrets.token_hex(16)}"

    def _ref(self, placing: _Placing) -> str:
        name = placing.path.rpartition("/")[2].partition("-")[0]
        return f"{placing.put.account}/{placing.middle}/{name}-{placing.put.source.size:x}"


@contextmanager
def closing_descriptor(files: Files, descriptor: int) -> Iterator[None]:
    """Close a descriptor in any case."""
    try:
        yield
    finally:
        files.close(descriptor)
