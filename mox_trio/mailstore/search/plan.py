"""What a search is going to do, and the messages that it works on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.search import judging, lowering, suspects
from mox_trio.mailstore.search.absence import Absence
from mox_trio.mailstore.search.filters import Filter
from mox_trio.mailstore.search.judging import Facts, Judge, Stage
from mox_trio.mailstore.search.lowering import Node
from mox_trio.mailstore.search.suspects import Suspects
from mox_trio.mailstore.store import Account
from storage_backends.index.api import MailboxId, Transaction, Uid
from storage_backends.index.tables import mailboxes
from storage_backends.index.tables.finding import ALWAYS, Condition


class Narrowing(NamedTuple):
    """How one value of each message tells which may match."""

    suspects: Suspects
    by_header: bool
    """Whether it is the header as it is written; else it is the folded subject."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A filter made ready for one account."""

    condition: Condition
    """What the database selects by."""
    is_exact: bool
    """Whether what it selects is the answer."""
    judge: Judge
    narrowing: Narrowing | None
    stages: frozenset[Stage]
    texts: frozenset[str]
    """Folded texts that are looked for in the texts of messages."""
    absence: Absence
    """Of those texts."""
    with_part_headers: bool

    @property
    def looks_at_header(self) -> bool:
        """Whether the message's own header matters."""
        return self.with_part_headers or Stage.HEADER in self.stages


@dataclass(slots=True)
class Sieve:
    """The messages of a page: decided ones go, the others stay."""

    judge: Judge
    undecided: list[Facts]
    matched: list[Uid] = field(default_factory=list)
    unreadable: list[Uid] = field(default_factory=list)

    def decide(self) -> None:
        """Let go what can be decided by what is known now."""
        left: list[Facts] = []
        for facts in self.undecided:
            answer = self.judge(facts)
            if answer is None:
                left.append(facts)
            elif answer:
                self.matched.append(facts.uid)
        self.undecided = left


def make(tx: Transaction, *, account: Account, mailbox_ids: Iterable[MailboxId], wanted: Filter, now: int) -> Plan:
    """Plan a search at an instant in milliseconds. NOT_FOUND, INVALID."""
    for mailbox_id in mailbox_ids:
        if mailboxes.by_id(tx, account.id, mailbox_id) is None:
            raise Failure(Kind.NOT_FOUND, "the mailbox was deleted")
    node = lowering.lower(wanted, tx, account, now)
    condition, is_exact = lowering.pushed(node)
    if condition is not ALWAYS:
        node = lowering.unpushed(node)
    texts = judging.texts(node)
    return Plan(
        condition,
        is_exact,
        judging.judge(node),
        _narrowing(node),
        judging.stages(node),
        texts,
        Absence(texts),
        judging.looks_at_part_headers(node),
    )


def _narrowing(node: Node) -> Narrowing | None:
    by_subject, by_header = suspects.by_subject(node), suspects.by_header(node)
    if by_subject is not None:
        return Narrowing(by_subject, by_header=False)
    return None if by_header is None else Narrowing(by_header, by_header=True)
