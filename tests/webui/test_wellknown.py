"""Settings of mail clients and MTA-STS policies, as programs ask for them."""

from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from trio.testing import MockClock

from mox_trio.base.domain import Domain
from mox_trio.config import load
from mox_trio.config.models import dynamic
from tests.httpd.talking import Answer, Client
from tests.kit import world
from tests.kit.world import Server
from webui.wellknown import application, documents

STATIC = """
autoconfig_https = { port = 443, tls = false }
mta_sts_https = { port = 443, tls = false }
webapi_http = { port = 443 }
"""
REQUEST = """<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
<Request><EMailAddress> {address} </EMailAddress><AcceptableResponseSchema>x</AcceptableResponseSchema></Request>
</Autodiscover>"""
AUTODISCOVER = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"


@pytest.fixture
async def server(tmp_path: Path, mock_clock: MockClock) -> AsyncIterator[Server]:
    more = '[domains."sts.example".mta_sts]\npolicy_id = "a1"\n[domains."off.example"]\ndisabled = true\n'
    async with world.opened(tmp_path, mock_clock, "one", one={"static": STATIC, "dynamic": {"more": more}}) as net:
        yield net["one"]


async def ask(server: Server, host: str, path: str, method: str = "GET", body: bytes = b"") -> Answer:
    connection = server.accept("webapi_http", world.STRANGER)
    try:
        return await Client(connection).ask(path, method=method, body=body, host=host)
    finally:
        await connection.aclose()


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("autoconfig.one.example", "/mail/config-v1.1.xml"),
        ("one.example", "/.well-known/autoconfig/mail/config-v1.1.xml"),
        ("mx.one.example", "/mail/config-v1.1.xml?emailaddress=ann@one.example"),
    ],
)
async def test_a_mail_client_finds_its_settings(server: Server, host: str, path: str) -> None:
    answer = await ask(server, host, path)
    assert answer.status == 200
    (provider,) = ElementTree.fromstring(answer.body)
    assert provider.findtext("domain") == "one.example"
    user = "ann@one.example" if "@" in path else "%EMAILADDRESS%"
    assert {each.findtext("username") for each in provider if each.tag.endswith("Server")} == {user}


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("mx.one.example", "/mail/config-v1.1.xml"),
        ("autoconfig.other.example", "/mail/config-v1.1.xml"),
        ("mx.one.example", "/mail/config-v1.1.xml?emailaddress=ann@other.example"),
        ("mx.one.example", "/mail/config-v1.1.xml?emailaddress=ann@off.example"),
        ("mta-sts.one.example", "/.well-known/mta-sts.txt"),
        ("sts.example", "/.well-known/mta-sts.txt"),
        ("mta-sts.sts.example", "/.well-known/other.txt"),
    ],
)
async def test_nothing_is_told_of_what_is_not_served(server: Server, host: str, path: str) -> None:
    assert (await ask(server, host, path)).status == 404


async def test_the_policy_is_that_of_the_domain(server: Server) -> None:
    answer = await ask(server, "mta-sts.sts.example", "/.well-known/mta-sts.txt")
    assert answer.status == 200
    assert answer.body == b"version: STSv1\r\nmode: enforce\r\nmx: mx.one.example\r\nmax_age: 86400\r\n"
    assert answer.headers["content-type"].startswith("text/plain")
    assert (await ask(server, "mta-sts.sts.example", "/.well-known/mta-sts.txt", "POST")).status == 405


async def test_outlook_finds_its_settings(server: Server) -> None:
    body = REQUEST.format(address="a&amp;b@one.example").encode()
    answer = await ask(server, "autodiscover.one.example", "/autodiscover/autodiscover.xml", "POST", body)
    assert answer.status == 200
    tree = ElementTree.fromstring(answer.body)
    names = [each.text for each in tree.iter(f"{AUTODISCOVER}LoginName")]
    assert set(names) == {"a&b@one.example"}
    assert len(names) == len(list(tree.iter(f"{AUTODISCOVER}Protocol")))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"<EMailAddress>nobody</EMailAddress>", 400),
        (b"<EMailAddress>" * 1000, 400),
        (b" " * (application.LARGEST + 1), 413),
        (b"<EMailAddress>ann@other.example</EMailAddress>", 404),
    ],
)
async def test_a_request_that_is_none_is_refused(server: Server, body: bytes, status: int) -> None:
    answer = await ask(server, "mx.one.example", "/autodiscover/autodiscover.xml", "POST", body)
    assert answer.status == status


def test_tls_from_the_first_byte_and_what_others_reach_come_first(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("")
    static = load.static_text(
        """
hostname = "mx.example.org"
[listeners.inner]
ips = ["127.0.0.1"]
imaps = { port = 1993 }
tls.certificates = [{ cert_file = "c.pem", key_file = "c.pem" }]
[listeners.outer]
ips = ["192.0.2.1"]
imap = {}
imaps = {}
submission = {}
tls.certificates = [{ cert_file = "c.pem", key_file = "c.pem" }]
""",
        tmp_path / "mox-trio.toml",
    )
    settings = dynamic.Domain.model_validate({"client_settings_domain": "mail.example.org"})
    found = documents.places(static, settings)
    assert [(each.kind, each.host, each.port, each.immediate) for each in found] == [
        ("imap", "mail.example.org", 993, True),
        ("smtp", "mail.example.org", 587, False),
    ]
    text = documents.client_config(Domain.parse("example.org"), "<x>", found)
    servers = [each for each in ElementTree.fromstring(text)[0] if each.tag.endswith("Server")]
    assert [each.findtext("socketType") for each in servers] == ["SSL", "STARTTLS"]
    assert {each.findtext("username") for each in servers} == {"<x>"}
    outlook = ElementTree.fromstring(documents.autodiscover("ann@example.org", found))
    assert [each.text for each in outlook.iter(f"{AUTODISCOVER}Port")] == ["993", "587"]
