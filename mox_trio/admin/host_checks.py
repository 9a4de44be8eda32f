"""Whether a machine can be a mail server: checks of DNS, addresses and port 25, before others find out.

Each check ends in one of three ways: good, not good (with what to do), or not checked (with why). None of them raises: what DNS
or the network did not say was not checked. Checks run side by side and have a time of their own.
"""

import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Literal

import trio

from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.policy.questions import Answer, Kind, Mx, Question, Status
from mox_trio.transport import dial as network
from mox_trio.transport.dial import DialFailed
from mox_trio.transport.resolver import Resolver

IpAddress = IPv4Address | IPv6Address
Outcome = Literal["good", "not good", "not checked"]

DNSBLS: Final = ("sbl.spamhaus.org", "bl.spamcop.net")
"""Block lists that are asked whether the addresses are on them (RFC 5782)."""
BIG_HOST: Final = "gmail.com"
"""Whose mail host is called, to see whether port 25 is open on the way out."""
PATIENCE: Final = 10.0
"""Seconds for one check."""
_REFUSED: Final = "127.255.255."
"""What Spamhaus answers to resolvers that it does not serve."""
_FAR: Final = ("192.0.2.1", "2001:db8::1")
"""Addresses of nobody (RFC 5737, RFC 3849): connecting a datagram socket to them sends nothing."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    outcome: Outcome
    text: str
    """What was found, and what to do."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the machine's addresses after looking."""

    public: tuple[IpAddress, ...]
    """Addresses that the host's name leads to, or that the machine has and others reach."""
    bound: tuple[IpAddress, ...]
    """Addresses to listen at; empty for all."""
    nat: tuple[IpAddress, ...]
    """Public addresses of a router that translates."""
    checks: tuple[Check, ...]


Dial = Callable[[Sequence[IpAddress], int], Awaitable[None]]
"""Opens a connection and closes it again. DialFailed."""


async def call(addresses: Sequence[IpAddress], port: int) -> None:
    """A Dial by the network."""
    connection = await network.connect(addresses, port, timeout=PATIENCE)
    await connection.aclose()


def own_addresses() -> tuple[IpAddress, ...]:
    """The addresses that this machine reaches others from, as far as it has any. Sends nothing."""
    found = []
    for family, far in ((socket.AF_INET, _FAR[0]), (socket.AF_INET6, _FAR[1])):
        try:
            with closing(socket.socket(family, socket.SOCK_DGRAM)) as opened:
                opened.connect((far, 9))
                found.append(ip_address(opened.getsockname()[0].partition("%")[0]))
        except OSError:
            continue  # no route of this family
    return tuple(each for each in found if not each.is_loopback)


def is_here(address: IpAddress) -> bool:
    """Whether an address is one of this machine."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as opened:
            opened.bind((str(address), 0))
    except OSError:
        return False
    return True


def not_asked(host: Domain) -> Seen:
    """What is known when nothing may be asked."""
    names = ("DNSSEC", "host name", "reverse DNS", "port 25 outgoing", "block lists")
    said = tuple(
        Check(each, "not checked", f"nothing was asked about {host.ascii}, as --skip-dns says") for each in names
    )
    return Seen(tuple(each for each in own_addresses() if each.is_global), (), (), said)


async def hostname(resolver: Resolver, domain: Domain, named: str | None) -> tuple[Domain, Check | None]:
    """The name of this host: the given one, the system's when it has a dot, that of its public address, or mail.DOMAIN."""
    text = named or socket.gethostname()
    if "." in text and (found := _maybe_domain(text)) is not None:
        return found, None
    for address in own_addresses():
        if address.is_global:
            names = sorted(map(str, (await _asked(resolver, address.reverse_pointer, Kind.PTR)).records))
            if names and (found := _maybe_domain(names[0])) is not None:
                return found, None
    chosen = Domain.parse(f"mail.{domain.ascii}")
    return chosen, Check(
        "host name", "not good", f"this machine has no full name; {chosen.ascii} is used; see --hostname"
    )


def _maybe_domain(text: str) -> Domain | None:
    try:
        return Domain.parse(text.rstrip("."))
    except InvalidAddress:
        return None


async def run(resolver: Resolver, host: Domain, dial: Dial = call) -> Seen:
    """Look at everything."""
    seen = await addresses(resolver, host)
    checks: dict[str, list[Check]] = {}

    async def note(name: str, check: Callable[[], Awaitable[list[Check]]]) -> None:
        checks[name] = [Check(name, "not checked", f"no answer within {PATIENCE:g} s")]
        with trio.move_on_after(PATIENCE):
            checks[name] = await check()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(note, "DNSSEC", lambda: dnssec(resolver))
        nursery.start_soon(note, "reverse DNS", lambda: reverse(resolver, host, seen.public))
        nursery.start_soon(note, "port 25 outgoing", lambda: port_25(resolver, dial))
        nursery.start_soon(note, "block lists", lambda: block_lists(resolver, seen.public))
    order = ("DNSSEC", "reverse DNS", "port 25 outgoing", "block lists")
    return Seen(seen.public, seen.bound, seen.nat, (*seen.checks, *(each for name in order for each in checks[name])))


