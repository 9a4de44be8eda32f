"""What the DNS records of a domain are made of beside the configuration: public keys, and addresses of listeners."""

from collections.abc import Iterator
from pathlib import Path

import trio
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from mox_trio.admin import dkim_keys
from mox_trio.admin.dns_records import Facts, is_inner
from mox_trio.base.failure import Failure, Kind
from mox_trio.config.models.dynamic import Domain
from mox_trio.config.models.secret import SecretUnreadable
from mox_trio.config.models.static import Static
from mox_trio.config.models.values import IpAddress
from mox_trio.policy.dkim import sign


async def gather(static: Static, domain: Domain) -> Facts:
    """Read the keys that the configuration names. INVALID for one that cannot be read or is none."""
    return await trio.to_thread.run_sync(_gather, static, domain)


def _gather(static: Static, domain: Domain) -> Facts:
    dkim = {}
    for selector, settings in domain.dkim.selectors.items():
        try:
            dkim[selector] = dkim_keys.record(sign.load_key(settings.private_key.read()))
        except (ValueError, SecretUnreadable) as error:
            raise Failure(Kind.INVALID, f"the DKIM key {selector} {settings.private_key}: {error}") from None
    public = tuple(public_addresses(static))
    return Facts(
        dkim=dkim,
        host_keys=[_public_key(file) for listener in _tls(static) for file in listener],
        addresses=public,
        mail_from=public,
        ca=next((str(acme.issuer_domain) for acme in static.acme.values() if acme.issuer_domain), ""),
    )


def public_addresses(static: Static) -> Iterator[IpAddress]:
    """Addresses that others reach this host at, as far as the configuration names them."""
    seen: set[IpAddress] = set()
    for listener in static.listeners.values():
        if is_inner(listener):
            continue
        for address in listener.nat_ips or listener.ips:
            if address.is_global and address not in seen:
                seen.add(address)
                yield address


def _tls(static: Static) -> Iterator[tuple[Path, ...]]:
    return (each.tls.host_private_key_files for each in static.listeners.values() if each.tls is not None)


def _public_key(file: Path) -> PublicKeyTypes:
    try:
        return serialization.load_pem_private_key(file.read_bytes(), None).public_key()
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise Failure(Kind.INVALID, f"the host key {file} cannot be read or is no private key in PEM") from None
