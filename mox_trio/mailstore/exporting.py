"""Export mail: an account, a mailbox with or without those below it, or chosen messages, as maildirs or mbox files.

A message is fetched whole, in memory or in a temporary file, before any of it is written, so what cannot be read is
left out whole, noted in `errors.txt`, and the export goes on. What was exported comes back the same by an import:
bytes, flags, keywords, times (mbox: to the second) and mailboxes; `mbox`, `maildir` and `folder_names` name the few
exceptions. What ends an export: no room in the target, a store that is away. A directory that was cut off can be gone
on with; an archive or a single file begins anew and shows under its name only when it is whole.
"""

import enum
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final, TypeVar, cast

import trio

from mox_trio.base import text
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import export_targets, folder_names, keywords, mailboxes, reading
from mox_trio.mailstore.export_outlet import Outlet
from mox_trio.mailstore.export_targets import Target
from mox_trio.mailstore.export_writers import Fetched, Maildir, Mbox, Writer
from mox_trio.mailstore.progress import Listener, Progress
from mox_trio.mailstore.scratch import Scratch
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.mailstore.together import together
from storage_backends.errors import Corrupt
from storage_backends.index.tables import messages, placing
from storage_backends.index.tables.mailboxes import MailboxRow
from storage_backends.index.tables.messages import EVERYTHING, MessageRow, Ranges

T = TypeVar("T")

SMALL: Final = 256 * 1024
"""Messages up to this size in bytes are kept in memory."""
RUN_BYTES: Final = 1024 * 1024
RUN_MESSAGES: Final = 64
"""What is fetched before it is written."""
FETCHES: Final = 8
"""Messages fetched side by side."""
NOTED: Final = 1000


class Format(enum.Enum):
    """How messages are written."""

    MAILDIR = "maildir"
    MBOX = "mbox"


class Container(enum.Enum):
    """What they are written into."""

    DIRECTORY = "directory"
    TAR = "tar"
    TGZ = "tgz"
    ZIP = "zip"
    FILE = "file"
    """One mbox file with one mailbox."""


