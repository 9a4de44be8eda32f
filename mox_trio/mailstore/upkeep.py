"""What a store does by itself, in small steps that may be cut off at any point and begun again.

- released mails: an hour after the last placement went, the rows go, then the bodies, a page at a time;
- removals of accounts and deletions of mailboxes that were cut off go on;
- orphan bodies are removed (`orphans`);
- tombstones older than a year are pruned;
- mail older than a mailbox's retention is expunged (`retain`, for each mailbox that the configuration names);
- rows rendered by another version of the program, or before sealing was set, are rendered again.

A step that fails with `Unavailable` is tried again by the next run; nothing is half done.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import (
    accounts,
    annotating,
    attempts,
    expunging,
    mailboxes,
    orphans,
    reading,
    rendering,
    settings,
    web_sessions,
)
from mox_trio.mailstore.spool import Spool
from mox_trio.mailstore.store import DAY, Account, MailStore
from storage_backends.errors import Corrupt, NotFound
from storage_backends.index.api import NO_ACCOUNT, AccountId, MailboxId, ModSeq, Transaction
from storage_backends.index.tables import accounts as account_rows
from storage_backends.index.tables import emails, leases, messages, releases, stores
from storage_backends.index.tables import mailboxes as mailbox_rows
from storage_backends.index.tables.emails import Place
from storage_backends.index.tables.releases import ReleaseRow

PAGE: Final = 200
LEASE: Final = "upkeep"
ABANDONED: Final = 30 * DAY
"""Milliseconds after which nobody goes on with an import."""
HELD: Final = 3_600_000
"""Milliseconds that a step may take before another process may begin; both then do the same harmless things."""
HOLDER: Final = f"process {os.getpid()}"


@dataclass(frozen=True, slots=True)
class Done:
    """What one run did."""

    released: int
    accounts: int
    mailboxes: int
    orphans: int
    tombstones: int
    rendered: int


async def run(store: MailStore) -> Done:
    """Do all of it once. IN_USE when another process is at it: one at a time holds the lease."""
    claim = await store.index.write(NO_ACCOUNT, partial(leases.claim, name=LEASE, holder=HOLDER, milliseconds=HELD))
    if claim is None:
        raise Failure(Kind.IN_USE, "another process does the upkeep now")
    done: list[int] = []
    try:
        for step in (release, finish_removals, finish_deletions, orphans.remove, prune, render_again):
            done.append(await step(store))
            await store.index.write(NO_ACCOUNT, partial(leases.renew, name=LEASE, mine=claim, milliseconds=HELD))
    finally:
        with trio.CancelScope(shield=True):
            await store.index.write(NO_ACCOUNT, partial(leases.release, name=LEASE, mine=claim))
    return Done(*done)


async def release(store: MailStore) -> int:
    """Erase what is due; return how many mails and bodies went."""
    gone = 0
    while page := await store.index.read(lambda tx: releases.due(tx, store.now(), PAGE)):
        for account_id in sorted({row.account_id for row in page}):
            mine = [row for row in page if row.account_id == account_id]
            with suppress(NotFound):  # the account was removed meanwhile
                going = await store.index.write([account_id], partial(_release, rows=mine))
                gone += len(going)
                # Row, then body: a crash here leaves orphans.
                for name, bodies in store.bodies.items():
                    if refs := [ref for where, ref in going if where == name]:
                        await bodies.delete(refs)
    return gone


def _release(tx: Transaction, *, rows: list[ReleaseRow]) -> list[tuple[str, str]]:
    going: list[tuple[str, str] | None] = []
    for row in rows:
        releases.remove(tx, row.id)
        if row.email_id is not None:
            going.append(emails.remove(tx, row.account_id, row.email_id))
        elif row.store is not None and row.ref is not None:
            going.append((row.store, row.ref))
    return [each for each in going if each is not None]


async def finish_removals(store: MailStore) -> int:
    """Go on with removals of accounts."""
    rows = await store.index.read(account_rows.all_rows)
    removing = [row for row in rows if row.state == account_rows.REMOVING]
    for row in removing:
        await accounts.erase(store, row.id)
    return len(removing)


async def finish_deletions(store: MailStore) -> int:
    """Go on with deletions of mailboxes; return how many."""
    finished = 0
    for row in await store.index.read(account_rows.all_rows):
        with suppress(NotFound):  # the account was removed meanwhile
            finished += await mailboxes.finish_deletions(store, row.id)
    return finished


async def prune(store: MailStore) -> int:
    """Delete old tombstones; the mailbox remembers up to where (RFC 7162 3.2.5.2). And imports that nobody goes on with,
    old attempts to log in, and web sessions that ended by themselves.
    """
    abandoned = partial(stores.prune_progress, before=store.now() - ABANDONED)
    pruned = await store.index.write(NO_ACCOUNT, abandoned)
    pruned += await attempts.prune(store)
    pruned += await web_sessions.prune(store)
    before = store.now() - store.policy.tombstones_kept
    for mailbox_id, modseq in await store.index.read(lambda tx: messages.old_tombstones(tx, before)):
        owner = await store.index.read(partial(messages.owner, mailbox_id=mailbox_id))
        unit = partial(_prune, mailbox_id=mailbox_id, modseq=modseq)
        while owner is not None and (gone := await store.index.write([AccountId(owner)], unit)):
            pruned += gone
    return pruned


def _prune(tx: Transaction, *, mailbox_id: MailboxId, modseq: ModSeq) -> int:
    mailbox_rows.set_pruned(tx, mailbox_id, modseq)
    return messages.prune(tx, mailbox_id, modseq, PAGE)


async def render_again(store: MailStore) -> int:
    """Render rows of another version from their bytes, and seal annotations and settings from before sealing was set.

    A mail whose body cannot be read is left as it is: `verifying` reports it.
    """
    rendered = 0
    for row in await accounts.listed(store):
        account = await accounts.open(store, row.name)
        rendered += await _render_account(store, account) + await annotating.seal_again(store, account)
        rendered += await settings.seal_again(store, account)
    return rendered


async def _render_account(store: MailStore, account: Account) -> int:
    old = partial(emails.places_parsed_otherwise, account=account.id, version=rendering.version(account.codec))
    rendered = after = 0
    while page := await store.index.read(partial(old, after=after)):
        for place in page:
            with suppress(Failure, Corrupt):
                await _render_one(store, account, place)
                rendered += 1
        after = page[-1].email_id
        store.kept.forget(account.id)
    return rendered


async def _render_one(store: MailStore, account: Account, place: Place) -> None:
    located = await reading.locate(store, account, place.email_id)
    async with (
        Spool(store, place.size) as spool,
        reading.open_mail(store, account, place.email_id, len(located.prefix)) as blocks,
    ):
        async for block in blocks:
            await spool.write(block)
        spooled = await spool.finish()
        render = partial(rendering.render, account.codec, place.object_id, located.prefix, spooled)
        fresh, _ = await trio.to_thread.run_sync(render, limiter=store.computing)
    await store.index.write([account.id], lambda tx: emails.render(tx, place.email_id, fresh))


async def retain(store: MailStore, account: Account, mailbox: str, age: int) -> int:
    """Expunge messages that were saved in a mailbox more than `age` milliseconds ago; return how many.

    A mailbox that is not there has none.
    """
    name = mailboxes.canonical(mailbox)
    row = await store.index.read(partial(mailbox_rows.by_name, account=account.id, name=name))
    expunged = 0
    while row is not None:
        unit = partial(_retain, store=store, account=account, mailbox_id=row.id, before=store.now() - age)
        gone = await store.index.write([account.id], unit)
        expunged += gone
        if gone < PAGE:
            break
    return expunged


def _retain(tx: Transaction, *, store: MailStore, account: Account, mailbox_id: MailboxId, before: int) -> int:
    uids = messages.saved_before(tx, mailbox_id, before, PAGE)
    if uids:
        expunging.take_out(tx, store, account, mailbox_id, uids)
    return len(uids)
