"""Reverse DNS of a client."""

import ipaddress

import pytest

from mox_trio.policy import iprev
from mox_trio.policy.questions import Kind, Question
from mox_trio.policy.results import Iprev, IprevStatus
from tests.kit.dns import Zone, decide

V4 = ipaddress.ip_address("192.0.2.1")
V6 = ipaddress.ip_address("2001:db8::1")
POINTER = "1.2.0.192.in-addr.arpa"
NAMES = {
    POINTER: {"PTR": ["other.example", "mail.example", "more.example"]},
    V6.reverse_pointer: {"PTR": ["mail.example"]},
    "mail.example": {"A": ["192.0.2.9", "192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "more.example": {"A": ["192.0.2.1"]},
    "other.example": {"A": ["192.0.2.2"]},
}


@pytest.mark.parametrize(
    ("client", "names"),
    [
        (V4, ("mail.example", "more.example")),
        (ipaddress.ip_address("::ffff:192.0.2.1"), ("mail.example", "more.example")),
        (V6, ("mail.example",)),
    ],
)
def test_names_that_lead_back_pass(
    client: ipaddress.IPv4Address | ipaddress.IPv6Address, names: tuple[str, ...]
) -> None:
    assert decide(iprev.check(client), Zone(NAMES)) == Iprev(IprevStatus.PASS, names)


@pytest.mark.parametrize(
    ("changes", "trouble", "status"),
    [
        ({POINTER: {}}, set(), IprevStatus.PERMERROR),
        ({POINTER: {"PTR": ["other.example", "nowhere.example"]}}, set(), IprevStatus.FAIL),
        ({}, {POINTER}, IprevStatus.TEMPERROR),
        ({POINTER: {"PTR": ["other.example", "mail.example"]}}, {"mail.example"}, IprevStatus.TEMPERROR),
        ({}, {"other.example"}, IprevStatus.PASS),
    ],
)
def test_what_else_may_be(changes: dict[str, dict[str, list[str]]], trouble: set[str], status: IprevStatus) -> None:
    assert decide(iprev.check(V4), Zone(NAMES | changes, trouble=trouble)).status is status


def test_names_are_bounded() -> None:
    zone = Zone({POINTER: {"PTR": [f"n{number}.example" for number in range(99)]}})
    assert decide(iprev.check(V4, most=3), zone).status is IprevStatus.FAIL
    assert zone.asked == [Question(POINTER, Kind.PTR), *(Question(f"n{number}.example", Kind.A) for number in range(3))]


@pytest.mark.parametrize(
    ("signed", "authentic"), [({POINTER, "mail.example", "more.example"}, True), ({POINTER}, False)]
)
def test_it_is_authentic_where_both_ways_are(signed: set[str], authentic: bool) -> None:
    assert decide(iprev.check(V4), Zone(NAMES, authentic=signed)).authentic is authentic
