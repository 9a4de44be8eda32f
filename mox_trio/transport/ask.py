"""Runs a decision that asks DNS with a resolver: what it yields is looked up, what it returns is the result.

A decision may ask nothing at all, and what is remembered is answered at once; then nothing waits here, but after some
milliseconds of computing others have their turn. Cancelling stops it where it waits. Its own exceptions pass through; those
of DNS do not exist, because a resolver answers `Status.TROUBLE`.
"""

from time import perf_counter
from typing import Final, Generic, TypeVar, cast

import trio

from mox_trio.policy.questions import Answer, Asking, Question
from mox_trio.transport.resolver import Known, Resolver

T = TypeVar("T")

LONG: Final = 0.005
"""Seconds of computing after which others have their turn."""


class Decision(Generic[T]):
    """A decision under way. Its user calls `finish` or `close`."""

    __slots__ = ("_asking", "_resolver", "_result", "answers", "question")

    def __init__(self, resolver: Resolver, asking: Asking[T]) -> None:
        """It has asked its first question, if it has one."""
        self._resolver = resolver
        self._asking = asking
        self._result: T | None = None
        self.answers: list[Answer] = []
        """What it rests on."""
        self.question: Question | None = None
        """What it asks next; None when it is done."""
        try:
            self.question = next(asking)
        except StopIteration as done:
            self._result = done.value

    @property
    def result(self) -> T:
        """What it came to, when it is done."""
        return cast("T", self._result)

    def advance(self, known: Known | None = None) -> bool:
        """Go on as far as what is `known` reaches (what the resolver remembers), without waiting and for `LONG` at most; whether
        it is done.
        """
        known = known or self._resolver.maybe_known
        began = perf_counter()
        while self.question is not None:
            answer = known(self.question)
            if answer is None or perf_counter() - began > LONG:
                return False
            self._take(answer)
        return True

    async def finish(self) -> T:
        """Go on to the result, which is at once there when it is done."""
        try:
            began = perf_counter()
            while self.question is not None:
                answer = await self._resolver.look_up(self.question)
                if perf_counter() - began > LONG:
                    await trio.lowlevel.checkpoint()
                    began = perf_counter()
                self._take(answer)
        finally:
            self.close()
        return self.result

    def close(self) -> None:
        """Leave it as it is."""
        self._asking.close()

    def _take(self, answer: Answer) -> None:
        self.answers.append(answer)
        try:
            self.question = self._asking.send(answer)
        except StopIteration as done:
            self.question = None
            self._result = done.value


async def run(resolver: Resolver, asking: Asking[T]) -> T:
    """The result of the decision `asking`, whose questions `resolver` answers one after another."""
    return await Decision(resolver, asking).finish()
