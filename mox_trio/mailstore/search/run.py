"""The way from a filter to its answer, page by page.

1. The database selects by the narrow rows of messages what may match; flags, sizes and dates end here.
2. Columns of the mails that are left are opened in the database's thread: summary, then header.
3. What is still undecided is read from its body, several messages at a time, and only where its text is.

A step looks only at what the one before left undecided. Each page is one snapshot. A message that is erased meanwhile
does not match; one whose row or body is corrupt does not match and is named, so that it spoils no search. Unavailable
of the stores passes through. Cancelling leaves nothing behind.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio

from mox_trio.base import limits
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import reading, rendering
from mox_trio.mailstore.search import filters, judging, lowering, scanning
from mox_trio.mailstore.search.filters import Filter
from mox_trio.mailstore.search.judging import Facts, Found, Judge, Stage
from mox_trio.mailstore.search.text import Fields
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import structure_codec
from mox_trio.protocol.mime.parser import Parser
from mox_trio.protocol.mime.part import Part
from storage_backends.errors import Corrupt, NotFound, StorageError
from storage_backends.index.api import MailboxId, Row, Transaction, Uid
from storage_backends.index.tables import finding, mailboxes
from storage_backends.index.tables.finding import Condition

ROWS: Final = 20_000
"""Messages of a page that rows alone decide."""
COLUMNS: Final = 1000
"""Messages of a page whose columns may be looked at."""
READERS: Final = 8
"""Bodies that are read side by side."""
INLINE: Final = 64 * 1024
"""Octets that are looked through without a thread."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the answer."""

    mailbox_id: MailboxId
    uids: list[Uid]
    """Messages that match, in order."""
    last: Uid
    """How far the search has come in this mailbox: the last UID that was looked at."""
    unreadable: list[Uid]
    """Messages that could not be decided because what is stored of them is corrupt: `verify` says more."""


@dataclass(frozen=True, slots=True)
class _Plan:
    condition: Condition
    is_exact: bool
    judge: Judge
    stages: frozenset[Stage]
    texts: frozenset[str]
    with_part_headers: bool


@dataclass(slots=True)
class _Sieve:
    """The messages of a page: decided ones go, the others stay."""

    judge: Judge
    undecided: list[Facts]
    matched: list[Uid] = field(default_factory=list)
    unreadable: list[Uid] = field(default_factory=list)

    def decide(self) -> None:
        left: list[Facts] = []
        for facts in self.undecided:
            answer = self.judge(facts)
            if answer is None:
                left.append(facts)
            elif answer:
                self.matched.append(facts.uid)
        self.undecided = left


async def uids(store: MailStore, account: Account, mailbox_id: MailboxId, wanted: Filter) -> list[Uid]:
    """The UIDs of a mailbox's messages that match, in order; failures as `pages`."""
    return [uid async for page in pages(store, account, [mailbox_id], wanted) for uid in page.uids]


async def pages(
    store: MailStore, account: Account, mailbox_ids: Sequence[MailboxId], wanted: Filter
) -> AsyncIterator[Page]:
    """Yield the answer, mailbox by mailbox in the order given; a page may be empty.

    Failures: LIMIT for a filter beyond `filters`' limits, INVALID for a name that no keyword can have, NOT_FOUND for a
    mailbox that the account does not have.
    """
    filters.check(wanted)
    plan = await store.index.read(
        partial(_plan, account=account, mailbox_ids=mailbox_ids, wanted=wanted, now=store.now())
    )
    for mailbox_id in mailbox_ids:
        after: Uid | None = Uid(0)
        while after is not None:
            page, after = await _page(store, account, plan, mailbox_id, after)
            yield page


def _plan(tx: Transaction, *, account: Account, mailbox_ids: Iterable[MailboxId], wanted: Filter, now: int) -> _Plan:
    for mailbox_id in mailbox_ids:
        if mailboxes.by_id(tx, account.id, mailbox_id) is None:
            raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    node = lowering.lower(wanted, tx, account, now)
    condition, is_exact = lowering.pushed(node)
    return _Plan(
        condition,
        is_exact,
        judging.judge(node),
        judging.stages(node),
        judging.texts(node),
        judging.looks_at_part_headers(node),
    )


async def _page(
    store: MailStore, account: Account, plan: _Plan, mailbox_id: MailboxId, after: Uid
) -> tuple[Page, Uid | None]:
    """A page, and the UID after which the next begins, if there may be more."""
    if plan.is_exact:
        query = finding.Page(after, ROWS)
        found = await store.index.read(
            partial(finding.uids, mailbox_id=mailbox_id, condition=plan.condition, page=query)
        )
        last = found[-1] if found else after
        return Page(mailbox_id, found, last, []), last if len(found) == ROWS else None
    sieve, number, last = await store.index.read(
        partial(_sift, account=account, plan=plan, mailbox_id=mailbox_id, after=after)
    )
    if sieve.undecided:
        await _read_bodies(store, account, plan, sieve)
    page = Page(mailbox_id, sorted(sieve.matched), last, sorted(sieve.unreadable))
    return page, last if number == COLUMNS else None


# -- columns, in a thread of the database


