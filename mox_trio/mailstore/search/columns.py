"""The part of a search that the index answers: rows of messages, then columns of those mails that are left.

All of it is one unit in a thread of the database, on one snapshot; sealed columns are opened there, in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits
from mox_trio.mailstore import rendering
from mox_trio.mailstore.kept import Kept
from mox_trio.mailstore.reading import Located
from mox_trio.mailstore.search import facets
from mox_trio.mailstore.search.judging import Facts, Stage
from mox_trio.mailstore.search.plan import Narrowing, Plan, Sieve
from mox_trio.mailstore.search.suspects import Column
from mox_trio.mailstore.search.text import Fields
from mox_trio.mailstore.store import Account
from storage_backends.errors import Corrupt
from storage_backends.index.api import MailboxId, Row, Transaction, Uid
from storage_backends.index.tables import finding
from storage_backends.index.tables.emails import Place
from storage_backends.index.tables.finding import Condition, Page

COLUMNS: Final = 1000
"""Messages of a page."""
HEADERS: Final = 2000
"""Messages of a page whose headers are searched as one."""
SUBJECTS: Final = 5000
"""The same of their subjects."""

PLACE: Final = ("object_id", "prefix", "store", "ref", "size", "parts", "header_size")
"""What is asked for at once where columns decide nothing."""
JOINED: Final = 200
"""Values of a column that are searched as one: together they fit into the processor's cache."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """What the index says of a page."""

    sieve: Sieve
    last: Uid
    """The last message that was looked at."""
    more: bool
    """Whether messages may follow."""


def sift(tx: Transaction, *, kept: Kept, account: Account, plan: Plan, mailbox_id: MailboxId, after: Uid) -> Sifted:
    """Decide what the rows of a page decide; what is left is located."""
    ahead = PLACE if plan.stages.isdisjoint({Stage.SUMMARY, Stage.HEADER}) else ()
    if plan.narrowing is None:
        found = finding.candidates(tx, mailbox_id, plan.condition, Page(after, COLUMNS), ahead)
        last, more = Uid(found[-1][0]) if found else after, len(found) == COLUMNS
    else:
        page = Page(after, HEADERS if plan.narrowing.by_header else SUBJECTS)
        if plan.narrowing.by_header:
            rows, values = _headers(tx, account, mailbox_id, plan.condition, page)
        else:
            rows, values = _subjects(tx, kept, account, mailbox_id, plan.condition, page)
        last, more = Uid(rows[-1][0]) if rows else after, len(rows) == page.most
        uids = _suspects(plan.narrowing, rows, values)
        found = finding.listed(tx, mailbox_id, uids, ahead) if uids else []
    sieve = Sieve(plan.judge, [Facts(row) for row in found])
    sieve.decide()
    for stage, learn in ((Stage.SUMMARY, _learn_summary), (Stage.HEADER, _learn_header)):
        if stage in plan.stages and sieve.undecided:
            learn(tx, account, sieve)
            sieve.decide()
    if sieve.undecided:
        _learn_places(tx, account, sieve, ahead)
    return Sifted(sieve, last, more)


_Values = Sequence[bytes | None]
"""One a row; None is one that says nothing."""


def _subjects(
    tx: Transaction, kept: Kept, account: Account, mailbox_id: MailboxId, condition: Condition, page: Page
) -> tuple[list[Row], _Values]:
    """Rows that begin with the UID, and the folded subjects."""
    rows = finding.numbered(tx, mailbox_id, condition, page)
    try:
        (subjects,) = facets.of(tx, kept, account, [row[1] for row in rows], [facets.SUBJECT])
    except Corrupt:  # one of them does not open: it is named by whoever looks at it again
        return rows, [None] * len(rows)
    return rows, subjects


def _headers(
    tx: Transaction, account: Account, mailbox_id: MailboxId, condition: Condition, page: Page
) -> tuple[list[Row], _Values]:
    """The same with the column of the header where it opens and is whole."""
    # What a readable value is bound to need not be known.
    names = ("header", "header_size", *(("object_id",) if account.codec.sealing else ()))
    rows = finding.with_columns(tx, mailbox_id, condition, page, names)
    opened = account.codec.open_each((rendering.place("header", row[-1]) for row in rows), [row[1] for row in rows])
    whole = [value is not None and _is_whole(value, row[2]) for row, value in zip(rows, opened, strict=True)]
    return rows, [value if is_whole else None for value, is_whole in zip(opened, whole, strict=True)]


def _suspects(narrowing: Narrowing, rows: Sequence[Row], values: _Values) -> list[Uid]:
    found: list[Uid] = []
    for start in range(0, len(rows), JOINED):
        column = Column(values[start : start + JOINED], folded=not narrowing.by_header)
        found += [Uid(rows[start + place][0]) for place in sorted(narrowing.suspects(column))]
    return found


def _is_whole(block: bytes, header_size: int) -> bool:
    return header_size <= len(block) or len(block) < limits.HEADER_ROW_BYTES


def _learn_summary(tx: Transaction, account: Account, sieve: Sieve) -> None:
    for facts, summary, row in _columns(tx, account, sieve, ("summary", "sent")):
        facts.summary, facts.sent = summary, row[3]


def _learn_header(tx: Transaction, account: Account, sieve: Sieve) -> None:
    for facts, block, row in _columns(tx, account, sieve, ("header", "header_size")):
        facts.header_size = row[3]
        if _is_whole(block, row[3]):
            facts.fields = Fields(block)


def _learn_places(tx: Transaction, account: Account, sieve: Sieve, ahead: tuple[str, ...]) -> None:
    if ahead:
        width = len(finding.Candidate._fields)
        opened = _opened_rows(account, sieve, "prefix", [(0, *facts.row[width:]) for facts in sieve.undecided])
    else:
        opened = _columns(tx, account, sieve, PLACE[1:])
    for facts, prefix, row in opened:
        place = Place(facts.email_id, account.id, row[1], row[3], row[4], row[2], row[5])
        facts.located = Located(place, prefix)
        facts.parts, facts.header_size = row[6], row[7]


def _columns(tx: Transaction, account: Account, sieve: Sieve, names: tuple[str, ...]) -> list[tuple[Facts, bytes, Row]]:
    """The undecided messages, the first of the columns opened, and (id, object_id, *columns); corrupt ones are sorted
    out.
    """
    numbers = {facts.email_id for facts in sieve.undecided}
    rows = {row[0]: row for row in finding.columns(tx, account.id, list(numbers), names)}
    return _opened_rows(account, sieve, names[0], [rows[facts.email_id] for facts in sieve.undecided])


def _opened_rows(account: Account, sieve: Sieve, column: str, rows: Sequence[Row]) -> list[tuple[Facts, bytes, Row]]:
    known: list[tuple[Facts, bytes, Row]] = []
    values = account.codec.open_each((rendering.place(column, row[1]) for row in rows), [row[2] for row in rows])
    for facts, row, value in zip(sieve.undecided, rows, values, strict=True):
        if value is None:
            sieve.unreadable.append(facts.uid)
        else:
            known.append((facts, value, row))
    if len(known) < len(sieve.undecided):
        sieve.undecided = [facts for facts, _, _ in known]
    return known
