"""Add, list, disable and remove accounts: the document first, then the rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from mox_trio.base.address import Address
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import Quota
from mox_trio.config import edit, quotas
from mox_trio.config.live import LiveConfig
from mox_trio.config.models.dynamic import Dynamic
from mox_trio.config.models.static import Static
from mox_trio.config.models.values import Catchall
from mox_trio.config.source import DocumentSource
from mox_trio.mailstore import accounts
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.tables import mailboxes
from storage_backends.index.tables.accounts import AccountRow


@dataclass(frozen=True, slots=True)
class Listed:
    """An account as the document and the rows know it together."""

    name: str
    addresses: tuple[str, ...]
    state: str
    """active, disabled, "not used yet" (no row), or "not in the configuration" (no entry)."""
    messages: int
    size: int


@dataclass(frozen=True, slots=True)
class Desk:
    """What an operation works on."""

    static: Static
    source: DocumentSource
    config: LiveConfig
    mail: MailStore


async def change(desk: Desk, *changes: edit.Change) -> Dynamic:
    """Make changes in the document, all or nothing, and put them in force here.

    Raises ConfigErrors when the result would be wrong, Failure (Conflict) when somebody else changed it meanwhile.
    """
    dynamic, _ = await edit.commit(desk.source, desk.static, *changes)
    await desk.config.reload()
    return dynamic


async def add(desk: Desk, name: str, addresses: Sequence[Address | Catchall]) -> None:
    """Add an account with its addresses, whose domains must exist, and make its mailboxes. EXISTS, INVALID."""
    accounts.check_name(name)
    await change(desk, edit.add_account(name, addresses))
    await accounts.ensure(desk.mail, name)


async def remove(desk: Desk, name: str) -> None:
    """Remove an account from the document and erase its mail. NOT_FOUND when neither knows it."""
    in_document = name in desk.config.current.dynamic.accounts
    if in_document:
        await change(desk, edit.remove_account(name))
    try:
        await accounts.remove(desk.mail, name)
    except Failure as failure:
        if failure.kind is not Kind.NOT_FOUND or not in_document:
            raise


async def set_disabled(desk: Desk, name: str, *, disabled: bool) -> None:
    """Close an account to log-ins, or open it again. Servers ask for its state before they take mail. NOT_FOUND."""
    await opened(desk, name)
    await accounts.set_disabled(desk.mail, name, disabled=disabled)


async def opened(desk: Desk, name: str) -> Account:
    """The handle of an account; one that the document has and that has no rows yet gets them. NOT_FOUND."""
    if name in desk.config.current.dynamic.accounts:
        return await accounts.ensure(desk.mail, name)
    return await accounts.open(desk.mail, name)


async def listed(desk: Desk) -> list[Listed]:
    """All accounts in the order of their names."""
    rows = {row.name: row for row in await accounts.listed(desk.mail)}
    configured = desk.config.current.dynamic.accounts
    found = []
    for name in sorted(rows.keys() | configured.keys()):
        addresses = tuple(str(each) for each in configured[name].addresses) if name in configured else ()
        row = rows.get(name)
        messages, size = await _totals(desk.mail, row)
        found.append(Listed(name, addresses, _state(row, configured=name in configured), messages, size))
    return found


def _state(row: AccountRow | None, *, configured: bool) -> str:
    if row is None:
        return "not used yet"
    return row.state if configured else "not in the configuration"


async def _totals(store: MailStore, row: AccountRow | None) -> tuple[int, int]:
    if row is None:
        return 0, 0
    boxes = await store.index.read(lambda tx: mailboxes.listed(tx, row.id))
    return sum(box.messages for box in boxes), sum(box.size for box in boxes)


def quota(desk: Desk, name: str) -> Quota:
    """How much mail an account may hold."""
    return quotas.of(desk.static.limits, desk.config.current.dynamic.accounts.get(name))
