"""Logging in, and what becomes of those who cannot."""

import base64
import logging
import ssl
from dataclasses import replace

import pytest
import trio
import trio.testing

from mox_trio.mailstore import attempts, credentials
from mox_trio.mailstore.credentials import Terms
from mox_trio.mailstore.logins import Protocols
from mox_trio.protocol.sasl import client as sasl_client
from mox_trio.protocol.sasl.client import Credentials
from mox_trio.protocol.smtp.envelope import Client
from mox_trio.smtpd.settings import Parts
from mox_trio.transport.connection import Connection
from tests.kit import wires
from tests.smtpd.talking import ADDRESS, PASSWORD, Clients, World

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def plain(name: str = ADDRESS, password: str = PASSWORD, acting_as: str = "") -> str:
    return f"AUTH PLAIN {encoded(f'{acting_as}{chr(0)}{name}{chr(0)}{password}'.encode())}"


async def log_in(client: Clients, mechanism: str, name: str = ADDRESS, password: str = PASSWORD) -> str:
    """The last reply to a log-in with this mechanism."""
    given = Credentials(name, password.encode())
    bindings = {key: value for key, value in client.connection.channel_bindings().items() if key == "tls-unique"}
    exchange = sasl_client.choose([mechanism], [mechanism], given, bindings, bytes(range(18)))
    assert exchange is not None
    initial = exchange.start()
    reply = await client.say(f"AUTH {mechanism}" + (f" {encoded(initial)}" if initial is not None else ""))
    while reply.startswith("334"):
        reply = await client.say(encoded(exchange.respond(base64.b64decode(reply[4:]))))
    if reply.startswith("235"):
        exchange.succeeded()
    return reply


async def test_submission_needs_a_login(world: World) -> None:
    async with world.client(world.submission) as client:
        assert "AUTH SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN" in await client.hello()
        assert await client.say("MAIL FROM:<mia@example.org>") == "530 5.7.0 log in first (s1)"
        assert await client.say("RCPT TO:<a@b.example>") == "503 5.5.1 not at this point"
        assert await client.say(plain()) == "235 2.7.0 welcome"
        assert await client.say(plain()) == "503 5.5.1 you are logged in"
        assert "AUTH" not in await client.say("EHLO client.example")
        await client.begin()
        assert await client.message() == "250 2.0.0 taken"
    seen: Client = world.receiver.taken[0].client
    assert (seen.login, str(seen.login_address)) == ("mia", ADDRESS)
    assert "mia" not in repr(seen)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_every_mechanism_lets_in_who_knows_the_password(world: World, mechanism: str) -> None:
    async with world.client(world.submission) as client:
        await client.hello()
        assert (
            await log_in(client, mechanism, password="wrong horse battery")
            == "535 5.7.8 user name or password is wrong (s1)"
        )
        assert await log_in(client, mechanism) == "235 2.7.0 welcome"


async def test_cram_md5_is_for_app_passwords(world: World) -> None:
    made = await credentials.add_app_password(world.logins, world.account, Terms("phone", credentials.APP_PROTOCOLS))
    async with world.client(world.submission) as client:
        await client.hello()
        assert (await log_in(client, "CRAM-MD5")).startswith("535")
        assert (await log_in(client, "CRAM-MD5", password=made.secret)).startswith("235")


async def test_who_tries_cram_md5_without_a_password_for_it_is_no_guesser_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with world.client(world.submission) as client:
        await client.hello()
        refused = await log_in(client, "CRAM-MD5")
        assert refused == await log_in(client, "CRAM-MD5", "nobody@example.org")
        assert (await log_in(client, "PLAIN")).startswith("235")
    lines = [(each.getMessage(), each.__dict__["login"]) for each in caplog.records if "login" in each.__dict__]
    assert lines == [("login by another mechanism is possible", ADDRESS), ("login failed", "nobody@example.org")]


@pytest.mark.parametrize("mechanism", [*MECHANISMS, "CRAM-MD5"])
async def test_unknown_user_and_wrong_password_look_the_same(world: World, mechanism: str) -> None:
    async with world.client(world.submission) as client:
        await client.hello()
        answers = {
            await log_in(client, mechanism, name, "wrong horse battery") for name in (ADDRESS, "nobody@example.org")
        }
        assert answers == {"535 5.7.8 user name or password is wrong (s1)"}
    async with world.client(world.submission) as client:
        await client.hello()
        assert {
            await log_in(client, mechanism, "mia", PASSWORD),
            await log_in(client, mechanism, "@mia", PASSWORD),
        } == answers


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("AUTH GSSAPI", "504 5.5.4"),
        ("AUTH EXTERNAL", "504 5.5.4"),
        ("AUTH SCRAM-SHA-256-PLUS", "504 5.5.4"),
        ("AUTH PLAIN !", "501 5.5.2"),
        (f"AUTH PLAIN {encoded(b'nonsense')}", "535 5.7.0"),
        (f"AUTH CRAM-MD5 {encoded(b'x')}", "535 5.7.0"),
        (plain(acting_as="other@example.org"), "535 5.7.8"),
        (plain(password="x" * 2000), "535 5.7.8"),
    ],
)
async def test_what_does_not_log_in(world: World, line: str, reply: str) -> None:
    async with world.client(world.submission) as client:
        await client.hello()
        assert (await client.say(line)).startswith(reply)
        assert (await client.say(plain())).startswith("235")


