"""Messages of one APPEND or REPLACE on their way in (RFC 9051 6.3.12, RFC 3502, 4469, 7889, 8508, 9208).

What can be refused is refused before the client is asked for octets: a mailbox that is not there, a message that is too
large, an account that is full. Octets go from the protocol's blocks into a spool and are never joined; of a command with many
messages the bodies are put away while it comes, so that only rendered columns wait in memory for the last of them.

A message is stored as it came, with whatever stands for ends of lines in it, and NUL: what is told and sent on later is put
right there.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, NamedTuple

import trio

from mox_trio.base import limits
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import Used
from mox_trio.imapd import catenating, correspondents, replies
from mox_trio.imapd.state import KnownRoom, Session
from mox_trio.mailstore import deliver, keywords, mailboxes
from mox_trio.mailstore.deliver import Incoming, Prepared
from mox_trio.mailstore.mailboxes import Room
from mox_trio.mailstore.spool import Spool
from mox_trio.protocol.imap.commands.append import (
    Append,
    AppendEnd,
    Message,
    MessageEnd,
    Replace,
    TextEnd,
    TextPart,
    UrlPart,
)
from mox_trio.protocol.imap.events import Block, Event
from mox_trio.protocol.imap.responses import Status
from storage_backends.errors import StorageError
from storage_backends.index.api import MailboxId, Uid
from storage_backends.index.tables.sent import Correspondent

TOGETHER: Final = 64
"""Messages of one command whose bodies are put side by side."""
TOGETHER_OCTETS: Final = 1024 * 1024
"""Octets of messages that wait for that."""
CORRESPONDENT: Final = 500
"""Octets that are counted for each of those whom a message went to."""
FRESH: Final = 1.0
"""Seconds that a mailbox is taken to be as it was; what is decided by it early is decided again when messages are placed."""

CANCELLED: Final = Status("NO", "a message without octets ends it: nothing was appended")
TOO_BIG: Final = Status("NO", "the message is larger than this server takes", b"TOOBIG")
OVER_QUOTA: Final = Status("NO", "the account is full; delete messages first", b"OVERQUOTA")
TOO_MUCH: Final = Status("NO", "too much for one command; append fewer messages at once", b"LIMIT")


class Interrupted(Exception):
    """The command ended before it was whole: the protocol has answered it, or the session is over."""

    def __init__(self, event: Event) -> None:
        super().__init__(type(event).__name__)
        self.event = event


@dataclass(frozen=True, slots=True)
class Old:
    """The message that a new one replaces."""

    mailbox_id: MailboxId
    uid: Uid
    size: int


class Batch(NamedTuple):
    """Messages in spools."""

    incoming: list[Incoming]
    spools: AsyncExitStack


@dataclass(eq=False, slots=True)
class Appending:
    """One command."""

    tag: str
    name: str
    body: Append | Replace
    began: float
    mailbox: str = ""
    """In its normal form."""
    room: Room | None = None
    old: Old | None = None
    announced: int = 0
    """Octets that the client has announced, or that URLs gave."""
    incoming: list[Incoming] = field(default_factory=list)
    """Messages in spools."""
    prepared: list[Prepared] = field(default_factory=list)
    """Messages before those, whose bodies are put away."""
    columns: int = 0
    """Octets of the rendered columns of those, and of `written_to`."""
    written_to: dict[int, Correspondent] = field(default_factory=dict)
    """Whom messages that are appended to Sent went to."""
    spools: AsyncExitStack = field(default_factory=AsyncExitStack)
    is_read: bool = False
    """All of it has come."""
    status: Status | None = None
    """The completion, once there is one."""
    modseq: int = 0
    """Of the change that it made."""
    placed: tuple[MailboxId, range] | None = None
    """Where its messages are, and their UIDs."""

    @property
    def octets(self) -> int:
        """Of messages in spools."""
        return sum(each.spooled.size for each in self.incoming)

    def take_batch(self) -> Batch:
        """The messages in spools, which are another's from now on."""
        batch = Batch(self.incoming, self.spools)
        self.incoming, self.spools = [], AsyncExitStack()
        return batch


async def receive(session: Session, appending: Appending, next_event: Callable[[], Awaitable[Event]]) -> None:
    """Take the messages of a command up to its end. Failure, StorageError, Refused, Interrupted: it is over, and of its messages
    nothing is left but what `discard` takes away.

    While bodies of some messages are put away the next ones come.
    """
    if not await _take_some(session, appending, next_event):
        return
    try:
        async with trio.open_nursery() as nursery:
            more = True
            while more:
                batch, done = appending.take_batch(), trio.Event()
                nursery.start_soon(_prepare, session, appending, batch, done)
                try:
                    more = await _take_some(session, appending, next_event)
                except (Failure, StorageError, replies.Refused, Interrupted):
                    await done.wait()  # so that `discard` finds all bodies
                    raise
                await done.wait()
    except ExceptionGroup as group:
        raise one_of(group) from group


