"""A certificate signed by itself, for a server on the own machine that nobody else shall believe."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address

from mox_trio.transport.connection import IpAddress


@dataclass(frozen=True, slots=True)
class SelfSigned:
    """Both as PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def make(names: Sequence[str], addresses: Sequence[IpAddress], now: datetime, life: timedelta) -> SelfSigned:
    """A certificate with a new key of P-256 for these names, the first of which is the subject, and addresses.

    It is good from a day before `now`, for clocks that differ, until `life` after. Computes for a millisecond.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    others: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    others += [x509.IPAddress(ip_address(str(each))) for each in addresses]
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectAlternativeName(others), critical=False)
        # Programs that are told to trust this file take it as the authority of itself.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return SelfSigned(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
