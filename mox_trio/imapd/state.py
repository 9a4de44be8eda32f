"""What is so in one session, and the few things that all commands do with it."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import trio

from mox_trio.base.quota import Quota
from mox_trio.imapd import capabilities, replies
from mox_trio.imapd.capabilities import Situation
from mox_trio.imapd.dialog import Dialog
from mox_trio.imapd.feeds import Box, Feed
from mox_trio.imapd.heard_annotations import HeardAnnotations
from mox_trio.imapd.settings import Parts, Settings
from mox_trio.imapd.view import NoSuchMessage, Updates, View
from mox_trio.mailstore import entering
from mox_trio.mailstore.authenticating import Known
from mox_trio.mailstore.changes import Changes
from mox_trio.mailstore.entering import Visit
from mox_trio.mailstore.logins import Protocols
from mox_trio.mailstore.mailboxes import Room
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.imap import encoding
from mox_trio.protocol.imap.encoding import Wire
from mox_trio.protocol.imap.events import State
from mox_trio.protocol.imap.fetch_items import Item
from mox_trio.protocol.imap.numsets import Ranges, SequenceSet
from mox_trio.protocol.imap.responses import Response, Status
from storage_backends.errors import Unavailable

logger = logging.getLogger(__name__)

_IN_THE_CLEAR: Final = "LOGIN"
"""A mechanism that IMAP has a command for."""


@dataclass(eq=False, slots=True)
class Selected:
    """The mailbox of a session."""

    box: Box
    view: View
    read_only: bool
    keywords_told: int = -1
    """How many keywords of the account were in the last FLAGS."""
    contexts: "Contexts | None" = None
    """Searches whose results are kept up to date."""
    placed: set[int] = field(default_factory=set)
    """UIDs of messages that the command in progress has put there."""


class Contexts(Protocol):
    """What UPDATE asked for (RFC 5267)."""

    async def forewarn(self, session: "Session", updates: Updates) -> None:
        """The session is about to be told of changes."""

    async def look(self, session: "Session", updates: Updates) -> Mapping[int, Sequence[Item]]:
        """It was told; what is to be told of which new messages, by their UIDs."""

    async def tell(self, session: "Session") -> None:
        """That was told too."""


@dataclass(frozen=True, slots=True)
class KnownRoom:
    """Where a message was appended last."""

    room: Room
    until: float
    """Of trio's clock: then it has to be looked at again."""


class Notifier(Protocol):
    """What NOTIFY asked for (RFC 5465)."""

    @property
    def pushes_selected(self) -> bool:
        """Changes of the selected mailbox are told as they come."""

    @property
    def pushes_expunges(self) -> bool:
        """What went from it is told as it goes, and not after the next command."""

    @property
    def hides_flags(self) -> bool:
        """Changed flags of it are not wanted."""

    @property
    def fetches(self) -> tuple[Item, ...]:
        """What is told of new messages in it."""

    @property
    def has_overflown(self) -> bool:
        """More happened than is kept."""

    def tells_annotations(self, mailbox: str) -> bool:
        """Whether changed annotations of a mailbox are wanted; of the account for an empty name."""

    def heard(self, news: Changes) -> None:
        """Something changed in the account."""

    def did(self, modseq: int) -> None:
        """The session itself made this change, and is not told of it."""

    def named(self, mailboxes: Collection[int | str], subscribed: Iterable[str] = ()) -> None:
        """It has made, renamed or deleted these, as was heard just now, and changed subscriptions to these names."""

    async def tell(self, session: "Session") -> None:
        """Say what was heard."""


