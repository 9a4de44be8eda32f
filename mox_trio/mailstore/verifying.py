"""Compare what the index says with what is there: rows with bodies, counts with rows, UIDs with their mailbox.

Read-only unless told to fix. Fixing puts right what follows from other rows (counts, UIDNEXT, forgotten releases,
orphan bodies); it never removes a message. A message whose body is missing is reported: restore the body from a
backup, or expunge the message. Everything is read in pages, so that a server goes on beside it; what changes
meanwhile may be reported and be right the next time.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Final

from mox_trio.mailstore import accounts, orphans, queued_bodies, rendering
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.bodies.api import key as body_key
from storage_backends.errors import Corrupt, NotFound
from storage_backends.index.api import AccountId, MailboxId, Transaction
from storage_backends.index.tables import emails, mailboxes, messages, releases
from storage_backends.index.tables.emails import Place
from storage_backends.index.tables.mailboxes import MailboxRow

TRIES: Final = 5
"""How often a mailbox is counted anew that is renamed between counting and correcting."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    account: str
    what: str
    """Named reason: integrity, counts, uidnext, body-missing, body-corrupt, unreleased, shared, orphan."""
    text: str
    fixed: bool


async def run(store: MailStore, *, fix: bool = False, bodies: bool = False) -> AsyncIterator[Finding]:
    """Yield what is wrong. With `bodies` every body is read and compared with its hash, not only looked for."""
    for problem in await store.index.integrity():
        yield Finding("", "integrity", problem, fixed=False)
    for row in await accounts.listed(store):
        account = await accounts.open(store, row.name)
        async for finding in _mailboxes(store, account, fix=fix):
            yield finding
        async for finding in _emails(store, account, bodies=bodies):
            yield finding
        async for finding in _unreleased(store, account, fix=fix):
            yield finding
    for name in store.bodies:
        doubt = await orphans.maybe_doubt(store, name)
        if doubt is not None and doubt.matters:
            advice = "orphans stay; if this is its only index: mox-trio upkeep --adopt"
            yield Finding("", "shared", f"{doubt.text}; {advice}", fixed=False)
    if count := await orphans.remove(store, only_count=not fix):
        yield Finding("", "orphan", f"{count} bodies that no message names", fixed=fix)


async def _mailboxes(store: MailStore, account: Account, *, fix: bool) -> AsyncIterator[Finding]:
    for mailbox in await store.index.read(partial(mailboxes.listed, account=account.id)):
        wrong, fixed = await _check(store, account, mailbox.id, tries=TRIES if fix else 0)
        for what, text in wrong.texts() if wrong is not None else ():
            yield Finding(account.name, what, f"mailbox {mailbox.name!r}: {text}", fixed=fixed)


