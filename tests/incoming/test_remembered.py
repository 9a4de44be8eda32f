"""Results of checks that are remembered: how long, how many, and what never is."""

from dataclasses import dataclass

from mox_trio.incoming.remembered import LONGEST, Remembered
from mox_trio.policy.questions import Answer, Status


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def found(ttl: int) -> Answer:
    return Answer(Status.FOUND, ("192.0.2.1",), ttl=ttl)


def test_a_result_is_kept_as_long_as_all_of_its_answers() -> None:
    clock = Clock()
    held: Remembered[str] = Remembered(clock)
    held.keep("a", "result", [found(30), found(10)])
    clock.now += 9.9
    assert held.maybe("a") == "result"
    clock.now += 0.1
    assert held.maybe("a") is None


def test_a_result_is_never_kept_longer_than_a_moment() -> None:
    clock = Clock()
    held: Remembered[str] = Remembered(clock)
    held.keep("a", "result", [found(86_400)])
    clock.now += LONGEST
    assert held.maybe("a") is None


def test_what_rests_on_trouble_or_on_nothing_is_not_kept() -> None:
    held: Remembered[str] = Remembered(Clock())
    held.keep("trouble", "result", [found(30), Answer(Status.TROUBLE, ttl=5)])
    held.keep("nothing", "result", [])
    held.keep("once", "result", [found(30), found(0)])
    assert [held.maybe(key) for key in ("trouble", "nothing", "once")] == [None] * 3


def test_the_oldest_goes_when_there_are_too_many() -> None:
    held: Remembered[int] = Remembered(Clock(), entries=2)
    for number in range(3):
        held.keep(number, number + 10, [found(30)])
    assert [held.maybe(number) for number in range(3)] == [None, 11, 12]
