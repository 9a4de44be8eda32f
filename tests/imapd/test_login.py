"""Logging in: mechanisms, what is offered when, failures and what they cost, certificates, UNAUTHENTICATE."""

import base64
import logging
import ssl
from dataclasses import replace

import pytest
import trio
import trio.testing

from mox_trio.mailstore import attempts, credentials, totp
from mox_trio.mailstore.credentials import Terms
from mox_trio.mailstore.logins import Protocols
from mox_trio.protocol import one_time
from mox_trio.protocol.sasl import client as sasl_client
from mox_trio.protocol.sasl.client import Credentials
from mox_trio.transport.connection import Connection
from tests.kit import wires
from tests.kit.imap_world import ADDRESS, PASSWORD, Client, World

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN")
WRONG = b"NO [AUTHENTICATIONFAILED] user name or password is wrong"


def encoded(data: bytes) -> bytes:
    return base64.b64encode(data)


def plain(name: str = ADDRESS, password: str = PASSWORD, acting_as: str = "") -> bytes:
    return encoded(f"{acting_as}\0{name}\0{password}".encode())


async def log_in(
    client: Client, mechanism: str, name: str = ADDRESS, password: str = PASSWORD, *, early: bool = True
) -> bytes:
    """The completion of a login with this mechanism; `early` sends what can be sent with the command (RFC 4959)."""
    given = Credentials(name, password.encode())
    bindings = {key: value for key, value in client.connection.channel_bindings().items() if key == "tls-unique"}
    exchange = sasl_client.choose([mechanism], [mechanism], given, bindings, bytes(range(18)))
    assert exchange is not None
    initial = exchange.start()
    behind = b" " + encoded(initial) if initial is not None and early else b""
    tag = await client.begin(b"AUTHENTICATE " + mechanism.encode() + behind)
    waiting = None if early else initial
    while (line := await client.response()).startswith(b"+"):
        answer = waiting if waiting is not None else exchange.respond(base64.b64decode(line[2:]))
        waiting = None
        await client.send(encoded(answer) + b"\r\n")
    completion = line[len(tag) + 1 :]
    if completion.startswith(b"OK"):
        exchange.succeeded()
    return completion


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("early", [True, False])
async def test_every_mechanism_lets_in_who_knows_the_password(world: World, mechanism: str, early: bool) -> None:
    async with world.client() as client:
        assert await log_in(client, mechanism, password="wrong horse battery", early=early) == WRONG
        assert (await log_in(client, mechanism, early=early)).startswith(b"OK [CAPABILITY IMAP4rev2 ")
        assert (await client.ok("NAMESPACE")).lines == [b'* NAMESPACE (("" "/")) NIL NIL']
        assert (await client.do(f"LOGIN {ADDRESS} x")).kind == "BAD"


async def test_login_by_strings_and_literals(world: World) -> None:
    async with world.client() as client:
        answer = await client.ok(f'LOGIN "{ADDRESS}" "{PASSWORD}"')
        assert "AUTH=" not in answer.code
        assert "UNAUTHENTICATE" in answer.code
    async with world.client() as client:
        await client.ok("LOGIN {15}", ADDRESS.encode() + b" {21}\r\n", PASSWORD.encode() + b"\r\n")


async def test_cram_md5_is_for_app_passwords(world: World) -> None:
    made = await credentials.add_app_password(world.logins, world.account, Terms("phone", credentials.APP_PROTOCOLS))
    async with world.client() as client:
        assert await log_in(client, "CRAM-MD5") == WRONG
        assert (await log_in(client, "CRAM-MD5", password=made.secret)).startswith(b"OK")


async def test_a_password_for_submission_does_not_open_imap(world: World) -> None:
    made = await credentials.add_app_password(world.logins, world.account, Terms("printer", Protocols.SUBMISSION))
    async with world.client() as client:
        assert await log_in(client, "PLAIN", password=made.secret) == WRONG


async def test_unknown_user_and_wrong_password_look_the_same(world: World) -> None:
    async with world.client(world.of(tarpit=0)) as client:
        for name in (ADDRESS, "nobody@example.org"):
            assert await log_in(client, "PLAIN", name, "wrong") == WRONG
            assert (await client.do(f"LOGIN {name} wrong")).completion == WRONG


async def test_another_account_cannot_be_acted_as(world: World) -> None:
    await world.add("joe")
    async with world.client() as client:
        line = b"AUTHENTICATE PLAIN " + plain(acting_as="joe@example.org")
        assert (await client.do(line)).completion == WRONG
        assert (await client.do(b"AUTHENTICATE PLAIN " + plain(acting_as="mia.m@example.org"))).is_ok


