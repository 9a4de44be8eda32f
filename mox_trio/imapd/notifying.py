"""What NOTIFY asked for (RFC 5465): what is heard of an account becomes STATUS and LIST of mailboxes, METADATA of their
annotations (`annotation_news`), and FETCH of new messages in the selected one.

What was heard gathers by mailbox, so that many changes are one response; when it is more than `MOST`, the client hears
NOTIFICATIONOVERFLOW and nothing more. Of a mailbox that is in several groups the events of all are told (RFC 5465 6), up to
the first that says NONE. The selected mailbox is told of by its own group alone, and not at all without one (RFC 5465 3.1).
What the session's own commands did is not told (RFC 5465 5), where it is sure that nothing else happened to the mailbox:
counts do not say who changed them.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from mox_trio.imapd import listing
from mox_trio.imapd.listing import Names
from mox_trio.imapd.patterns import DELIMITER
from mox_trio.imapd.state import Session
from mox_trio.imapd.wishes import Wishes
from mox_trio.mailstore.changes import Changes
from mox_trio.protocol.imap.commands.notify import EventGroup
from mox_trio.protocol.imap.fetch_items import Item
from mox_trio.protocol.imap.responses import ListEntry, MailboxStatus
from storage_backends.index.tables.mailboxes import MailboxRow

MOST: Final = 1000
"""Mailboxes and names that wait to be told of."""
FEW: Final = 20
"""Changes of an account, heard of at once, of which it is looked at whether all of them are the session's own."""

TURN: Final = 100
"""Mailboxes that are looked at before others have their turn."""

_OF_MESSAGES: Final = frozenset({"messagenew", "messageexpunge", "flagchange"})


