"""How the hosts of a job are reached, and what this server is to them: values that do not change during an attempt."""

import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from mox_trio.config.models.listeners import Listener
from mox_trio.config.models.static import Static, Tls
from mox_trio.config.models.transports import RelayLogin, Socks
from mox_trio.outgoing.destinations import Network
from mox_trio.policy.tls_level import TlsLevel
from mox_trio.protocol.smtp.envelope import IpAddress

SMTP_PORT = 25


@dataclass(frozen=True, slots=True)
class Settings:
    """This server, as it looks to other hosts."""

    hostname: str
    """In A-labels; what EHLO says."""
    port: int = SMTP_PORT
    """Of other hosts; another one than 25 only where a test or localserve plays the whole network."""
    own_names: frozenset[str] = frozenset()
    """Names (A-labels) of this server: mail does not go out to them."""
    own_addresses: frozenset[IpAddress] = frozenset()
    local_addresses: tuple[IpAddress, ...] = ()
    """Where connections come from: the first of the family."""
    private_networks: tuple[Network, ...] = ()
    """Networks that are not public, where mail is sent to nevertheless."""
    may_loop: bool = False
    """Mail may be sent to this server itself, as localserve does."""
    pedantic: bool = False
    tls: Tls = field(default_factory=Tls)

    @classmethod
    def of(cls, static: Static) -> "Settings":
        """As configured."""
        listeners = static.listeners.values()
        bound = tuple(dict.fromkeys(_bound(static)))
        return cls(
            hostname=static.hostname.ascii,
            own_names=frozenset({static.hostname.ascii, *(each.hostname.ascii for each in listeners if each.hostname)}),
            own_addresses=frozenset({*bound, *(ip for each in listeners if each.smtp for ip in each.nat_ips)}),
            local_addresses=tuple(ip for ip in bound if not ip.is_loopback),
            private_networks=static.queue.private_networks,
            pedantic=static.pedantic,
            tls=static.tls,
        )


def _bound(static: Static) -> Iterator[IpAddress]:
    """The specific addresses where mail arrives: others know them as ours."""
    for listener in static.listeners.values():
        if _takes_mail(listener):
            yield from (ip for ip in listener.ips if not ip.is_unspecified)


def _takes_mail(listener: Listener) -> bool:
    return listener.smtp is not None and listener.smtp.enabled


@dataclass(frozen=True, slots=True)
class Way:
    """How to get to a host. Two messages with an equal way to the same host may share a conversation."""

    level: TlsLevel
    name: str
    """What EHLO says."""
    port: int
    implicit_tls: bool = False
    """TLS from the first byte (RFC 8314 3)."""
    login: RelayLogin | None = None
    proxy: Socks | None = None
    ipv4: bool = True
    ipv6: bool = True
    is_direct: bool = True
    """The host was found in DNS: what it says of its address is not trusted."""


def opportunistic() -> ssl.SSLContext:
    """TLS with whoever is there: any certificate, TLS 1.2 or better (RFC 7435)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def verifying(tls: Tls) -> ssl.SSLContext:
    """TLS with a host that shows a certificate for its name, by the authorities of the configuration. Reads files: blocks.

    Raises OSError or ssl.SSLError when a file cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.system_cas:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    for path in tls.ca_files:
        context.load_verify_locations(path)
    return context


@lru_cache(1024)
def maybe_ip(host: str) -> IpAddress | None:
    """The address that a text writes, in brackets or not; None for a name."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
