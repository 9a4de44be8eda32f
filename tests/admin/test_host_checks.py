"""What is looked at before a machine becomes a mail server, against DNS from a dict."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from mox_trio.admin import host_checks
from mox_trio.admin.host_checks import Check, IpAddress
from mox_trio.base.domain import Domain
from mox_trio.transport.dial import Attempt, DialFailed
from tests.kit.dns import Names, Zone

HOST = Domain.parse("mx.example.org")
HERE, ELSEWHERE = ip_address("127.0.0.1"), ip_address("192.0.2.1")
GMAIL: Names = {"gmail.com": {"MX": [(20, "far.example"), (5, "near.example")]}, "near.example": {"A": ["192.0.2.9"]}}


def outcomes(checks: Sequence[Check]) -> list[str]:
    return [each.outcome for each in checks]


async def test_a_resolver_that_verifies_is_good_and_another_one_says_what_to_install() -> None:
    names = {"com": {"NS": ["a.gtld-servers.net"]}}
    assert outcomes(await host_checks.dnssec(Zone(names, everything_authentic=True))) == ["good"]
    (check,) = await host_checks.dnssec(Zone(names))
    assert check.outcome == "not good"
    assert "unbound" in check.text
    assert outcomes(await host_checks.dnssec(Zone({}, trouble={"com"}))) == ["not checked"]


@pytest.mark.parametrize(
    ("names", "outcome"),
    [(["mx.example.org"], "good"), (["mx.example.org", "www.example.org"], "not good"), ([], "not good")],
)
async def test_an_address_leads_to_the_host_and_to_nothing_else(names: list[str], outcome: str) -> None:
    zone = Zone({ELSEWHERE.reverse_pointer: {"PTR": names}})
    (check,) = await host_checks.reverse(zone, HOST, [ELSEWHERE])
    assert check.outcome == outcome


async def test_without_an_address_reverse_dns_is_not_checked_and_says_so() -> None:
    (check,) = await host_checks.reverse(Zone({}), HOST, [])
    assert check.outcome == "not checked"
    assert "no public address" in check.text


async def test_port_25_is_tried_at_the_first_mail_host_of_somebody_large() -> None:
    called: list[tuple[IpAddress, int]] = []

    async def answers(addresses: Sequence[IpAddress], port: int) -> None:
        called.extend((each, port) for each in addresses)

    async def closed(addresses: Sequence[IpAddress], port: int) -> None:
        raise DialFailed([Attempt(addresses[0], "no answer in time")])

    assert outcomes(await host_checks.port_25(Zone(GMAIL), answers)) == ["good"]
    assert called == [(ip_address("192.0.2.9"), 25)]
    (check,) = await host_checks.port_25(Zone(GMAIL), closed)
    assert check.outcome == "not good"
    assert "no answer in time" in check.text
    assert outcomes(await host_checks.port_25(Zone({}), answers)) == ["not checked"]


async def test_block_lists_say_listed_not_listed_or_nothing() -> None:
    zone = Zone(
        {"1.2.0.192.listed.example": {"A": ["127.0.0.2"]}, "1.2.0.192.silent.example": {"A": ["127.255.255.254"]}},
        trouble={"1.2.0.192.broken.example"},
    )
    lists = [f"{each}.example" for each in ("listed", "clean", "silent", "broken")]
    checks = await host_checks.block_lists(zone, [ELSEWHERE], lists)
    assert outcomes(checks) == ["not good", "good", "not checked", "not checked"]


async def test_addresses_of_a_name_are_compared_with_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_checks, "own_addresses", lambda: (ip_address("10.0.0.5"),))
    seen = await host_checks.addresses(Zone({HOST.ascii: {"A": [str(ELSEWHERE)]}}), HOST)
    assert (seen.nat, seen.bound) == ((ELSEWHERE,), (ip_address("10.0.0.5"),))
    assert [each.name for each in seen.checks] == ["NAT"]
    monkeypatch.setattr(host_checks, "own_addresses", lambda: (ip_address("198.41.0.4"),))
    seen = await host_checks.addresses(Zone({HOST.ascii: {"A": [str(ELSEWHERE)]}}), HOST)
    assert seen.nat == ()
    assert "is not this machine" in seen.checks[0].text
    none = await host_checks.addresses(Zone({}), HOST)
    assert none.checks[0].outcome == "not good"
    assert none.public == (ip_address("198.41.0.4"),)
    assert "records below" in none.checks[0].text
    monkeypatch.setattr(host_checks, "own_addresses", lambda: ())
    unknown = await host_checks.addresses(Zone({}), HOST)
    assert "public addresses of this machine" in unknown.checks[0].text
    looped = await host_checks.addresses(Zone({HOST.ascii: {"A": ["127.0.1.1"]}}), HOST)
    assert "/etc/hosts" in looped.checks[0].text


def test_an_address_is_here_or_is_not() -> None:
    assert host_checks.is_here(HERE)
    assert not host_checks.is_here(ELSEWHERE)


async def test_everything_is_looked_at_and_what_is_unknown_is_said() -> None:
    seen = await host_checks.run(Zone({}), HOST)
    assert {each.name for each in seen.checks} == {
        "host name",
        "DNSSEC",
        "reverse DNS",
        "port 25 outgoing",
        "block lists",
    }
    assert {each.outcome for each in host_checks.not_asked(HOST).checks} == {"not checked"}


async def test_a_machine_without_a_full_name_gets_one_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "box")
    monkeypatch.setattr(host_checks, "own_addresses", lambda: ())
    name, check = await host_checks.hostname(Zone({}), Domain.parse("example.org"), None)
    assert name.ascii == "mail.example.org"
    assert check is not None
    assert "--hostname" in check.text
    assert await host_checks.hostname(Zone({}), Domain.parse("example.org"), "mx.example.net") == (
        Domain.parse("mx.example.net"),
        None,
    )
