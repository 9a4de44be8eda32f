"""Limits by class of address, in windows and at the moment."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.policy.ratelimit import FailedLogins, Limiter, Most, Present, keys

A = ip_address("192.0.2.1")
NEIGHBOUR = ip_address("192.0.2.2")
FAR = ip_address("198.51.100.1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", 3),
        ("192.0.2.1", "192.0.2.62", 2),
        ("192.0.2.1", "192.0.2.65", 1),
        ("192.0.2.1", "192.0.8.1", 0),
        ("2001:db8::1", "2001:db8::2", 3),
        ("2001:db8::1", "2001:db8:0:1::1", 2),
        ("2001:db8::1", "2001:db8:1::1", 1),
        ("2001:db8::1", "2001:db9::1", 0),
        ("192.0.2.1", "::ffff:192.0.2.1", 3),
        ("0.0.0.1", "::1", 0),
    ],
)
def test_addresses_share_classes(one: str, other: str, same: int) -> None:
    pairs = zip(keys(ip_address(one)), keys(ip_address(other)), strict=True)
    assert sum(first == second for first, second in pairs) == same


def test_a_window_takes_what_it_may_and_no_more() -> None:
    limiter = Limiter([(60, Most(2, 3, 4))])
    assert [limiter.add(A, 0) for _ in range(3)] == [True, True, False]
    assert [limiter.add(NEIGHBOUR, 0) for _ in range(2)] == [True, False]
    assert [limiter.add(ip_address("192.0.2.100"), 0) for _ in range(2)] == [True, False]
    assert limiter.add(FAR, 0)


def test_the_next_window_begins_anew_on_the_clock() -> None:
    limiter = Limiter([(60, Most(1, 1, 1))])
    assert limiter.add(A, 59.9)
    assert not limiter.add(A, 59.99)
    assert limiter.add(A, 60)


def test_what_is_refused_is_not_counted() -> None:
    limiter = Limiter([(60, Most(2, 9, 9)), (86400, Most(3, 9, 9))])
    assert [limiter.add(A, 0) for _ in range(50)].count(True) == 2
    assert limiter.add(A, 61)
    assert not limiter.add(A, 62)


def test_asking_counts_nothing() -> None:
    limiter = Limiter([(60, Most(1, 1, 1))])
    assert all(limiter.can_add(A, 0) for _ in range(5))
    assert not limiter.can_add(A, 0, 2)
    assert limiter.add(A, 0)
    assert not limiter.can_add(A, 0)


def test_a_reset_forgets_the_client_and_not_its_neighbours() -> None:
    limiter = Limiter([(60, Most(5, 5, 5))])
    limiter.add(A, 0, 3)
    limiter.add(NEIGHBOUR, 0, 2)
    limiter.reset(A, 0)
    assert limiter.can_add(A, 0, 3)
    assert not limiter.can_add(A, 0, 4)


def test_memory_is_bounded_and_larger_classes_still_count() -> None:
    limiter = Limiter([(60, Most(1, 100, 3))], most_keys=2)
    many = [ip_address(f"192.0.2.{number}") for number in range(1, 10)]
    assert [limiter.add(each, 0) for each in many].count(True) == 3


def test_who_is_counted_already_is_counted_on_when_memory_is_full() -> None:
    limiter = Limiter([(60, Most(2, 100, 100))], most_keys=1)
    assert [limiter.add(A, 0) for _ in range(3)] == [True, True, False]
    assert [limiter.add(FAR, 0) for _ in range(3)] == [True, True, True]  # there is no room to count it


def test_what_is_present_is_counted_until_it_leaves() -> None:
    present = Present(Most(1, 2, 2))
    assert present.enter(A)
    assert not present.enter(A)
    assert present.enter(NEIGHBOUR)
    assert not present.enter(ip_address("192.0.2.3"))
    present.leave(A)
    assert present.enter(A)
    present.leave(A)
    present.leave(NEIGHBOUR)
    assert present._counts == ({}, {}, {})


def test_failed_logins_stop_a_client_until_the_window_ends() -> None:
    now = [0.0]
    failed = FailedLogins(Most(2, 9, 9), Most(3, 9, 9), exempt=lambda address: address == FAR, now=lambda: now[0])
    for _ in range(2):
        assert failed.may_try(A)
        failed.failed(A)
    assert not failed.may_try(A)
    now[0] = 60
    assert failed.may_try(A)
    failed.failed(A)
    now[0] = 120
    assert not failed.may_try(A), "the day counts too"
    for _ in range(20):
        failed.failed(FAR)
    assert failed.may_try(FAR)


def test_a_login_that_was_right_forgives_the_client() -> None:
    failed = FailedLogins(Most(2, 9, 9), Most(9, 9, 9), exempt=lambda _: False, now=lambda: 0.0)
    failed.failed(A)
    failed.succeeded(A)
    failed.failed(A)
    assert failed.may_try(A)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.ip_addresses(), st.integers(0, 200)), max_size=50), st.integers(1, 5))
def test_no_client_ever_gets_more_than_its_share_of_a_window(events: list[tuple[object, int]], most: int) -> None:
    limiter = Limiter([(60, Most(most, most * 2, most * 3))])
    taken: dict[tuple[object, int], int] = {}
    for address, now in sorted(events, key=lambda event: event[1]):
        if limiter.add(ip_address(str(address)), now):
            window = (keys(ip_address(str(address)))[0], now // 60)
            taken[window] = taken.get(window, 0) + 1
    assert all(count <= most for count in taken.values())