async def _check(
    store: MailStore, account: Account, mailbox_id: MailboxId, *, tries: int
) -> tuple["_Wrong | None", bool]:
    """What is wrong with a mailbox, and whether it was put right in so many tries."""
    look = partial(_look, account_id=account.id, mailbox_id=mailbox_id)
    wrong = await store.index.read(look)
    while wrong is not None and tries > 0:
        if await store.index.write([account.id], partial(_correct, account_id=account.id, wrong=wrong)):
            return wrong, True
        tries -= 1
        wrong = await store.index.read(look)
    return wrong, False


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A mailbox that does not say what its messages say, on one snapshot."""

    row: MailboxRow
    true: mailboxes.Counts
    highest: int
    """UID of its messages."""

    @property
    def said(self) -> mailboxes.Counts:
        row = self.row
        return mailboxes.Counts(row.messages, row.unseen, row.deleted, row.size, row.deleted_size)

    def texts(self) -> Iterator[tuple[str, str]]:
        """What is wrong."""
        if self.said != self.true:
            yield "counts", f"counts are {tuple(self.said)}, messages say {tuple(self.true)}"
        if self.highest >= self.row.uidnext:
            yield "uidnext", f"UIDNEXT is {self.row.uidnext}, but there is UID {self.highest}"


def _look(tx: Transaction, *, account_id: AccountId, mailbox_id: MailboxId) -> _Wrong | None:
    row = mailboxes.by_id(tx, account_id, mailbox_id)
    if row is None:
        return None
    found = _Wrong(row, mailboxes.true_counts(tx, row.id), messages.highest_uid(tx, row.id))
    return found if any(found.texts()) else None


def _correct(tx: Transaction, *, account_id: AccountId, wrong: _Wrong) -> bool:
    """A short unit, however large the mailbox: changes keep a wrong count wrong by the same difference."""
    wrong_by = wrong.said.plus(wrong.true.minus())
    return mailboxes.correct(tx, account_id, wrong.row, wrong_by, wrong.highest + 1)


async def _emails(store: MailStore, account: Account, *, bodies: bool) -> AsyncIterator[Finding]:
    there: dict[str, set[str]] = {}
    for name, bodystore in store.bodies.items():
        there[name] = {info.key async for info in bodystore.refs(account.id)}
    after = 0
    while page := await store.index.read(partial(emails.places, account=account.id, after=after)):
        for place in page:
            problem = await _body_problem(store, account, place, there, bodies=bodies)
            if problem is not None:
                where = await store.index.read(partial(messages.placements, email_id=place.email_id))
                uids = ", ".join(f"mailbox {box} UID {uid}" for box, uid in where) or "no mailbox"
                yield Finding(
                    account.name, problem[0], f"message {place.object_id} ({uids}): {problem[1]}", fixed=False
                )
        after = page[-1].email_id
    async for text in queued_bodies.missing(store, account, there):
        yield Finding(account.name, "body-missing", text, fixed=False)


async def _body_problem(
    store: MailStore, account: Account, place: Place, there: dict[str, set[str]], *, bodies: bool
) -> tuple[str, str] | None:
    if place.store not in store.bodies:
        return "body-missing", f"its store {place.store!r} is not configured"
    if body_key(place.ref) not in there[place.store]:
        # It may have come after the listing, or moved: look at what the row says now.
        now = await store.index.read(partial(emails.place, account=account.id, email_id=place.email_id))
        if now is None:
            return None
        return await _content_problem(store, account, now)
    return await _content_problem(store, account, place) if bodies else None


async def _content_problem(store: MailStore, account: Account, place: Place) -> tuple[str, str] | None:
    if place.store not in store.bodies:
        return "body-missing", f"its store {place.store!r} is not configured"
    try:
        account.codec.open(rendering.place("prefix", place.object_id), place.prefix)
    except Corrupt as error:
        return "row-corrupt", f"{error}; restore the database from a backup or expunge the message"
    try:
        digest = await _digest(store, place)
    except NotFound:
        return (
            "body-missing",
            f"its body is not in store {place.store!r}; restore it from a backup or expunge the message",
        )
    except Corrupt as error:
        return "body-corrupt", f"{error}; restore it from a backup or expunge the message"
    said = await store.index.read(partial(emails.content, account=account.id, email_id=place.email_id))
    if said is not None and said[0] != rendering.maybe_content_key(account.codec, said[1], digest):
        return "body-corrupt", "its body has changed; restore it from a backup or expunge the message"
    return None


async def _digest(store: MailStore, place: Place) -> bytes:
    digest = blake2b(digest_size=32)
    async with store.bodies[place.store].open(place.ref) as blocks:
        async for block in blocks:
            digest.update(block)
    return digest.digest()


async def _unreleased(store: MailStore, account: Account, *, fix: bool) -> AsyncIterator[Finding]:
    after = 0
    while page := await store.index.read(partial(emails.without_placement, account=account.id, after=after)):
        after = page[-1]
        waiting = await store.index.read(partial(releases.emails_waiting, account=account.id))
        if forgotten := [email_id for email_id in page if email_id not in waiting]:
            if fix:
                due = store.now() + store.policy.release_after
                await store.index.write(
                    [account.id], partial(releases.add_emails, account=account.id, email_ids=forgotten, due=due)
                )
            yield Finding(account.name, "unreleased", f"{len(forgotten)} mails that no mailbox holds", fixed=fix)
