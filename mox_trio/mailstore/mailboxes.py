"""Mailboxes by their names: make, rename, delete, subscribe, special use.

A name is a path of levels divided by "/", in Unicode normal form C (RFC 5198); Inbox is the same in any case (RFC
9051 5.1), all other names are case-sensitive. Making or renaming makes the parents that are missing; a mailbox with
children is not deleted.

Deleting takes the mailbox from view in one unit and lets its messages go in as many as they need, so that others can
work beside it. Cut off between them, the messages are in no mailbox that anybody sees; `upkeep` goes on.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from mox_trio.base import limits, text
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import Quota, Used
from mox_trio.mailstore import annotating, special_uses
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.errors import Conflict, NotFound, Unavailable
from storage_backends.index.api import AccountId, MailboxId, ModSeq, Transaction
from storage_backends.index.tables import annotations, mailboxes, messages, placing
from storage_backends.index.tables.mailboxes import MailboxRow
from storage_backends.index.tables.messages import EVERYTHING

INBOX: Final = "Inbox"
DELIMITER: Final = "/"
LONGEST: Final = 512
"""Bytes of a name in UTF-8."""
DEEPEST: Final = 32
"""Levels of a name."""
MOST: Final = 10_000
"""Mailboxes of an account."""
PAGE: Final = 500
"""Messages of a deleted mailbox that go in one unit."""


def canonical(name: str) -> str:
    """The name as it is stored. INVALID, saying why, when it cannot be one."""
    name = text.nfc(name)
    if name.lower() == "inbox":
        return INBOX
    levels = name.split(DELIMITER)
    if levels[0].lower() == "inbox":
        levels[0] = INBOX
        name = DELIMITER.join(levels)
    if not all(levels):
        raise Failure(Kind.INVALID, 'a mailbox name has no empty level: no "/" at its ends and no "//"')
    if len(name.encode("utf-8", "replace")) > LONGEST or len(levels) > DEEPEST:
        raise Failure(Kind.INVALID, f"a mailbox name has at most {LONGEST} bytes and {DEEPEST} levels")
    if (control := text.maybe_control(name)) is not None:
        raise Failure(Kind.INVALID, f"a mailbox name cannot hold the control character {control}")
    # RFC 9051 5.1: wildcards of LIST and the sign of other namespaces make names that clients cannot use.
    if any(each in name for each in "*%") or name.startswith("#"):
        raise Failure(Kind.INVALID, 'a mailbox name cannot hold "*" or "%" or begin with "#"')
    return name


def find(tx: Transaction, account: AccountId, name: str) -> MailboxRow:
    """The mailbox of this canonical name; NOT_FOUND otherwise."""
    row = mailboxes.by_name(tx, account, name)
    if row is None:
        raise Failure(Kind.NOT_FOUND, f"there is no mailbox {name!r}")
    return row


def add_with_parents(tx: Transaction, account: AccountId, name: str, special_use: int = 0) -> MailboxId:
    """Make the mailbox and its missing parents in a unit; all are subscribed. LIMIT; Conflict when it exists."""
    levels = name.split(DELIMITER)
    parents = [DELIMITER.join(levels[:depth]) for depth in range(1, len(levels))]
    missing = [parent for parent in parents if mailboxes.by_name(tx, account, parent) is None]
    if mailboxes.number(tx, account) + len(missing) >= MOST:
        raise Failure(Kind.LIMIT, f"an account has at most {MOST} mailboxes; delete some first")
    for parent in missing:
        mailboxes.add(tx, account, parent)
        mailboxes.subscribe(tx, account, parent, subscribed=True)
    made = mailboxes.add(tx, account, name, special_use)
    mailboxes.subscribe(tx, account, name, subscribed=True)
    return made


async def listed(store: MailStore, account: Account) -> list[MailboxRow]:
    """All mailboxes with their counts, in the order of their names."""
    return await store.index.read(lambda tx: mailboxes.listed(tx, account.id))


async def get(store: MailStore, account: Account, name: str) -> MailboxRow:
    """The mailbox of this name. NOT_FOUND."""
    wanted = canonical(name)
    return await store.index.read(lambda tx: find(tx, account.id, wanted))


@dataclass(frozen=True, slots=True)
class Room:
    """A mailbox that something is to be put into, and what its account holds."""

    mailbox: MailboxRow
    used: Used


async def room(store: MailStore, account: Account, name: str) -> Room:
    """The mailbox of this canonical name and how full its account is. NOT_FOUND."""
    return await store.index.read(lambda tx: Room(find(tx, account.id, name), Used(*mailboxes.totals(tx, account.id))))


async def used(store: MailStore, account: Account) -> Used:
    """What a quota is compared with."""
    return await store.index.read(lambda tx: Used(*mailboxes.totals(tx, account.id)))


def check_quota(tx: Transaction, account: Account, quota: Quota) -> None:
    """In a unit that has added messages: QUOTA where it is too much."""
    if quota and (complaint := quota.complaint(Used(*mailboxes.totals(tx, account.id)))):
        raise Failure(Kind.QUOTA, complaint)


async def create(store: MailStore, account: Account, name: str, special_use: int = 0) -> MailboxId:
    """Make a mailbox, its missing parents and their subscriptions. EXISTS, INVALID, LIMIT (number of mailboxes)."""
    wanted = canonical(name.removesuffix(DELIMITER))  # RFC 9051 6.3.4: the client means to make children

    def unit(tx: Transaction) -> MailboxId:
        if mailboxes.by_name(tx, account.id, wanted) is not None:
            raise Failure(Kind.EXISTS, f"there is a mailbox {wanted!r} already")
        if special_use:
            special_uses.take(tx, account.id, special_use)
        return add_with_parents(tx, account.id, wanted, special_use)

    return await store.index.write([account.id], unit)


async def set_special_use(store: MailStore, account: Account, name: str, special_use: int) -> None:
    """Give a mailbox these special-use bits; another that had one of them loses it (RFC 6154 2: one of a kind)."""
    wanted = canonical(name)

    def unit(tx: Transaction) -> None:
        special_uses.give(tx, account.id, find(tx, account.id, wanted).id, special_use)

    await store.index.write([account.id], unit)


async def subscribe(store: MailStore, account: Account, name: str, *, subscribed: bool = True) -> None:
    """Subscribe to a name or take it back; the name need not be a mailbox (RFC 9051 6.3.7).

    Failures: LIMIT (number of names); NOT_FOUND when a name is taken back that is neither subscribed nor a mailbox.
    """
    wanted = canonical(name)

    def unit(tx: Transaction) -> None:
        present = [each for each, yes in mailboxes.subscriptions(tx, account.id) if yes]
        if (wanted in present) == subscribed:
            if not subscribed:
                find(tx, account.id, wanted)
            return
        if subscribed and len(present) >= limits.IMAP_SUBSCRIPTIONS:
            raise Failure(Kind.LIMIT, f"an account has at most {limits.IMAP_SUBSCRIPTIONS} subscriptions")
        mailboxes.subscribe(tx, account.id, wanted, subscribed=subscribed)

    await store.index.write([account.id], unit)


async def subscriptions(store: MailStore, account: Account) -> list[str]:
    """Subscribed names in order."""
    rows = await store.index.read(lambda tx: mailboxes.subscriptions(tx, account.id))
    return [name for name, subscribed in rows if subscribed]


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that is listed of an account, at one moment."""

    mailboxes: Sequence[MailboxRow]
    """In the order of their names."""
    subscribed: frozenset[str]
    """Names, also of what is no mailbox."""
    annotations: Mapping[int, Sequence[annotations.AnnotationRow]]
    """By the ids of mailboxes; sealed, see `annotating.opened`."""


