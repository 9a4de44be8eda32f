"""Mail that somebody brings as a file: taken in parts into a temporary file, then imported, for who looks and who comes back.

An account has one import at a time. A file comes in parts, each behind the one before, so that who lost the connection goes on
where it was; when it is whole the import begins, and goes on when the page is closed. What is done is told until the next one
begins. An import that was cut off and is brought again goes on behind the last message that is in (`mailstore.importing`).

In an archive links, devices and paths that lead out are refused and told of, and what expands to far more than it is ends it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import trio

from mox_trio.base import ids, limits
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import Quota
from mox_trio.mailstore import entering, importing, mailboxes
from mox_trio.mailstore.importing import Options, Report
from mox_trio.mailstore.members import Limits
from mox_trio.mailstore.progress import Pace, Progress
from mox_trio.mailstore.scratch import Scratch
from mox_trio.mailstore.spooled_file import SpooledFile
from mox_trio.mailstore.store import Account, MailStore

MOST: Final = 20
"""Files of all accounts that are being taken or imported."""
STALE: Final = 30 * 60.0
"""Seconds without a part after which a file that is not whole is forgotten."""
LONGEST_NAME: Final = 255
SHOWN: Final = 100
"""Messages that were not imported, of those that are told."""
RECEIVING: Final = "receiving"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
CANCELED: Final = "canceled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to bring."""

    name: str
    size: int
    mailbox: str
    """Into or below which it goes; empty for where its names say."""
    skip_duplicates: bool
    quota: Quota


@dataclass(slots=True, eq=False)
class Job:
    """One import."""

    id: str
    wanted: Wanted
    scratch: Scratch
    at: float
    """When something happened last, by the clock of trio."""
    received: int = 0
    state: str = RECEIVING
    progress: Progress | None = None
    report: Report | None = None
    problem: str = ""
    pace: Pace = field(default_factory=Pace)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    lock: trio.Lock = field(default_factory=trio.Lock)

    @property
    def is_over(self) -> bool:
        """Nothing more comes of it."""
        return self.state not in (RECEIVING, RUNNING)

    def shown(self) -> dict[str, Any]:
        """For the page."""
        progress, report = self.progress, self.report
        bad = [] if report is None else [list(each) for each in report.bad[:SHOWN]]
        return {
            "id": self.id,
            "name": self.wanted.name,
            "size": self.wanted.size,
            "mailbox": self.wanted.mailbox,
            "received": self.received,
            "state": self.state,
            "share": (self.pace.share or 0.0) if progress is not None else 0.0,
            "left": self.pace.left,
            "messages": report.imported if report is not None else progress.messages if progress is not None else 0,
            "bytes": report.size if report is not None else progress.size if progress is not None else 0,
            "before": report.before if report is not None else 0,
            "duplicates": report.duplicates if report is not None else 0,
            "bad": bad,
            "badTotal": report.bad_total if report is not None else 0,
            "renamed": [] if report is None else [list(each) for each in report.renamed[:SHOWN]],
            "problem": self.problem,
        }


