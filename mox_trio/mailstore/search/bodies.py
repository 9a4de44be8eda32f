"""The part of a search that bodies answer: what is still undecided is read, several messages side by side.

Of each message only the spans that hold text are read, and no further than until it is decided. A message that was
erased meanwhile does not match; one that is corrupt is named. The first other failure ends the search.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final

import trio

from mox_trio.base import limits
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import reading
from mox_trio.mailstore.search import scanning
from mox_trio.mailstore.search.judging import Facts, Found, Stage
from mox_trio.mailstore.search.plan import Plan, Sieve
from mox_trio.mailstore.search.text import Fields
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import structure_codec
from mox_trio.protocol.mime.parser import Parser
from mox_trio.protocol.mime.part import Part
from storage_backends.errors import Corrupt, NotFound, StorageError

READERS: Final = 8
"""Bodies that are read side by side."""
INLINE: Final = 64 * 1024
"""Octets that are looked through without a thread."""


async def read(store: MailStore, account: Account, plan: Plan, sieve: Sieve) -> None:
    """Decide what is undecided. Unavailable of the stores passes through."""
    waiting = iter(sieve.undecided)
    failures: list[Exception] = []

    async def work() -> None:
        for facts in waiting:
            try:
                if await _matches(store, account, plan, facts):
                    sieve.matched.append(facts.uid)
            except (Failure, StorageError) as error:
                if _is_corrupt(error):
                    sieve.unreadable.append(facts.uid)
                elif not _is_gone(error):
                    failures.append(error)
                    nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for _ in range(min(READERS, len(sieve.undecided))):
            nursery.start_soon(work)
    if failures:
        raise failures[0]


def _is_corrupt(error: Exception) -> bool:
    return isinstance(error, Corrupt) or (isinstance(error, Failure) and error.kind is Kind.CORRUPT)


def _is_gone(error: Exception) -> bool:
    return isinstance(error, NotFound) or (isinstance(error, Failure) and error.kind is Kind.NOT_FOUND)


async def _matches(store: MailStore, account: Account, plan: Plan, facts: Facts) -> bool:
    if Stage.HEADER in plan.stages and facts.fields is None:
        stop = min(facts.header_size, limits.MIME_HEADER_BYTES)
        async with _open(store, account, facts, 0, stop) as blocks:
            block = b"".join([each async for each in blocks])
        facts.fields = Fields(block)
        answer = await trio.to_thread.run_sync(plan.judge, facts, limiter=store.computing)
        if answer is not None:
            return answer
    facts.text = found = Found()
    for run in await _runs(store, account, plan, facts):
        answer = await _scan(store, account, plan, facts, scanning.Scan(run, plan.texts, found))
        if answer is not None:
            return answer
    found.done = True
    return plan.judge(facts) is True


def _open(
    store: MailStore, account: Account, facts: Facts, start: int, stop: int | None
) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    return reading.open_mail(store, account, facts.email_id, start, stop, located=facts.located)


async def _scan(store: MailStore, account: Account, plan: Plan, facts: Facts, scan: scanning.Scan) -> bool | None:
    """Read a run of spans, no further than until the message is decided."""

    def feed(block: bytes) -> bool | None:
        scan.feed(block)
        return plan.judge(facts)

    async with _open(store, account, facts, scan.start, scan.stop) as blocks:
        async for block in blocks:
            if len(block) <= INLINE:
                answer = feed(block)
            else:
                answer = await trio.to_thread.run_sync(feed, block, limiter=store.computing)
            if answer is not None:
                return answer
    scan.close()
    return plan.judge(facts)


async def _runs(store: MailStore, account: Account, plan: Plan, facts: Facts) -> list[list[scanning.Span]]:
    def load() -> list[list[scanning.Span]]:
        return _spans(structure_codec.load(facts.parts), plan)

    try:
        if len(facts.parts) <= INLINE // 4:
            return load()
        return await trio.to_thread.run_sync(load, limiter=store.computing)
    except ValueError:
        # Of another version, until `upkeep` has rendered it again.
        return _spans(await _parsed(store, account, facts), plan)


def _spans(root: Part, plan: Plan) -> list[list[scanning.Span]]:
    return scanning.runs(scanning.spans(root, with_part_headers=plan.with_part_headers))


async def _parsed(store: MailStore, account: Account, facts: Facts) -> Part:
    parser = Parser()
    async with _open(store, account, facts, 0, None) as blocks:
        async for block in blocks:
            await trio.to_thread.run_sync(parser.feed, block, limiter=store.computing)
    return parser.close()
