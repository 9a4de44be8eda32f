"""Hosts and addresses of a domain, in the order to try them."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base.domain import Domain
from mox_trio.outgoing import destinations
from mox_trio.outgoing.destinations import MailHosts, Undeliverable
from mox_trio.policy.questions import Mx
from tests.kit import dns
from tests.kit.dns import Zone

X = Domain.parse("x.example")


def hosts(
    zone: Zone, own: set[str] | None = None, chance: Sequence[float] = (), *, pedantic: bool = False
) -> MailHosts:
    numbers = iter(chance)
    return dns.decide(destinations.mail_hosts(X, own or set(), lambda: next(numbers, 0.5), pedantic=pedantic), zone)


def refusal(zone: Zone, own: set[str] | None = None) -> str:
    with pytest.raises(Undeliverable) as caught:
        hosts(zone, own)
    assert caught.value.is_permanent == caught.value.status.startswith("5")
    assert "\n" not in str(caught.value)
    return caught.value.status


def test_the_best_preference_comes_first() -> None:
    found = hosts(Zone({"x.example": {"MX": [(20, "b.example"), (10, "a.example"), (30, "c.example")]}}))
    assert found == MailHosts(("a.example", "b.example", "c.example"), 1)


def test_among_equals_chance_decides() -> None:
    zone = Zone({"x.example": {"MX": [(10, "a.example"), (10, "b.example"), (20, "c.example")]}})
    assert hosts(zone, chance=[0.9, 0.1]) == MailHosts(("b.example", "a.example", "c.example"), 2)
    assert hosts(zone, chance=[0.1, 0.9]).names[0] == "a.example"


def test_a_domain_without_mail_hosts_is_its_own() -> None:
    assert hosts(Zone({"x.example": {"A": ["192.0.2.1"]}})) == MailHosts(("x.example",), 1)


def test_an_alias_leads_to_the_hosts_of_its_target() -> None:
    zone = Zone({"x.example": {"CNAME": ["y.example"]}, "y.example": {"MX": [(5, "mail.y.example")]}})
    assert hosts(zone).names == ("mail.y.example",)


def test_signed_answers_are_told() -> None:
    assert hosts(Zone({"x.example": {"MX": [(5, "a.example")]}}, authentic={"x.example"})).authentic


def test_a_domain_that_takes_no_mail_is_refused_for_good() -> None:
    assert refusal(Zone({"x.example": {"MX": [(0, ".")]}})) == "5.1.10"  # RFC 7505 4.2


def test_a_dot_beside_other_hosts_is_left_out() -> None:
    assert hosts(Zone({"x.example": {"MX": [(0, "."), (10, "a.example")]}})).names == ("a.example",)


def test_a_domain_that_does_not_exist_is_refused_for_good() -> None:
    assert refusal(Zone({"y.example": {}})) == "5.1.2"


def test_silence_of_dns_is_temporary() -> None:
    assert refusal(Zone({"x.example": {}}, trouble={"x.example"})) == "4.4.3"


def test_a_loop_of_aliases_is_temporary() -> None:
    assert refusal(Zone({"x.example": {"CNAME": ["y.example"]}, "y.example": {"CNAME": ["x.example"]}})) == "4.4.3"


@pytest.mark.parametrize("name", ["192.0.2.1", "a..example", "-a.example", "a b.example", "x" * 70 + ".example"])
def test_what_is_no_name_of_a_host_is_left_out(name: str) -> None:
    assert hosts(Zone({"x.example": {"MX": [Mx(5, name), (10, "a.example")]}})).names == ("a.example",)
    assert refusal(Zone({"x.example": {"MX": [Mx(5, name)]}})) == "5.4.4"


def test_underscores_in_names_of_hosts_are_taken_unless_pedantic() -> None:
    zone = Zone({"x.example": {"MX": [(5, "mail_1.example"), (10, "a.example")]}})
    assert hosts(zone).names == ("mail_1.example", "a.example")
    assert hosts(zone, pedantic=True).names == ("a.example",)


def test_a_name_that_comes_twice_is_tried_once() -> None:
    assert hosts(Zone({"x.example": {"MX": [(20, "a.example"), (10, "A.EXAMPLE")]}})) == MailHosts(("a.example",), 1)


def test_only_better_hosts_than_ourselves_are_tried() -> None:
    zone = Zone({"x.example": {"MX": [(10, "a.example"), (20, "us.example"), (20, "b.example"), (30, "c.example")]}})
    assert hosts(zone, {"us.example"}).names == ("a.example",)  # RFC 5321 5.1


def test_mail_for_which_we_are_the_best_host_goes_in_a_circle() -> None:
    assert refusal(Zone({"x.example": {"MX": [(10, "us.example"), (10, "b.example")]}}), {"us.example"}) == "5.4.6"
    assert refusal(Zone({"x.example": {"A": ["192.0.2.1"]}}), {"x.example"}) == "5.4.6"


def test_the_number_of_hosts_is_bounded() -> None:
    zone = Zone({"x.example": {"MX": [(number, f"h{number}.example") for number in range(500)]}})
    assert hosts(zone).names == tuple(f"h{number}.example" for number in range(20))


def found(zone: Zone, before: Sequence[str] = (), *, ipv4: bool = True, ipv6: bool = True) -> tuple[list[str], bool]:
    asking = destinations.addresses("x.example", before, lambda: 0.5, ipv4=ipv4, ipv6=ipv6)
    answer = dns.decide(asking, zone)
    return [str(each) for each in answer.ips], answer.is_dual


BOTH = Zone({"x.example": {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"]}})


def test_addresses_of_both_families_are_found() -> None:
    assert found(BOTH) == (["2001:db8::1", "192.0.2.1", "192.0.2.2"], True)


def test_a_family_may_be_left_out() -> None:
    assert found(BOTH, ipv6=False) == (["192.0.2.1", "192.0.2.2"], False)
    assert found(BOTH, ipv4=False) == (["2001:db8::1"], False)


def test_one_family_is_enough_when_dns_is_silent_about_the_other() -> None:
    zone = Zone({"x.example": {"A": ["192.0.2.1"]}}, trouble={("x.example", "AAAA")})
    assert found(zone) == (["192.0.2.1"], False)


@pytest.mark.parametrize(
    ("zone", "status"),
    [
        (Zone({"x.example": {"TXT": ["nothing"]}}), "5.4.4"),
        (Zone({}), "5.4.4"),
        (Zone({"x.example": {}}, trouble={("x.example", "AAAA")}), "4.4.3"),
    ],
)
def test_a_host_without_addresses_is_not_tried(zone: Zone, status: str) -> None:
    with pytest.raises(Undeliverable) as caught:
        found(zone)
    assert caught.value.status == status


def test_the_number_of_addresses_is_bounded() -> None:
    zone = Zone({"x.example": {"A": [f"192.0.2.{number}" for number in range(100)]}})
    assert len(found(zone)[0]) == 10


SIX, OTHER_SIX, FOUR, OTHER_FOUR = "2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"
ALL = (SIX, OTHER_SIX, FOUR, OTHER_FOUR)


@pytest.mark.parametrize(
    ("before", "order"),
    [
        ((), ALL),
        ((SIX,), (FOUR, OTHER_FOUR, SIX, OTHER_SIX)),
        ((OTHER_SIX,), (FOUR, OTHER_FOUR, OTHER_SIX, SIX)),  # who greylists wants to see the same address again
        ((SIX, FOUR), (SIX, OTHER_SIX, FOUR, OTHER_FOUR)),
        ((SIX, FOUR, SIX), (FOUR, OTHER_FOUR, OTHER_SIX, SIX)),
        ((SIX, OTHER_FOUR, SIX, OTHER_FOUR), (OTHER_SIX, SIX, FOUR, OTHER_FOUR)),
        (("2001:db8::77",), (FOUR, OTHER_FOUR, SIX, OTHER_SIX)),
    ],
)
def test_the_family_alternates_and_a_second_try_is_at_the_same_address(
    before: tuple[str, ...], order: tuple[str, ...]
) -> None:
    ordered = destinations.in_order([ip_address(each) for each in ALL], before)
    assert tuple(map(str, ordered)) == order


@settings(max_examples=60)
@given(st.permutations(ALL), st.lists(st.sampled_from(ALL), max_size=12))
def test_an_order_loses_and_doubles_nothing(addresses: list[str], before: list[str]) -> None:
    ordered = destinations.in_order([ip_address(each) for each in addresses], before)
    assert sorted(map(str, ordered)) == sorted(addresses)
    if before:
        assert ordered[0].version != ip_address(before[-1]).version


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
        ),
        *(
            "192.0.2.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "2001:db8::1",
        ),
        "::ffff:10.0.0.1",
        *("64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:a00:1::1", "fec0::1", "::127.0.0.1"),
    ],
)
def test_addresses_that_are_not_public_get_no_mail_unless_they_are_allowed(address: str) -> None:
    ip = ip_address(address)
    assert not destinations.is_public(ip)
    assert not destinations.is_public(ip, (ip_network("198.51.100.0/24"),))
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert destinations.is_public(ip, everything)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_get_mail(address: str) -> None:
    assert destinations.is_public(ip_address(address))