async def test_giving_up_and_nonsense_end_the_attempt_only(world: World) -> None:
    async with world.client() as client:
        assert (await client.do("AUTHENTICATE SCRAM-SHA-256", b"*\r\n")).kind == "BAD"
        assert (await client.do("AUTHENTICATE PLAIN", b"!!!\r\n")).kind in ("BAD", "NO")
        assert (await client.do("AUTHENTICATE WISHES")).kind == "NO"
        await client.login()


async def test_without_tls_nothing_is_offered_where_it_is_required(world: World) -> None:
    async with world.client(world.of(tls_required=True), greeted=False) as client:
        greeting = await client.greeting()
        assert b" LOGINDISABLED" in greeting
        assert b"AUTH=" not in greeting
        assert (await client.do(f'LOGIN {ADDRESS} "{PASSWORD}"')).code == "PRIVACYREQUIRED"
        assert (await client.do(b"AUTHENTICATE PLAIN " + plain())).code == "PRIVACYREQUIRED"


async def test_starttls_opens_the_way(world: World) -> None:
    made = wires.certificate("imap.example.org")
    parts = replace(world.parts, tls=lambda: wires.Fixed(made))
    async with world.client(world.of(tls_required=True), parts=parts, greeted=False) as client:
        assert b" STARTTLS" in await client.greeting()
        await client.ok("STARTTLS")
        await client.connection.start_tls_client(made.client_context(), "imap.example.org")
        capabilities = (await client.ok("CAPABILITY")).lines[0]
        assert b"AUTH=PLAIN" in capabilities
        assert b"STARTTLS" not in capabilities
        assert (await client.do("STARTTLS")).kind == "BAD"
        await client.login()


async def test_channels_are_bound_below_tls_1_3(world: World) -> None:
    pair = await wires.tls_pair(wires.certificate("imap.example.org"), version=ssl.TLSVersion.TLSv1_2)
    async with world.client(pair=pair, greeted=False) as client:
        assert b"AUTH=SCRAM-SHA-256-PLUS" in await client.greeting()
        assert (await log_in(client, "SCRAM-SHA-256-PLUS")).startswith(b"OK")


async def test_failures_are_counted_recorded_and_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with world.client() as client:
        await client.do(f"LOGIN {ADDRESS} wrong")
        await client.login()
        await client.ok('ID ("name" "Swift" "version" "9")')
    await world.attempts.flush()
    rows = await attempts.latest(world.store, world.account)
    assert sorted((row.mechanism, row.protocol, row.result, row.user_agent) for row in rows) == [
        ("LOGIN", "imap", "bad-credentials", ""),
        ("LOGIN", "imap", "ok", "Swift 9"),
    ]
    lines = [record.getMessage() for record in caplog.records]
    assert "login failed" in lines
    assert "login" in lines
    assert b'authentication_total{kind="imap",result="ok",variant="login"} 1.0' in world.parts.metrics.text()


