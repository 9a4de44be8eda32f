"""The DNS records that a domain of this server wants, from its configuration: for people to add and for checks to compare.

Nothing is asked of DNS here and nothing read from disk: `Facts` brings what lies elsewhere. Records are in the order in which
mail depends on them, and each says in one sentence what it is for.
"""

import hashlib
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from mox_trio.base.domain import Domain
from mox_trio.config import check_listeners
from mox_trio.config.models import dynamic, listeners
from mox_trio.config.models.static import Static
from mox_trio.config.models.values import IpAddress

TEXT_OCTETS: Final = 100
"""Octets of one string of a TXT record: 255 are allowed (RFC 1035 3.3.14), and forms of providers cut at less."""
LIFETIME: Final = 300
"""Seconds that a record is remembered, for a zone that is being set up."""
LARGEST_REPORT: Final = "!10m"
"""Reports above 10 MB are not wanted (RFC 7489 6.2)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record."""

    name: str
    """Absolute, without the dot at its end."""
    kind: str
    value: str
    """As in a zone file, except that a text has no quotes."""
    why: str
    """One sentence."""
    optional: bool = False
    """Mail works without it."""

    def line(self) -> str:
        """The record in a zone file (RFC 1035 5.1)."""
        value = quoted(self.value) if self.kind == "TXT" else self.value
        return f"{self.name}. {self.kind} {value}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What records are made of beside the configuration."""

    dkim: Mapping[str, str] = field(default_factory=dict)
    """The text of the key record by selector (`policy.dkim.keys.record_of`)."""
    host_keys: Sequence[PublicKeyTypes] = ()
    """Public keys of the host that stay when certificates change: for DANE."""
    addresses: Sequence[IpAddress] = ()
    """Public addresses of the host, where they are known."""
    mail_from: Sequence[IpAddress] = ()
    """Addresses that mail is sent from beside those of the MX hosts."""
    ca: str = ""
    """Domain that the certificate authority has in CAA records; empty for none."""


def quoted(text: str) -> str:
    """A text as a zone file has it: strings in quotes, in parentheses where there are several."""
    data = text.encode("ascii", "backslashreplace").decode().replace("\\", "\\\\").replace('"', '\\"')
    strings = [f'"{data[start : start + TEXT_OCTETS]}"' for start in range(0, len(data), TEXT_OCTETS)] or ['""']
    return strings[0] if len(strings) == 1 else f"( {' '.join(strings)} )"


def zone(records: Sequence[Record]) -> str:
    """The records as a piece of a zone file; optional ones are said to be so."""
    lines = [f"$TTL {LIFETIME}"]
    for record in records:
        lines += ["", f"; {'Optional: ' if record.optional else ''}{record.why}", record.line()]
    return "\n".join(lines)


def of_host(static: Static, facts: Facts) -> list[Record]:
    """What the host itself wants, whatever domains it serves."""
    host = static.hostname
    records = [
        Record(host.ascii, "AAAA" if address.version == 6 else "A", str(address), "Where this server is.")
        for address in facts.addresses
    ]
    for number, key in enumerate(facts.host_keys):
        why = "Others verify this server's key by DANE; only with DNSSEC." if number == 0 else "The next key, for DANE."
        records.append(Record(f"_25._tcp.{host.ascii}", "TLSA", tlsa(key), why, optional=True))
    records.append(Record(host.ascii, "TXT", "v=spf1 a -all", "Notices of the host itself come from its address."))
    if static.host_tls_reports is not None:
        localpart = static.host_tls_reports.localpart
        records.append(_tls_reports(host, (localpart, host), "Reports about TLS to this host arrive there."))
    return records


def of_domain(static: Static, name: Domain, domain: dynamic.Domain, facts: Facts) -> list[Record]:
    """What a domain wants, the host's own records not among them."""
    return [
        *_mail(static, name, domain, facts),
        *_policies(static, name, domain),
        *_clients(static, name, domain),
        *_certificates(static, name, facts),
    ]


