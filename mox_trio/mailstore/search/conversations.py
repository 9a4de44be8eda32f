"""What threads are made of, of many messages: who they are, whom they answer, what they are about, and when they were sent.

Read in pages off the event loop; what is kept of a message is little. Messages that went are read as long as their mails are
not erased; Corrupt when a row does not open.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from functools import partial

from mox_trio.mailstore.search import facets, placed
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, Transaction, Uid


@dataclass(slots=True)
class Members:
    """Messages as columns: a value of each for every message, in the order of their UIDs."""

    uids: list[int] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    """The canonical Message-ID (`threads.message_id`) or nothing, and behind it, each after a line feed, those of the messages
    before it, the nearest first (RFC 5256 3, REFERENCES, step 1)."""
    topics: list[tuple[str, bool]] = field(default_factory=list)
    """The base subject, and whether the subject says that it is a reply or forward (RFC 5256 2.1)."""
    sent: list[int] = field(default_factory=list)
    """Of the Date field, or INTERNALDATE without one, in milliseconds (RFC 5256 2.2)."""
    received: list[int] = field(default_factory=list)
    """INTERNALDATE."""

    def extend(self, more: "Members") -> None:
        """Put others behind these."""
        self.uids += more.uids
        self.links += more.links
        self.topics += more.topics
        self.sent += more.sent
        self.received += more.received


async def pages(
    store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid], *, with_links: bool
) -> AsyncGenerator[Members, None]:
    """The messages of these ascending UIDs, page by page. Without links, those are empty."""
    for start in range(0, len(uids), placed.PAGE):
        page = uids[start : start + placed.PAGE]
        unit = partial(_members, store=store, account=account, mailbox_id=mailbox_id, uids=page)
        yield await store.index.read(partial(unit, with_links=with_links))


def _members(
    tx: Transaction, *, store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid], with_links: bool
) -> Members:
    columns = placed.columns(tx, mailbox_id, uids)
    wanted = (facets.TOPIC, facets.SENT, facets.LINKS) if with_links else (facets.TOPIC, facets.SENT)
    topics, sent, *links = facets.of(tx, store.kept, account, columns.emails, wanted)
    return Members(
        list(columns.uids),
        links[0] if links else [""] * len(topics),
        topics,
        placed.sent_or_received(sent, columns),
        list(columns.received),
    )