async def overview(store: MailStore, account: Account, *, with_annotations: bool = False) -> Overview:
    """All mailboxes and subscriptions, and annotations where they are asked for."""

    def unit(tx: Transaction) -> Overview:
        rows = mailboxes.listed(tx, account.id)
        subscribed = frozenset(name for name, yes in mailboxes.subscriptions(tx, account.id) if yes)
        noted: dict[int, list[annotations.AnnotationRow]] = {}
        for each in annotations.changed(tx, account.id, 0) if with_annotations else ():
            if not each.gone:
                noted.setdefault(each.mailbox_id, []).append(each)
        return Overview(rows, subscribed, noted)

    return await store.index.read(unit)


Renamed = list[tuple[str, str]]
"""Old and new names of mailboxes."""


async def rename(store: MailStore, account: Account, old: str, new: str) -> Renamed:
    """Rename a mailbox and its children; missing parents of the new name are made. Subscriptions follow.

    Renaming Inbox moves its messages into a new mailbox, which gets a copy of its annotations, and leaves Inbox, empty, and
    its children (RFC 9051 6.3.6, RFC 5464 4.1).
    Failures: NOT_FOUND, EXISTS (also for a child's new name), INVALID (below itself), LIMIT (number of mailboxes).
    """
    source, target = canonical(old), canonical(new)
    if target == source or target.startswith(source + DELIMITER):
        raise Failure(Kind.INVALID, "a mailbox cannot be renamed to itself or below itself")
    if source == INBOX:
        await store.index.write([account.id], lambda tx: _rename_inbox(tx, store, account, target))
        return [(source, target)]

    def unit(tx: Transaction) -> Renamed:
        find(tx, account.id, source)
        below = source + DELIMITER
        moving = [row for row in mailboxes.listed(tx, account.id) if row.name == source or row.name.startswith(below)]
        subscribed = {name for name, yes in mailboxes.subscriptions(tx, account.id) if yes}
        _make_parents(tx, account.id, target)
        renamed = [(row.name, canonical(target + row.name[len(source) :])) for row in moving]
        for row, (_, name) in zip(moving, renamed, strict=True):
            _rename_one(tx, account.id, row, name, subscribed=row.name in subscribed)
        return renamed

    return await store.index.write([account.id], unit)


