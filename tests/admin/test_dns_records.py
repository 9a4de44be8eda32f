"""The DNS records that a domain wants: read back by those who will look them up."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import dns.rdatatype
import dns.zone
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mox_trio.admin import dkim_keys, dns_facts, dns_records
from mox_trio.admin.dns_records import Facts, Record
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import load
from mox_trio.config.models import dynamic
from mox_trio.config.models.static import Static
from mox_trio.policy.dkim import keys
from mox_trio.policy.dmarc import record as dmarc
from tests.admin.conftest import Office

STATIC = """\
hostname = "mx.example.org"
host_tls_reports = { account = "ann" }
[listeners.public]
ips = ["192.0.2.1", "9.9.9.9", "2620:fe::9"]
smtp = {}
submissions = {}
imaps = { port = 1993 }
submission = { enabled = false }
tls.certificates = [{ cert_file = "c.pem", key_file = "k.pem" }]
tls.host_private_key_files = ["host.pem"]
[listeners.internal]
ips = ["127.0.0.1"]
imap = { require_starttls = false }
"""
NAME = Domain.parse("exämple.org")


@pytest.fixture
def static(tmp_path: Path) -> Static:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("")
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "host.pem").write_bytes(pem)
    return load.static_text(STATIC, tmp_path / "mox-trio.toml")


def domain(**fields: object) -> dynamic.Domain:
    return dynamic.Domain.model_validate(fields)


def values(records: list[Record], name: str, kind: str) -> list[str]:
    return [each.value for each in records if (each.name, each.kind) == (name, kind)]


def test_mail_for_and_from_the_domain_is_this_server_s(static: Static) -> None:
    found = dns_records.of_domain(static, NAME, domain(), Facts(mail_from=[ip_address("9.9.9.9")]))
    assert values(found, NAME.ascii, "MX") == ["10 mx.example.org."]
    assert values(found, NAME.ascii, "TXT") == ["v=spf1 ip4:9.9.9.9 mx ~all"]


def test_reports_go_where_the_configuration_says_and_signs_do_not_end_the_address(static: Static) -> None:
    reports = {"localpart": "a!b#c", "account": "ann", "mailbox": "Reports"}
    found = dns_records.of_domain(static, NAME, domain(dmarc_reports=reports, tls_reports=reports), Facts())
    (text,) = values(found, f"_dmarc.{NAME.ascii}", "TXT")
    assert f"rua=mailto:a%21b%23c@{NAME.ascii}!10m" in text
    policy = dmarc.parse(text)
    assert isinstance(policy, dmarc.Record)
    assert values(found, f"_smtp._tls.{NAME.ascii}", "TXT") == [f"v=TLSRPTv1; rua=mailto:a%21b%23c@{NAME.ascii}"]


def test_services_that_others_reach_are_found_and_those_of_this_machine_are_not(static: Static) -> None:
    found = dns_records.of_domain(static, NAME, domain(), Facts())
    assert values(found, f"_imaps._tcp.{NAME.ascii}", "SRV") == ["1 1 1993 mx.example.org."]
    assert values(found, f"_submissions._tcp.{NAME.ascii}", "SRV") == ["1 1 465 mx.example.org."]
    for service in ("imap", "submission", "pop3"):
        assert values(found, f"_{service}._tcp.{NAME.ascii}", "SRV") == ["0 0 0 ."]


def test_what_programs_ask_for_has_its_names(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("")
    more = "autoconfig_https = {}\nmta_sts_https = {}\ntls.host_private_key_files = []\n"
    text = STATIC.replace('tls.host_private_key_files = ["host.pem"]\n', more).replace("k.pem", "c.pem")
    settings = load.static_text(text, tmp_path / "mox-trio.toml")
    found = dns_records.of_domain(settings, NAME, domain(mta_sts={"policy_id": "1"}), Facts(ca="ca.example"))
    assert values(found, f"mta-sts.{NAME.ascii}", "CNAME") == ["mx.example.org."]
    assert values(found, f"_mta-sts.{NAME.ascii}", "TXT") == ["v=STSv1; id=1"]
    assert values(found, f"autoconfig.{NAME.ascii}", "CNAME") == ["mx.example.org."]
    assert values(found, f"_autodiscover._tcp.{NAME.ascii}", "SRV") == ["0 1 443 mx.example.org."]
    assert values(found, NAME.ascii, "CAA") == ['0 issue "ca.example"']


def test_a_name_for_clients_is_an_alias_of_the_host(static: Static) -> None:
    found = dns_records.of_domain(static, NAME, domain(client_settings_domain="mail.example.org"), Facts())
    assert values(found, "mail.example.org", "CNAME") == ["mx.example.org."]
    assert values(found, f"_imaps._tcp.{NAME.ascii}", "SRV") == ["1 1 1993 mail.example.org."]


async def test_the_host_s_addresses_are_those_that_others_reach(static: Static) -> None:
    facts = await dns_facts.gather(static, domain())
    found = dns_records.of_host(static, facts)
    assert values(found, "mx.example.org", "A") == ["9.9.9.9"]
    assert values(found, "mx.example.org", "AAAA") == ["2620:fe::9"]
    (tlsa,) = values(found, "_25._tcp.mx.example.org", "TLSA")
    assert tlsa.startswith("3 1 1 ")
    assert len(tlsa) == len("3 1 1 ") + 64


async def test_the_zone_is_one_and_long_keys_come_back_whole(office: Office, static: Static) -> None:
    made = await dkim_keys.add(office.desk, "example.org")
    settings = office.desk.config.current.dynamic.domains[Domain.parse("example.org")]
    facts = await dns_facts.gather(static, settings)
    wanted = dns_records.of_domain(static, Domain.parse("example.org"), settings, facts)
    zone = dns.zone.from_text(dns_records.zone(wanted), origin="example.org.", check_origin=False)
    assert sum(len(rdataset) for _, rdataset in zone.iterate_rdatasets()) == len(wanted)
    for each in made:
        rdataset = zone.find_rdataset(f"{each.selector}._domainkey", dns.rdatatype.TXT)
        text = b"".join(rdataset[0].strings)
        assert text.decode() == each.record
        key = keys.read(text)
        assert isinstance(key, keys.Key)
    assert settings.dkim.sign == tuple(each.selector for each in made)


async def test_keys_are_files_of_the_server_alone(office: Office) -> None:
    first = await dkim_keys.add(office.desk, "example.org", ["ed25519"])
    second = await dkim_keys.add(office.desk, "example.org", ["ed25519"])
    assert first[0].selector != second[0].selector
    assert first[0].file.stat().st_mode & 0o777 == 0o600
    assert first[0].file.parent.stat().st_mode & 0o777 == 0o700
    assert office.document.read_text().startswith("# ours\n")


async def test_keys_below_the_configuration_are_named_so_that_they_move_with_it(office: Office) -> None:
    (made,) = await dkim_keys.add(office.desk, "example.org", ["ed25519"])
    top = office.desk.static.config_directory
    assert made.file.is_relative_to(top)
    assert f'"{made.file.relative_to(top)}"' in office.document.read_text()
    settings = office.desk.config.current.dynamic.domains[Domain.parse("example.org")]
    assert settings.dkim.selectors[made.selector].private_key.file == made.file


async def test_keys_elsewhere_are_named_by_their_whole_path(office: Office) -> None:
    static = office.desk.static.model_copy(update={"config_directory": office.desk.static.data_directory / "other"})
    (made,) = await dkim_keys.add(replace(office.desk, static=static), "example.org", ["ed25519"])
    assert f'"{made.file}"' in office.document.read_text()


async def test_a_domain_that_is_not_there_gets_no_keys(office: Office) -> None:
    with pytest.raises(Failure) as caught:
        await dkim_keys.add(office.desk, "example.net")
    assert caught.value.kind is Kind.NOT_FOUND
    assert not (office.desk.static.data_directory / dkim_keys.DIRECTORY).exists()


def test_names_of_keys_go_on_after_z() -> None:
    taken = {f"2026{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"}
    assert dkim_keys.free_selector(taken, 2026) == "2026aa"


def test_a_text_with_quotes_and_backslashes_is_one_string() -> None:
    assert dns_records.quoted('a"b\\c') == '"a\\"b\\\\c"'


async def test_a_key_that_is_none_is_named(static: Static, tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    selectors = {"old": {"private_key": {"file": str(tmp_path / "bad.pem")}}}
    with pytest.raises(Failure, match=r"DKIM key old .*bad\.pem"):
        await dns_facts.gather(static, domain(dkim={"selectors": selectors}))
