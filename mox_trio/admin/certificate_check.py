"""Whether a certificate that is there is for the names that others will ask for, and whether it still holds.

Whoever made it is not asked: a certificate of an authority of one's own is as good here. What is no certificate at all, or has
another key, is said by `config test`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509

from mox_trio.admin.host_checks import Check

NAME: Final = "certificate"


def check(pem: bytes, wanted: Sequence[str], now: datetime) -> Check:
    """What is to be said of the first certificate in `pem`, for hosts called `wanted`."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = _names(certificate)
    except ValueError:
        return Check(NAME, "not checked", "its names cannot be read")
    if certificate.not_valid_after_utc <= now:
        return Check(NAME, "not good", f"it ended on {certificate.not_valid_after_utc:%Y-%m-%d}; get a new one")
    if missing := [each for each in wanted if not any(_is_for(name, each) for name in names)]:
        has = ", ".join(names) or "no host"
        return Check(
            NAME,
            "not good",
            f"it is for {has}, and others refuse it as {', '.join(missing)}; get one that is for these too",
        )
    return Check(NAME, "good", f"it is for {', '.join(wanted)}, until {certificate.not_valid_after_utc:%Y-%m-%d}")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []  # RFC 9525 2: the common name counts for nothing
    return [each.lower() for each in alternatives.value.get_values_for_type(x509.DNSName)]


def _is_for(name: str, host: str) -> bool:
    """Whether a name of a certificate is a host's; a star stands for one whole label (RFC 9525 6.3)."""
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return name == host
