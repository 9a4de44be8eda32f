"""Reading many bodies from a place that gives them one by one: several readings at a time."""

from collections.abc import Sequence

import trio

from storage_backends import errors
from storage_backends.bodies import api


async def read_each(store: api.BodyStore, wanted: Sequence[api.Range], at_once: int) -> list[api.Answer]:
    """`read_many` by `open`, at most `at_once` at a time. The first Unavailable ends all."""
    answers: dict[int, api.Answer] = {}
    failures: list[errors.Unavailable] = []
    waiting = iter(enumerate(wanted))

    async def work() -> None:
        for number, each in waiting:
            try:
                answers[number] = await api.read(store, each.ref, each.start, each.stop)
            except (errors.NotFound, errors.Corrupt) as error:
                answers[number] = errors.kept(error)
            except errors.Unavailable as error:
                failures.append(error)
                nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for _ in range(min(at_once, len(wanted))):
            nursery.start_soon(work)
    if failures:
        raise failures.pop()
    return [answers[number] for number in range(len(wanted))]
