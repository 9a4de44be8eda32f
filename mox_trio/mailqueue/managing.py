"""Looking at the queue and changing it by hand: hold, let go, schedule, choose the way, hold rules.

What a filter matches is read in pages and changed by id, so that nothing is locked long and a server goes on beside it. Rows in
delivery are left out of everything but holding, which takes effect when the attempt fails; `Changed.busy` counts them.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import NamedTuple

from mox_trio.base.domain import Domain
from mox_trio.mailqueue.queue import Mailqueue
from storage_backends.index.api import NO_ACCOUNT, AccountId, Transaction
from storage_backends.index.tables import queue_admin as rows
from storage_backends.index.tables.queue import QueuedId
from storage_backends.index.tables.queue_admin import PAGE, Filter, HoldRule, Listed

Change = Callable[[Transaction, Sequence[QueuedId]], int]


class Changed(NamedTuple):
    """How many rows a change touched, and how many it left because they are in delivery now."""

    rows: int
    busy: int


async def pages(queue: Mailqueue, chosen: Filter) -> AsyncGenerator[list[Listed], None]:
    """Rows that match, page by page, in the order they came."""
    after = 0
    while page := await queue.index.read(partial(rows.listed, chosen=chosen, after=after)):
        yield page
        after = page[-1].id
        if len(page) < PAGE:
            break


async def listed(queue: Mailqueue, chosen: Filter, most: int = 1000) -> list[Listed]:
    """The first rows that match."""
    found: list[Listed] = []
    async with aclosing(pages(queue, chosen)) as every:
        async for page in every:
            found += page
            if len(found) >= most:
                break
    return found[:most]


async def counts(queue: Mailqueue) -> tuple[int, int]:
    """How many recipients are in the queue, and how many of them are held."""
    return await queue.index.read(rows.counts)


async def hold(queue: Mailqueue, chosen: Filter, *, held: bool) -> Changed:
    """Hold what matches, or let it go."""
    changed = 0
    async for page in pages(queue, chosen):
        unit = partial(rows.hold, ids=[row.id for row in page], held=held)
        changed += await queue.index.write(NO_ACCOUNT, unit)
    queue.look_again()
    return Changed(changed, 0)


async def schedule(queue: Mailqueue, chosen: Filter, at: int) -> Changed:
    """Try what matches next at a time in milliseconds; the past is at once."""
    return await _change(queue, chosen, lambda tx, ids: rows.schedule(tx, ids, at))


async def postpone(queue: Mailqueue, chosen: Filter, milliseconds: int) -> Changed:
    """Try what matches so much later than planned, or earlier."""
    return await _change(queue, chosen, lambda tx, ids: rows.postpone(tx, ids, milliseconds))


async def set_transport(queue: Mailqueue, chosen: Filter, transport: str) -> Changed:
    """Send what matches by a transport of the configuration; "" is by the routes."""
    return await _change(queue, chosen, lambda tx, ids: rows.set_transport(tx, ids, transport))


async def set_require_tls(queue: Mailqueue, chosen: Filter, require_tls: bool | None) -> Changed:
    """Set what is wanted of TLS on the way (RFC 8689); None is nothing."""
    wanted = None if require_tls is None else int(require_tls)
    return await _change(queue, chosen, lambda tx, ids: rows.set_require_tls(tx, ids, wanted))


async def _change(queue: Mailqueue, chosen: Filter, change: Change) -> Changed:
    changed = seen = 0
    async for page in pages(queue, chosen):
        unit = partial(_apply, change=change, ids=[row.id for row in page])
        changed += await queue.index.write(NO_ACCOUNT, unit)
        seen += len(page)
    queue.look_again()
    return Changed(changed, seen - changed)


def _apply(tx: Transaction, *, change: Change, ids: Sequence[QueuedId]) -> int:
    return change(tx, ids)


async def rules(queue: Mailqueue) -> list[HoldRule]:
    """All hold rules."""
    return await queue.index.read(lambda tx: rows.rules(tx)())


async def add_rule(
    queue: Mailqueue, account: AccountId | None = None, sender: Domain | None = None, recipient: Domain | None = None
) -> tuple[int, int]:
    """Hold new mail that matches all that is given, and what is in the queue already; without any, all mail.

    Returns the rule's id and how many rows are held now that were not.
    """
    domains = (str(sender or ""), recipient.ascii if recipient else "")
    return await queue.index.write(
        NO_ACCOUNT, partial(rows.add_rule, account=account, domains=domains, now=queue.now())
    )


async def remove_rule(queue: Mailqueue, rule: int) -> bool:
    """Forget a rule; what it holds stays held until it is let go. False when there is none."""
    return await queue.index.write(NO_ACCOUNT, partial(rows.remove_rule, rule=rule))