async def addresses(resolver: Resolver, host: Domain) -> Seen:
    """Where the host's name leads, and whether that is this machine, a router before it, or somewhere else."""
    answers = [await _asked(resolver, host.ascii, kind) for kind in (Kind.A, Kind.AAAA)]
    named = [ip_address(str(each)) for answer in answers for each in answer.records]
    own = own_addresses()
    public_here = tuple(each for each in own if each.is_global)
    name = "host name"
    if not named:
        trouble = next((each.detail for each in answers if each.status is Status.TROUBLE), "")
        if trouble:
            return Seen(
                public_here, (), (), (Check(name, "not checked", f"{host.ascii} was not found out: {trouble}"),)
            )
        below = (
            "the A and AAAA records below"
            if public_here
            else "A and AAAA records with the public addresses of this machine"
        )
        said = f"{host.ascii} has no address yet; add {below}"
        return Seen(public_here, (), (), (Check(name, "not good", said),))
    looped = [each for each in named if each.is_loopback]
    usable = tuple(each for each in named if not each.is_loopback)
    checks = []
    if looped:
        said = f"{host.ascii} leads to {_listed(looped)}: take it out of DNS, and out of /etc/hosts"
        checks.append(Check(name, "not good", said))
    elsewhere = tuple(each for each in usable if not is_here(each))
    if elsewhere and not public_here:
        said = f"{_listed(elsewhere)} is not on this machine but on a router before it (NAT): let it pass the ports on"
        checks.append(Check("NAT", "good", said))
        return Seen(usable, own, elsewhere, tuple(checks))
    if elsewhere:
        said = f"{host.ascii} leads to {_listed(elsewhere)}, which is not this machine ({_listed(own) or 'no address'})"
        checks.append(Check(name, "not good", said))
    elif usable:
        checks.append(Check(name, "good", f"{host.ascii} leads to {_listed(usable)}, on this machine"))
    return Seen(usable or public_here, (), (), tuple(checks))


async def dnssec(resolver: Resolver) -> list[Check]:
    """Whether the resolver validates: the servers of com are signed."""
    answer = await _asked(resolver, "com", Kind.NS)
    if answer.status is not Status.FOUND:
        return [Check("DNSSEC", "not checked", f"com was not found out: {answer.detail or answer.status.value}")]
    if answer.authentic:
        return [Check("DNSSEC", "good", "the resolver verifies DNSSEC")]
    return [
        Check(
            "DNSSEC",
            "not good",
            "the resolver does not verify DNSSEC, so that mail is not sent by DANE: install unbound on this machine, and have "
            "nameserver 127.0.0.1 and options trust-ad in /etc/resolv.conf",
        )
    ]


async def reverse(resolver: Resolver, host: Domain, public: Iterable[IpAddress]) -> list[Check]:
    """Whether each address leads to the host's name, and to no other."""
    checks = []
    for address in public:
        answer = await _asked(resolver, address.reverse_pointer, Kind.PTR)
        names = [str(each).lower().rstrip(".") for each in answer.records]
        if answer.status is Status.TROUBLE:
            checks.append(Check("reverse DNS", "not checked", f"{address} was not found out: {answer.detail}"))
        elif names == [host.ascii]:
            checks.append(Check("reverse DNS", "good", f"{address} leads to {host.ascii}"))
        else:
            there = ", ".join(names) or "no name"
            said = f"{address} leads to {there}; have your provider set its reverse DNS to {host.ascii} alone"
            checks.append(Check("reverse DNS", "not good", said))
    return checks or [Check("reverse DNS", "not checked", "no public address of this machine is known")]


async def port_25(resolver: Resolver, dial: Dial = call) -> list[Check]:
    """Whether mail hosts of others can be called."""
    name = "port 25 outgoing"
    mx = await _asked(resolver, BIG_HOST, Kind.MX)
    hosts = sorted((each.preference, each.host) for each in mx.records if isinstance(each, Mx) and each.host)
    if not hosts:
        return [Check(name, "not checked", f"the mail host of {BIG_HOST} was not found out")]
    host = hosts[0][1]
    found = [await _asked(resolver, host, kind) for kind in (Kind.A, Kind.AAAA)]
    there = [ip_address(str(each)) for answer in found for each in answer.records]
    try:
        await dial(there, 25)
    except DialFailed as failed:
        said = f"{host} did not answer ({failed}); many providers close port 25 until they are asked to open it"
        return [Check(name, "not good", said)]
    return [Check(name, "good", f"{host} answers")]


async def block_lists(resolver: Resolver, public: Iterable[IpAddress], zones: Sequence[str] = DNSBLS) -> list[Check]:
    """Whether the addresses are on block lists (RFC 5782 2.1, 2.4)."""
    checks = []
    for address in public:
        turned = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
        for zone in zones:
            answer = await _asked(resolver, f"{turned}.{zone}", Kind.A)
            codes = [str(each) for each in answer.records]
            if answer.status is Status.TROUBLE or any(each.startswith(_REFUSED) for each in codes):
                detail = answer.detail or "it does not answer this resolver"
                checks.append(Check("block lists", "not checked", f"{zone} about {address}: {detail}"))
            elif any(each.startswith("127.") for each in codes):
                said = f"{address} is on {zone}: see https://multirbl.valli.org/lookup/{address}.html and have it taken off"
                checks.append(Check("block lists", "not good", said))
            else:
                checks.append(Check("block lists", "good", f"{address} is not on {zone}"))
    return checks or [Check("block lists", "not checked", "no public address of this machine is known")]


async def _asked(resolver: Resolver, name: str, kind: Kind) -> Answer:
    return await resolver.look_up(Question(name.lower(), kind))


def _listed(addresses: Iterable[IpAddress]) -> str:
    return ", ".join(map(str, addresses))
