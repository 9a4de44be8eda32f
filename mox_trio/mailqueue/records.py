"""Records of recipients that left the queue, kept as long as their account wants."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from mox_trio.mailqueue.queue import Mailqueue
from storage_backends.index.api import NO_ACCOUNT, AccountId
from storage_backends.index.tables import retired as rows
from storage_backends.index.tables.retired import RetiredRow

NEWEST: Final = 2**62


async def listed(queue: Mailqueue, account: AccountId, before: int = NEWEST, most: int = 100) -> Sequence[RetiredRow]:
    """Records of an account, the newest first, with ids below `before`. Summaries are sealed."""
    return await queue.index.read(partial(rows.listed, account=account, before=before, most=most))


async def by_from_id(queue: Mailqueue, account: AccountId, from_id: str) -> RetiredRow | None:
    """The record of the recipient whose reverse-path had this id: a notice that came back to it is about that one."""
    return await queue.index.read(partial(rows.by_from_id, account=account, from_id=from_id))


async def prune(queue: Mailqueue) -> int:
    """Forget records whose time is over, a page at a time; return how many."""
    pruned = 0
    while gone := await queue.index.write(NO_ACCOUNT, partial(rows.prune, now=queue.now())):
        pruned += gone
        if gone < rows.PAGE:
            break
    return pruned
