"""Ports of a configuration are bound together or not at all; one server a data directory."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from mox_trio.app import doors, running_lock
from mox_trio.app.server_tls import ServerCertificates
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import load
from mox_trio.config.models.static import Static
from mox_trio.protocol.tls_hello import Hello
from tests.kit import shared_server, wires


def static(directory: Path, listeners: str) -> Static:
    return load.static_text('hostname = "mail.example.org"\n' + listeners, directory / "mox-trio.toml")


def two_services(directory: Path, smtp: int, lmtp: int) -> Static:
    return static(
        directory,
        f"""
        [listeners.local]
        ips = ["127.0.0.1", "127.0.0.2"]
        smtp = {{ port = {smtp}, starttls = false }}
        lmtp = {{ port = {lmtp} }}
        mta_sts_https = {{ port = 1, tls = false }}
        metrics_http = {{ port = 1, enabled = false }}
        """,
    )


async def test_every_service_is_bound_on_every_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    smtp, lmtp = shared_server.free_ports(2)
    with ExitStack() as stack:
        found = await doors.opened(two_services(tmp_path, smtp, lmtp), stack)
        places = [(each.service.name, each.place) for each in found]
        socket.create_connection(("127.0.0.2", lmtp)).close()
    assert places == [
        ("smtp", f"127.0.0.1:{smtp}"),
        ("smtp", f"127.0.0.2:{smtp}"),
        ("lmtp", f"127.0.0.1:{lmtp}"),
        ("lmtp", f"127.0.0.2:{lmtp}"),
    ]
    assert [vars(each)["service"] for each in caplog.records] == ["mta_sts_https"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", lmtp))


async def test_a_port_that_is_taken_closes_the_others(tmp_path: Path) -> None:
    smtp, lmtp = shared_server.free_ports(2)
    with socket.create_server(("127.0.0.1", lmtp)):
        with ExitStack() as stack, pytest.raises(Failure, match="another program"):
            await doors.opened(two_services(tmp_path, smtp, lmtp), stack)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", smtp))


async def test_an_address_that_is_not_wanted_is_left_out(tmp_path: Path) -> None:
    smtp, lmtp = shared_server.free_ports(2)
    with ExitStack() as stack:
        found = await doors.opened(
            two_services(tmp_path, smtp, lmtp), stack, wanted=lambda address: str(address) != "127.0.0.2"
        )
    assert [str(each.address) for each in found] == ["127.0.0.1"] * 2


def test_one_server_runs_in_a_directory(tmp_path: Path) -> None:
    assert not running_lock.is_held(tmp_path)
    assert running_lock.name(tmp_path) == str(tmp_path)
    with running_lock.held(tmp_path):
        name = running_lock.name(tmp_path)
        assert running_lock.is_held(tmp_path)
        with pytest.raises(Failure, match="already") as failed, running_lock.held(tmp_path):
            pass
        assert failed.value.kind is Kind.IN_USE
    assert not running_lock.is_held(tmp_path)
    with running_lock.held(tmp_path):
        assert running_lock.name(tmp_path) == name != str(tmp_path)


MADE = wires.certificate("mail.example.org")
PHONE = wires.certificate("phone")


def with_tls(directory: Path, more: str = "") -> Static:
    certificate, key = MADE.write(directory)
    return static(
        directory,
        f"""
        [listeners.local]
        ips = ["127.0.0.1"]
        smtp = {{ port = 25 }}
        submission = {{ port = 587 }}
        [listeners.local.tls]
        certificates = [{{ cert_file = "{certificate}", key_file = "{key}" }}]
        {more}
        [listeners.plain]
        ips = ["127.0.0.2"]
        smtp = {{ port = 25, starttls = false }}
        """,
    )


async def registered() -> list[bytes]:
    return [PHONE.der]


async def test_users_may_show_certificates_and_other_servers_are_not_asked(tmp_path: Path) -> None:
    loaded = await ServerCertificates.load(with_tls(tmp_path))
    await loaded.register(registered)
    users, mail = loaded.for_users("local"), loaded.for_mail("local")
    assert users is not None
    assert mail is not None
    assert len(users.choose(Hello()).context.get_ca_certs(binary_form=True)) == 1
    assert mail.choose(Hello()).context.get_ca_certs() == []
    assert mail.choose(Hello()).context.num_tickets == 0
    assert users.choose(Hello()).context.num_tickets > 0
    assert loaded.for_mail("plain") is loaded.for_users("plain") is None


async def test_a_listener_may_switch_client_certificates_off(tmp_path: Path) -> None:
    loaded = await ServerCertificates.load(with_tls(tmp_path, "client_certificates = false"))
    await loaded.register(registered)
    users = loaded.for_users("local")
    assert users is not None
    assert users.choose(Hello()).context.get_ca_certs() == []


async def test_what_this_version_cannot_do_is_said_at_start(tmp_path: Path) -> None:
    settings = static(
        tmp_path,
        """
        [acme.letsencrypt]
        [listeners.public]
        ips = ["127.0.0.1"]
        smtp = {}
        tls = { acme = "letsencrypt" }
        """,
    )
    with pytest.raises(Failure, match="gets no certificates itself"):
        await ServerCertificates.load(settings)