class Session:
    """One client's session."""

    def __init__(self, dialog: Dialog, settings: Settings, parts: Parts) -> None:
        self.dialog = dialog
        self.settings = settings
        self.parts = parts
        self.tag = ""
        """Of the command in progress."""
        self.enabled: set[str] = set()
        """What ENABLE, or another command in its place, switched on; in upper case."""
        self.wire = Wire()
        self.known: Known | None = None
        """Who is logged in."""
        self.login: entering.Login | None = None
        """How they did it."""
        self.account: Account | None = None
        self.feed: Feed | None = None
        self.selected: Selected | None = None
        self.saved: Ranges = ()
        """What "$" stands for: UIDs (RFC 9051 6.4.4.1)."""
        self.notify: Notifier | None = None
        self.annotations = HeardAnnotations()
        self.push: Callable[[], bool] | None = None
        """Given while the session idles: tells what happened without waking it; False where it has to be woken."""
        self.is_over = False
        """The client said goodbye."""
        self.failed_logins = 0
        self.room: KnownRoom | None = None
        self.agent = ""
        """What the client said of itself by ID."""

    # -- who and where

    @property
    def store(self) -> MailStore:
        return self.parts.store

    @property
    def is_exempt(self) -> bool:
        """From a network without limits."""
        return self.dialog.connection.exempt

    def fields(self, **more: object) -> dict[str, object]:
        """What every log line of the session says."""
        connection = self.dialog.connection
        found: dict[str, object] = {"session": connection.id, "kind": "imap", "remote": str(connection.peer_address)}
        if self.account is not None:
            found["account"] = self.account.name
        return {**found, **more}

    def visit(self) -> Visit:
        """The connection, for logging in."""
        connection = self.dialog.connection
        return Visit(
            kind="imap",
            protocol=Protocols.IMAP,
            address=connection.peer_address,
            local_address=connection.local_address,
            tls=connection.tls,
            certificate=connection.client_certificate,
            fields=self.fields(),
        )

    def mechanisms(self) -> tuple[str, ...]:
        """Of AUTHENTICATE, as the channel allows them."""
        found = entering.offered(self.dialog.connection, tls_required=self.settings.tls_required)
        return tuple([each for each in found if each != _IN_THE_CLEAR])

    def capabilities(self) -> tuple[str, ...]:
        """What is announced now."""
        connection = self.dialog.connection
        return capabilities.announced(
            Situation(
                is_logged_in=self.account is not None,
                message_bytes=self.settings.message_bytes,
                mechanisms=() if self.account is not None else self.mechanisms(),
                may_start_tls=connection.tls is None and self.parts.tls() is not None,
                may_compress=self.dialog.compression is None,
                disabled=self.disabled(),
            )
        )

    def disabled(self) -> frozenset[str]:
        """Capabilities that the account's sessions do not announce, in upper case."""
        return self.parts.disabled_capabilities(self.account.name) if self.account is not None else frozenset()

    def require_account(self) -> Account:
        """Whose mail it is. The table of commands sees to it that there is one."""
        if self.account is None:
            raise replies.Refused(Status("BAD", "log in first"))
        return self.account

    def require_feed(self) -> Feed:
        """Of the account."""
        if self.feed is None:
            raise replies.Refused(Status("BAD", "log in first"))
        return self.feed

    def require_selected(self) -> Selected:
        """The mailbox that is selected. Refused where none is."""
        if self.selected is None:
            raise replies.Refused(Status("BAD", "select a mailbox first"))
        return self.selected

    def require_writable(self) -> Selected:
        """The same, where it may be changed. Refused."""
        selected = self.require_selected()
        if selected.read_only:
            raise replies.Refused(replies.READ_ONLY)
        return selected

    def quota(self) -> Quota:
        """What the account may hold."""
        return self.parts.quota(self.require_account().name)

    def resolve(self, numbers: SequenceSet, *, uid: bool) -> Ranges:
        """The UIDs that a set means in the selected mailbox, as ranges; those within that the view knows are meant. Refused."""
        try:
            return self.require_selected().view.resolve(numbers, uid=uid, saved=self.saved)
        except NoSuchMessage:
            raise replies.Refused(replies.NO_SUCH_MESSAGE) from None

    # -- what is switched on

    @property
    def uid_only(self) -> bool:
        """RFC 9586: no sequence numbers."""
        return "UIDONLY" in self.enabled

    @property
    def condstore(self) -> bool:
        """RFC 7162: FETCH says MODSEQ."""
        return "CONDSTORE" in self.enabled

    @property
    def qresync(self) -> bool:
        """RFC 7162: VANISHED instead of EXPUNGE."""
        return "QRESYNC" in self.enabled

    @property
    def hears_annotations(self) -> bool:
        """RFC 5464 4.1: others' changes are told, unless NOTIFY says which."""
        return "METADATA" in self.enabled or "METADATA-SERVER" in self.enabled

    @property
    def hears_selected(self) -> bool:
        """Changes of the selected mailbox are told: always, but where NOTIFY was used and did not ask for it (RFC 5465 3.1)."""
        return self.notify is None or self.notify.pushes_selected

    @property
    def says_vanished(self) -> bool:
        """EXPUNGE is not understood, or not wanted."""
        return "QRESYNC" in self.enabled or "UIDONLY" in self.enabled

    def enable(self, *names: str) -> None:
        """Switch on, by names in upper case."""
        self.enabled.update(names)
        if "QRESYNC" in self.enabled:  # RFC 7162 3.2.3
            self.enabled.add("CONDSTORE")
        self.enabled_changed()

    def enabled_changed(self) -> None:
        """Let the wire and the protocol follow."""
        rev2 = "IMAP4REV2" in self.enabled
        self.wire = Wire(utf8=rev2 or "UTF8=ACCEPT" in self.enabled, rev2=rev2)
        protocol = self.dialog.protocol
        protocol.utf8, protocol.rev2, protocol.uid_only = self.wire.utf8, rev2, self.uid_only

    def state_changed(self) -> None:
        """Let the protocol know which commands are allowed."""
        if self.selected is not None:
            self.dialog.protocol.set_state(State.SELECTED)
        elif self.account is not None:
            self.dialog.protocol.set_state(State.AUTHENTICATED)
        else:
            self.dialog.protocol.set_state(State.NOT_AUTHENTICATED)

    # -- saying things

    def say(self, response: Response) -> None:
        """Say this, later."""
        self.dialog.write(encoding.encode(response, self.wire))

    def write(self, data: bytes) -> None:
        """Say this, later: whole responses, or parts of them."""
        self.dialog.write(data)

    async def drain(self) -> None:
        """Send what was said where it is much: called between responses, so that the client's pace is ours."""
        await self.dialog.drain()

    async def turn(self) -> None:
        """Let others have their turn."""
        await trio.lowlevel.checkpoint()

    # -- changes

    async def reach(self, modseq: int) -> None:
        """Hear of everything up to a change of this session, so that all sessions can know of it when it is answered.

        The change is made: where it cannot be heard of now it is heard of later, and the command has not failed.
        """
        try:
            await self.require_feed().reach(modseq)
        except Unavailable as error:
            logger.warning("a change is heard of later", extra=self.fields(reason=str(error)))

    def did(self, modseq: int) -> None:
        """A command of the session made this change: NOTIFY does not tell of it (RFC 5465 5)."""
        if self.notify is not None:
            self.notify.did(modseq)

    def named(self, mailboxes: Collection[int | str], subscribed: Iterable[str] = ()) -> None:
        """The same of mailboxes that it made, renamed or deleted, by ids or new names, and of subscriptions: just heard of."""
        if self.notify is not None:
            self.notify.named(mailboxes, subscribed)

    def heard(self, news: Changes) -> None:
        """Something changed in the account."""
        notify, selected = self.notify, self.selected
        if notify is not None:
            notify.heard(news)
        self.annotations.heard(news, is_wanted=notify is not None or self.hears_annotations)
        is_mine = selected is not None and any(row.id == selected.box.id for row in news.mailboxes)
        if is_mine and self.push is not None and self.push():
            return
        if notify is not None or is_mine or self.annotations.has_news or (self.feed is not None and self.feed.gone):
            self.dialog.wake()

    def deselect(self) -> None:
        """No mailbox is selected any more."""
        if self.selected is not None and self.feed is not None:
            self.feed.leave(self.selected.box, self.selected.view)
        self.selected = None
        self.saved = ()
