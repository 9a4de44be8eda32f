"""Rows of lists as pages get them: a message, or a thread at the place of its newest message.

A row has the id "mailbox.uid" of that message. Of a thread it tells who took part, how many messages are there and how many of
them are not read; more than `LOOKED_AT` messages of a thread are counted but not looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mox_trio.mailstore import listing
from mox_trio.mailstore.listing import Shown
from mox_trio.mailstore.store import Account, MailStore

LOOKED_AT: Final = 25
SEEN: Final = "\\Seen"
FLAGGED: Final = "\\Flagged"
PREVIEW: Final = 160

Row = dict[str, Any]


def row_id(mailbox_id: int, uid: int) -> str:
    """The id of a row."""
    return f"{mailbox_id}.{uid}"


def of_message(shown: Shown) -> Row:
    """One message."""
    summary = shown.summary
    return {
        "id": row_id(shown.mailbox_id, shown.row.uid),
        "thread": shown.thread_id,
        "people": [[summary.from_name, summary.from_mailbox, SEEN in shown.flags]],
        "to": [summary.to_name, summary.to_mailbox],
        "subject": summary.subject,
        "preview": summary.preview[:PREVIEW],
        "date": shown.row.received,
        "flags": list(shown.flags),
        "size": shown.row.size,
        "files": shown.attachments,
        "count": 1,
        "unread": int(SEEN not in shown.flags),
    }


def of_thread(newest: Shown, others: Iterable[Shown], count: int) -> Row:
    """A thread; `others` are older messages of it."""
    row = of_message(newest)
    every = sorted([newest, *others], key=lambda each: (each.row.received, each.row.uid))
    row["people"] = _people(every)
    row["count"] = count
    row["unread"] = sum(SEEN not in each.flags for each in every)
    row["files"] = sum(each.attachments for each in every)
    flags = set(row["flags"])
    for each in every:
        flags.update(name for name in each.flags if name != SEEN)
    flags.discard(SEEN)
    if not row["unread"]:
        flags.add(SEEN)
    row["flags"] = sorted(flags)
    return row


def _people(every: Sequence[Shown]) -> list[list[Any]]:
    found: dict[str, list[Any]] = {}
    for each in every:
        address = each.summary.from_mailbox
        seen = SEEN in each.flags
        known = found.setdefault(address.lower(), [each.summary.from_name, address, seen])
        known[2] = known[2] and seen
    return list(found.values())


async def of_keys(
    store: MailStore, account: Account, mailbox_id: int, members: Mapping[int, Sequence[int]]
) -> dict[int, Row]:
    """Rows by their keys; `members` are the keys of the messages of each, the newest first. What is gone has no row."""
    box = listing.mailbox_id(mailbox_id)
    wanted = [(box, listing.uid_of(key)) for keys in members.values() for key in keys[:LOOKED_AT]]
    found = {each.row.uid: each for each in await listing.shown(store, account, wanted)}
    rows: dict[int, Row] = {}
    for head, keys in members.items():
        there = [found[uid] for key in keys[:LOOKED_AT] if (uid := listing.uid_of(key)) in found]
        if there and there[0].row.uid == listing.uid_of(head):
            rows[head] = of_message(there[0]) if len(keys) == 1 else of_thread(there[0], there[1:], len(keys))
    return rows