async def test_another_address_of_the_account_may_be_acted_as(world: World) -> None:
    async with world.client(world.submission) as client:
        await client.hello()
        assert (await client.say(plain(acting_as="mia.m@example.org"))).startswith("235")
        await client.begin()
        await client.message()
    assert str(world.receiver.taken[0].client.login_address) == "mia.m@example.org"


async def test_an_exchange_is_given_up(world: World) -> None:
    async with world.client(world.submission) as client:
        await client.hello()
        assert await client.say("AUTH LOGIN") == "334 VXNlcm5hbWU6"
        assert await client.say("*") == "501 5.7.0 as you like (s1)"
        await client.say("AUTH LOGIN")
        assert await client.say("!!") == "501 5.5.2 bad base64"
        assert await client.say("NOOP") == "250 2.0.0 OK"
        await client.say("AUTH LOGIN")
    await world.attempts.flush()
    assert await attempts.latest(world.store, world.account) == []  # nobody was named
    assert 'result="aborted",variant="login"} 3.0' in world.parts.metrics.text().decode()


async def test_a_disabled_account_is_told_to_who_knows_its_password(world: World) -> None:
    world.disabled["mia"] = "ask the administrator"
    async with world.client(world.submission) as client:
        await client.hello()
        assert await client.say(plain()) == "525 5.7.13 ask the administrator (s1)"
        assert await client.say(plain(password="wrong horse")) == "535 5.7.8 user name or password is wrong (s1)"


async def test_passwords_wait_for_tls(world: World) -> None:
    settings = replace(world.submission, tls_required=True)
    made = wires.certificate("mx.example.org")
    parts = replace(world.parts, tls=lambda: wires.Fixed(made))
    async with replace(world, parts=parts).client(settings) as client:
        assert "AUTH" not in await client.hello()
        assert await client.say(plain()) == "538 5.7.11 begin TLS first (s1)"
        assert await client.say("MAIL FROM:<mia@example.org>") == "530 5.7.0 begin TLS first (s1)"
        await client.say("STARTTLS")
        await client.connection.start_tls_client(made.client_context(), "mx.example.org")
        assert "AUTH SCRAM" in await client.say("EHLO client.example")
        assert (await client.say(plain())).startswith("235")


async def of_tls(version: ssl.TLSVersion) -> tuple[Connection, Connection]:
    return await wires.tls_pair(version=version)


async def test_channels_are_bound_where_clients_can(world: World) -> None:
    async with world.client(world.submission, pair=await of_tls(ssl.TLSVersion.TLSv1_2)) as client:
        assert "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 CRAM" in await client.hello()
        assert (await log_in(client, "SCRAM-SHA-256-PLUS")).startswith("235")
    async with world.client(world.submission, pair=await of_tls(ssl.TLSVersion.TLSv1_3)) as client:
        assert "AUTH SCRAM-SHA-256 SCRAM-SHA-1 CRAM" in await client.hello()


async def test_another_channel_is_refused(world: World) -> None:
    async with world.client(world.submission, pair=await of_tls(ssl.TLSVersion.TLSv1_2)) as client:
        await client.hello()
        first = encoded(b"y,,n=mia@example.org,r=clientnonce")
        assert await client.say(f"AUTH SCRAM-SHA-256 {first}") == "535 5.7.7 the channel binding is another (session)"


async def test_a_failed_login_leaves_one_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with world.client(world.submission) as client:
        await client.hello()
        await client.say(plain("nobody@example.org", "a secret thing"))
        await client.say(plain(password="a secret thing"))
        await client.say(plain())
    failed = [vars(record) for record in caplog.records if record.message == "login failed"]
    assert [record["login"] for record in failed] == ["nobody@example.org", ADDRESS]
    assert all(record["remote"] == "203.0.113.7" for record in failed)
    assert [record["reason"] for record in failed] == ["no such account", "wrong password"]
    assert "secret" not in str([vars(record) for record in caplog.records])
    assert len(caplog.records) == 3


