"""The part of a search that the index answers: rows of messages, then columns of those mails that are left.

All of it is one unit in a thread of the database, on one snapshot; sealed columns are opened there, in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits
from mox_trio.mailstore import rendering
from mox_trio.mailstore.reading import Located
from mox_trio.mailstore.search.judging import Facts, Stage
from mox_trio.mailstore.search.plan import Narrowing, Plan, Sieve
from mox_trio.mailstore.search.suspects import Column
from mox_trio.mailstore.search.text import Fields
from mox_trio.mailstore.store import Account
from storage_backends.index.api import MailboxId, Row, Transaction, Uid
from storage_backends.index.tables import finding
from storage_backends.index.tables.emails import Place

COLUMNS: Final = 1000
"""Messages of a page."""
NARROWED: Final = 2000
"""Messages of a page of which one column is searched as one."""

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


def sift(tx: Transaction, *, account: Account, plan: Plan, mailbox_id: MailboxId, after: Uid) -> Sifted:
    """Decide what the rows of a page decide; what is left is located."""
    condition, last, more = plan.condition, None, False
    most = COLUMNS
    if plan.narrowing is not None:
        page = finding.Page(after, NARROWED)
        # What a readable value is bound to need not be known.
        bound_to = ("object_id",) if account.codec.sealing else ()
        rows = finding.with_columns(tx, mailbox_id, condition, page, (*plan.narrowing.columns, *bound_to))
        if not rows:
            return Sifted(Sieve(plan.judge, []), after, more=False)
        last, more = Uid(rows[-1][0]), len(rows) == NARROWED
        uids = _suspects(account, plan.narrowing, rows)
        condition, most = condition.within(uids), len(uids)
    ahead = PLACE if plan.stages.isdisjoint({Stage.SUMMARY, Stage.HEADER}) else ()
    found = finding.candidates(tx, mailbox_id, condition, finding.Page(after, most), ahead) if most else []
    sieve = Sieve(plan.judge, [Facts(row) for row in found])
    if last is None:
        last, more = (sieve.undecided[-1].uid if found else after), len(found) == COLUMNS
    sieve.decide()
    for stage, learn in ((Stage.SUMMARY, _learn_summary), (Stage.HEADER, _learn_header)):
        if stage in plan.stages and sieve.undecided:
            learn(tx, account, sieve)
            sieve.decide()
    if sieve.undecided:
        _learn_places(tx, account, sieve, ahead)
    return Sifted(sieve, last, more)


def _suspects(account: Account, narrowing: Narrowing, rows: Sequence[Row]) -> list[Uid]:
    """Who may match among (uid, *columns, object id where values are sealed)."""
    found: list[Uid] = []
    for start in range(0, len(rows), JOINED):
        page = rows[start : start + JOINED]
        column = Column(_opened(account, narrowing.columns[0], page), with_words=narrowing.columns[0] == "header")
        found += [Uid(page[place][0]) for place in sorted(narrowing.suspects(column))]
    return found


def _opened(account: Account, column: str, rows: Sequence[Row]) -> list[bytes | None]:
    """The column of rows; None for what does not open, which is named by whoever looks at it again, or is not whole."""
    opened = account.codec.open_each((rendering.place(column, row[-1]) for row in rows), [row[1] for row in rows])
    if column == "header":
        return [
            value if value is not None and _is_whole(value, row[2]) else None
            for row, value in zip(rows, opened, strict=True)
        ]
    return opened


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
