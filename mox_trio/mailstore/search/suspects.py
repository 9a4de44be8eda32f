"""Which messages of a page may match at all, by one look at a column of all of them together.

Most messages that are searched for a text in their subject or header do not hold it. Their columns are joined and
searched as one, which costs a tenth of looking at them one by one. Who is left is looked at properly.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, count
from operator import add
from typing import Final, cast

from mox_trio.mailstore.search import filters, lowering
from mox_trio.mailstore.search.lowering import Node
from mox_trio.mailstore.search.text import needle

_SEPARATOR: Final = b"\n\0"
"""In no header, which has no such line; in no subject that is of one line."""


class Column:
    """A column of a page of messages: opened values, None where one does not open."""

    __slots__ = ("_doubtful", "_joined", "_starts", "_values")

    def __init__(self, values: Sequence[bytes | None], *, folded: bool) -> None:
        """`folded`: the values are folded text in UTF-8; else they are written, perhaps with encoded words, so that octets do
        not always say what is in them.
        """
        self._doubtful: set[int] = set()
        if None in values:
            self._doubtful = {number for number, value in enumerate(values) if value is None}
        self._values = [value or b"" for value in values] if self._doubtful else cast("Sequence[bytes]", values)
        self._starts: list[int] | None = None
        self._joined = _SEPARATOR.join(self._values)
        if not folded:
            if not self._joined.isascii():
                self._doubtful.update(number for number, value in enumerate(self._values) if not value.isascii())
            self._joined = self._joined.lower()
            self._doubtful |= self._places(b"=?")

    def holding(self, octets: bytes | None) -> set[int]:
        """The places of the values that may hold this folded text; None is one whose octets say nothing."""
        return self._doubtful if octets is None else self._places(octets) | self._doubtful

    def _places(self, octets: bytes) -> set[int]:
        found: set[int] = set()
        joined = self._joined
        at = joined.find(octets)
        if at >= 0 and self._starts is None:
            lengths = accumulate(map(len, self._values), initial=0)
            self._starts = list(map(add, lengths, count(step=len(_SEPARATOR))))
        starts = self._starts or []
        while at >= 0:
            place = bisect_right(starts, at) - 1
            found.add(place)
            at = joined.find(octets, starts[place + 1])
        return found


Suspects = Callable[[Column], set[int]]
"""The places of the messages that may match."""


def by_subject(node: Node) -> Suspects | None:
    """How the subjects tell; None where they do not."""
    return _of(node, _by_subject)


def by_header(node: Node) -> Suspects | None:
    """How the headers tell; None where they do not."""
    return _of(node, _by_field)


_Leaf = Callable[[Node], Suspects | None]


def _of(node: Node, leaf: _Leaf) -> Suspects | None:
    match node:
        case lowering.Every(parts):
            telling = [each for part in parts if (each := _of(part, leaf)) is not None]
            return (lambda column: set.intersection(*[each(column) for each in telling])) if telling else None
        case lowering.Some(parts):
            telling = [each for part in parts if (each := _of(part, leaf)) is not None]
            if not parts or len(telling) < len(parts):
                return None
            return lambda column: set.union(*[each(column) for each in telling])
        case _:
            return leaf(node)


def _by_subject(node: Node) -> Suspects | None:
    if not isinstance(node, filters.Subject) or not node.text:
        return None
    octets = needle(node.text).text.encode("utf-8", "replace")
    return lambda column: column.holding(octets)


def _by_field(node: Node) -> Suspects | None:
    if not isinstance(node, filters.Header | filters.Subject) or not node.text:
        return None
    octets = needle(node.text).octets
    if octets is not None and octets.split() != [octets]:
        return None  # white space may be a line end in the column
    return lambda column: column.holding(octets)
