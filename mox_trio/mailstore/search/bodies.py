"""The part of a search that bodies answer: what is still undecided is read, small messages many at a time.

Small messages are read whole, and looked through in a thread, a batch in one go. Of a large one only the spans that hold
text are read, and no further than until it is decided. A message that was erased meanwhile does not match; one that is
corrupt is named. The first other failure ends the search.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

import trio

from mox_trio.base import limits
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import reading, rendering
from mox_trio.mailstore.search import scanning
from mox_trio.mailstore.search.judging import Facts, Found
from mox_trio.mailstore.search.plan import Plan, Sieve
from mox_trio.mailstore.search.text import Fields
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import structure_codec
from mox_trio.protocol.mime.parser import Parser
from mox_trio.protocol.mime.part import Part
from storage_backends.errors import Corrupt, NotFound, StorageError, kept

READERS: Final = 8
"""Large bodies that are read side by side."""
BATCHES: Final = 2
"""Batches that are worked on side by side: one is read while another is looked through."""
BATCH: Final = 128
BATCH_BYTES: Final = 1024 * 1024
SMALL: Final = 64 * 1024
"""Octets of a message that is read whole."""
INLINE: Final = 64 * 1024
"""Octets that are looked through without a thread."""


async def read(store: MailStore, account: Account, plan: Plan, sieve: Sieve) -> None:
    """Decide what is undecided. Unavailable of the stores passes through."""
    small, large = _by_size(sieve.undecided)
    batches, singles = _batches(small), iter(large)
    failures: list[Exception] = []

    async def work_on_batches() -> None:
        for batch in batches:
            try:
                await _decide(store, account, plan, sieve, batch)
            except (Failure, StorageError) as error:
                failures.append(error)
                nursery.cancel_scope.cancel()

    async def work_on_singles() -> None:
        for facts in singles:
            try:
                if await _matches(store, account, plan, facts):
                    sieve.matched.append(facts.uid)
            except (Failure, StorageError) as error:
                if not _spoils_only(error, facts, sieve):
                    failures.append(error)
                    nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for _ in range(min(BATCHES, len(small))):
            nursery.start_soon(work_on_batches)
        for _ in range(min(READERS, len(large))):
            nursery.start_soon(work_on_singles)
    if failures:
        raise failures.pop()  # kept in the list, it would hold the frames that hold the list


def _by_size(undecided: Sequence[Facts]) -> tuple[list[Facts], list[Facts]]:
    small: list[Facts] = []
    large: list[Facts] = []
    for facts in undecided:
        (small if facts.located is not None and facts.located.place.size <= SMALL else large).append(facts)
    return small, large


def _batches(small: Sequence[Facts]) -> Iterator[list[Facts]]:
    batch: list[Facts] = []
    octets = 0
    for facts in small:
        size = facts.located.place.size if facts.located is not None else 0
        if batch and (len(batch) == BATCH or octets + size > BATCH_BYTES):
            yield batch
            batch, octets = [], 0
        batch.append(facts)
        octets += size
    if batch:
        yield batch


def _spoils_only(error: Exception, facts: Facts, sieve: Sieve) -> bool:
    """Whether a failure is this one message's: one that is corrupt is named, one that is gone does not match."""
    kind = error.kind if isinstance(error, Failure) else None
    if isinstance(error, Corrupt) or kind is Kind.CORRUPT:
        sieve.unreadable.append(facts.uid)
        return True
    return isinstance(error, NotFound) or kind is Kind.NOT_FOUND


async def _decide(store: MailStore, account: Account, plan: Plan, sieve: Sieve, batch: list[Facts]) -> None:
    """Read a batch of small messages and decide them."""
    mails = await reading.whole(store, account, [facts.located for facts in batch if facts.located is not None])
    answers = await trio.to_thread.run_sync(_decide_all, account, plan, batch, mails, limiter=store.computing)
    for facts, answer in zip(batch, answers, strict=True):
        if isinstance(answer, bool):
            if answer:
                sieve.matched.append(facts.uid)
        elif not _spoils_only(answer, facts, sieve):
            raise answer


def _decide_all(
    account: Account, plan: Plan, batch: Sequence[Facts], mails: Sequence[bytes | Failure | Corrupt]
) -> list[bool | Failure | Corrupt]:
    """In a thread; gives up between two messages when the caller is cancelled."""
    answers: list[bool | Failure | Corrupt] = []
    trees = account.codec.open_each(map(_parts_place, batch), [facts.parts for facts in batch])
    for facts, mail, parts in zip(batch, mails, trees, strict=True):
        trio.from_thread.check_cancelled()
        if isinstance(mail, bytes):
            try:
                answers.append(_matches_whole(plan, facts, mail, _parts(account, facts) if parts is None else parts))
            except Corrupt as error:
                answers.append(kept(error))
        else:
            answers.append(mail)
    return answers


def _matches_whole(plan: Plan, facts: Facts, mail: bytes, parts: bytes) -> bool:
    facts.text = _at_once(plan, facts, mail, is_one_text=structure_codec.is_one_text(parts))
    answer = plan.judge(facts)
    if answer is None and facts.fields is None:
        facts.fields = Fields(mail[: min(facts.header_size, limits.MIME_HEADER_BYTES)])
        answer = plan.judge(facts)
    if answer is None and facts.text is None:
        found = Found(done=True)
        spans = scanning.spans(_tree(parts, mail), with_part_headers=plan.with_part_headers)
        scanning.look(mail, spans, plan.texts, found)
        facts.text = found
        answer = plan.judge(facts)
    return answer is True


def _at_once(plan: Plan, facts: Facts, mail: bytes, *, is_one_text: bool) -> Found | None:
    """What is found without taking the message apart; None where it has to be."""
    if plan.absence.is_sure(mail, facts.header_size, is_one_text=is_one_text):
        return Found(done=True, nowhere=True)
    if is_one_text and mail.isascii():
        body = mail[facts.header_size :].lower().decode("ascii")
        return Found({each for each in plan.texts if each in body}, done=True)
    return None


def _tree(parts: bytes, mail: bytes) -> Part:
    try:
        return structure_codec.load(parts)
    except ValueError:
        # Of another version, until `upkeep` has rendered it again.
        parser = Parser()
        parser.feed(mail)
        return parser.close()


def _parts(account: Account, facts: Facts) -> bytes:
    """The opened column. Raises Corrupt."""
    return account.codec.open(_parts_place(facts), facts.parts)


def _parts_place(facts: Facts) -> str:
    return rendering.place("parts", facts.located.place.object_id if facts.located is not None else "")


async def _matches(store: MailStore, account: Account, plan: Plan, facts: Facts) -> bool:
    if plan.looks_at_header and facts.fields is None:
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
        return _spans(structure_codec.load(_parts(account, facts)), plan)

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
