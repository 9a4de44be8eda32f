"""This server as other hosts see it, from its configuration."""

import ssl
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from mox_trio.base.domain import Domain
from mox_trio.config.models.limits import Queue
from mox_trio.config.models.listeners import Listener, Smtp
from mox_trio.config.models.static import Static, Tls
from mox_trio.outgoing import way
from mox_trio.outgoing.way import Settings
from tests.kit import wires

NAME = Domain.parse("mail.bücher.example")


def listener(*ips: str, **how: object) -> Listener:
    return Listener(ips=tuple(map(ip_address, ips)), **how)  # type: ignore[arg-type]


def test_names_and_addresses_are_those_of_the_listeners_that_take_mail() -> None:
    static = Static(
        hostname=NAME,
        pedantic=True,
        queue=Queue(private_networks=(ip_network("10.0.0.0/8"),)),
        listeners={
            "public": listener(
                *("192.0.2.1", "2001:db8::1"), smtp=Smtp(), nat_ips=(ip_address("198.51.100.1"),), hostname=NAME
            ),
            "second": listener("192.0.2.2", smtp=Smtp(), hostname=Domain.parse("mx2.example")),
            "all": listener("0.0.0.0", "::", smtp=Smtp()),
            "inside": listener("127.0.0.1", smtp=Smtp()),
            "off": listener("192.0.2.3", smtp=Smtp(enabled=False)),
            "web": listener("192.0.2.4"),
        },
    )
    settings = Settings.of(static)
    assert settings.hostname == "mail.xn--bcher-kva.example"
    assert settings.own_names == {"mail.xn--bcher-kva.example", "mx2.example"}
    assert [str(each) for each in settings.local_addresses] == ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    assert {str(each) for each in settings.own_addresses} == {
        *("192.0.2.1", "2001:db8::1", "192.0.2.2", "127.0.0.1", "198.51.100.1")
    }
    assert settings.private_networks == (ip_network("10.0.0.0/8"),)
    assert (settings.port, settings.may_loop, settings.pedantic) == (25, False, True)


def test_opportunistic_tls_takes_any_certificate_and_no_old_version() -> None:
    context = way.opportunistic()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_verified_tls_believes_who_is_configured(tmp_path: Path) -> None:
    path, _ = wires.certificate("relay.example").write(tmp_path)
    alone = way.verifying(Tls(ca_files=(path,), system_cas=False))
    assert (alone.verify_mode, alone.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(alone.get_ca_certs()) == 1
    assert alone.minimum_version is ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError, match="No such file"):
        way.verifying(Tls(ca_files=(tmp_path / "none",)))
    (tmp_path / "nonsense").write_text("nonsense")
    with pytest.raises(ssl.SSLError):
        way.verifying(Tls(ca_files=(tmp_path / "nonsense",)))


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        *(("192.0.2.1", "192.0.2.1"), ("[192.0.2.1]", "192.0.2.1"), ("2001:DB8::1", "2001:db8::1")),
        *(("[2001:db8::1]", "2001:db8::1"), ("relay.example", "None"), ("192.0.2.256", "None"), ("", "None")),
    ],
)
def test_an_address_is_told_from_a_name(text: str, ip: str) -> None:
    assert str(way.maybe_ip(text)) == ip
