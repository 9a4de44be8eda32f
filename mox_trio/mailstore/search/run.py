"""The way from a filter to its answer, page by page.

1. The database selects by the narrow rows of messages what may match; flags, sizes and dates end here.
2. Columns of the mails that are left are opened in the database's thread: summary, then header.
3. What is still undecided is read from its body, several messages at a time, and only where its text is.

A step looks only at what the one before left undecided. Each page is one snapshot. A message that is erased meanwhile
does not match; one whose row or body is corrupt does not match and is named, so that it spoils no search. Unavailable
of the stores passes through. Cancelling leaves nothing behind.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from mox_trio.mailstore.search import bodies, columns, filters, plan
from mox_trio.mailstore.search.filters import Filter
from mox_trio.mailstore.search.plan import Plan
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, Uid
from storage_backends.index.tables import finding

ROWS: Final = 20_000
"""Messages of a page that rows alone decide."""


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


async def uids(store: MailStore, account: Account, mailbox_id: MailboxId, wanted: Filter) -> list[Uid]:
    """The UIDs of a mailbox's messages that match, in order; failures as `pages`."""
    return [uid async for page in pages(store, account, [mailbox_id], wanted) for uid in page.uids]


async def pages(
    store: MailStore, account: Account, mailbox_ids: Sequence[MailboxId], wanted: Filter
) -> AsyncGenerator[Page, None]:
    """Yield the answer, mailbox by mailbox in the order given; a page may be empty.

    Who may stop before the end goes through it within `contextlib.aclosing`.

    Failures: LIMIT for a filter beyond `filters`' limits, INVALID for a name that no keyword can have, NOT_FOUND for a
    mailbox that the account does not have.
    """
    filters.check(wanted)
    made = await store.index.read(
        partial(plan.make, account=account, mailbox_ids=mailbox_ids, wanted=wanted, now=store.now())
    )
    for mailbox_id in mailbox_ids:
        after: Uid | None = Uid(0)
        while after is not None:
            page, after = await _page(store, account, made, mailbox_id, after)
            yield page


async def _page(
    store: MailStore, account: Account, made: Plan, mailbox_id: MailboxId, after: Uid
) -> tuple[Page, Uid | None]:
    """A page, and the UID after which the next begins, if there may be more."""
    if made.is_exact:
        query = finding.Page(after, ROWS)
        found = await store.index.read(
            partial(finding.uids, mailbox_id=mailbox_id, condition=made.condition, page=query)
        )
        last = found[-1] if found else after
        return Page(mailbox_id, found, last, []), last if len(found) == ROWS else None
    sifted = await store.index.read(
        partial(columns.sift, kept=store.kept, account=account, plan=made, mailbox_id=mailbox_id, after=after)
    )
    sieve, last = sifted.sieve, sifted.last
    if sieve.undecided:
        await bodies.read(store, account, made, sieve)
    return Page(mailbox_id, sorted(sieve.matched), last, sorted(sieve.unreadable)), last if sifted.more else None