_ENDINGS: Final = (
    (".tar", Container.TAR),
    (".tgz", Container.TGZ),
    (".tar.gz", Container.TGZ),
    (".zip", Container.ZIP),
    (".mbox", Container.FILE),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What is exported, and how."""

    format: Format = Format.MAILDIR
    container: Container | None = None
    """None: as the target's name says."""
    mailbox: str | None = None
    """None: all of the account."""
    recursive: bool = False
    """The mailboxes below it too."""
    ranges: Ranges = EVERYTHING
    """UIDs, of each mailbox."""
    resume: bool = False
    """Go on with a directory that an export was cut off in."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an export did."""

    messages: int
    size: int
    """Bytes of these messages."""
    before: int
    """Messages that were there from an export that was cut off."""
    mailboxes: int
    errors: tuple[tuple[str, str], ...]
    """Messages or mailboxes and reasons, of what was not exported or not in full; at most `NOTED`."""
    errors_total: int


def container_of(target: Path, options: Options) -> Container:
    """What is written into, as the options or the target's name say. INVALID: one file for several mailboxes."""
    found = options.container
    if found is None:
        named = (each for ending, each in _ENDINGS if target.name.lower().endswith(ending))
        found = next(named, Container.DIRECTORY)
    if found is Container.FILE and (options.format is not Format.MBOX or options.mailbox is None or options.recursive):
        raise Failure(Kind.INVALID, "one file takes one mailbox as mbox; choose a directory, .tar, .tgz or .zip")
    return found


async def run(
    store: MailStore,
    account: Account,
    target: Path,
    options: Options = Options(),
    progress: Listener | None = None,
) -> Report:
    """Export to `target`. EXISTS, INVALID, NOT_FOUND (mailbox), UNAVAILABLE (no room); errors of the stores."""
    chosen = await _chosen(store, account, options)
    opened = await _in_thread(store, partial(_open, store, target, options))
    job = _Export(store, account, opened, options, progress, sum(each.size for each in chosen))
    try:
        for mailbox in chosen:
            await job.export(mailbox)
        await job.finish()
    except BaseException:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(opened.discard)
        raise
    return job.report(len(chosen))


async def streamed(
    store: MailStore, account: Account, name: str, options: Options = Options()
) -> AsyncGenerator[bytes, None]:
    """The bytes of an archive of this name, as they come to be: no faster than they are taken, and nothing of it on the disk
    but large messages in temporary files. NOT_FOUND (mailbox), INVALID (the options do not say which kind of archive).
    """
    chosen = await _chosen(store, account, options)
    out = Outlet(store.scratch)
    raw = cast("IO[bytes]", out)
    target: Target
    if options.container is Container.ZIP:
        target = export_targets.Zip(Path(name), raw)
    elif options.container in (Container.TAR, Container.TGZ):
        compressed = options.container is Container.TGZ
        target = export_targets.Tar(Path(name), store.scratch, compressed=compressed, raw=raw)
    else:
        raise Failure(Kind.INVALID, "an export is a tar, tgz or zip file")
    job = _Export(store, account, target, options, None, sum(each.size for each in chosen))
    try:
        for mailbox in chosen:
            async with aclosing(job.steps(mailbox)) as steps:
                async for _ in steps:
                    async for block in out.taken(store.spooling):
                        yield block
        await job.finish()
        async for block in out.taken(store.spooling):
            yield block
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(target.discard)


async def _chosen(store: MailStore, account: Account, options: Options) -> list[MailboxRow]:
    if options.mailbox is None:
        return await mailboxes.listed(store, account)
    row = await mailboxes.get(store, account, options.mailbox)
    below = row.name + mailboxes.DELIMITER
    if not options.recursive:
        return [row]
    return [each for each in await mailboxes.listed(store, account) if each.id == row.id or each.name.startswith(below)]


def _open(store: MailStore, target: Path, options: Options) -> Target:
    container = container_of(target, options)
    if container is Container.DIRECTORY:
        if target.exists() and not target.is_dir():
            raise export_targets.refuse(target)
        return export_targets.Directory(target, resume=options.resume)
    if container is Container.FILE:
        return export_targets.File(target)
    if container is Container.ZIP:
        return export_targets.Zip(target)
    return export_targets.Tar(target, store.scratch, compressed=container is Container.TGZ)


class _Export:
    """One export and what it has done so far."""

    def __init__(
        self,
        store: MailStore,
        account: Account,
        target: Target,
        options: Options,
        progress: Listener | None,
        total: int,
    ) -> None:
        self._store = store
        self._account = account
        self._target = target
        self._options = options
        self._progress = progress
        self._total = total
        self._messages = self._size = self._before = self._done = 0
        self._errors: list[tuple[str, str]] = []
        self._errors_total = 0

    async def export(self, mailbox: MailboxRow) -> None:
        """Export one mailbox."""
        async with aclosing(self.steps(mailbox)) as steps:
            async for _ in steps:
                pass

    async def steps(self, mailbox: MailboxRow) -> AsyncGenerator[None, None]:
        """The same, a few messages at a time."""
        levels = folder_names.path(mailbox.name)
        if (name := "/".join(folder_names.levels_of_folder(levels))) != mailbox.name:
            self._note(mailbox.name, f"its name is too long for a file; it is called {name}")
        table = await self._store.index.read(partial(keywords.table, account=self._account.id))
        if self._options.format is Format.MAILDIR:
            writer: Writer = Maildir(self._target, levels, await self._used(mailbox, table))
        else:
            writer = Mbox(self._target, levels, self._store.now())
        await _in_thread(self._store, writer.begin)
        async with aclosing(self._runs(mailbox, writer)) as runs:
            async for run in runs:
                await self._write(mailbox, table, writer, run)
                yield
        await _in_thread(self._store, writer.end)

    async def _write(
        self, mailbox: MailboxRow, table: dict[int, str], writer: Writer, run: Sequence[MessageRow]
    ) -> None:
        async with AsyncExitStack() as stack:
            fetch = [partial(self._fetch, mailbox, row, table, stack) for row in run]
            fetched = [each for each in await together(fetch, FETCHES) if each is not None]
            for name, problem in await _in_thread(self._store, partial(writer.write, fetched)):
                self._note(f"{mailbox.name} {name}", problem)
        self._messages += len(fetched)
        self._size += sum(each.row.size for each in fetched)
        await self._tell(sum(each.size for each in run))

    async def _used(self, mailbox: MailboxRow, table: dict[int, str]) -> list[str]:
        """Names of flags and keywords that messages of the mailbox have."""
        flag_bits = keyword_bits = 0
        for _, flags, keyword, _ in await reading.flags(self._store, mailbox.id):
            flag_bits |= flags
            keyword_bits |= keyword
        return keywords.names(flag_bits, keyword_bits, table)

    async def _runs(self, mailbox: MailboxRow, writer: Writer) -> AsyncGenerator[list[MessageRow], None]:
        """The messages to be exported, as many at once as may be in memory."""
        uids = await self._store.index.read(partial(placing.uids, mailbox_id=mailbox.id, ranges=self._options.ranges))
        for start in range(0, len(uids), reading.PAGE):
            page = messages.ranges_of(uids[start : start + reading.PAGE])
            run: list[MessageRow] = []
            for row in await reading.rows(self._store, mailbox.id, page):
                if writer.has(row):
                    self._before += 1
                    await self._tell(row.size)
                    continue
                if run and (len(run) >= RUN_MESSAGES or sum(each.size for each in run) + row.size > RUN_BYTES):
                    yield run
                    run = []
                run.append(row)
            if run:
                yield run

    async def _fetch(
        self, mailbox: MailboxRow, row: MessageRow, table: dict[int, str], stack: AsyncExitStack
    ) -> Fetched | None:
        flags = tuple(keywords.names(row.flags, row.keywords, table))
        scratch: Scratch | None = None
        held: list[bytes] = []
        try:
            async with reading.open_mail(self._store, self._account, row.email_id) as blocks:
                async for block in blocks:
                    if row.size <= SMALL:
                        held.append(block)
                        continue
                    if scratch is None:
                        scratch = await _in_thread(self._store, self._store.scratch)
                        stack.push_async_callback(partial(_close, scratch))
                    await _in_thread(self._store, partial(scratch.append, block))
        except (Failure, Corrupt) as error:
            if isinstance(error, Failure) and error.kind not in (Kind.NOT_FOUND, Kind.CORRUPT):
                raise
            self._note(f"{mailbox.name} UID {row.uid}", str(error))
            return None
        return Fetched(row, flags, b"".join(held), scratch)

    async def _tell(self, size: int) -> None:
        self._done += size
        if self._progress is not None:
            await self._progress(Progress(self._messages, self._size, self._done, self._total))

    def _note(self, name: str, reason: str) -> None:
        self._errors_total += 1
        if len(self._errors) < NOTED:
            self._errors.append((name, reason))

    async def finish(self) -> None:
        """Write what went wrong, and let the target be whole."""
        lines = [text.without_controls(f"{name}: {reason}") for name, reason in self._errors]
        if self._errors_total > len(lines):
            lines.append(f"and {self._errors_total - len(lines)} more")
        await _in_thread(self._store, partial(_finish, self._target, lines, self._store.now()))

    def report(self, mailboxes: int) -> Report:
        """What was done."""
        return Report(
            messages=self._messages,
            size=self._size,
            before=self._before,
            mailboxes=mailboxes,
            errors=tuple(self._errors),
            errors_total=self._errors_total,
        )


def _finish(target: Target, lines: Sequence[str], now: int) -> None:
    if lines:
        numbers = (f".{number}" if number else "" for number in range(NOTED))
        existing = target.names(())
        name = next(each for each in (f"errors{number}.txt" for number in numbers) if each not in existing)
        sink = target.open((name,), now)
        sink.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
        sink.close()
    target.finish()


async def _close(scratch: Scratch) -> None:
    with trio.CancelScope(shield=True):
        await trio.to_thread.run_sync(scratch.close)


async def _in_thread(store: MailStore, work: Callable[[], T]) -> T:
    try:
        return await trio.to_thread.run_sync(work, limiter=store.spooling)
    except OSError as error:
        raise Failure(Kind.UNAVAILABLE, f"the target cannot be written: {error.strerror}", str(error)) from error
