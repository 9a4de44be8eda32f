"""Who may come in: sessions in all, and connections of one client, its neighbourhood and its region.

Counts what is admitted until it leaves. Networks that are exempt are bound by the number of sessions only.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network

from mox_trio.policy.ratelimit import MINUTE, Limiter, Most, Present
from mox_trio.transport.connection import IpAddress

IpNetwork = IPv4Network | IPv6Network


class Refused(enum.Enum):
    """Why a connection is not served. The value is a label for metrics and logs."""

    SESSIONS = "sessions"
    """The server has as many as it can take."""
    CONNECTIONS = "connections"
    """The client, or others near it, has as many as it may."""
    RATE = "rate"
    """The client, or others near it, came too often."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How many there may be."""

    sessions: int
    connections: Most
    """At the same time."""
    rate: Most
    """New ones in a minute."""
    exempt: Sequence[IpNetwork] = ()


class Admission:
    """Of one server, for all its listeners. `now` gives seconds."""

    def __init__(self, terms: Terms, now: Callable[[], float]) -> None:
        self._terms = terms
        self._now = now
        self._sessions = 0
        self._present = Present(terms.connections)
        self._rate = Limiter([(MINUTE, terms.rate)])

    @property
    def sessions(self) -> int:
        """How many are inside."""
        return self._sessions

    def is_exempt(self, address: IpAddress) -> bool:
        """Whether an address is in a network without rate limits, tarpits and delays."""
        return any(address in network for network in self._terms.exempt)

    def maybe_refused(self, address: IpAddress) -> Refused | None:
        """None when the client may come in: it then counts until `leave`."""
        if self._sessions >= self._terms.sessions:
            return Refused.SESSIONS
        if not self.is_exempt(address):
            if not self._rate.add(address, self._now()):
                return Refused.RATE
            if not self._present.enter(address):
                return Refused.CONNECTIONS
        self._sessions += 1
        return None

    def leave(self, address: IpAddress) -> None:
        """A client that came in is gone."""
        self._sessions -= 1
        if not self.is_exempt(address):
            self._present.leave(address)


def plain(address: IpAddress) -> IpAddress:
    """An IPv4 address in IPv6 clothes as IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