class Notification:
    """Of one session. Without groups, as after NOTIFY NONE, nothing is told."""

    def __init__(self, groups: Sequence[EventGroup], inboxes: Iterable[str]) -> None:
        self._groups = [each for each in groups if not each.source.kind.startswith("selected")]
        self._selected = next((each for each in groups if each.source.kind.startswith("selected")), None)
        self._rows: dict[int, MailboxRow] = {}
        """Mailboxes as the client knows them."""
        self._subscribed: set[str] = set()
        self._wishes = Wishes(self._groups, frozenset(inboxes), self._subscribed)
        self._news: dict[int, MailboxRow] = {}
        self._causes: dict[int, frozenset[int] | None] = {}
        """Modseqs of the changes that these mailboxes' news may come from; None where they are too many."""
        self._subscriptions: dict[str, bool] = {}
        self._own: set[int] = set()
        """Modseqs of the session's own changes that may not have been heard of."""
        self._own_names: set[str] = set()
        """Subscriptions that it has changed itself."""
        self._heard_until = 0
        self._names: Names | None = None
        """What there is, while it is told of: made once, where it is needed."""
        self._listed: set[str] = set()
        """Names of which LIST was said now: once says it all."""
        self.has_overflown = False

    def begin(self, rows: Iterable[MailboxRow], subscribed: Iterable[str]) -> None:
        """The client knows what is there now."""
        self._rows = {row.id: row for row in rows}
        self._subscribed.clear()
        self._subscribed.update(subscribed)

    # -- the selected mailbox

    @property
    def pushes_selected(self) -> bool:
        """Its changes are told as they come."""
        return self._selected is not None and bool(self._selected.events & _OF_MESSAGES)

    @property
    def pushes_expunges(self) -> bool:
        """What went is told as it goes, and not after the next command (RFC 5465 6.2)."""
        return self._selected is not None and self._selected.source.kind == "selected"

    @property
    def hides_flags(self) -> bool:
        """Changed flags of it are not wanted."""
        return self._selected is not None and "flagchange" not in self._selected.events

    @property
    def fetches(self) -> tuple[Item, ...]:
        """What is told of new messages in it."""
        return self._selected.fetch if self._selected is not None else ()

    # -- the others

    def heard(self, news: Changes) -> None:
        """Something changed in the account."""
        if self.has_overflown or not self._groups:
            return
        self._heard_until = news.modseq
        few = news.modseq - news.since <= FEW
        causes = frozenset(range(news.since + 1, news.modseq + 1)) if few else None
        for row in news.mailboxes:
            self._news[row.id] = row
            known = self._causes.get(row.id, frozenset())
            self._causes[row.id] = None if causes is None or known is None or len(known) > FEW else known | causes
        self._subscriptions.update(news.subscriptions)
        if len(self._news) + len(self._subscriptions) > MOST:
            self.has_overflown = True

    def did(self, modseq: int) -> None:
        """The session itself made this change, and is not told of it (RFC 5465 5)."""
        if self._groups:
            self._own.add(modseq)

    def named(self, mailboxes: Collection[int | str], subscribed: Iterable[str] = ()) -> None:
        """It has made, renamed or deleted mailboxes, by their ids or new names, and changed subscriptions, and all of that was
        heard of just now.
        """
        self._own_names.update(subscribed)
        for row in self._news.values():
            if row.id in mailboxes or row.name in mailboxes:
                self.did(row.modseq)

    async def tell(self, session: Session) -> None:
        """Say what was heard; what is heard meanwhile is for the next time."""
        rows, self._news = self._news, {}
        subscriptions, self._subscriptions = self._subscriptions, {}
        causes, self._causes = self._causes, {}
        until = self._heard_until
        selected = session.selected.box.id if session.selected is not None else 0
        changed = [name for name, yes in subscriptions.items() if (name in self._subscribed) != yes]
        self._subscribed.symmetric_difference_update(changed)
        self._listed.clear()
        for number, (old, row) in enumerate(self._learned(rows.values()), 1):
            self._tell_mailbox(session, old, row, causes.get(row.id), is_selected=row.id == selected)
            await _now_and_then(session, number)
        for number, name in enumerate(changed, 1):
            if (
                name not in self._listed
                and name not in self._own_names
                and "subscriptionchange" in self._wishes.of(name)
            ):
                session.say(self._entry(name))
            await _now_and_then(session, number)
        self._names = None
        self._own_names.clear()
        self._own = {each for each in self._own if each > until}

    def _learned(self, rows: Iterable[MailboxRow]) -> list[tuple[MailboxRow | None, MailboxRow]]:
        """Mailboxes as they were and as they are, of those that are news; the latter are known from then on."""
        news: list[tuple[MailboxRow | None, MailboxRow]] = []
        for row in rows:
            old = self._rows.get(row.id)
            if old is not None and not row.gone and (row.modseq, row.highest_modseq) < (old.modseq, old.highest_modseq):
                continue  # from before the client was told
            news.append((old, row))
            if row.gone:
                self._rows.pop(row.id, None)
            else:
                self._rows[row.id] = row
        return news

    async def say_statuses(self, session: Session) -> None:
        """STATUS of all mailboxes whose messages are told of, but for the selected one (RFC 5465 3.1)."""
        selected = session.selected.box.id if session.selected is not None else 0
        for number, row in enumerate(sorted(self._rows.values(), key=lambda row: row.name), 1):
            if row.id != selected and self._wishes.of(row.name) & _OF_MESSAGES:
                session.say(_status(session, row))
            await _now_and_then(session, number)

    def _tell_mailbox(
        self, session: Session, old: MailboxRow | None, row: MailboxRow, causes: frozenset[int] | None, *,
        is_selected: bool,
    ) -> None:  # fmt: skip
        if row.modseq in self._own and (old is None or row.modseq != old.modseq):
            self._own_names |= {row.name} if old is None else {old.name, row.name}
        else:
            self._tell_name(session, old, row)
        if row.gone or is_selected:
            return
        if not (causes is not None and causes <= self._own) and self._wishes.of(row.name) & _happened(old, row):
            session.say(_status(session, row))

    def _tell_name(self, session: Session, old: MailboxRow | None, row: MailboxRow) -> None:
        if row.gone:
            if old is not None and "mailboxname" in self._wishes.of(old.name):  # RFC 5465 5.4
                session.say(ListEntry(("\\NonExistent",), old.name))
            if old is not None:
                self._tell_parent(session, old.name)
            return
        if old is None or old.name != row.name or old.special_use != row.special_use:
            names = {row.name} if old is None else {old.name, row.name}
            if any("mailboxname" in self._wishes.of(name) for name in names):
                renamed = old.name if old is not None and old.name != row.name else None
                self._listed.add(row.name)
                session.say(self._entry(row.name, renamed))
            if old is None:
                self._tell_parent(session, row.name)

    def _tell_parent(self, session: Session, name: str) -> None:
        """A mailbox was made or deleted: the one above it has children now, or has none (RFC 5465 5.4)."""
        parent = name.rpartition(DELIMITER)[0]
        if parent and parent not in self._listed and "mailboxname" in self._wishes.of(parent):
            self._listed.add(parent)
            session.say(self._entry(parent))

    def tells_annotations(self, mailbox: str) -> bool:
        """Whether changed annotations of a mailbox are wanted; of the account for an empty name (RFC 5465 5.6, 5.7)."""
        if not mailbox:
            return any("servermetadatachange" in each.events for each in self._groups)
        return "mailboxmetadatachange" in self._wishes.of(mailbox)

    def _entry(self, name: str, old_name: str | None = None) -> ListEntry:
        if self._names is None:
            self._names = Names.of(self._rows.values(), self._subscribed)
        return ListEntry(listing.attributes(self._names, name, with_subscribed=True), name, old_name=old_name)


async def _now_and_then(session: Session, number: int) -> None:
    """Of many things that are said one after the other, let others have their turn."""
    if number % TURN == 0:
        await session.drain()
        await session.turn()


def _happened(old: MailboxRow | None, row: MailboxRow) -> frozenset[str]:
    """What became of a mailbox's messages."""
    if old is None:
        return frozenset({"messagenew"}) if row.messages else frozenset()
    if row.highest_modseq == old.highest_modseq:
        return frozenset()
    found: set[str] = set()
    new = row.uidnext - old.uidnext
    if new:
        found.add("messagenew")
    if old.messages + new != row.messages:
        found.add("messageexpunge")
    if not found or row.unseen != old.unseen:
        found.add("flagchange")
    return frozenset(found)


def _status(session: Session, row: MailboxRow) -> MailboxStatus:
    items: list[tuple[str, int | str | None]] = [
        ("MESSAGES", row.messages),
        ("UIDNEXT", row.uidnext),
        ("UIDVALIDITY", row.uidvalidity),
        ("UNSEEN", row.unseen),
    ]
    if session.condstore:
        items.append(("HIGHESTMODSEQ", max(row.highest_modseq, 1)))
    return MailboxStatus(row.name, tuple(items))
