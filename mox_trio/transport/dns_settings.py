"""Which resolvers are asked, and which of them are believed about DNSSEC."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

PORT: Final = 53
RESOLV_CONF: Final = Path("/etc/resolv.conf")
MOST_SERVERS: Final = 3
"""As in resolv.conf(5)."""


@dataclass(frozen=True, slots=True)
class Server:
    """A resolver."""

    address: str
    port: int = PORT
    trusted: bool = False
    """Whether its AD bit counts: it validates, and nobody sits between us."""


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """`servers` is never empty; `timeout` is for a whole look-up, in seconds."""

    servers: tuple[Server, ...]
    timeout: float = 10.0

    @classmethod
    def of(
        cls,
        servers: Iterable[object] = (),
        trust_dnssec: bool | None = None,
        timeout: float = 10.0,
        *,
        port: int = PORT,
        resolv_conf: Path = RESOLV_CONF,
    ) -> Self:
        """Settings as the configuration has them; addresses are text or ipaddress objects.

        Without `servers`, those of resolv.conf, which is read now; without any there, 127.0.0.1. Without
        `trust_dnssec`, a resolver is believed that is configured, on a loopback address, or that resolv.conf trusts.
        """
        configured = [str(server) for server in servers]
        trusted_by_system = False
        addresses = configured
        if not addresses:
            addresses, trusted_by_system = _of_system(resolv_conf)

        def is_trusted(address: str) -> bool:
            if trust_dnssec is not None:
                return trust_dnssec
            is_loopback = ipaddress.ip_address(address.partition("%")[0]).is_loopback
            return bool(configured) or trusted_by_system or is_loopback

        return cls(tuple(Server(address, port, is_trusted(address)) for address in addresses), timeout)


def _of_system(file: Path) -> tuple[list[str], bool]:
    """Addresses in resolv.conf, and whether it says trust-ad (resolv.conf(5))."""
    found: list[str] = []
    trusted = False
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        match line.split():
            case ["nameserver", address, *_] if _is_address(address) and len(found) < MOST_SERVERS:
                found.append(address)
            case ["options", *options]:
                trusted = trusted or "trust-ad" in options
    return found or ["127.0.0.1"], trusted


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
