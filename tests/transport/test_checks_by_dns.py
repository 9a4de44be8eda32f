"""All checks of a message with the real thing in between: nsd, unbound and the resolver, with DNSSEC and without."""

import ipaddress
from collections.abc import Iterator
from typing import Final

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.base.metrics import Metrics
from mox_trio.policy import iprev, spf
from mox_trio.policy.dkim import fields, keys, sign, verify
from mox_trio.policy.dkim.body import BodyHashes, Canonical
from mox_trio.policy.dmarc import evaluate
from mox_trio.policy.results import DkimStatus, DmarcStatus, IprevStatus, SpfStatus
from mox_trio.transport import ask
from mox_trio.transport.dns_settings import DnsSettings, Server
from mox_trio.transport.resolver import DnsResolver
from tests.kit import nameservers

RSA: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519: Final = ed25519.Ed25519PrivateKey.generate()
CLIENT: Final = ipaddress.ip_address("192.0.2.1")
HEADER: Final = b"From: Mary <mary@signed.example>\r\nSubject: a\r\n\r\n"
BODY: Final = b"Hello\r\n"


def txt(record: str) -> str:
    return " ".join(f'"{record[at : at + 255]}"' for at in range(0, len(record), 255))


def records(domain: str) -> str:
    return (
        f'@ IN TXT "v=spf1 mx include:more.{domain} -all"\n'
        + f'more IN TXT "v=spf1 a:mail.{domain} -all"\n@ IN MX 10 other\nother IN A 192.0.2.77\nmail IN A 192.0.2.1\n'
        + f"2024._domainkey IN TXT {txt(keys.record_of(RSA.public_key()))}\n"
        + f"ed._domainkey IN TXT {txt(keys.record_of(ED25519.public_key()))}\n"
        + '_dmarc IN TXT "v=DMARC1; p=reject"\n'
    )


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[nameservers.NameServers]:
    zones = [
        nameservers.Zone("signed.example", records("signed.example"), signed=True),
        nameservers.Zone("plain.example", records("plain.example")),
        nameservers.Zone("bogus.example", records("bogus.example"), signed=True, bogus=True),
        nameservers.Zone("2.0.192.in-addr.arpa", "1 IN PTR mail.signed.example.\n", signed=True),
    ]
    with nameservers.serving(tmp_path_factory.mktemp("dns"), zones) as running:
        yield running


@pytest.fixture
def resolver(servers: nameservers.NameServers) -> DnsResolver:
    server = Server("127.0.0.1", servers.port, trusted=True)
    return DnsResolver(DnsSettings((server,)), trio.current_time, Metrics())


@pytest.mark.parametrize(
    ("domain", "status", "authentic"),
    [
        ("signed.example", SpfStatus.PASS, True),
        ("plain.example", SpfStatus.PASS, False),
        ("bogus.example", SpfStatus.TEMPERROR, False),
    ],
)
async def test_spf(resolver: DnsResolver, domain: str, status: SpfStatus, authentic: bool) -> None:
    asking = spf.check(CLIENT, Path.parse(f"<mary@{domain}>"), "h.example", receiver="r.example", now=0)
    found = await ask.run(resolver, asking)
    assert (found.status, found.authentic) == (status, authentic)


async def test_iprev(resolver: DnsResolver) -> None:
    found = await ask.run(resolver, iprev.check(CLIENT))
    assert (found.status, found.names, found.authentic) == (IprevStatus.PASS, ("mail.signed.example",), True)


@pytest.mark.parametrize(
    ("domain", "status", "dmarc", "authentic"),
    [
        ("signed.example", DkimStatus.PASS, DmarcStatus.PASS, True),
        ("plain.example", DkimStatus.PASS, DmarcStatus.PASS, False),
    ],
)
async def test_dkim_and_dmarc(
    resolver: DnsResolver, domain: str, status: DkimStatus, dmarc: DmarcStatus, authentic: bool
) -> None:
    hashes = BodyHashes({Canonical.RELAXED})
    hashes.update(BODY)
    digests = hashes.digests()
    author = Domain.parse(domain)
    header = HEADER.replace(b"signed.example", domain.encode())
    named: list[tuple[str, sign.PrivateKey]] = [("2024", RSA), ("ed", ED25519)]
    selectors = [sign.Selector(fields.selector(name), author, key, ("From", "Subject")) for name, key in named]
    examined = verify.examine(sign.sign(header, digests, selectors, "", 0) + header)
    found = await ask.run(resolver, verify.verify(examined, digests, 0))
    assert [(each.status, each.authentic) for each in found] == [(status, authentic)] * 2
    sender = await ask.run(resolver, spf.check(CLIENT, Path.parse("<>"), "none.signed.example", receiver="", now=0))
    assert sender.status is SpfStatus.NONE
    result = await ask.run(resolver, evaluate.evaluate(author, sender, found, chance=0))
    assert (result.status, result.authentic) == (dmarc, authentic)
