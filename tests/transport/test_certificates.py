"""Certificates from files: by name, again when they change, with client certificates, and made by ourselves."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.protocol.tls_hello import Hello
from mox_trio.transport import certificates, self_signed
from mox_trio.transport.certificates import Files, FromFiles, Terms
from mox_trio.transport.connection import Broken, Connection
from mox_trio.transport.tls import TlsFailed
from tests.kit import wires


def files(directory: Path, *every: wires.Made) -> list[Files]:
    return [Files(*made.write(directory, f"{number}")) for number, made in enumerate(every)]


FIRST = wires.certificate("mail.example.org", "smtp.example.org")
SECOND = wires.certificate("*.example.net", "example.net")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mail.example.org", FIRST),
        ("smtp.example.org", FIRST),
        ("example.net", SECOND),
        ("mx.example.net", SECOND),
        ("a.mx.example.net", FIRST),
        ("net", FIRST),
        ("unknown.example", FIRST),
        ("", FIRST),
    ],
)
async def test_a_name_finds_its_certificate_and_any_other_the_first(
    tmp_path: Path, name: str, expected: wires.Made
) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST, SECOND), Terms())
    assert server.choose(Hello(name)).certificate == expected.der


async def test_a_client_gets_the_certificate_of_the_name_it_asks_for(tmp_path: Path) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST, SECOND), Terms())
    ours, theirs = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.start_tls, server)
        await ours.start_tls_client(SECOND.client_context(), "mx.example.net")
    assert ours.server_certificate == theirs.server_certificate == SECOND.der


async def test_files_that_change_are_loaded_again(tmp_path: Path) -> None:
    places = files(tmp_path, FIRST)
    server = await FromFiles.load(places, Terms())
    before = server.choose(Hello())
    await server.refresh()
    assert server.choose(Hello()) is before
    SECOND.write(tmp_path, "0")
    await server.refresh()
    assert server.choose(Hello()).certificate == SECOND.der


async def test_files_that_went_bad_leave_the_old_certificate_and_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (place,) = files(tmp_path, FIRST)
    server = await FromFiles.load([place], Terms())
    place.key.write_bytes(SECOND.key)
    for _ in range(3):
        await server.refresh()
    assert server.choose(Hello()).certificate == FIRST.der
    assert [each.message for each in caplog.records] == ["certificates not replaced, the old ones stay"]
    place.certificate.write_bytes(SECOND.certificate)
    await server.refresh()
    assert server.choose(Hello()).certificate == SECOND.der


async def test_files_that_went_away_leave_the_old_certificate(tmp_path: Path) -> None:
    (place,) = files(tmp_path, FIRST)
    server = await FromFiles.load([place], Terms())
    place.key.unlink()
    await server.refresh()
    assert server.choose(Hello()).certificate == FIRST.der


async def test_ticket_keys_live_for_a_day(tmp_path: Path) -> None:
    now = [0.0]
    server = await FromFiles.load(files(tmp_path, FIRST), Terms(), lambda: now[0])
    first = server.choose(Hello()).context
    now[0] = certificates.FRESH - 1
    await server.refresh()
    assert server.choose(Hello()).context is first
    now[0] += 1
    await server.refresh()
    assert server.choose(Hello()).context is not first


async def test_following_looks_at_the_files_again_and_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    places = files(tmp_path, FIRST)
    server = await FromFiles.load(places, Terms())
    SECOND.write(tmp_path, "0")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(certificates.follow, [server])
        while server.choose(Hello()).certificate != SECOND.der:  # noqa: ASYNC110 - a thread reads while the clock jumps
            await trio.sleep(certificates.POLL)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("wrong", ["missing", "empty", "other key", "no pem"])
async def test_what_cannot_be_loaded_at_start_is_a_failure_that_names_the_file(tmp_path: Path, wrong: str) -> None:
    (place,) = files(tmp_path, FIRST)
    if wrong == "missing":
        place.key.unlink()
    elif wrong == "other key":
        place.key.write_bytes(SECOND.key)
    else:
        place.certificate.write_bytes(b"" if wrong == "empty" else b"hello")
    with pytest.raises(Failure, match=r"0\.crt") as failed:
        await FromFiles.load([place], Terms())
    assert failed.value.kind is Kind.INVALID


async def shake(server: FromFiles, client: ssl.SSLContext) -> tuple[Connection, Connection]:
    ours, theirs = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.start_tls, server)
        await ours.start_tls_client(client, "mail.example.org")
    return ours, theirs


async def test_tls_1_3_can_be_asked_for(tmp_path: Path) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST), Terms(min_version="1.3"))
    context = FIRST.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ours, theirs = wires.pair()
    reasons: list[str] = []

    async def serve() -> None:
        with pytest.raises(TlsFailed) as failed:
            await theirs.start_tls(server)
        reasons.append(failed.value.reason)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with pytest.raises(TlsFailed, match="protocol_version"):
            await ours.start_tls_client(context, "mail.example.org")
    assert reasons == ["unsupportedversions"]


@pytest.mark.parametrize("tickets", [True, False])
async def test_tickets_are_given_where_they_are_on(tmp_path: Path, tickets: bool) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST), Terms(tickets=tickets))
    context = FIRST.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ours, _ = await shake(server, context)
    session = ours.stream.session  # type: ignore[attr-defined]
    assert session.has_ticket is tickets


PHONE = wires.certificate("phone")
STRANGER = wires.certificate("stranger")


def showing(made: wires.Made, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = FIRST.client_context()
    context.maximum_version = version
    made.load_into(context)
    return context


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_registered_certificate_is_known_after_the_handshake(tmp_path: Path, version: ssl.TLSVersion) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST), Terms(clients=(STRANGER.der, PHONE.der)))
    _, theirs = await shake(server, showing(PHONE, version))
    assert theirs.client_certificate == PHONE.der


async def test_without_registered_certificates_none_is_asked_for(tmp_path: Path) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST), Terms())
    _, theirs = await shake(server, showing(PHONE, ssl.TLSVersion.TLSv1_3))
    assert theirs.client_certificate is None


async def test_a_client_may_come_without_a_certificate(tmp_path: Path) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST), Terms(clients=(PHONE.der,)))
    _, theirs = await shake(server, FIRST.client_context())
    assert theirs.client_certificate is None


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_unregistered_certificate_fails_the_handshake_and_both_learn_why(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST), Terms(clients=(PHONE.der,)))
    ours, theirs = wires.pair()
    details: list[str] = []

    async def serve() -> None:
        with pytest.raises(TlsFailed) as failed:
            await theirs.start_tls(server)
        assert failed.value.reason == "certificate"
        details.append(str(failed.value))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        # With TLS 1.3 the client is done before the server has looked at its certificate.
        with pytest.raises((TlsFailed, Broken), match=r"(?i)alert.*unknown.ca"):
            await begin(ours, showing(STRANGER, version))
    assert details == ["the certificate of the peer is not accepted: self-signed certificate"]


async def begin(client: Connection, context: ssl.SSLContext) -> None:
    await client.start_tls_client(context, "mail.example.org")
    await client.receive(timeout=5)


async def test_registering_takes_effect_with_the_next_connection(tmp_path: Path) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST), Terms())
    await server.set_clients([PHONE.der])
    _, theirs = await shake(server, showing(PHONE, ssl.TLSVersion.TLSv1_3))
    assert theirs.client_certificate == PHONE.der
    before = server.choose(Hello()).context
    await server.set_clients([PHONE.der])
    assert server.choose(Hello()).context is before
    await server.set_clients([])
    _, theirs = await shake(server, showing(PHONE, ssl.TLSVersion.TLSv1_3))
    assert theirs.client_certificate is None


async def test_a_registered_certificate_that_is_none_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = await FromFiles.load(files(tmp_path, FIRST), Terms(clients=(b"rubbish", PHONE.der)))
    _, theirs = await shake(server, showing(PHONE, ssl.TLSVersion.TLSv1_3))
    assert theirs.client_certificate == PHONE.der
    assert "left out" in caplog.text


async def test_a_certificate_signed_by_itself_is_good_for_its_names(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    made = self_signed.make(["localhost", "mail.localhost"], [ip_address("127.0.0.1")], now, timedelta(days=30))
    (tmp_path / "a.crt").write_bytes(made.certificate)
    (tmp_path / "a.key").write_bytes(made.key)
    server = await FromFiles.load([Files(tmp_path / "a.crt", tmp_path / "a.key")], Terms())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=made.certificate.decode())
    for name in ("localhost", "mail.localhost", "127.0.0.1"):
        ours, theirs = wires.pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(theirs.start_tls, server)
            await ours.start_tls_client(context, name)
        assert ours.tls is not None
    assert "PRIVATE KEY" in made.key.decode()
    assert "PRIVATE KEY" not in repr(made)
