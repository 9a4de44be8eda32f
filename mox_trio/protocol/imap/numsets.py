"""Sets of message numbers: what clients write as 1:5,9,* (RFC 9051 9, sequence-set), and writing them."""

from dataclasses import dataclass
from typing import Final

STAR: Final = 0
"""Stands for "*", the highest number in use, within a range."""


@dataclass(frozen=True, slots=True)
class NumSet:
    """Ranges as the client wrote them: in any order, overlapping, either end `STAR`."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SavedResult:
    """ "$": what the last SEARCH with SAVE found (RFC 9051 6.4.4.1)."""


SequenceSet = NumSet | SavedResult