class Imports:
    """Those of one process."""

    def __init__(self, store: MailStore) -> None:
        self._store = store
        self._jobs: dict[int, Job] = {}

    def maybe_of(self, account: Account) -> Job | None:
        """The account's import, under way or over."""
        return self._jobs.get(account.id)

    async def begin(self, account: Account, wanted: Wanted) -> Job:
        """A new import, or the one that waits for the rest of this file. CONFLICT, INVALID, LIMIT, UNAVAILABLE."""
        known = self._jobs.get(account.id)
        if known is not None and known.state == RECEIVING and known.wanted == wanted:
            return known
        if known is not None and not known.is_over:
            raise Failure(Kind.CONFLICT, "an import is under way; wait for its end, or cancel it")
        if not 0 < wanted.size <= limits.IMPORT_BYTES:
            raise Failure(Kind.LIMIT, f"a file has 1 to {limits.IMPORT_BYTES >> 30} GiB; import larger ones in parts")
        if wanted.mailbox:
            mailboxes.canonical(wanted.mailbox)
        await self._forget_stale()
        if sum(not each.is_over for each in self._jobs.values()) >= MOST:
            raise Failure(Kind.TRY_LATER, "the server imports for many others at the moment; try again later")
        scratch = await trio.to_thread.run_sync(self._store.scratch, limiter=self._store.spooling)
        now, name = trio.current_time(), ids.url_safe(self._store.entropy(ids.SECRET_BYTES))
        if (other := self._jobs.get(account.id)) is not None and not other.is_over:
            await self._close(scratch)
            raise Failure(Kind.CONFLICT, "an import began this moment")
        job = self._jobs[account.id] = Job(name, wanted, scratch, now)
        return job

    async def take(self, account: Account, job_id: str, offset: int, blocks: AsyncIterator[bytes]) -> Job:
        """The part of the file that begins at `offset`. NOT_FOUND, CONFLICT (another part is next), LIMIT, UNAVAILABLE."""
        job = self._jobs.get(account.id)
        if job is None or job.id != job_id or job.state != RECEIVING:
            raise Failure(Kind.NOT_FOUND, "this import is not under way any more")
        async with job.lock:
            if offset != job.received:
                raise Failure(Kind.CONFLICT, f"the next part begins at {job.received}")
            async for block in blocks:
                if job.received + len(block) > job.wanted.size:
                    raise Failure(Kind.LIMIT, "the file is larger than it was said to be")
                if job.state != RECEIVING:
                    raise Failure(Kind.NOT_FOUND, "the import was canceled")
                await self._append(job, block)
        return job

    async def _append(self, job: Job, block: bytes) -> None:
        try:
            # What was begun is ended, so that what is counted is what is there.
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(job.scratch.append, block, limiter=self._store.spooling)
                job.received += len(block)
        except OSError as error:
            raise Failure(Kind.UNAVAILABLE, "the server is out of temporary space", str(error)) from error
        job.at = trio.current_time()

    async def run(self, account: Account, job: Job) -> None:
        """Import a file that is whole; what comes of it is in the job."""
        if job.state != RECEIVING or job.received != job.wanted.size:
            return
        job.state = RUNNING
        wanted = job.wanted
        options = Options(wanted.mailbox, "", wanted.skip_duplicates, quota=wanted.quota, limits=Limits(strict=True))
        source = SpooledFile(job.scratch, wanted.name, wanted.size, self._store.now())

        async def progress(reached: Progress) -> None:
            job.progress = reached
            job.pace.feed(trio.current_time(), reached.done, reached.total)

        try:
            with job.scope:
                job.report = await importing.run(self._store, account, source, options, progress)
                job.state = DONE
        except Failure as failure:
            job.state, job.problem = FAILED, failure.public
        except entering.STORAGE_ERRORS:
            job.state, job.problem = (
                FAILED,
                "a store of the server is away; bring the file again later, it goes on then",
            )
        finally:
            if job.state == RUNNING:
                job.state = CANCELED if job.scope.cancelled_caught else FAILED
                job.problem = "" if job.state == CANCELED else "it was cut off; bring the file again, it goes on then"
            job.at = trio.current_time()
            await self._close(job.scratch)

    async def cancel(self, account: Account) -> None:
        """End the account's import; what is in stays. NOT_FOUND."""
        job = self._jobs.get(account.id)
        if job is None or job.is_over:
            raise Failure(Kind.NOT_FOUND, "no import is under way")
        job.scope.cancel()
        if job.state == RECEIVING:
            await self._drop(job)

    async def aclose(self) -> None:
        """Forget all."""
        for job in list(self._jobs.values()):
            job.scope.cancel()
            if job.state == RECEIVING:
                await self._drop(job)

    async def _forget_stale(self) -> None:
        before = trio.current_time() - STALE
        for account_id, job in list(self._jobs.items()):
            if job.at >= before or job.state == RUNNING:
                continue
            if job.state == RECEIVING:
                await self._drop(job)
            self._jobs.pop(account_id, None)

    async def _drop(self, job: Job) -> None:
        """End one whose file is not whole."""
        job.state = CANCELED
        async with job.lock:
            await self._close(job.scratch)

    async def _close(self, scratch: Scratch) -> None:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(scratch.close, limiter=self._store.spooling)
