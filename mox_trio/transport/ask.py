"""Runs a decision that asks DNS with a resolver: what it yields is looked up, what it returns is the result.

A decision may ask nothing at all; then nothing waits here. Cancelling stops it where it waits. Its own exceptions pass
through; those of DNS do not exist, because a resolver answers `Status.TROUBLE`.
"""

from typing import TypeVar

from mox_trio.policy.questions import Asking
from mox_trio.transport.resolver import Resolver

T = TypeVar("T")


async def run(resolver: Resolver, asking: Asking[T]) -> T:
    """The result of the decision `asking`, whose questions `resolver` answers one after another."""
    try:
        question = next(asking)
        while True:
            question = asking.send(await resolver.look_up(question))
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        asking.close()
