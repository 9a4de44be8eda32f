"""Runs a decision that asks DNS with a resolver: what it yields is looked up, what it returns is the result.

A decision may ask nothing at all, and what is remembered is answered at once; then nothing waits here, but after some
milliseconds of computing others have their turn. Cancelling stops it where it waits. Its own exceptions pass through; those
of DNS do not exist, because a resolver answers `Status.TROUBLE`.
"""

from time import perf_counter
from typing import Final, TypeVar

import trio

from mox_trio.policy.questions import Answer, Asking
from mox_trio.transport.resolver import Resolver

T = TypeVar("T")

LONG: Final = 0.005
"""Seconds of computing after which others have their turn."""


async def run(resolver: Resolver, asking: Asking[T], answers: list[Answer] | None = None) -> T:
    """The result of the decision `asking`, whose questions `resolver` answers one after another. `answers` gets what the
    result rests on.
    """
    try:
        began = perf_counter()
        question = next(asking)
        while True:
            answer = await resolver.look_up(question)
            if answers is not None:
                answers.append(answer)
            if perf_counter() - began > LONG:
                await trio.lowlevel.checkpoint()
                began = perf_counter()
            question = asking.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        asking.close()
