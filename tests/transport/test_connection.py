"""Connections: deadlines, TLS on both sides, channel bindings, and ends that go away."""

import hashlib
import ssl
from ipaddress import ip_address

import pytest
import trio

from mox_trio.transport.connection import Broken, Connection, Ends, Silent
from mox_trio.transport.tls import TlsFailed
from tests.kit import wires


async def test_bytes_go_both_ways_and_an_end_is_empty() -> None:
    client, server = wires.pair()
    await client.send(b"EHLO example.org\r\n", timeout=1)
    assert await server.receive(timeout=1) == b"EHLO example.org\r\n"
    await server.send(memoryview(b"250 ok\r\n"), timeout=1)
    assert await client.receive(3, timeout=1) == b"250"
    assert await client.receive(timeout=1) == b" ok\r\n"
    await client.aclose()
    assert await server.receive(timeout=1) == b""


async def test_a_peer_that_says_nothing_is_silent(autojump_clock: trio.testing.MockClock) -> None:
    _, server = wires.pair()
    with pytest.raises(Silent, match="300 s"):
        await server.receive(timeout=300)
    assert trio.current_time() == 300


async def test_a_connection_whose_other_end_went_is_broken_to_send() -> None:
    client, server = wires.pair()
    await client.aclose()
    with pytest.raises(Broken):
        await server.send(b"250 ok\r\n", timeout=1)


async def test_closing_twice_is_harmless() -> None:
    client, _ = wires.pair()
    await client.aclose()
    await client.aclose()
    with pytest.raises(Broken):
        await client.receive(timeout=1)


async def test_receiving_on_a_socket_that_was_closed_is_broken() -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    here = ip_address("127.0.0.1")
    async with listener, await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1]):
        server = Connection(await listener.accept(), Ends(here, 1, here, 2))
        await server.aclose()
        for _ in range(2):
            with pytest.raises(Broken):
                await server.receive(timeout=1)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_joins_both_ends(version: ssl.TLSVersion) -> None:
    made = wires.certificate("mail.example.org")
    client, server = await wires.tls_pair(made, version=version)
    assert client.tls is not None
    assert server.tls is not None
    assert server.tls.version == client.tls.version == version.name.replace("v1_", "v1.")
    assert server.tls.cipher == client.tls.cipher != ""
    assert server.tls.server_name == "mail.example.org"
    assert server.server_certificate == client.server_certificate == made.der
    assert server.client_certificate is None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo, server)
        await client.send(b"x" * 100_000, timeout=1)
        received = b""
        while len(received) < 100_000:
            received += await client.receive(timeout=1)
        await client.aclose()
    assert received == b"x" * 100_000


async def echo(server: Connection) -> None:
    while data := await server.receive(timeout=1):
        await server.send(data, timeout=1)
    await server.aclose()


async def test_channel_bindings_of_both_ends_are_the_same() -> None:
    made = wires.certificate("mail.example.org")
    client, server = await wires.tls_pair(made, version=ssl.TLSVersion.TLSv1_2)
    assert client.channel_bindings() == server.channel_bindings()
    assert set(client.channel_bindings()) == {"tls-server-end-point", "tls-unique"}
    assert client.channel_bindings()["tls-server-end-point"] == hashlib.sha256(made.der).digest()


async def test_tls_1_3_has_no_unique_binding_and_plaintext_has_none() -> None:
    client, server = await wires.tls_pair(version=ssl.TLSVersion.TLSv1_3)
    assert set(client.channel_bindings()) == set(server.channel_bindings()) == {"tls-server-end-point"}
    assert wires.pair()[0].channel_bindings() == {}


async def test_what_is_no_hello_fails_with_its_reason() -> None:
    client, server = wires.pair()
    await client.send(b"MAIL FROM:<x@example.org>\r\n", timeout=1)
    with pytest.raises(TlsFailed) as failed:
        await server.start_tls(wires.Fixed(wires.certificate("mail.example.org")))
    assert failed.value.reason == "nottls"


async def test_a_client_that_goes_before_its_hello_is_an_end() -> None:
    client, server = wires.pair()
    await client.send(b"\x16\x03\x01", timeout=1)
    await client.aclose()
    with pytest.raises(TlsFailed) as failed:
        await server.start_tls(wires.Fixed(wires.certificate("mail.example.org")))
    assert failed.value.reason == "eof"


async def test_a_handshake_has_a_deadline(autojump_clock: trio.testing.MockClock) -> None:
    _, server = wires.pair()
    with pytest.raises(Silent, match="60 s"):
        await server.start_tls(wires.Fixed(wires.certificate("mail.example.org")))
    assert trio.current_time() == 60


async def test_the_client_of_a_failed_handshake_gets_the_alert() -> None:
    client, server = wires.pair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # the certificate has no RSA key
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    seen: list[str] = []

    async def serve() -> None:
        with pytest.raises(TlsFailed) as failed:
            await server.start_tls(wires.Fixed(wires.certificate("mail.example.org")))
        seen.append(failed.value.reason)
        await server.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with pytest.raises(TlsFailed, match="handshake_failure") as refused:
            await client.start_tls_client(context, "mail.example.org")
    assert refused.value.reason == "alert-handshake_failure"
    assert seen == ["other"]


async def test_a_client_that_does_not_trust_the_certificate_says_so_to_both() -> None:
    client, server = wires.pair()
    context = wires.certificate("other.example.org").client_context()
    reasons: list[str] = []

    async def serve() -> None:
        with pytest.raises(TlsFailed) as failed:
            await server.start_tls(wires.Fixed(wires.certificate("mail.example.org")))
        reasons.append(failed.value.reason)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with pytest.raises(TlsFailed, match="self-signed") as refused:
            await client.start_tls_client(context, "mail.example.org")
        await client.aclose()
    assert refused.value.reason == "certificate"
    assert reasons == ["alert-unknown_ca"]


async def test_closing_does_not_wait_for_a_peer_that_takes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    client, server = await wires.tls_pair()
    with trio.fail_after(10):
        await server.aclose()
    await client.aclose()