async def test_attempts_are_recorded(world: World) -> None:
    async with world.client(world.submission) as client:
        await client.hello()
        for line in (plain(password="wrong horse battery"), plain(password="wrong horse battery"), plain()):
            await client.say(line)
    await world.attempts.flush()
    rows = await attempts.latest(world.store, world.account)
    found = {(row.login, row.result, row.times, row.mechanism, row.protocol, row.remote_ip) for row in rows}
    common = ("PLAIN", "submission", "203.0.113.7")
    assert found == {(ADDRESS, "ok", 1, *common), (ADDRESS, "bad-credentials", 2, *common)}
    text = world.parts.metrics.text().decode()
    assert 'authentication_total{kind="submission",result="bad-credentials",variant="plain"} 2.0' in text


async def test_guessing_becomes_slow_and_then_ends(world: World, autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    times = []
    async with world.client(replace(world.submission, tarpit=10)) as client:
        await client.hello()
        for _ in range(10):
            began = trio.current_time()
            reply = await client.say(plain(password="wrong horse battery"))
            assert reply.startswith("535")
            times.append(trio.current_time() - began)
        assert max(times[:2]) < 1
        assert min(times[3:]) >= 20
        assert await client.rest() == b"421 4.7.0 too many failed logins; come back later\r\n"


async def test_who_failed_too_often_is_not_let_in(world: World) -> None:
    address = wires.pair()[1].peer_address
    for _ in range(10):
        world.failures.failed(address)
    async with world.client(world.submission) as client:
        assert (await client.rest()).startswith(b"421 4.7.0 too many failed logins")
    async with world.client(world.submission, exempt=True) as client:
        assert (await client.hello()).startswith("250")
    assert b'authentication_ratelimited_total{kind="submission"} 1.0' in world.parts.metrics.text()


async def test_who_fails_elsewhere_meanwhile_is_not_let_in(world: World) -> None:
    async with world.client(world.submission) as client:
        await client.hello()
        for _ in range(10):
            world.failures.failed(wires.pair()[1].peer_address)
        assert (await client.say(plain())).startswith("421 4.7.0")
        assert await client.rest() == b""


class _Trusting(wires.Fixed):
    """A server that asks for registered certificates."""

    def __init__(self, made: wires.Made, client: wires.Made) -> None:
        super().__init__(made)
        context = self._chosen.context
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=client.der)


async def with_certificate(world: World) -> tuple[tuple[Connection, Connection], Parts]:
    """A connection whose client showed its certificate."""
    host, mine = wires.certificate("mx.example.org"), wires.certificate("mia")
    context = host.client_context()
    mine.load_into(context)
    client, server = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.start_tls, _Trusting(host, mine))
        await client.start_tls_client(context, "mx.example.org")
    return (client, server), world.parts


async def register(world: World, address: str = ADDRESS) -> credentials.Credential:
    terms = Terms("laptop", Protocols.SUBMISSION)
    return await credentials.add_certificate(world.logins, world.account, terms, address, wires.certificate("mia").der)


async def test_a_registered_certificate_is_a_login(world: World) -> None:
    await register(world)
    pair, _ = await with_certificate(world)
    async with world.client(world.submission, pair=pair) as client:
        assert "AUTH EXTERNAL SCRAM-SHA-256 " in await client.hello()
        await client.begin()
        await client.message()
        assert (await client.say(f"AUTH EXTERNAL {encoded(b'mia.m@example.org')}")).startswith("235")
        await client.begin()
        await client.message()
    assert [str(taken.client.login_address) for taken in world.receiver.taken] == [ADDRESS, "mia.m@example.org"]


async def test_external_is_for_the_account_of_the_certificate(world: World) -> None:
    await register(world)
    pair, _ = await with_certificate(world)
    async with world.client(world.submission, pair=pair) as client:
        await client.hello()
        assert (await client.say(f"AUTH EXTERNAL {encoded(b'other@example.org')}")).startswith("535")
        assert (await client.say("AUTH EXTERNAL =")).startswith("235")


async def test_a_certificate_that_was_taken_away_opens_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    held = await register(world)
    await credentials.remove_credential(world.logins, world.account, held.id)
    pair, _ = await with_certificate(world)
    async with world.client(world.submission, pair=pair) as client:
        await client.hello()
        assert (await client.say("MAIL FROM:<mia@example.org>")).startswith("530")
    assert [record.message for record in caplog.records] == ["login failed"]


async def test_a_certificate_whose_address_went_opens_nothing(world: World) -> None:
    await register(world, "gone@example.org")
    pair, _ = await with_certificate(world)
    async with world.client(world.submission, pair=pair) as client:
        await client.hello()
        assert (await client.say("MAIL FROM:<gone@example.org>")).startswith("530")