async def test_guessing_gets_slow_and_ends(world: World, autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with world.client(world.of(failed_logins=5, tarpit=0.01)) as client:
        began = trio.current_time()
        for _ in range(4):
            await client.do(f"LOGIN {ADDRESS} wrong")
        assert trio.current_time() - began >= 0.5
        await client.send(f"z LOGIN {ADDRESS} wrong\r\n")
        assert (await client.response()).startswith(b"* BYE [LIMIT] too many failed logins")
        assert await client.rest() == b""


async def test_an_address_that_fails_too_often_is_not_greeted(world: World) -> None:
    for _ in range(10):
        world.failures.failed(wires.pair()[1].peer_address)
    async with world.client(greeted=False) as client:
        assert (await client.greeting()).startswith(b"* BYE [LIMIT]")
        assert await client.rest() == b""


async def test_accounts_that_are_switched_off_say_why(world: World) -> None:
    world.disabled["mia"] = "call us"
    async with world.client() as client:
        assert (await client.do(f'LOGIN {ADDRESS} "{PASSWORD}"')).completion == b"NO [CONTACTADMIN] call us"
        assert (await client.do(f"LOGIN {ADDRESS} wrong")).completion == WRONG


async def test_capabilities_can_be_switched_off_for_an_account(world: World) -> None:
    world.hidden["mia"] = frozenset({"QRESYNC", "IDLE"})
    async with world.client(greeted=False) as client:
        assert b" IDLE " in await client.greeting()
        await client.login()
        capabilities = (await client.ok("CAPABILITY")).lines[0].split(b" ")
        assert b"IDLE" not in capabilities
        assert b"CONDSTORE" in capabilities
        assert (await client.ok("ENABLE QRESYNC CONDSTORE")).lines == [b"* ENABLED CONDSTORE"]


async def test_unauthenticate_leaves_nothing_behind(world: World) -> None:
    await world.add("joe")
    await world.deliver()
    async with world.user("INBOX", "QRESYNC", "UTF8=ACCEPT") as client:
        await client.ok("UNAUTHENTICATE")
        assert (await client.do("SELECT INBOX")).kind == "BAD"
        await client.login("joe@example.org")
        assert b"* 0 EXISTS" in (await client.ok("SELECT INBOX")).lines
        assert (await client.ok("ENABLE QRESYNC")).lines[0] == b"* ENABLED QRESYNC"


async def test_silence_before_login_is_cut_short(world: World, autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with world.client(world.of(login_timeout=5)) as client:
        assert (await client.response()).startswith(b"* BYE nothing was heard")
        assert await client.rest() == b""


class _Trusting(wires.Fixed):
    """A server that asks for registered certificates."""

    def __init__(self, made: wires.Made, client: wires.Made) -> None:
        super().__init__(made)
        context = self._chosen.context
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=client.der)


async def with_certificate() -> tuple[Connection, Connection]:
    """A connection whose client showed its certificate."""
    host, mine = wires.certificate("imap.example.org"), wires.certificate("mia")
    context = host.client_context()
    mine.load_into(context)
    client, server = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.start_tls, _Trusting(host, mine))
        await client.start_tls_client(context, "imap.example.org")
    return client, server


async def register(world: World, *, asks: bool = False) -> credentials.Credential:
    der, terms = wires.certificate("mia").der, Terms("laptop", Protocols.IMAP)
    return await credentials.add_certificate(world.logins, world.account, terms, ADDRESS, der, asks=asks)


async def test_a_line_that_comes_drop_by_drop_before_login_is_cut_short(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with world.client(world.of(login_timeout=5)) as client:
        for octet in b"a NO":
            await client.send(bytes([octet]))
            await trio.sleep(1)
        await trio.sleep(2)
        assert (await client.response()).startswith(b"* BYE nothing was heard")


async def test_a_registered_certificate_is_a_login(world: World) -> None:
    await register(world)
    async with world.client(pair=await with_certificate(), greeted=False) as client:
        assert (await client.greeting()).startswith(b"* PREAUTH [CAPABILITY IMAP4rev2 ")
        await client.ok("SELECT INBOX")
        await client.ok("UNAUTHENTICATE")
        assert (await client.do(b"AUTHENTICATE EXTERNAL " + encoded(b"other@example.org"))).completion == WRONG
        await client.ok("AUTHENTICATE EXTERNAL =")


async def test_a_certificate_can_wait_for_the_login(world: World) -> None:
    await register(world, asks=True)
    async with world.client(pair=await with_certificate(), greeted=False) as client:
        greeting = await client.greeting()
        assert greeting.startswith(b"* OK [CAPABILITY ")
        assert b"AUTH=EXTERNAL" in greeting
        await client.ok("AUTHENTICATE EXTERNAL =")
        await client.ok("SELECT INBOX")


async def test_who_knows_the_main_password_hears_that_one_time_codes_are_on(world: World) -> None:
    code = one_time.code(await totp.begin(world.logins, world.account), world.store.now() // 30_000)
    await totp.confirm(world.logins, world.account, code)
    async with world.client() as client:
        for command in (f'LOGIN {ADDRESS} "{PASSWORD}"', b"AUTHENTICATE PLAIN " + plain()):
            answer = await client.do(command)
            assert (answer.kind, answer.code) == ("NO", "ALERT")
            assert b"app password" in answer.completion
        assert (await client.do(f"LOGIN {ADDRESS} wrong")).code == "AUTHENTICATIONFAILED"
    await world.attempts.flush()
    rows = await attempts.latest(world.store, world.account)
    assert sorted({row.result for row in rows}) == ["bad-credentials", "needs-app-password"]


async def test_a_certificate_that_was_taken_away_opens_nothing(world: World) -> None:
    held = await register(world)
    await credentials.remove_credential(world.logins, world.account, held.id)
    async with world.client(pair=await with_certificate(), greeted=False) as client:
        assert (await client.greeting()).startswith(b"* OK [CAPABILITY ")
        await client.login()
