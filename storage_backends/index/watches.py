"""Who waits for an account to change: a watermark an account, kept while somebody waits, and some seconds longer: who waits again
need not ask the database.

`heard` runs in the trio loop: after commits of this process, on wake-ups from others, and when the notifier compared
what is watched with the database. A waiter never needs the message itself, only that the modseq is past its own.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from storage_backends.errors import NotFound, Unavailable
from storage_backends.index.api import AccountId, ModSeq
from storage_backends.index.marks import Marks


@dataclass(slots=True, eq=False)
class Watch:
    """What is known of an account; the event is replaced each time it is set."""

    modseq: int = 0
    known: bool = False
    """The database was asked since the watch stands; from then on everything is heard."""
    gone: bool = False
    waiters: int = 0
    changed: trio.Event = field(default_factory=trio.Event)

    def wake(self) -> None:
        self.changed.set()
        self.changed = trio.Event()


class Watches:
    """The accounts that somebody waits for, in one process."""

    def __init__(self) -> None:
        self._watches: dict[AccountId, Watch] = {}
        self._closed = False
        self._token: trio.lowlevel.TrioToken | None = None
        """The run in which somebody waits or waited."""

    async def past(
        self, account: AccountId, modseq: ModSeq, current: Callable[[], Awaitable[Mapping[AccountId, ModSeq]]]
    ) -> ModSeq:
        """Wait until the account's modseq is larger; `current` asks the database, where that is not known."""
        token = trio.lowlevel.current_trio_token()
        if token is not self._token:
            self._watches.clear()  # nothing was heard between two runs
        self._token = token
        watch = self._watches.setdefault(account, Watch())
        watch.waiters += 1
        try:
            if watch.known:
                await trio.lowlevel.checkpoint()
            else:  # asked after the watch stands, so that no commit falls between
                self.compared([account], await current())
                watch.known = True
            while watch.modseq <= modseq:
                if watch.gone:
                    raise NotFound(f"no account {account}")
                if self._closed:
                    raise Unavailable("the index is closed")
                await watch.changed.wait()
            return ModSeq(watch.modseq)
        finally:
            watch.waiters -= 1
            if not watch.waiters and (watch.gone or not watch.known) and self._watches.get(account) is watch:
                del self._watches[account]

    def watched(self) -> list[AccountId]:
        """The accounts that somebody waits for. From any thread."""
        return list(self._watches)

    def heard(self, marks: Marks) -> None:
        """Accounts have these modseqs now, or did a moment ago."""
        if not self._watches:
            return
        for account, modseq in marks.items():
            watch = self._watches.get(account)
            if watch is not None and modseq > watch.modseq:
                watch.modseq = modseq
                watch.wake()

    def compared(self, asked: Collection[AccountId], marks: Marks) -> None:
        """The database was asked for these accounts and had these. Who has not waited for one since is forgotten."""
        self.heard(marks)
        for account in asked:
            watch = self._watches.get(account)
            if watch is not None and not watch.waiters:
                del self._watches[account]
            elif watch is not None and account not in marks:
                watch.gone = True
                watch.wake()

    def heard_in_thread(self, marks: Marks) -> None:
        """As `heard`, from any thread and some time later."""
        self._soon(lambda: self.heard(marks))

    def compared_in_thread(self, asked: Collection[AccountId], marks: Marks) -> None:
        """As `compared`, from any thread and some time later."""
        self._soon(lambda: self.compared(asked, marks))

    def _soon(self, note: Callable[[], None]) -> None:
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(note)

    def close(self) -> None:
        """Who waits gets Unavailable."""
        self._closed = True
        for watch in self._watches.values():
            watch.wake()