def _rename_one(tx: Transaction, account: AccountId, row: MailboxRow, name: str, *, subscribed: bool) -> None:
    try:
        mailboxes.rename(tx, account, row.id, name)
    except Conflict:
        raise Failure(Kind.EXISTS, f"there is a mailbox {name!r} already") from None
    if subscribed:
        mailboxes.subscribe(tx, account, row.name, subscribed=False)
        mailboxes.subscribe(tx, account, name, subscribed=True)


def _make_parents(tx: Transaction, account: AccountId, name: str) -> None:
    parent, found, _ = name.rpartition(DELIMITER)
    if found and mailboxes.by_name(tx, account, parent) is None:
        add_with_parents(tx, account, parent)


def _rename_inbox(tx: Transaction, store: MailStore, account: Account, target: str) -> None:
    inbox = find(tx, account.id, INBOX)
    if mailboxes.by_name(tx, account.id, target) is not None:
        raise Failure(Kind.EXISTS, f"there is a mailbox {target!r} already")
    made = add_with_parents(tx, account.id, target)
    counts = placing.count(tx, inbox.id, EVERYTHING)
    if mailboxes.take_uids(tx, account.id, made, counts.messages, counts) is None:
        raise Failure(Kind.CONFLICT, f"the mailbox {target!r} was removed meanwhile; try again")
    placing.copy(tx, account.id, inbox.id, EVERYTHING, placing.Copy(made, 0, store.now()))
    mailboxes.take_uids(tx, account.id, inbox.id, 0, counts.minus())
    placing.bury(tx, account.id, inbox.id, EVERYTHING, store.now())
    annotating.copy(tx, account, inbox.id, made)


async def delete(store: MailStore, account: Account, name: str) -> MailboxId:
    """Delete a mailbox with its messages and return what its id was; its subscription stays (RFC 9051 6.3.5, 6.3.7).

    Failures: NOT_FOUND; FORBIDDEN for Inbox; IN_USE when it has children, which would hang in the air.
    """
    wanted = canonical(name)
    if wanted == INBOX:
        raise Failure(Kind.FORBIDDEN, "Inbox cannot be deleted")

    def unit(tx: Transaction) -> tuple[MailboxId, bool]:
        row = find(tx, account.id, wanted)
        if any(each.name.startswith(wanted + DELIMITER) for each in mailboxes.listed(tx, account.id)):
            raise Failure(Kind.IN_USE, f"the mailbox {wanted!r} has mailboxes below it; delete those first")
        annotations.drop_mailbox(tx, account.id, row.id)
        mailboxes.remove(tx, account.id, row.id)
        return row.id, _erase_page(tx, store, account.id, row.id)

    mailbox_id, more = await store.index.write([account.id], unit)
    if more:
        with suppress(NotFound, Unavailable):  # it is deleted: what follows is for upkeep if it has to be
            await _erase(store, account.id, mailbox_id)
    return mailbox_id


async def finish_deletions(store: MailStore, account_id: AccountId) -> int:
    """Go on with deletions that were cut off; return how many. NotFound when the account is removed meanwhile."""
    left_over = await store.index.read(partial(mailboxes.left_over, account=account_id))
    for mailbox_id in left_over:
        await _erase(store, account_id, mailbox_id)
    return len(left_over)


async def _erase(store: MailStore, account_id: AccountId, mailbox_id: MailboxId) -> None:
    while await store.index.write([account_id], lambda tx: _erase_page(tx, store, account_id, mailbox_id)):
        pass


def _erase_page(tx: Transaction, store: MailStore, account: AccountId, mailbox_id: MailboxId) -> bool:
    """Let messages of a deleted mailbox go, and then tombstones; whether there may be more."""
    uids = placing.uids(tx, mailbox_id, EVERYTHING, most=PAGE)
    if uids:
        page = ((uids[0], uids[-1]),)  # no UID is added any more
        placing.release_mails(tx, account, mailbox_id, page, store.now() + store.policy.release_after)
        placing.erase(tx, mailbox_id, page)
    if len(uids) == PAGE:
        return True
    return messages.prune(tx, mailbox_id, ModSeq(tx.modseq(account)), PAGE) == PAGE
