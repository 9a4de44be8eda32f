"""Compare what the index says with what is there: rows with bodies, counts with rows, UIDs with their mailbox.

Read-only unless told to fix. Fixing puts right what follows from other rows (counts, UIDNEXT, forgotten releases,
orphan bodies); it never removes a message. A message whose body is missing is reported: restore the body from a
backup, or expunge the message. Everything is read in pages, so that a server goes on beside it; what changes
meanwhile may be reported and be right the next time.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

from mox_trio.mailstore import accounts, orphans, rendering
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.bodies.api import key as body_key
from storage_backends.errors import Corrupt, NotFound
from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.tables import emails, mailboxes, messages, releases
from storage_backends.index.tables.emails import Place
from storage_backends.index.tables.mailboxes import MailboxRow


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
        check = partial(_check_mailbox, account_id=account.id, mailbox=mailbox, fix=fix)
        found = await (store.index.write([account.id], check) if fix else store.index.read(check))
        for what, text in found:
            yield Finding(account.name, what, f"mailbox {mailbox.name!r}: {text}", fixed=fix)


def _check_mailbox(tx: Transaction, *, account_id: AccountId, mailbox: MailboxRow, fix: bool) -> list[tuple[str, str]]:
    row = mailboxes.by_id(tx, account_id, mailbox.id)
    if row is None:
        return []
    found = []
    said = mailboxes.Counts(row.messages, row.unseen, row.deleted, row.size, row.deleted_size)
    true = mailboxes.true_counts(tx, row.id)
    if said != true:
        found.append(("counts", f"counts are {tuple(said)}, messages say {tuple(true)}"))
        if fix:
            mailboxes.set_counts(tx, row.id, true)
    highest = messages.highest_uid(tx, row.id)
    if highest >= row.uidnext:
        found.append(("uidnext", f"UIDNEXT is {row.uidnext}, but there is UID {highest}"))
        if fix:
            mailboxes.set_uidnext(tx, row.id, highest + 1)
    return found


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