def one_of(group: ExceptionGroup[Exception]) -> Exception:
    """What went wrong, as if one function did it all."""
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _take_some(session: Session, appending: Appending, next_event: Callable[[], Awaitable[Event]]) -> bool:
    """Take messages until there are some in spools; whether there may be more."""
    while True:
        event = await next_event()
        if isinstance(event, AppendEnd):
            appending.is_read = True
            return False
        if not isinstance(event, Message):
            raise Interrupted(event)
        await _take(session, appending, event, next_event)
        if len(appending.incoming) >= TOGETHER or appending.octets >= TOGETHER_OCTETS:
            return True


async def begin(session: Session, appending: Appending) -> None:
    """Look where the messages are to go. Failure, StorageError."""
    appending.mailbox = mailboxes.canonical(appending.body.mailbox)
    known, now = session.room, trio.current_time()
    if known is None or known.room.mailbox.name != appending.mailbox or known.until < now or session.quota():
        room = await mailboxes.room(session.store, session.require_account(), appending.mailbox)
        known = session.room = KnownRoom(room, now + FRESH)
    appending.room = known.room


async def forget(appending: Appending) -> None:
    """Let go of the messages that are in spools."""
    appending.incoming.clear()
    await appending.spools.aclose()


async def discard(session: Session, appending: Appending) -> None:
    """Nothing was appended: forget the messages, and what was put away of them."""
    await forget(appending)
    if appending.prepared:
        await deliver.discard(session.store, appending.prepared)
        appending.prepared.clear()


async def prepare(session: Session, appending: Appending) -> None:
    """Put the bodies away that are in spools. StorageError; Refused where too much waits in memory."""
    await _prepare(session, appending, appending.take_batch(), trio.Event())


async def _prepare(session: Session, appending: Appending, batch: Batch, done: trio.Event) -> None:
    async with batch.spools:
        prepared = await deliver.prepare(session.store, session.require_account(), batch.incoming)
        appending.prepared += map(_without_octets, prepared)
        appending.columns += sum(map(_columns, prepared))
    done.set()
    if appending.columns > limits.IMAP_APPEND_COLUMNS_OCTETS:
        raise replies.Refused(TOO_MUCH)


def _without_octets(prepared: Prepared) -> Prepared:
    spooled = replace(prepared.incoming.spooled, memory=None, scratch=None)
    return replace(prepared, incoming=replace(prepared.incoming, spooled=spooled))


def _columns(prepared: Prepared) -> int:
    made = prepared.rendered
    return sum(len(each) for each in (made.header, made.envelope, made.bodystructure, made.parts, made.summary))


async def _take(
    session: Session, appending: Appending, message: Message, next_event: Callable[[], Awaitable[Event]]
) -> None:
    """One message."""
    keywords.check_all(message.flags)
    if not message.is_catenate:
        _announced(session, appending, message.size, message.size)
    spool = await appending.spools.enter_async_context(Spool(session.store, session.settings.message_bytes))
    while True:
        event = await next_event()
        if isinstance(event, Block):
            await _write(spool, event.data)
        elif isinstance(event, MessageEnd):
            break
        elif isinstance(event, TextPart):
            _announced(session, appending, event.size, spool.size + event.size)
        elif isinstance(event, UrlPart):
            before = spool.size
            await catenating.catenate(session, event.url, partial(_write, spool))
            _count(session, appending, spool.size - before)
        elif not isinstance(event, TextEnd):
            raise Interrupted(event)
    if not spool.size:
        raise replies.Refused(CANCELLED)
    spooled = await spool.finish()
    appending.incoming.append(Incoming(spooled, flags=message.flags, received=message.received))
    if appending.room is not None and correspondents.are_kept(appending.room.mailbox):
        known = len(appending.written_to)
        appending.written_to |= await correspondents.of(session, spooled.root.header)
        appending.columns += (len(appending.written_to) - known) * CORRESPONDENT


async def _write(spool: Spool, data: bytes) -> None:
    try:
        await spool.write(data)
    except Failure as failure:
        if failure.kind is Kind.LIMIT:
            raise replies.Refused(TOO_BIG) from None
        raise


def _announced(session: Session, appending: Appending, octets: int, size: int) -> None:
    """The client is about to send so many octets of a message of this size: let it, or not. Refused."""
    if size > session.settings.message_bytes:
        raise replies.Refused(TOO_BIG)
    if not size:
        raise replies.Refused(CANCELLED)  # RFC 3502 3
    _count(session, appending, octets)
    session.dialog.protocol.go_on()


def _count(session: Session, appending: Appending, octets: int) -> None:
    """There are so many octets more. Refused where the account has no room for them."""
    appending.announced += octets
    quota, old = session.quota(), appending.old
    if not quota or appending.room is None:
        return
    if old is not None:
        quota = quota.with_room_for(old.size, 1)
    used = appending.room.used
    messages = len(appending.prepared) + len(appending.incoming) + 1
    if quota.complaint(Used(used.octets + appending.announced, used.messages + messages)):
        raise replies.Refused(OVER_QUOTA)
