"""The part of a search that the index answers: rows of messages, then columns of those mails that are left.

All of it is one unit in a thread of the database, on one snapshot; sealed columns are opened there, in memory.
"""

from typing import Final

from mox_trio.base import limits
from mox_trio.mailstore import rendering
from mox_trio.mailstore.reading import Located
from mox_trio.mailstore.search.judging import Facts, Stage
from mox_trio.mailstore.search.plan import Plan, Sieve
from mox_trio.mailstore.search.text import Fields
from mox_trio.mailstore.store import Account
from storage_backends.errors import Corrupt
from storage_backends.index.api import MailboxId, Row, Transaction, Uid
from storage_backends.index.tables import finding
from storage_backends.index.tables.emails import Place

COLUMNS: Final = 1000
"""Messages of a page."""


def sift(tx: Transaction, *, account: Account, plan: Plan, mailbox_id: MailboxId, after: Uid) -> tuple[Sieve, int, Uid]:
    rows = finding.candidates(tx, mailbox_id, plan.condition, finding.Page(after, COLUMNS))
    sieve = Sieve(plan.judge, [Facts(row) for row in rows])
    last = sieve.undecided[-1].uid if sieve.undecided else after
    sieve.decide()
    for stage, learn in ((Stage.SUMMARY, _learn_summary), (Stage.HEADER, _learn_header)):
        if stage in plan.stages and sieve.undecided:
            learn(tx, account, sieve)
            sieve.decide()
    if sieve.undecided:
        _learn_places(tx, account, sieve)
    return sieve, len(rows), last


def _learn_summary(tx: Transaction, account: Account, sieve: Sieve) -> None:
    for facts, summary, row in _columns(tx, account, sieve, ("summary", "sent")):
        facts.summary, facts.sent = summary, row[3]


def _learn_header(tx: Transaction, account: Account, sieve: Sieve) -> None:
    for facts, block, row in _columns(tx, account, sieve, ("header", "header_size")):
        facts.header_size = row[3]
        if row[3] <= len(block) or len(block) < limits.HEADER_ROW_BYTES:
            facts.fields = Fields(block)


def _learn_places(tx: Transaction, account: Account, sieve: Sieve) -> None:
    for facts, prefix, row in _columns(tx, account, sieve, ("prefix", "store", "ref", "size", "parts", "header_size")):
        place = Place(facts.email_id, account.id, row[1], row[3], row[4], row[2], row[5])
        facts.located = Located(place, prefix)
        facts.parts, facts.header_size = row[6], row[7]


def _columns(tx: Transaction, account: Account, sieve: Sieve, names: tuple[str, ...]) -> list[tuple[Facts, bytes, Row]]:
    """The undecided messages, the first of the columns opened, and (id, object_id, *columns); corrupt ones are sorted
    out.
    """
    numbers = {facts.email_id for facts in sieve.undecided}
    rows = {row[0]: row for row in finding.columns(tx, account.id, list(numbers), names)}
    known: list[tuple[Facts, bytes, Row]] = []
    column, open_sealed = names[0], account.codec.open
    for facts in sieve.undecided:
        row = rows[facts.email_id]
        try:
            known.append((facts, open_sealed(rendering.place(column, row[1]), row[2]), row))
        except Corrupt:
            sieve.unreadable.append(facts.uid)
    if len(known) < len(sieve.undecided):
        sieve.undecided = [facts for facts, _, _ in known]
    return known
