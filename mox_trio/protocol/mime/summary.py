"""What the index keeps of a header: the values that lists show, searches compare and threads are made by.

Everything is decoded to text on one line, without control characters, so that it can be stored and shown as it is;
what the header does not have is the empty string. Never fails.
"""

import functools
from typing import Final, NamedTuple

from mox_trio.protocol.mime import addresses, dates, threads, words
from mox_trio.protocol.mime.header import Header

_COMMON_LENGTH: Final = 100
"""Longest body of a field that is worth to remember: whom mail is for, and often who sent it, is the same in much mail."""


class Summary(NamedTuple):
    """The values of one header. Mailboxes are the first of their field, as `localpart@domain` with its display name."""

    subject: str
    base_subject: str
    """RFC 5256 2.1, in lower case."""
    is_reply: bool
    """Whether the subject says that this is a reply or forward."""
    from_mailbox: str
    from_name: str
    to_mailbox: str
    to_name: str
    cc_mailbox: str
    cc_name: str
    date: int | None
    """Of the Date field, in milliseconds since the epoch; None where it is missing or unreadable."""
    message_id: str
    """Canonical: `threads.message_id`."""
    references: tuple[str, ...]
    """Canonical, nearest first: `threads.references`."""


def of(header: Header) -> Summary:
    """The summary of a parsed header."""
    get = header.get
    subject = words.decode(get(b"subject") or b"")
    date = get(b"date")
    message_id = get(b"message-id")
    return Summary(
        subject,
        *threads.base_subject(subject),
        *mailbox_of(header, b"from"),
        *mailbox_of(header, b"to"),
        *mailbox_of(header, b"cc"),
        dates.parse(date) if date else None,
        threads.message_id(message_id) if message_id else "",
        threads.references(get(b"references"), get(b"in-reply-to")),
    )


def mailbox_of(header: Header, key: bytes) -> tuple[str, str]:
    """Address and display name of the first mailbox in the first field named `key`; groups are looked into."""
    body = header.get(key)
    if not body:
        return "", ""
    return _common_first(body) if len(body) <= _COMMON_LENGTH else _first(body)


def _first(body: bytes) -> tuple[str, str]:
    for mailbox in addresses.mailboxes(addresses.parse_list(body, 1)):
        return mailbox.address, mailbox.display
    return "", ""


_common_first = functools.lru_cache(maxsize=512)(_first)
