"""Bodies that no row names: what a crash between body and row leaves. They are removed when they are older than a day.

Removing what an index does not know is only safe when it is the one index of the store. So each body store holds a mark, a
body of account 0, that the index knows by its key. With a second mark, or without its own, nothing is removed: a mistyped
database, a second name for the same bucket, or an index that was copied to another database would otherwise take mail
for orphans. `adopt` makes the store this index's own again.
"""

from functools import partial
from typing import Final, NamedTuple

from mox_trio.mailstore.store import MailStore
from storage_backends.bodies.api import key as body_key
from storage_backends.index import copying
from storage_backends.index.api import NO_ACCOUNT, AccountId, Transaction
from storage_backends.index.tables import emails, queue_admin, releases, stores

MARKS: Final = AccountId(0)
"""The account of marks; it is nobody's."""
PAGE: Final = 200


class Doubt(NamedTuple):
    """Why nothing may be removed from a store."""

    text: str
    matters: bool
    """Not for a store that is empty as far as anybody knows."""


async def maybe_doubt(store: MailStore, name: str) -> Doubt | None:
    """Why nothing may be removed from a store; None when this is its one index."""
    if await store.index.read(copying.was_copied):
        return Doubt("this index was copied to another database, which may know more", matters=True)
    mark = await store.index.read(partial(stores.mark, name=name))
    found = {info.key async for info in store.bodies[name].refs(MARKS)}
    if found == ({mark} if mark else set()):
        return None
    if mark in found:
        return Doubt(f"store {name!r} has the marks of {len(found)} indexes", matters=True)
    in_use = name in await store.index.read(stores.in_use)
    return Doubt(f"store {name!r} is not the one that this index knows: its mark is missing", in_use or bool(found))


async def remove(store: MailStore, *, only_count: bool = False) -> int:
    """Remove (or only count) orphans from all stores whose one index this is."""
    removed = 0
    for name, bodies in store.bodies.items():
        if await maybe_doubt(store, name) is not None:
            continue
        keys: list[str] = []
        account_id = MARKS
        # Stores list an account's bodies together, so no more than one account's are held.
        async for info in bodies.refs():
            if info.account != account_id:
                removed += await _unnamed(store, name, account_id, keys, only_count=only_count)
                account_id, keys = AccountId(info.account), []
            if info.age * 1000 >= store.policy.orphan_age:
                keys.append(info.key)
        removed += await _unnamed(store, name, account_id, keys, only_count=only_count)
    return removed


async def adopt(store: MailStore) -> int:
    """Make this the one index of its stores, as the caller says: remove the marks of others; return how many.

    A store whose own mark is missing gets one when it is opened the next time.
    """
    removed = 0
    await store.index.write(NO_ACCOUNT, copying.forget)
    for name, bodies in store.bodies.items():
        mark = await store.index.read(partial(stores.mark, name=name))
        found = {info.key async for info in bodies.refs(MARKS)}
        if mark not in found:
            await store.index.write(NO_ACCOUNT, partial(stores.drop_mark, name=name))
        await bodies.delete(found - {mark})
        removed += len(found - {mark})
    return removed


async def _unnamed(store: MailStore, name: str, account_id: AccountId, keys: list[str], *, only_count: bool) -> int:
    if not keys or account_id == MARKS:
        return 0
    # Bodies first, then rows: what was put in between is too young to be here.
    named = await store.index.read(partial(_named, account=account_id, name=name))
    orphans = [key for key in keys if key not in named]
    if not only_count:
        for start in range(0, len(orphans), PAGE):
            await store.bodies[name].delete(orphans[start : start + PAGE])
    return len(orphans)


def _named(tx: Transaction, *, account: AccountId, name: str) -> set[str]:
    # A body that waits to be erased may still be read.
    refs = emails.refs(tx, account, name) | releases.refs(tx, account, name) | queue_admin.refs(tx, account, name)
    return {body_key(ref) for ref in refs}
