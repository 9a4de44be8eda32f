"""Run several things side by side, a bounded number at a time, as if one function did it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import trio

T = TypeVar("T")


async def together(work: Sequence[Callable[[], Awaitable[T]]], most: int) -> list[T]:
    """The results in the order of `work`. The first error cancels the rest and is raised as it is, not in a group."""
    if len(work) == 1:
        return [await work[0]()]
    results: dict[int, T] = {}
    numbers = iter(range(len(work)))

    async def some() -> None:
        for number in numbers:
            results[number] = await work[number]()

    try:
        async with trio.open_nursery() as nursery:
            for _ in range(min(most, len(work))):
                nursery.start_soon(some)
    except ExceptionGroup as group:
        error: Exception = group
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        raise error from group
    return [results[number] for number in range(len(work))]
