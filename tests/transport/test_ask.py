"""Decisions driven with a resolver."""

import ipaddress

import pytest
import trio

from mox_trio.base.address import Path
from mox_trio.policy import spf
from mox_trio.policy.questions import Answer, Asking, Kind, Question, Status
from mox_trio.policy.results import SpfStatus
from mox_trio.transport import ask
from mox_trio.transport.resolver import Resolver
from tests.kit.dns import Zone


def q(name: str, kind: Kind) -> Question:
    return Question(name, kind)


async def test_a_decision_is_driven_with_the_answers_of_a_resolver() -> None:
    def decision() -> Asking[str]:
        first = yield q("a.example", Kind.A)
        second = yield q("b.example", Kind.A)
        return f"{first.records} {second.status.value}"

    zone = Zone({"a.example": {"A": ["192.0.2.1"]}})
    assert await ask.run(zone, decision()) == "('192.0.2.1',) no-name"
    assert [each.name for each in zone.asked] == ["a.example", "b.example"]


async def test_a_decision_that_asks_nothing_has_its_result_at_once() -> None:
    zone = Zone({})
    result = await ask.run(
        zone, spf.check(ipaddress.ip_address("192.0.2.1"), Path.parse("<>"), "[x]", receiver="", now=0)
    )
    assert (result.status, zone.asked) == (SpfStatus.NONE, [])


async def test_long_computing_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "LONG", 0.0)
    turns = []

    class Known(Resolver):
        async def look_up(self, question: Question) -> Answer:
            return Answer(Status.NO_NAME)

    async def decide(name: str) -> None:
        def decision() -> Asking[None]:
            for _ in range(3):
                turns.append(name)
                yield q("a.example", Kind.A)

        await ask.run(Known(), decision())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(decide, "a")
        nursery.start_soon(decide, "b")
    assert turns not in (["a"] * 3 + ["b"] * 3, ["b"] * 3 + ["a"] * 3)


async def test_cancelling_closes_the_decision() -> None:
    closed = []

    def decision() -> Asking[None]:
        try:
            yield q("a.example", Kind.A)
        finally:
            closed.append(True)

    class Never(Resolver):
        async def look_up(self, question: Question) -> Answer:
            await trio.sleep_forever()
            raise AssertionError(question)

    with trio.move_on_after(0.01) as scope:
        await ask.run(Never(), decision())
    assert scope.cancelled_caught
    assert closed == [True]
