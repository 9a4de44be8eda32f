"""When a message is tried again and given up."""

import pytest

from mox_trio.policy.backoff import JITTER, LONGEST, Schedule

MINUTE = 60.0


def test_the_wait_doubles_from_seven_and_a_half_minutes_to_eight_hours() -> None:
    schedule = Schedule()
    waits = [schedule.wait(attempts) / MINUTE for attempts in range(1, 8)]
    assert waits == [7.5, 15, 30, 60, 120, 240, 480]


@pytest.mark.parametrize("random", [0.0, 0.25, 0.75, 1.0])
def test_chance_moves_it_by_a_few_seconds(random: float) -> None:
    assert Schedule().wait(1, random) == pytest.approx(450 + (2 * random - 1) * JITTER)
    assert 0 <= Schedule(first_retry=1).wait(1, random) <= 1.1


def test_the_eighth_attempt_is_the_last_unless_the_message_has_a_number_of_its_own() -> None:
    schedule = Schedule()
    assert not schedule.is_last(7)
    assert schedule.is_last(8)
    assert schedule.is_last(5, 5)
    assert not schedule.is_last(8, 9)


def test_the_sender_is_told_after_the_fifth_attempt_or_never() -> None:
    assert [Schedule().is_time_to_tell(attempts) for attempts in (4, 5, 6)] == [False, True, True]
    assert not Schedule(delay_notice_after=0).is_time_to_tell(30)


def test_the_last_attempt_is_foreseen() -> None:
    assert Schedule().given_up_after(5) == pytest.approx((2 + 4 + 8) * 3600)
    assert Schedule().given_up_after(8) == 0


def test_many_attempts_do_not_wait_for_years() -> None:
    assert Schedule(attempts=30).wait(29) <= LONGEST + JITTER
