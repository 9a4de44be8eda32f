"""Rates of mail for an account: by client, neighbourhood and region, in messages and bytes, in bounded memory."""

from ipaddress import ip_address

import pytest

from mox_trio.incoming import rates
from mox_trio.incoming.rates import BYTES, MESSAGES, MIB, Rates
from mox_trio.policy.ratelimit import Most

A = ip_address("192.0.2.1")
NEAR = ip_address("192.0.2.2")
REGION = ip_address("192.0.3.1")
FAR = ip_address("198.51.100.1")


class At:
    """A clock that stands."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_messages_are_counted_by_client_neighbourhood_and_region() -> None:
    counters = Rates(At(), Most(2, 3, 4))
    for address in (A, A, NEAR, REGION):
        assert counters.exceeded("ann", address, 1) == ""
        counters.add("ann", address, 1)
    assert counters.exceeded("ann", A, 1) == "2 messages a minute"
    assert counters.exceeded("ann", NEAR, 1) == "3 messages a minute"
    assert counters.exceeded("ann", REGION, 1) == "4 messages a minute"
    assert counters.exceeded("ann", FAR, 1) == ""
    assert counters.exceeded("bob", A, 1) == ""


def test_bytes_are_counted() -> None:
    counters = Rates(At(), size=Most(10 * MIB, 30 * MIB, 90 * MIB))
    counters.add("ann", A, 6 * MIB)
    assert counters.exceeded("ann", A, 4 * MIB) == ""
    assert counters.exceeded("ann", A, 5 * MIB) == "10 MiB a minute"


def test_windows_end_with_the_minute_and_the_day() -> None:
    clock = At()
    counters = Rates(clock, Most(1, 1, 1))
    for minute in range(20):
        clock.now = minute * 60
        assert counters.exceeded("ann", A, 1) == ""
        counters.add("ann", A, 1)
        assert counters.exceeded("ann", A, 1) == "1 messages a minute"
    clock.now = 20 * 60
    assert counters.exceeded("ann", A, 1) == "20 messages a day"
    clock.now = 86_400
    assert counters.exceeded("ann", A, 1) == ""


def test_the_defaults_are_generous_for_a_client_and_a_region() -> None:
    assert (MESSAGES.client, MESSAGES.region, BYTES.client // MIB) == (500, 4500, 1000)


def test_memory_is_bounded_and_what_is_known_is_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST", 5)
    counters = Rates(At(), Most(2, 1000, 1000))
    counters.add("ann", A, 1)
    for number in range(50):
        counters.add("ann", ip_address(f"203.0.{number}.1"), 1)
    assert all(len(window.counts) <= 5 for window in counters._windows)
    counters.add("ann", A, 1)
    assert counters.exceeded("ann", A, 1) == "2 messages a minute"
