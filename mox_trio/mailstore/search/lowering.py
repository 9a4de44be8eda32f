"""From what a filter says to what rows hold: names become bits, days become milliseconds, ids become rows.

`lower` makes a tree of fewer kinds of nodes. `pushed` takes from it what the database can decide by the narrow rows of
messages alone; most searches by flags, sizes and dates are decided by that altogether.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.mailstore import keywords
from mox_trio.mailstore.search import filters
from mox_trio.mailstore.search.filters import Instant, Relation
from mox_trio.mailstore.store import Account
from mox_trio.protocol.mime import threads
from storage_backends.index.api import Transaction
from storage_backends.index.tables import finding
from storage_backends.index.tables.finding import ALWAYS, Condition, Shape

_DAY: Final = 86_400_000
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()
_HIGHEST: Final = (1 << 63) - 1
PUSHED_NODES: Final = 64
"""Nodes of a condition that is given to the database; building a statement takes longer than what it saves else."""
PUSHED_RANGES: Final = 16


@dataclass(frozen=True, slots=True)
class Constant:
    """Of all messages or of none."""

    value: bool


@dataclass(frozen=True, slots=True)
class Bits:
    """All these bits are set in a column: flags or keywords."""

    column: str
    mask: int


@dataclass(frozen=True, slots=True)
class Between:
    """A column is in an inclusive range: uid, size, received, saved or modseq."""

    column: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Ranges:
    """The UID is in one of many inclusive ranges, which are in order and apart."""

    firsts: tuple[int, ...]
    lasts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """The mail is one of these rows."""

    emails: frozenset[int]


@dataclass(frozen=True, slots=True)
class SentOn:
    """The day of the Date field, as an ordinal, is in an inclusive range."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One of the parts holds."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Opposite:
    """The part does not hold."""

    part: "Node"


Written = filters.Subject | filters.Header | filters.Body | filters.Text
Node = Constant | Bits | Between | Ranges | OneOf | SentOn | Every | Some | Opposite | Written


def lower(wanted: filters.Filter, tx: Transaction, account: Account, now: int) -> Node:
    """The tree for an account at an instant in milliseconds; `wanted` was checked."""
    match wanted:
        case filters.And(parts):
            return Every(tuple(lower(part, tx, account, now) for part in parts))
        case filters.Or(parts):
            return Some(tuple(lower(part, tx, account, now) for part in parts))
        case filters.Not(part):
            return Opposite(lower(part, tx, account, now))
        case filters.Flag(name):
            return _flag(tx, account, name)
        case filters.Dated(instant, relation, day):
            return _dated(instant, relation, day)
        case filters.MessageId(text):
            key = account.codec.key("message-id", threads.message_id(text.encode("utf-8", "replace")).encode())
            return OneOf(frozenset(finding.by_message_id(tx, account.id, key)))
        case filters.EmailId(object_id):
            return OneOf(frozenset(finding.by_object_id(tx, account.id, object_id)))
        case filters.ThreadId(thread_id):
            return OneOf(frozenset(finding.by_thread(tx, account.id, thread_id)))
        case filters.Subject() | filters.Header() | filters.Body() | filters.Text():
            return wanted
        case _:
            return _number(wanted, now)


def _number(
    wanted: filters.All
    | filters.UidIn
    | filters.Larger
    | filters.Smaller
    | filters.Older
    | filters.Younger
    | filters.ModSeq,
    now: int,
) -> Node:
    match wanted:
        case filters.All():
            return Constant(True)
        case filters.UidIn(ranges):
            return _uids(ranges)
        case filters.Larger(size):
            return _between("size", size + 1, _HIGHEST)
        case filters.Smaller(size):
            return _between("size", 0, size - 1)
        case filters.Older(seconds):
            return _between("received", -_HIGHEST, now - seconds * 1000)
        case filters.Younger(seconds):
            return _between("received", now - seconds * 1000, _HIGHEST)
        case filters.ModSeq(modseq):
            return _between("modseq", modseq, _HIGHEST)


def _uids(ranges: Sequence[tuple[int, int]]) -> Node:
    if len(ranges) <= PUSHED_RANGES:
        return Some(tuple(_between("uid", first, last) for first, last in ranges))
    apart: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if apart and first <= apart[-1][1] + 1:
            apart[-1] = (apart[-1][0], max(last, apart[-1][1]))
        else:
            apart.append((first, last))
    firsts, lasts = zip(*apart, strict=True)
    return Ranges(firsts, lasts)


def _between(column: str, first: int, last: int) -> Between:
    """Cut to what a database can compare with."""
    return Between(column, *(min(max(bound, -_HIGHEST), _HIGHEST) for bound in (first, last)))


def _flag(tx: Transaction, account: Account, name: str) -> Node:
    flags, words = keywords.bits(tx, account.id, [name], create=False)
    if flags:
        return Bits("flags", flags)
    return Bits("keywords", words) if words else Constant(False)


def _dated(instant: Instant, relation: Relation, day: datetime.date) -> Node:
    first, last = -(_HIGHEST // _DAY), _HIGHEST // _DAY
    if relation is not Relation.BEFORE:
        first = day.toordinal() - _EPOCH
    if relation is not Relation.SINCE:
        last = day.toordinal() - _EPOCH - (relation is Relation.BEFORE)
    if instant is Instant.SENT:
        return SentOn(first, last)
    return _between(instant.value, first * _DAY, last * _DAY + _DAY - 1)


def pushed(node: Node) -> tuple[Condition, bool]:
    """What every message that `node` holds for meets, and whether those that meet it are exactly those."""
    parts = node.parts if isinstance(node, Every) else (node,)
    shapes = [shape for part in parts if (shape := _shape(part)) is not None]
    values = tuple(value for _, of_shape in shapes for value in of_shape)
    if sum(_size(shape) for shape, _ in shapes) > PUSHED_NODES:
        return ALWAYS, False
    if not shapes:
        return ALWAYS, not parts
    return Condition(("and", *(shape for shape, _ in shapes)), values), len(shapes) == len(parts)


def unpushed(node: Node) -> Node:
    """What is left to be decided of messages that meet the condition that was pushed, which is a part of `node`."""
    if not isinstance(node, Every):
        return node
    left = tuple(part for part in node.parts if _shape(part) is None)
    return left[0] if len(left) == 1 else Every(left)


_Part = tuple[Shape, tuple[object, ...]]


def _shape(node: Node) -> _Part | None:
    """The node as the database decides it, or None where it cannot."""
    match node:
        case Constant(value):
            return (("always",) if value else ("not", ("always",))), ()
        case Bits(column, mask):
            return ("bits", column), (mask,)
        case Between(column, first, last):
            return ("between", column), (first, last)
        case OneOf(emails):
            return ("emails",), (sorted(emails),)
        case Opposite(part):
            below = _shape(part)
            return None if below is None else (("not", below[0]), below[1])
        case Every(parts):
            return _joined("and", parts, Constant(True))
        case Some(parts):
            return _joined("or", parts, Constant(False))
        case _:
            return None


def _joined(kind: str, parts: Sequence[Node], empty: Node) -> _Part | None:
    if not parts:
        return _shape(empty)
    if len(parts) > PUSHED_RANGES:
        return None
    below: list[_Part] = []
    for part in parts:
        shape = _shape(part)
        if shape is None:
            return None
        below.append(shape)
    return (kind, *(shape for shape, _ in below)), tuple(value for _, values in below for value in values)


def _size(shape: Shape) -> int:
    return 1 + sum(_size(part) for part in shape if isinstance(part, tuple))
