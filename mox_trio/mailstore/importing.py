"""Import mail: a maildir, an mbox file, a directory of these, or an archive that holds them.

Three steps run side by side with little between them: a thread reads, then bodies are made durable, then rows are
inserted, one unit for each batch. The position behind a batch is written by the unit that inserts it; so an import that
was killed, cancelled or failed goes on exactly behind the last message that is in, when it is run again with the same
source and the same target. At the end the position is forgotten.

Two imports of one source into one target cannot double the mail: a batch goes in only where the position is still the
one that this import left, in the same unit. Of two that run at once one goes on, the other ends with CONFLICT.

A message that cannot be taken (too large, unreadable, in a broken part of an archive) stays where it is and is
reported. What ends an import: the quota, a store that is away, a source that cannot be opened. Bodies whose rows were
not written are removed by `upkeep`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import UNLIMITED, Quota
from mox_trio.mailstore import deliver, keywords, mail_source, mailboxes
from mox_trio.mailstore.deliver import Delivered
from mox_trio.mailstore.folder_names import Mapping
from mox_trio.mailstore.import_batches import Batch, Filler, Notes
from mox_trio.mailstore.mail_source import Event, Position, Reader
from mox_trio.mailstore.members import File, Limits, Tree
from mox_trio.mailstore.progress import Listener, Progress
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.mailstore.together import together
from storage_backends.index.api import Transaction
from storage_backends.index.tables import keywords as keyword_rows
from storage_backends.index.tables import stores

PAGE_BYTES: Final = 1024 * 1024
PAGE_EVENTS: Final = 500
"""What is read at once in a thread."""
HEAD: Final = 64 * 1024
"""Bytes at the beginning of a file by which it is known again."""

Page = list[Event]


@dataclass(frozen=True, slots=True)
class Options:
    """How mail is imported."""

    into: str = ""
    """The mailbox below which everything goes; for a single mbox file or maildir, into which it goes."""
    strip: str = ""
    """Levels that are taken off the beginning of mailboxes' names."""
    skip_duplicates: bool = False
    """Leave out what the account has already, byte for byte."""
    quota: Quota = UNLIMITED
    """What the account may hold in all."""
    restart: bool = False
    """Begin at the beginning, also where an earlier import was cut off."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did."""

    imported: int
    size: int
    """Bytes of the imported messages."""
    before: int
    """Messages that an earlier run had imported before it was cut off."""
    duplicates: int
    bad: tuple[tuple[str, str], ...]
    """Names in the source and reasons, of what was not imported or not in full; at most `import_batches.NOTED`."""
    bad_total: int
    renamed: tuple[tuple[str, str], ...]
    """Names in the source that cannot be names of mailboxes, and what they became."""


async def run(
    store: MailStore,
    account: Account,
    source: Path | File,
    options: Options = Options(),
    progress: Listener | None = None,
) -> Report:
    """Import all that `source` holds, a path or a file of another kind.

    NOT_FOUND, FORBIDDEN, INVALID (source, `into`); QUOTA; CONFLICT (another import of the same source into the same target
    runs); errors of the stores. `progress` is awaited after each batch; cancelling leaves a state from which the same call
    goes on.
    """
    if options.into:
        mailboxes.canonical(options.into)
    found: Path | File = source
    if isinstance(source, Path):
        found = await trio.to_thread.run_sync(source.resolve, limiter=store.spooling)
    opened = await trio.to_thread.run_sync(_open, found, options, limiter=store.spooling)
    job = _Import(store, account, opened, options, progress)
    reader = Reader(opened.tree, await job.begin(), nameless=opened.tree.alone and bool(options.into))
    pages_in, pages = trio.open_memory_channel[Page](1)
    batches_in, batches = trio.open_memory_channel[Batch](1)
    # The receiving ends stay open until all have stopped: what failed first is what is told.
    with pages, batches:
        try:
            await together(
                [
                    partial(_read, store, reader.events(), pages_in),
                    partial(_fill, job.filler, pages, batches_in),
                    partial(job.place_all, batches),
                ],
                3,
            )
        finally:
            with trio.CancelScope(shield=True):
                await job.filler.aclose()
    await job.end()
    return job.report()


@dataclass(frozen=True, slots=True)
class _Opened:
    tree: Tree
    identity: str
    total: int


def _open(path: Path | File, options: Options) -> _Opened:
    tree = mail_source.open_tree(path, options.limits)
    return _Opened(tree, _identity(path, options), tree.total())


