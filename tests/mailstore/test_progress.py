"""Rate and time left."""

from mox_trio.mailstore.progress import Pace


def test_nothing_is_said_before_anything_is_known() -> None:
    pace = Pace()
    assert (pace.rate, pace.left, pace.share) == (None, None, None)
    pace.feed(5, 0, 100)
    assert (pace.rate, pace.left, pace.share) == (None, None, 0)


def test_a_steady_pace_gives_rate_and_time_left() -> None:
    pace = Pace()
    for second in range(11):
        pace.feed(second, second * 10, 200)
    assert (pace.rate, pace.left, pace.share) == (10, 10, 0.5)


def test_an_unknown_total_leaves_the_rate() -> None:
    pace = Pace()
    pace.feed(0, 0)
    pace.feed(2, 10)
    assert (pace.rate, pace.left, pace.share) == (5, None, None)


def test_what_lies_before_the_window_is_forgotten() -> None:
    pace = Pace(window=10)
    pace.feed(0, 1_000_000)
    for second in range(1, 60):
        pace.feed(second, 1_000_000 + second)
    assert pace.rate == 1


def test_many_calls_take_no_more_memory_than_the_window() -> None:
    pace = Pace(window=10)
    for number in range(10_000):
        pace.feed(number / 100, number)
    assert pace.rate is not None
    assert 99 < pace.rate < 101


def test_standing_still_promises_nothing() -> None:
    pace = Pace()
    pace.feed(0, 5, 10)
    pace.feed(3, 5, 10)
    assert (pace.rate, pace.left) == (0, None)


def test_an_empty_whole_is_done() -> None:
    pace = Pace()
    pace.feed(0, 0, 0)
    assert pace.share == 1
