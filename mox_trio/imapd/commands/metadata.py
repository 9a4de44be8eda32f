"""Annotations of mailboxes and of the account: GETMETADATA and SETMETADATA (RFC 5464), and the one entry that is computed, which
is the special use of a mailbox (RFC 6154 4).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from mox_trio.imapd import named_filters, replies, special_use
from mox_trio.imapd.commands.mailboxes import say_normal_form
from mox_trio.imapd.state import Session
from mox_trio.mailstore import annotating, mailboxes
from mox_trio.protocol.imap.commands.metadata import GetMetadata, SetMetadata
from mox_trio.protocol.imap.responses import Metadata, Status
from storage_backends.index.tables.mailboxes import MailboxRow

MUCH: Final = 10_000
"""Pairs of an entry that is asked for and one that there is, above which what is told is found out in a thread."""

_AFTER_SLASH: Final = chr(ord("/") + 1)
_ADMIN: Final = "/shared/admin"
"""Of the server; nobody can change it (RFC 5464 6.2.2)."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is told of some entries."""

    values: tuple[tuple[str, bytes | None], ...]
    longest: int
    """Octets of the largest value that was too large; 0 where none was."""


async def get(session: Session, command: GetMetadata) -> Status:
    """GETMETADATA."""
    account = session.require_account()
    mailbox_id, name = 0, ""
    row: MailboxRow | None = None
    if command.mailbox:
        row = await mailboxes.get(session.store, account, command.mailbox)
        mailbox_id, name = row.id, row.name
        say_normal_form(session, command.mailbox)
    noted = await annotating.listed(session.store, account, mailbox_id)
    noted = noted if row is None else with_special_use(noted, row)
    entries = tuple(dict.fromkeys(command.entries))
    told = await chosen(session, noted, entries, command.depth, command.max_size)
    if told.values:
        session.say(Metadata(name, told.values))
    return long_entries(told.longest) if told.longest else replies.DONE


async def set_(session: Session, command: SetMetadata) -> Status:
    """SETMETADATA: all or none."""
    account = session.require_account()
    values = dict(command.values)
    row = await mailboxes.get(session.store, account, command.mailbox) if command.mailbox else None
    uses: int | None = None
    if row is None:
        named_filters.refuse_broken(values)
    if row is None and _ADMIN in values:
        return Status("NO", "this entry cannot be changed", b"NOPERM")
    if row is not None and special_use.ENTRY in values:
        try:
            uses = special_use.of_value(values.pop(special_use.ENTRY))
        except special_use.Unsupported as use:
            return Status("NO", f"no mailbox is made for {use}", b"USEATTR")
    try:
        modseq = await annotating.change(session.store, account, 0 if row is None else row.id, values, uses)
    except annotating.TooMany as failure:
        return Status("NO", failure.public, b"METADATA TOOMANY")
    except annotating.TooLarge as failure:
        return Status("NO", failure.public, b"METADATA MAXSIZE %d" % failure.most)
    session.annotations.changed(modseq)
    session.did(modseq)
    await session.require_feed().pull()
    return replies.DONE


def with_special_use(noted: Mapping[str, bytes], row: MailboxRow) -> dict[str, bytes]:
    """The entries of a mailbox, and the one that says its special use."""
    uses = special_use.value(row.special_use)
    return {**noted, special_use.ENTRY: uses} if uses is not None else dict(noted)


async def chosen(
    session: Session, noted: Mapping[str, bytes], entries: Sequence[str], depth: int | None, max_size: int | None
) -> Chosen:
    """The same as `choose`, in a thread where it may be much."""
    if depth != 0 and len(noted) * len(entries) > MUCH:
        limiter = session.store.computing
        return await trio.to_thread.run_sync(choose, noted, entries, depth, max_size, limiter=limiter)
    return choose(noted, entries, depth, max_size)


def choose(noted: Mapping[str, bytes], entries: Iterable[str], depth: int | None, max_size: int | None) -> Chosen:
    """What is told of these entries and of those below them (RFC 5464 4.2.1, 4.2.2). One that is not there is NIL, but where
    others below it were asked for as well and are there.
    """
    values: dict[str, bytes | None] = {}
    longest = 0
    names = sorted(noted) if depth != 0 else []
    for entry in entries:
        found = [entry] if entry in noted else []
        if depth != 0:
            found += _below(names, entry, depth)
        if not found:
            values[entry] = None
        for name in found:
            value = noted[name]
            if max_size is not None and len(value) > max_size:
                longest = max(longest, len(value))
            else:
                values[name] = value
    return Chosen(tuple(values.items()), longest)


def _below(names: Sequence[str], entry: str, depth: int | None) -> Iterator[str]:
    """Names, of all in order, that are below an entry, and not deeper than is wanted."""
    start = bisect_left(names, entry + "/")
    for name in names[start : bisect_left(names, entry + _AFTER_SLASH, start)]:
        if depth is None or name.count("/", len(entry)) <= depth:
            yield name


def long_entries(octets: int) -> Status:
    """The completion where values were larger than the client wanted."""
    return Status("OK", "done, but for what is too large", b"METADATA LONGENTRIES %d" % octets)
