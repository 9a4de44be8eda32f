"""Which hosts take mail for a domain, and at which addresses, in the order to try them (RFC 5321 5.1).

Pure decisions that ask DNS on their way. What can be said at once about a domain is `Undeliverable`: a domain that does not
exist, one that takes no mail (RFC 7505), one whose best host is ourselves; and for now, when DNS does not answer. Randomness is
an argument: a function that gives numbers from 0 up to 1.
"""

import ipaddress
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from mox_trio.base import limits
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.policy import public_address
from mox_trio.policy.questions import Answer, Asking, Kind, Mx, Question, Status
from mox_trio.protocol.smtp.envelope import IpAddress

Random = Callable[[], float]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Undeliverable(Exception):
    """No host can be tried. `str()` says why in one line."""

    def __init__(self, status: str, detail: str) -> None:
        """`status` is an enhanced code (RFC 3463) of class 4 or 5."""
        super().__init__(detail)
        self.status = status

    @property
    def is_permanent(self) -> bool:
        """The same will fail again."""
        return self.status.startswith("5")


@dataclass(frozen=True, slots=True)
class MailHosts:
    """Where a domain's mail goes."""

    names: tuple[str, ...]
    """A-labels, in the order to try them."""
    equals: int
    """How many of the first ones are of the same, best preference."""
    authentic: bool = False
    """DNSSEC covers the look-up."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of one host, in the order to try them."""

    ips: tuple[IpAddress, ...]
    is_dual: bool
    """It has IPv4 and IPv6, and both may be used."""
    authentic: bool = False
    """DNSSEC covers the look-ups."""


def mail_hosts(domain: Domain, own_names: Collection[str], random: Random, *, pedantic: bool) -> Asking[MailHosts]:
    """The hosts of a domain. `own_names` (A-labels) are never among them, and what is not better than they neither.

    Host names may hold underscores unless `pedantic`. Raises Undeliverable.
    """
    answer = yield Question(domain.ascii, Kind.MX)
    if answer.status is Status.TROUBLE:
        raise Undeliverable("4.4.3", f"looking up the mail hosts of {domain} failed: {answer.detail or 'no answer'}")
    if answer.status is Status.NO_NAME:
        raise Undeliverable("5.1.2", f"the domain {domain} does not exist")
    records = [each for each in answer.records if isinstance(each, Mx)]
    if not records:
        records = [Mx(0, domain.ascii)]  # RFC 5321 5.1: the implicit MX
    elif not any(each.host for each in records):
        raise Undeliverable("5.1.10", f"the domain {domain} takes no mail")  # RFC 7505 4.2
    best = _usable(records, own_names, random, pedantic)
    if not best:
        raise Undeliverable("5.4.4", f"none of the mail hosts of {domain} has a valid name")
    own = min((each.preference for each in best if each.host in own_names), default=None)
    if own is not None:  # RFC 5321 5.1: never back to ourselves or to who would send it to us
        best = [each for each in best if each.preference < own]
    if not best:
        raise Undeliverable("5.4.6", f"mail for {domain} loops back to this server")
    best = best[: limits.MAIL_HOSTS]
    equals = sum(each.preference == best[0].preference for each in best)
    return MailHosts(tuple(each.host for each in best), equals, answer.authentic)


def _usable(records: Sequence[Mx], own_names: Collection[str], random: Random, pedantic: bool) -> list[Mx]:
    """Records with a good name, each name once, by preference and at random within one."""
    best: dict[str, Mx] = {}
    for record in records:
        try:
            name = Domain.parse(record.host, underscore=not pedantic).ascii
        except InvalidAddress:  # an address, "." beside others, or nonsense: RFC 5321 5.1 wants a name
            continue
        if name not in best or record.preference < best[name].preference:
            best[name] = Mx(record.preference, name)
    return sorted(best.values(), key=lambda each: (each.preference, random()))


def addresses(host: str, before: Sequence[str], random: Random, *, ipv4: bool, ipv6: bool) -> Asking[Addresses]:
    """The addresses of a host; `before` are those that earlier attempts tried, oldest first. Raises Undeliverable."""
    four: list[IpAddress] = []
    six: list[IpAddress] = []
    authentic, trouble = True, ""
    for wanted, kind, found in ((ipv6, Kind.AAAA, six), (ipv4, Kind.A, four)):
        if not wanted:
            continue
        answer = yield Question(host, kind)
        authentic = authentic and answer.authentic
        if answer.status is Status.TROUBLE:
            trouble = answer.detail or "no answer"
        found += sorted(_parsed(answer), key=lambda _: random())
    if not four and not six:
        if trouble:
            raise Undeliverable("4.4.3", f"looking up the addresses of {host} failed: {trouble}")
        raise Undeliverable("5.4.4", f"the host {host} has no address")
    ordered = in_order([*six, *four], before)[: limits.HOST_ADDRESSES]
    return Addresses(tuple(ordered), bool(four and six), authentic)


def _parsed(answer: Answer) -> list[IpAddress]:
    return [ipaddress.ip_address(each) for each in answer.records if isinstance(each, str)]


def configured(host: str) -> str:
    """The name of a host as the configuration has it, in A-labels. Raises Undeliverable when it is none."""
    try:
        return Domain.parse(host, underscore=True).ascii
    except InvalidAddress as error:
        raise Undeliverable("4.4.4", f"the configuration names a host that cannot be looked up: {error}") from None


def in_order(found: Sequence[IpAddress], before: Sequence[str]) -> list[IpAddress]:
    """The addresses with those first that are the best try after `before`.

    The family that was not tried last comes first, because some hosts refuse one family for its bad reputation. Within a
    family that was tried once the same address comes first, because a host that greylists wants to see it again; after that
    the ones that were tried least.
    """
    tried = [ipaddress.ip_address(each) for each in before]
    if not tried:
        return list(found)

    def rank(ip: IpAddress) -> tuple[bool, int]:
        of_family = [each for each in tried if each.version == ip.version]
        times = of_family.count(ip)
        return ip.version == tried[-1].version, -1 if of_family == [ip] else times

    return sorted(found, key=rank)  # stable: what DNS and chance put first stays first


def is_public(ip: IpAddress, allowed: Collection[Network] = ()) -> bool:
    """Whether mail may be sent to the address: it is one of the public network, or in a network that is `allowed`."""
    return public_address.is_public(ip, allowed)
