"""APPEND and REPLACE (RFC 9051 6.3.12, RFC 3502, 4469, 6855, 8508).

A client that sends one APPEND after the other without waiting keeps this server busy in two places: while what came is put
away, the next messages are received. Their completions keep the order of the commands, each behind the changes that belong to
it; a command of another kind waits until all are answered.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace as changed
from typing import Final

import trio

from mox_trio.base.failure import Failure
from mox_trio.imapd import appending as coming
from mox_trio.imapd import placing, replies, updates
from mox_trio.imapd.appending import Appending, Interrupted, Old
from mox_trio.imapd.commands import mailboxes
from mox_trio.imapd.state import Session
from mox_trio.mailstore import reading
from mox_trio.protocol.imap import numsets
from mox_trio.protocol.imap.commands.append import Append, Replace
from mox_trio.protocol.imap.events import NEED_DATA, Command, Ended, Event, NeedData
from mox_trio.protocol.imap.responses import Status
from storage_backends.errors import StorageError
from storage_backends.index.api import Uid

MOST_WAITING: Final = 64
"""Commands that wait to be placed while the next ones come."""
MOST_OCTETS: Final = 4 * 1024 * 1024
"""Octets of their messages, and of what is kept of those that are put away."""

REFUSED_BY_PROTOCOL: Final = Status("BAD", "bad syntax")
"""It has said so itself."""
GONE: Final = Status("NO", "there is no such message", b"NONEXISTENT")


async def append(session: Session, command: Append) -> Status | None:
    """APPEND, and those that follow it at once."""
    pipeline = _Pipeline(session)
    first = await pipeline.receive("APPEND", session.tag, command)
    if first is None or not session.dialog.protocol.has_more:
        return await pipeline.only(first)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pipeline.place_what_waits)
            await pipeline.run(first)
            nursery.cancel_scope.cancel()
    except ExceptionGroup as group:
        raise coming.one_of(group) from group
    finally:
        await pipeline.forget()
    return None


async def replace(session: Session, command: Replace) -> Status | None:
    """REPLACE and UID REPLACE: in one transaction."""
    pipeline = _Pipeline(session)
    replacing = await pipeline.receive("UID REPLACE" if command.uid else "REPLACE", session.tag, command)
    status = await pipeline.only(replacing)
    if replacing is None or status is None or status.kind != "OK":
        return status
    session.say(status)  # RFC 8508 4.3: before the EXPUNGE
    if replacing.old is not None:
        await updates.say_gone(session, [replacing.old.uid])
    highest = b"HIGHESTMODSEQ %d" % replacing.modseq if session.condstore else b""
    return Status("OK", "replaced", highest)


class _Pipeline:
    """Appends of one client that follow each other."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: deque[Appending] = deque()
        """Whole, and not placed."""
        self._placing: Sequence[Appending] = ()
        self._placed: deque[Appending] = deque()
        """And not answered."""
        self._to_do = trio.Event()
        self._done = trio.Event()

    # -- what comes

    async def receive(self, name: str, tag: str, body: Append | Replace) -> Appending | None:
        """The messages of one command; None where it is answered already, or the session over."""
        session = self._session
        session.tag = tag
        made = Appending(tag, name, body, trio.current_time())
        is_whole = False
        try:
            if isinstance(body, Replace):
                made.old = await _old(session, body)
            await coming.begin(session, made)
            await coming.receive(session, made, self._next)
            is_whole = True
        except (Failure, StorageError, replies.Refused) as error:
            status = placing.refusal(session, error)
            await self._settle()
            if made.is_read:
                session.say(changed(status, tag=tag))
            else:
                session.dialog.protocol.refuse_literal(status)
            self._observe(made, status)
        except Interrupted as interrupted:
            await self._settle()
            if isinstance(interrupted.event, Ended):
                raise replies.Ended(interrupted.event) from None
            self._observe(made, REFUSED_BY_PROTOCOL)
        finally:
            if not is_whole:
                await coming.discard(session, made)
        return made if is_whole else None

    async def _next(self) -> Event:
        """The next event. What the protocol says by itself waits until the commands before are answered."""
        while True:
            event = await self._maybe_next()
            if event is not NEED_DATA:
                return event
            await self._session.dialog.more_or_wake()
            await self._answer()

    async def _maybe_next(self) -> Event | NeedData:
        dialog = self._session.dialog
        event = dialog.protocol.next_event()
        output = dialog.protocol.take_output()
        if output:
            await self._settle()
            dialog.write(output)
        return event

    # -- one by itself

    async def only(self, appending: Appending | None) -> Status | None:
        """Place a command that no other follows; its completion."""
        if appending is None:
            return None
        try:
            await placing.place(self._session, [appending])
        finally:
            await coming.forget(appending)
        await self._heard([appending])
        if appending.status is not None:
            self._observe(appending, appending.status)
        return appending.status

    # -- several

    async def run(self, first: Appending) -> None:
        """Take commands until another one comes, or the client waits for answers."""
        dialog = self._session.dialog
        current: Appending | None = first
        while True:
            if current is not None:
                self._waiting.append(current)
                self._to_do.set()
                while self._is_full():
                    await self._one_done()
                    await self._answer()
            event = await self._maybe_next()
            while event is NEED_DATA and self._is_busy():
                await self._answer()
                await dialog.more_or_wake()
                await self._answer()
                event = await self._maybe_next()
            if event is NEED_DATA:
                return
            if not (isinstance(event, Command) and isinstance(event.body, Append)):
                await self._settle()
                dialog.put_back(event)
                return
            current = await self.receive(event.name, event.tag, event.body)

    async def place_what_waits(self) -> None:
        """Place commands as they become whole, for ever."""
        while True:
            await self._to_do.wait()
            self._to_do = trio.Event()
            while self._waiting:
                self._placing = together = self._taken()
                await placing.place(self._session, together)
                self._placing = ()
                self._placed.extend(together)
                self._done.set()
                self._done = trio.Event()
                self._session.dialog.wake()

    async def forget(self) -> None:
        """It is over: commands that were not placed are not."""
        for each in self._placing:
            await coming.forget(each)
        for each in self._waiting:
            await coming.discard(self._session, each)

    def _taken(self) -> list[Appending]:
        """The next commands that go to one mailbox."""
        taken = [self._waiting.popleft()]
        while self._waiting and self._waiting[0].mailbox == taken[0].mailbox:
            taken.append(self._waiting.popleft())
        return taken

    def _is_busy(self) -> bool:
        return bool(self._waiting or self._placing or self._placed)

    def _is_full(self) -> bool:
        held = [*self._waiting, *self._placing]
        return len(held) >= MOST_WAITING or sum(each.octets + each.columns for each in held) > MOST_OCTETS

    async def _one_done(self) -> None:
        if not self._placed:
            await self._done.wait()

    async def _settle(self) -> None:
        """Wait until all commands are answered that are whole."""
        while self._is_busy():
            await self._one_done()
            await self._answer()

    async def _answer(self) -> None:
        """Say completions, behind the changes that belong to them."""
        if not self._placed:
            return
        placed, self._placed = self._placed, deque()
        await self._heard(placed)
        await updates.tell(self._session, expunges=True)
        for each in placed:
            assert each.status is not None  # noqa: S101 -- it was placed
            self._session.say(changed(each.status, tag=each.tag))
            self._observe(each, each.status)

    async def _heard(self, placed: Sequence[Appending]) -> None:
        """Let all sessions know of them that have the mailbox selected; others hear of it soon enough."""
        boxes = self._session.require_feed().boxes.values()
        selected = {box.row.name for box in boxes}
        for each in placed:
            self._session.did(each.modseq)
        modseq = max([each.modseq for each in placed if each.mailbox in selected or each.old is not None], default=0)
        await self._session.reach(modseq)
        chosen = self._session.selected
        for each in placed:
            if chosen is not None and each.placed is not None and each.placed[0] == chosen.box.id:
                chosen.placed.update(each.placed[1])
            if each.modseq:
                mailboxes.say_normal_form(self._session, each.body.mailbox)

    def _observe(self, appending: Appending, status: Status) -> None:
        seconds = trio.current_time() - appending.began
        result = {"OK": "ok", "BAD": "badsyntax"}.get(status.kind, "error")
        name = appending.name.lower()
        self._session.parts.metrics.observe("imap_command_duration_seconds", seconds, cmd=name, result=result)


async def _old(session: Session, command: Replace) -> Old:
    """The message that REPLACE means. Refused."""
    selected = session.require_writable()
    uids = selected.view.uids
    if command.old == numsets.STAR:
        uid = uids[-1] if uids else 0
    elif command.uid:
        uid = command.old if selected.view.number(command.old) else 0
    else:
        if command.old > len(uids):
            raise replies.Refused(replies.NO_SUCH_MESSAGE)
        uid = uids[command.old - 1]
    rows = await reading.rows(session.store, selected.box.id, [(Uid(uid), Uid(uid))]) if uid else []
    if not rows:
        raise replies.Refused(GONE)
    return Old(selected.box.id, Uid(uid), rows[0].size)
