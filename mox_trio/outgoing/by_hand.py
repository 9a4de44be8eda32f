"""Takes mail out of the queue by hand: `fail` tells the sender that it failed, `drop` tells nobody.

What a filter matches is claimed first, so that nobody delivers it meanwhile; what is in delivery now stays and is counted as
busy. A crash in between leaves rows claimed until their lease ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.mailqueue import managing
from mox_trio.mailqueue.managing import Changed
from mox_trio.outgoing import group, settle
from mox_trio.outgoing.group import Group
from mox_trio.outgoing.job import Outcome, Result
from mox_trio.outgoing.parts import Parts
from mox_trio.outgoing.settle import Overtaken
from storage_backends.errors import NotFound
from storage_backends.index.tables.queue import Claimed
from storage_backends.index.tables.queue_admin import Filter, Listed

LEASE: Final = 120.0
"""Seconds: for one page of rows."""
HOLDER: Final = "administrator"


@dataclass(frozen=True, slots=True)
class _How:
    """What becomes of the rows."""

    event: str
    detail: str


async def fail(parts: Parts, chosen: Filter) -> Changed:
    """Give up what matches; senders are told as of any failure."""
    return await _take_out(parts, chosen, _How("failed", "the administrator of this server took it out of the queue"))


async def drop(parts: Parts, chosen: Filter) -> Changed:
    """Forget what matches; nobody is told."""
    return await _take_out(parts, chosen, _How("canceled", "dropped by hand"))


async def _take_out(parts: Parts, chosen: Filter, how: _How) -> Changed:
    gone = seen = 0
    async for page in managing.pages(parts.queue, chosen):
        seen += len(page)
        gone += await _page(parts, page, how)
    return Changed(gone, seen - gone)


async def _page(parts: Parts, page: Sequence[Listed], how: _How) -> int:
    claim = await parts.queue.claim_any([row.id for row in page], HOLDER, LEASE)
    gone = 0
    for rows in group.split(claim):
        try:
            account = await parts.account(rows[0].account_id)
            mine = Group(
                claim, tuple(rows), claim.messages[rows[0].outgoing_id], account, parts.config.current, transport=""
            )
            await settle.settle(parts, mine, [(row, _result(row, how)) for row in rows], event=how.event)
        except (Overtaken, NotFound):
            continue  # gone already
        gone += len(rows)
    return gone


def _result(row: Claimed, how: _How) -> Result:
    return Result(group.recipient(row), Outcome.PERMANENT, status="5.7.0", detail=how.detail)
