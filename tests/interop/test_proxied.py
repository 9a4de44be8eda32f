"""Connections that come through a proxy: who the client is, is what a trusted one says, and nobody else."""

import ipaddress
import socket
import struct

import pytest

from tests.interop import wire
from tests.kit import served
from tests.kit.served import Site

CLIENT = "192.0.2.7"
"""From where elsewhere.example says that its mail comes."""
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def second(client: str, command: int = 1) -> bytes:
    """A header of version 2."""
    source, here = (ipaddress.ip_address(each).packed for each in (client, "192.0.2.25"))
    family = 0x11 if len(source) == 4 else 0x21
    here = here if len(source) == 4 else ipaddress.ip_address("2001:db8::25").packed
    body = source + here + struct.pack("!HH", 40000, 25)
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


HEADERS = {
    "version 1": f"PROXY TCP4 {CLIENT} 192.0.2.25 40000 25\r\n".encode(),
    "version 2": second(CLIENT),
    "version 2 over IPv6": second("2001:db8::7"),
}


def send(port: int, header: bytes, subject: str) -> str:
    with wire.opened(port, header) as client:
        client.begin(b"ann@elsewhere.example", served.address("proxied").encode())
        client.send(f"From: ann@elsewhere.example\r\nSubject: {subject}\r\n\r\nhello\r\n.\r\n".encode())
        return client.reply()


@pytest.mark.parametrize("name", ["version 1", "version 2"])
def test_the_client_is_who_a_trusted_proxy_says(site: Site, name: str) -> None:
    assert send(site.proxied, HEADERS[name], name).startswith("250")
    mail = site.mail_with("proxied", name)
    assert b"[192.0.2.7]" in mail
    assert b"spf=pass" in mail


def test_what_a_proxy_says_counts_against_the_client(site: Site) -> None:
    assert send(site.proxied, HEADERS["version 2 over IPv6"], "six").startswith("250")
    mail = site.mail_with("proxied", "six")
    assert b"[IPv6:2001:db8::7]" in mail
    assert b"spf=fail" in mail


def test_a_proxy_that_speaks_for_itself_is_the_client(site: Site) -> None:
    assert send(site.proxied, second(CLIENT, 0), "health").startswith("250")
    assert b"[127.0.0.1]" in site.mail_with("proxied", "health")


def test_without_its_header_a_trusted_proxy_is_not_served(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.proxied), timeout=20) as client:
        client.sendall(b"EHLO client.example\r\n")
        assert client.recv(100) == b""


@pytest.mark.parametrize("name", HEADERS)
def test_nobody_else_may_say_who_the_client_is(site: Site, name: str) -> None:
    with socket.create_connection(("127.0.0.1", site.smtp), timeout=20) as made:
        client = wire.Wire(made)
        client.send(HEADERS[name])
        assert client.reply().startswith("220")
        assert client.reply().startswith("5")


def test_tls_comes_behind_the_header(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.proxied_submissions), timeout=20) as made:
        made.sendall(HEADERS["version 2"])
        with site.trusting().wrap_socket(made, server_hostname="localhost") as secured:
            assert secured.recv(100).startswith(b"220 ")
