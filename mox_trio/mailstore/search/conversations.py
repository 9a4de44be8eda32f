"""What threads are made of, of many messages: who they are, whom they answer, what they are about, and when they were sent.

Read in pages off the event loop; what is kept of a message is little. Messages that went are read as long as their mails are
not erased; Corrupt when a row does not open.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.mailstore import reading_many, rendering
from mox_trio.mailstore.reading_many import FIRST, RECEIVED, UID
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import header, threads
from storage_backends.index.api import MailboxId, Row, Uid

PAGE: Final = 500
"""Messages that are read at once."""


@dataclass(slots=True)
class Member:
    """One message."""

    uid: Uid
    message_id: str
    """Canonical (`threads.message_id`), or empty."""
    references: tuple[str, ...]
    """Message-IDs of the messages before this one, the nearest first (RFC 5256 3, REFERENCES, step 1)."""
    subject: str
    """The base subject (RFC 5256 2.1)."""
    written: str
    """The subject as it was written, decoded."""
    sent: int
    """Of the Date field, or INTERNALDATE without one, in milliseconds (RFC 5256 2.2)."""
    received: int
    """INTERNALDATE."""

    @property
    def is_reply(self) -> bool:
        """Whether the subject says that it is a reply or forward."""
        return threads.base_subject(self.written)[1]


async def pages(
    store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid], *, with_references: bool
) -> AsyncGenerator[list[Member], None]:
    """The messages of these ascending UIDs, page by page. Without references, `message_id` and they are empty."""
    columns = ("summary", "sent", "header") if with_references else ("summary", "sent")
    for start in range(0, len(uids), PAGE):
        yield await reading_many.made(store, account, mailbox_id, uids[start : start + PAGE], columns, _members)


def _members(rows: Sequence[Row]) -> list[Member]:
    summaries = rendering.parse_summaries([row[FIRST] for row in rows])
    return list(map(_member, rows, summaries["base_subject"], summaries["subject"]))


def _member(row: Row, subject: str, written: str) -> Member:
    received, sent = row[RECEIVED], row[FIRST + 1]
    message_id, references = _links(row[FIRST + 2]) if len(row) > FIRST + 2 else ("", ())
    return Member(row[UID], message_id, references, subject, written, received if sent is None else sent, received)


def _links(block: bytes) -> tuple[str, tuple[str, ...]]:
    lowered = block.lower()
    written = field(block, lowered, b"message-id")
    named = field(block, lowered, b"references")
    references = threads.references(named, None) if named else ()
    if not references:
        # RFC 5256 3: without valid references, the first Message-ID of In-Reply-To is the only one.
        answered = field(block, lowered, b"in-reply-to")
        references = threads.references(None, answered)[:1] if answered else ()
    return threads.message_id(written) if written else "", references


def field(block: bytes, lowered: bytes, key: bytes) -> bytes | None:
    """As `Header.get`, for few fields of many headers that end with their blocks: one that is written as nearly all are is
    cut out directly.
    """
    if key not in lowered:
        return None
    at = lowered.find(b"\n" + key)
    if at < 0 or lowered.startswith(key) or not lowered.startswith(b":", at + 1 + len(key)):
        return header.parse(block).get(key)
    start = at + len(key) + 2
    stop = block.find(b"\n", start)
    while stop >= 0 and block[stop + 1 : stop + 2] in (b" ", b"\t"):
        stop = block.find(b"\n", stop + 1)
    value = block[start : stop if stop >= 0 else len(block)]
    return value.replace(b"\r\n", b"").replace(b"\n", b"").strip(b" \t\r")