def _mail(static: Static, name: Domain, domain: dynamic.Domain, facts: Facts) -> Iterator[Record]:
    yield Record(name.ascii, "MX", f"10 {static.hostname.ascii}.", "Mail for the domain goes to this server.")
    sources = " ".join(f"ip{address.version}:{address}" for address in facts.mail_from)
    text = f"v=spf1 {sources} mx ~all" if sources else "v=spf1 mx ~all"
    yield Record(name.ascii, "TXT", text, "Only this server sends mail of the domain (SPF).")
    for selector in sorted(domain.dkim.selectors):
        if selector in facts.dkim:
            why = "The key that signatures of the domain's mail are verified with (DKIM)."
            yield Record(f"{selector}._domainkey.{name.ascii}", "TXT", facts.dkim[selector], why)
    yield Record(
        f"_dmarc.{name.ascii}",
        "TXT",
        _dmarc(name, domain.dmarc_reports),
        "Others refuse mail that only claims to be of the domain (DMARC).",
    )


def _dmarc(name: Domain, reports: dynamic.ReportAddress | None) -> str:
    if reports is None:
        return "v=DMARC1;p=reject"
    return f"v=DMARC1;p=reject;rua={_mailto(reports.localpart, reports.domain or name)}{LARGEST_REPORT}"


def _policies(static: Static, name: Domain, domain: dynamic.Domain) -> Iterator[Record]:
    if domain.mta_sts is not None:
        why = "Others find the policy that TLS is verified (MTA-STS)."
        yield Record(f"mta-sts.{name.ascii}", "CNAME", f"{static.hostname.ascii}.", why)
        yield Record(f"_mta-sts.{name.ascii}", "TXT", f"v=STSv1; id={domain.mta_sts.policy_id}", why)
    if domain.tls_reports is not None:
        address = domain.tls_reports.localpart, domain.tls_reports.domain or name
        yield _tls_reports(name, address, "Reports about TLS to the domain's hosts arrive there.")


def _tls_reports(name: Domain, address: tuple[str, Domain], why: str) -> Record:
    return Record(f"_smtp._tls.{name.ascii}", "TXT", f"v=TLSRPTv1; rua={_mailto(*address)}", why, optional=True)


def _mailto(localpart: str, domain: Domain) -> str:
    """RFC 6068 2; signs that end an address in DMARC and TLS records are encoded too (RFC 7489 6.2)."""
    return f"mailto:{urllib.parse.quote(localpart, safe='')}@{domain.ascii}"


# RFC 6186, RFC 8314: what mail clients look up. A target of "." says that there is no such service.
_SERVICES: Final = (("imaps", 1), ("submissions", 1), ("imap", 2), ("submission", 2))
_NEVER: Final = ("pop3", "pop3s")


def _clients(static: Static, name: Domain, domain: dynamic.Domain) -> Iterator[Record]:
    target = domain.client_settings_domain or static.hostname
    if target != static.hostname:
        why = "The server's name in the settings of mail clients."
        yield Record(target.ascii, "CNAME", f"{static.hostname.ascii}.", why)
    ports = _ports(static)
    if "autoconfig_https" in ports:
        why = "Mail clients find their settings."
        yield Record(f"autoconfig.{name.ascii}", "CNAME", f"{static.hostname.ascii}.", why, optional=True)
        value = f"0 1 {ports['autoconfig_https']} {static.hostname.ascii}."
        yield Record(f"_autodiscover._tcp.{name.ascii}", "SRV", value, why, optional=True)
    for service, priority in _SERVICES:
        value = f"{priority} 1 {ports[service]} {target.ascii}." if service in ports else "0 0 0 ."
        why = "Mail clients find this service." if service in ports else "There is no such service."
        yield Record(f"_{service}._tcp.{name.ascii}", "SRV", value, why, optional=True)
    for service in _NEVER:
        yield Record(f"_{service}._tcp.{name.ascii}", "SRV", "0 0 0 .", "There is no such service.", optional=True)


def _ports(static: Static) -> dict[str, int]:
    """The ports of services on addresses that others reach."""
    ports: dict[str, int] = {}
    for listener in static.listeners.values():
        if not is_inner(listener):
            for service in check_listeners.bound(listener):
                ports.setdefault(service.name, service.port)
    return ports


def is_inner(listener: listeners.Listener) -> bool:
    """Whether only this machine reaches the listener."""
    return all(address.is_loopback for address in listener.ips)


def _certificates(static: Static, name: Domain, facts: Facts) -> Iterator[Record]:
    if facts.ca:
        yield Record(
            name.ascii, "CAA", f'0 issue "{facts.ca}"', "No other authority issues certificates.", optional=True
        )


def tlsa(key: PublicKeyTypes) -> str:
    """A TLSA record for a key: end entity, public key, SHA-256 (RFC 6698 2.1, RFC 7672 3.1)."""
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"3 1 1 {hashlib.sha256(encoded).hexdigest()}"