def _sift(
    tx: Transaction, *, account: Account, plan: _Plan, mailbox_id: MailboxId, after: Uid
) -> tuple[_Sieve, int, Uid]:
    rows = finding.candidates(tx, mailbox_id, plan.condition, finding.Page(after, COLUMNS))
    sieve = _Sieve(plan.judge, [Facts(row) for row in rows])
    last = sieve.undecided[-1].uid if sieve.undecided else after
    sieve.decide()
    for stage, learn in ((Stage.SUMMARY, _learn_summary), (Stage.HEADER, _learn_header)):
        if stage in plan.stages and sieve.undecided:
            learn(tx, account, sieve)
            sieve.decide()
    if Stage.TEXT in plan.stages and sieve.undecided:
        _learn_parts(tx, account, sieve)
    return sieve, len(rows), last


def _learn_summary(tx: Transaction, account: Account, sieve: _Sieve) -> None:
    for facts, (summary, sent) in _columns(tx, account, sieve, ("summary", "sent")):
        facts.summary, facts.sent = summary, sent


def _learn_header(tx: Transaction, account: Account, sieve: _Sieve) -> None:
    for facts, (block, size) in _columns(tx, account, sieve, ("header", "header_size")):
        facts.header_size = size
        if size <= len(block) or len(block) < limits.HEADER_ROW_BYTES:
            facts.fields = Fields(block)


def _learn_parts(tx: Transaction, account: Account, sieve: _Sieve) -> None:
    for facts, (parts,) in _columns(tx, account, sieve, ("parts",)):
        facts.parts = parts


def _columns(tx: Transaction, account: Account, sieve: _Sieve, names: tuple[str, ...]) -> list[tuple[Facts, Row]]:
    """The undecided messages with columns of their mails, of which the first is opened; corrupt ones are sorted out."""
    rows = finding.columns(tx, account.id, [facts.email_id for facts in sieve.undecided], names)
    by_email = {row[0]: row[1:] for row in rows}
    known: list[tuple[Facts, Row]] = []
    for facts in sieve.undecided:
        object_id, sealed, *others = by_email[facts.email_id]
        try:
            opened = account.codec.open(rendering.place(names[0], object_id), sealed)
        except Corrupt:
            sieve.unreadable.append(facts.uid)
            continue
        known.append((facts, (opened, *others)))
    sieve.undecided = [facts for facts, _ in known]
    return known


# -- bodies


async def _read_bodies(store: MailStore, account: Account, plan: _Plan, sieve: _Sieve) -> None:
    waiting = iter(sieve.undecided)
    failures: list[Exception] = []

    async def read() -> None:
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
            nursery.start_soon(read)
    if failures:
        raise failures[0]


def _is_corrupt(error: Exception) -> bool:
    return isinstance(error, Corrupt) or (isinstance(error, Failure) and error.kind is Kind.CORRUPT)


def _is_gone(error: Exception) -> bool:
    return isinstance(error, NotFound) or (isinstance(error, Failure) and error.kind is Kind.NOT_FOUND)


async def _matches(store: MailStore, account: Account, plan: _Plan, facts: Facts) -> bool:
    if Stage.HEADER in plan.stages and facts.fields is None:
        stop = min(facts.header_size, limits.MIME_HEADER_BYTES)
        block = await reading.mail(store, account, facts.email_id, 0, stop)
        facts.fields = Fields(block)
        answer = await trio.to_thread.run_sync(plan.judge, facts, limiter=store.computing)
        if answer is not None:
            return answer
    facts.text = Found()
    for run in await _runs(store, account, plan, facts):
        answer = await _scan(store, account, plan, facts, run)
        if answer is not None:
            return answer
    facts.text.done = True
    return plan.judge(facts) is True


async def _scan(store: MailStore, account: Account, plan: _Plan, facts: Facts, run: list[scanning.Span]) -> bool | None:
    """Read a run of spans, no further than until the message is decided."""
    scan = scanning.Scan(run, plan.texts, facts.text or Found())

    def feed(block: bytes) -> bool | None:
        scan.feed(block)
        return plan.judge(facts)

    async with reading.open_mail(store, account, facts.email_id, run[0].start, run[-1].stop) as blocks:
        async for block in blocks:
            if len(block) <= INLINE:
                answer = feed(block)
            else:
                answer = await trio.to_thread.run_sync(feed, block, limiter=store.computing)
            if answer is not None:
                return answer
    scan.close()
    return plan.judge(facts)


async def _runs(store: MailStore, account: Account, plan: _Plan, facts: Facts) -> list[list[scanning.Span]]:
    def load() -> list[list[scanning.Span]]:
        return _spans(structure_codec.load(facts.parts), plan)

    try:
        if len(facts.parts) <= INLINE // 4:
            return load()
        return await trio.to_thread.run_sync(load, limiter=store.computing)
    except ValueError:
        # Of another version, until `upkeep` has rendered it again.
        return _spans(await _parsed(store, account, facts), plan)


def _spans(root: Part, plan: _Plan) -> list[list[scanning.Span]]:
    return scanning.runs(scanning.spans(root, with_part_headers=plan.with_part_headers))


async def _parsed(store: MailStore, account: Account, facts: Facts) -> Part:
    parser = Parser()
    async with reading.open_mail(store, account, facts.email_id) as blocks:
        async for block in blocks:
            await trio.to_thread.run_sync(parser.feed, block, limiter=store.computing)
    return parser.close()