def _identity(path: Path | File, options: Options) -> str:
    """What an import is known by when it is run again: the source, as far as one can see, and the target."""
    known = [str(path) if isinstance(path, Path) else path.name, options.into, options.strip]
    if isinstance(path, Path) and path.is_dir():
        status = path.stat()
        known += [str(status.st_dev), str(status.st_ino)]
    else:
        with path.open("rb") as file:
            known += [str(path.stat().st_size), blake2b(file.read(HEAD)).hexdigest()]
    return blake2b("\0".join(known).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


async def _read(store: MailStore, events: Iterator[Event], pages: trio.MemorySendChannel[Page]) -> None:
    with pages:
        # Reading changes nothing, so a cancelled import need not wait for a disk.
        while page := await trio.to_thread.run_sync(_page, events, limiter=store.spooling, abandon_on_cancel=True):
            await pages.send(page)


def _page(events: Iterator[Event]) -> Page:
    page: Page = []
    size = 0
    for event in events:
        page.append(event)
        if isinstance(event, bytes):
            size += len(event)
        if size >= PAGE_BYTES or len(page) >= PAGE_EVENTS:
            break
    return page


async def _fill(filler: Filler, pages: trio.MemoryReceiveChannel[Page], batches: trio.MemorySendChannel[Batch]) -> None:
    with batches:
        async for page in pages:
            for event in page:
                if (batch := await filler.take(event)) is not None:
                    await batches.send(batch)
        if (batch := await filler.finish()) is not None:
            await batches.send(batch)


class _Import:
    """The last step of one import, and what it has done so far."""

    def __init__(
        self,
        store: MailStore,
        account: Account,
        opened: _Opened,
        options: Options,
        progress: Listener | None,
    ) -> None:
        self._store = store
        self._account = account
        self._opened = opened
        self._terms = deliver.Terms(options.quota)
        self._progress = progress
        self._restart = options.restart
        self._place = f"import {opened.identity}"
        self._stored = b""
        self._before = 0
        self._imported = 0
        self._size = 0
        self._notes = Notes()
        mapping = Mapping(options.into, options.strip)
        self.filler = Filler(store, account, mapping, self._notes, skip_duplicates=options.skip_duplicates)

    async def begin(self) -> Position | None:
        """Enter the import, or find it as it was cut off; the position to begin behind."""
        codec, identity = self._account.codec, self._opened.identity

        def unit(tx: Transaction) -> stores.Progress:
            return stores.begin_progress(
                tx, self._account.id, identity, codec.seal(self._place, b""), self._store.now()
            )

        reached = await self._store.index.write([self._account.id], unit)
        self._stored = reached.position
        position = codec.open(self._place, reached.position)
        if self._restart or not position:
            return None
        self._before = reached.imported
        return Position.load(position.decode())

    async def end(self) -> None:
        """Forget the import: a later one begins at the beginning."""
        end = partial(stores.end_progress, account_id=self._account.id, source=self._opened.identity, last=self._stored)
        await self._store.index.write([self._account.id], end)

    async def place_all(self, batches: trio.MemoryReceiveChannel[Batch]) -> None:
        """Place batch after batch, in their order."""
        async for batch in batches:
            if await self._take(batch):
                self._imported += len(batch.prepared)
                self._size += sum(each.size for each in batch.prepared)
            self.filler.placed(batch)
            if self._progress is not None:
                await self._progress(Progress(self._imported, self._size, self._opened.tree.done, self._opened.total))

    async def _take(self, batch: Batch) -> bool:
        try:
            try:
                await self._write(batch)
            except Failure as failure:
                if failure.kind is not Kind.LIMIT:
                    raise
                await self._write(await self._with_known_keywords(batch))
        except Failure as failure:
            await deliver.discard(self._store, batch.prepared)
            if failure.kind is not Kind.LIMIT:
                raise
            for name in batch.names:
                self._notes.add(name, failure.public)
            return False
        return True

    async def _write(self, batch: Batch) -> None:
        imported = self._before + self._imported + len(batch.prepared)
        position = self._account.codec.seal(self._place, batch.position.dump().encode())
        reached = stores.Progress(position, imported)

        def note(tx: Transaction, _: Sequence[Delivered]) -> None:
            identity, now = self._opened.identity, self._store.now()
            if not stores.set_progress(tx, self._account.id, identity, self._stored, reached, now):
                raise Failure(Kind.CONFLICT, "another import of this source is running; it takes what is left")

        if batch.prepared:
            await deliver.place(self._store, self._account, batch.mailbox, batch.prepared, self._terms, [note])
        else:
            await self._store.index.write([self._account.id], lambda tx: note(tx, ()))
        self._stored = position

    async def _with_known_keywords(self, batch: Batch) -> Batch:
        """The batch without keywords that the account has no room for."""
        rows = await self._store.index.read(lambda tx: keyword_rows.listed(tx, self._account.id))
        known = {row.name.lower() for row in rows} | {name.lower() for name in keywords.FIXED}
        prepared = []
        for name, each in zip(batch.names, batch.prepared, strict=True):
            flags = tuple(flag for flag in each.incoming.flags if flag.lower() in known)
            if left_out := [flag for flag in each.incoming.flags if flag not in flags]:
                self._notes.add(name, f"imported without {' '.join(left_out)}: the account has too many keywords")
            prepared.append(replace(each, incoming=replace(each.incoming, flags=flags)))
        return replace(batch, prepared=prepared)

    def report(self) -> Report:
        """What was done."""
        return Report(
            imported=self._imported,
            size=self._size,
            before=self._before,
            duplicates=self._notes.duplicates,
            bad=tuple(self._notes.bad),
            bad_total=self._notes.total,
            renamed=tuple(self._notes.renamed.items()),
        )
