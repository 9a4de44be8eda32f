"""Accounts: make, open, disable, remove.

Making is two units: the row in the state `creating`, then its mailboxes; whoever opens an account in that state
finishes it, so a crash between them leaves nothing to repair. Removing sets the state `removing` and drops the
account's key, which erases sealed mail at once; then rows go in small units, then bodies, then the account's row.
`upkeep` goes on with a removal that was cut off. A name that was removed can be used again: the account gets a new
id, and nothing of the old one belongs to it.
"""

import re
from contextlib import suppress
from functools import partial
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import mailboxes
from mox_trio.mailstore.codec import Codec, Plain, Sealed
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.errors import Conflict, NotFound
from storage_backends.index.api import NO_ACCOUNT, AccountId, EmailId, MailboxId, Transaction
from storage_backends.index.tables import accounts, emails, placing, stores
from storage_backends.index.tables import mailboxes as mailbox_rows
from storage_backends.index.tables.accounts import AccountRow
from storage_backends.index.tables.messages import EVERYTHING

_NAME: Final = re.compile(r"[a-z0-9\u00a0-\U0010ffff](?:[a-z0-9._\u00a0-\U0010ffff-]{0,62}[a-z0-9\u00a0-\U0010ffff])?")
BODIES_AT_ONCE: Final = 500


def check_name(name: str) -> str:
    """The name, or INVALID: lower-case letters, digits and inside also ".", "-", "_"; at most 64 characters."""
    if not _NAME.fullmatch(name) or name != name.lower():
        raise Failure(
            Kind.INVALID, 'an account name is 1 to 64 lower-case letters and digits, inside also ".", "-" and "_"'
        )
    return name


async def create(store: MailStore, name: str) -> Account:
    """Make an account with its initial mailboxes and return its handle. EXISTS, INVALID."""
    check_name(name)
    try:
        account_id = await store.index.write(NO_ACCOUNT, lambda tx: accounts.add(tx, name, now=store.now()))
    except Conflict:
        raise Failure(Kind.EXISTS, f"there is an account {name!r} already") from None
    await _finish(store, account_id)
    return await _handle(store, account_id, name)


async def get(store: MailStore, name: str) -> AccountRow:
    """The row of an account. NOT_FOUND."""
    row = await store.index.read(lambda tx: accounts.by_name(tx, name))
    if row is None:
        raise Failure(Kind.NOT_FOUND, f"there is no account {name!r}")
    return row


async def open(store: MailStore, name: str) -> Account:
    """The handle of an account, also of a disabled one. NOT_FOUND."""
    row = await get(store, name)
    if row.state == accounts.CREATING:
        await _finish(store, row.id)
    return await _handle(store, row.id, row.name)


async def by_id(store: MailStore, account_id: AccountId) -> Account:
    """The handle of the account of this id. The stores' NotFound when it is gone or its key is."""
    row = await store.index.read(lambda tx: accounts.by_id(tx, account_id))
    return await _handle(store, row.id, row.name)


async def ensure(store: MailStore, name: str) -> Account:
    """Open the account, or make it: for a name that the configuration has."""
    if await store.index.read(lambda tx: accounts.by_name(tx, name)) is None:
        with suppress(Conflict):  # another process was first
            await store.index.write(NO_ACCOUNT, lambda tx: accounts.add(tx, check_name(name), now=store.now()))
    return await open(store, name)


async def listed(store: MailStore) -> list[AccountRow]:
    """All accounts but those being removed, in the order of their names."""
    rows = await store.index.read(accounts.all_rows)
    return sorted((row for row in rows if row.state != accounts.REMOVING), key=lambda row: row.name)


async def set_disabled(store: MailStore, name: str, *, disabled: bool) -> None:
    """Close an account to log-ins, or open it again. Servers ask for its state before they take mail. NOT_FOUND."""
    account = await open(store, name)

    def unit(tx: Transaction) -> None:
        if accounts.by_id(tx, account.id).state == accounts.REMOVING:
            raise Failure(Kind.NOT_FOUND, f"there is no account {name!r}")
        accounts.set_state(tx, account.id, accounts.DISABLED if disabled else accounts.ACTIVE)

    await store.index.write([account.id], unit)


async def remove(store: MailStore, name: str) -> None:
    """Remove an account with all its mail. NOT_FOUND. When it fails halfway, `upkeep` goes on."""
    row = await get(store, name)

    def unit(tx: Transaction) -> None:
        accounts.set_state(tx, row.id, accounts.REMOVING)
        stores.drop_wrapped_key(tx, row.id)

    await store.index.write([row.id], unit)
    if store.keys is not None:
        store.keys.forget(row.id)
    store.kept.forget(row.id)
    await erase(store, row.id)


async def erase(store: MailStore, account_id: AccountId) -> None:
    """Erase what belongs to an account in the state `removing`; may be called again after a failure.

    What a session that still has its handle puts in meanwhile goes with the account's row, and a body with `upkeep`.
    """
    with suppress(NotFound):  # another process was first
        await _erase_rows(store, account_id)
    for bodies in store.bodies.values():
        keys = [info.key async for info in bodies.refs(account_id)]
        for start in range(0, len(keys), BODIES_AT_ONCE):
            await bodies.delete(keys[start : start + BODIES_AT_ONCE])
    with suppress(NotFound):
        await store.index.write([account_id], lambda tx: accounts.remove(tx, account_id))


async def _erase_rows(store: MailStore, account_id: AccountId) -> None:
    """Everything but the account itself, a page a unit, so that a server goes on beside it."""
    there = await store.index.read(lambda tx: mailbox_rows.listed(tx, account_id))
    left_over = await store.index.read(lambda tx: mailbox_rows.left_over(tx, account_id))
    for mailbox_id in (*(row.id for row in there), *left_over):
        while await store.index.write([account_id], partial(_erase_messages, mailbox_id=mailbox_id)):
            pass
    after: EmailId | None = EmailId(0)
    while after is not None:
        after = await store.index.write([account_id], partial(_erase_emails, account_id=account_id, after=after))
    while await store.index.write([account_id], partial(accounts.erase_some, account_id=account_id)):
        pass


def _erase_messages(tx: Transaction, *, mailbox_id: MailboxId) -> bool:
    uids = placing.uids(tx, mailbox_id, EVERYTHING, most=emails.PAGE)
    if uids:
        placing.erase(tx, mailbox_id, [(uids[0], uids[-1])])
    return bool(uids)


def _erase_emails(tx: Transaction, *, account_id: AccountId, after: EmailId) -> EmailId | None:
    page = emails.places(tx, account_id, after)
    if not page:
        return None
    emails.erase(tx, account_id, page[-1].email_id)
    return page[-1].email_id


async def _finish(store: MailStore, account_id: AccountId) -> None:
    def unit(tx: Transaction) -> None:
        if accounts.by_id(tx, account_id).state != accounts.CREATING:
            return
        for name, special_use in store.policy.initial_mailboxes:
            mailboxes.add_with_parents(tx, account_id, mailboxes.canonical(name), special_use)
        accounts.set_state(tx, account_id, accounts.ACTIVE)

    await store.index.write([account_id], unit)


async def _handle(store: MailStore, account_id: AccountId, name: str) -> Account:
    codec: Codec = Plain() if store.keys is None else Sealed(await store.keys.account_key(account_id))
    return Account(account_id, name, codec)
