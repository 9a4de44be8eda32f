"""Sorting many things off the event loop without holding the interpreter's lock for as long as it takes. Pure."""

import heapq
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

CHUNK: Final = 16_384
"""Things that are sorted without letting other threads run."""
MERGED: Final = 50_000
"""Things whose sorted chunks are merged so: no more than a few comparisons each are left."""

T = TypeVar("T")


def ordered(things: Sequence[T], key: Callable[[T], Any], *, reverse: bool = False) -> list[T]:
    """As `sorted`, which keeps the order of equals: in chunks that are then merged, between which other threads run."""
    chunks = [sorted(things[start : start + CHUNK], key=key, reverse=reverse) for start in range(0, len(things), CHUNK)]
    if len(chunks) == 1:
        return chunks[0]
    if len(things) <= MERGED:
        return sorted(chain.from_iterable(chunks), key=key, reverse=reverse)
    return list(heapq.merge(*chunks, key=key, reverse=reverse))
