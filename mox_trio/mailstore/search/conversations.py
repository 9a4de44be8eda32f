"""What threads are made of, of many messages: who they are, whom they answer, what they are about, and when they were sent.

Read in pages off the event loop; what is kept of a message is little. Messages that are gone, or whose rows do not open,
are left out.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import trio

from mox_trio.mailstore import reading
from mox_trio.mailstore.rendering import Summary
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import header, threads
from storage_backends.index.api import MailboxId, Uid
from storage_backends.index.tables import messages


@dataclass(frozen=True, slots=True)
class Member:
    """One message."""

    uid: Uid
    message_id: str
    """Canonical (`threads.message_id`), or empty."""
    references: tuple[str, ...]
    """Message-IDs of the messages before this one, the nearest first (RFC 5256 3, REFERENCES, step 1)."""
    subject: str
    """The base subject (RFC 5256 2.1)."""
    is_reply: bool
    """Whether the subject says that it is a reply or forward."""
    sent: int
    """Of the Date field, or INTERNALDATE without one, in milliseconds (RFC 5256 2.2)."""
    received: int
    """INTERNALDATE."""


async def pages(
    store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid], *, with_references: bool
) -> AsyncGenerator[list[Member], None]:
    """The messages of these ascending UIDs, page by page. Without references, `message_id` and they are empty."""
    columns = ("summary", "sent", "header") if with_references else ("summary", "sent")
    details = reading.details(store, account, mailbox_id, messages.ranges_of(uids), columns)
    async with aclosing(details) as pages_of_columns:
        async for page in pages_of_columns:
            yield await trio.to_thread.run_sync(_members, page, limiter=store.computing)


def _members(page: list[reading.Details]) -> list[Member]:
    return [_member(each) for each in page]


def _member(details: reading.Details) -> Member:
    summary_column, sent, *rest = details.columns
    summary = Summary(*json.loads(summary_column)) if isinstance(summary_column, bytes) else None
    subject = summary.subject if summary else ""
    message_id, references = "", tuple[str, ...]()
    if rest and isinstance(rest[0], bytes):
        message_id, references = _links(rest[0])
    return Member(
        uid=details.row.uid,
        message_id=message_id,
        references=references,
        subject=summary.base_subject if summary else "",
        is_reply=(":" in subject and threads.base_subject(subject)[1]) or "(fwd)" in subject.lower(),
        sent=sent if isinstance(sent, int) else details.row.received,
        received=details.row.received,
    )


def _links(block: bytes) -> tuple[str, tuple[str, ...]]:
    get = header.parse(block).get
    written = get(b"message-id")
    references = threads.references(get(b"references"), None)
    if not references:
        # RFC 5256 3: without valid references, the first Message-ID of In-Reply-To is the only one.
        references = threads.references(None, get(b"in-reply-to"))[:1]
    return threads.message_id(written) if written else "", references
