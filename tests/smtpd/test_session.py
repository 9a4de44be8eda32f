"""A connection from its greeting to its end."""

import logging
from dataclasses import replace

import pytest
import trio
import trio.testing

from mox_trio.base.failure import Failure
from mox_trio.base.failure import Kind as FailureKind
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.protocol.smtp.server_events import Kind
from mox_trio.smtpd import session
from mox_trio.transport.admission import Refused
from mox_trio.transport.connection import Badge
from storage_backends.errors import Unavailable
from tests.kit import wires
from tests.smtpd.talking import Clients, World, refusal


@pytest.fixture
def clock(autojump_clock: trio.testing.MockClock) -> trio.testing.MockClock:
    """Time jumps when nobody works; threads of the database are somebody."""
    autojump_clock.autojump_threshold = 0.02
    return autojump_clock


async def test_a_message_comes_in(world: World) -> None:
    async with world.client() as client:
        assert await client.replies() == ["220 mx.example.org ESMTP mox-trio"]
        assert (await client.say("EHLO client.example")).splitlines()[0] == "250-mx.example.org"
        await client.begin()
        assert await client.message() == "250 2.0.0 taken"
        assert await client.say("QUIT") == "221 2.0.0 bye"
        assert await client.rest() == b""
    (taken,) = world.receiver.taken
    assert taken.content == b"Subject: x\r\n\r\nhello\r\n"
    assert str(taken.envelope.reverse_path) == "<a@b.example>"
    assert [str(each.path) for each in taken.envelope.recipients] == ["<c@example.org>"]
    assert (taken.client.hello, taken.client.session, str(taken.client.address)) == (
        *("client.example", "s1", "203.0.113.7"),
    )


async def test_the_receiver_is_asked_about_every_step(world: World) -> None:
    world.receiver.senders["<bad@b.example>"] = refusal(550, "5.7.1", "not you")
    world.receiver.recipients["<nobody@example.org>"] = refusal()
    async with world.client() as client:
        await client.hello()
        assert await client.say("MAIL FROM:<bad@b.example>") == "550 5.7.1 not you (s1)"
        await client.begin()
        assert await client.say("RCPT TO:<nobody@example.org>") == "550 5.1.1 no such user (s1)"
        assert (await client.say("RCPT TO:<d@example.org>")).startswith("250 2.1.5")
        await client.message()
    assert world.receiver.before == [0, 1, 1]
    assert len(world.receiver.taken[0].envelope.recipients) == 2


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (refusal(554, "5.7.1", "spam"), "554 5.7.1 spam (s1)"),
        (Failure(FailureKind.QUOTA, "mailbox full", "secret"), "452 4.2.2 mailbox full (s1)"),
        (Unavailable("secret"), "451 4.3.0 trouble on this side; try again later (s1)"),
    ],
)
async def test_what_a_receiver_raises_is_the_reply(world: World, error: Exception, reply: str) -> None:
    world.receiver.trouble = error
    world.receiver.senders["<x@b.example>"] = error
    async with world.client(exempt=True) as client:
        await client.hello()
        assert await client.say("MAIL FROM:<x@b.example>") == reply
        await client.begin()
        assert await client.message() == reply
        await client.begin()


async def test_any_other_error_is_the_guard_s(world: World) -> None:
    world.receiver.trouble = ZeroDivisionError()
    with pytest.RaisesGroup(ZeroDivisionError, allow_unwrapped=True, flatten_subgroups=True):
        async with world.client() as client:
            await client.hello()
            await client.begin()
            await client.say("DATA")
            await client.send(b".\r\n")
            await client.rest()


async def test_one_reply_for_several_recipients(world: World) -> None:
    full = Reply.of(452, "4.2.2", "full")
    world.receiver.answers = {"<full@example.org>": full, "<no@example.org>": Reply.of(550, "5.1.1", "no such user")}
    cases = {
        ("full@example.org", "c@example.org"): "250 2.0.0 taken",
        ("full@example.org",): "452 4.2.2 full (s1)",
        ("full@example.org", "no@example.org"): "451-4.3.0 full\n451 4.3.0 no such user (s1)",
    }
    async with world.client(exempt=True) as client:
        await client.hello()
        for recipients, expected in cases.items():
            await client.begin("a@b.example", *recipients)
            assert await client.message() == expected


async def test_lmtp_has_a_reply_for_each_recipient(world: World) -> None:
    world.receiver.answers = {"<full@example.org>": Reply.of(452, "4.2.2", "full")}
    async with world.client(world.of(Kind.LMTP)) as client:
        assert await client.replies() == ["220 mx.example.org LMTP mox-trio"]
        await client.say("LHLO client.example")
        await client.begin("a@b.example", "c@example.org", "full@example.org")
        await client.say("DATA")
        assert await client.say(b"x\r\n.", 2) == "250 2.0.0 taken\n452 4.2.2 full (s1)"
        world.receiver.trouble = refusal(554, "5.6.0", "bad")
        await client.begin("a@b.example", "c@example.org", "full@example.org")
        await client.say("DATA")
        assert await client.say(b"x\r\n.", 2) == "554 5.6.0 bad (s1)\n554 5.6.0 bad (s1)"


async def test_a_message_in_chunks(world: World) -> None:
    async with world.client() as client:
        await client.hello()
        await client.begin()
        assert await client.say(b"BDAT 12\r\nSubject: x\r\nNOOP", 2) == "250 2.0.0 12 octets\n250 2.0.0 OK"
        assert await client.say(b"BDAT 8 LAST\r\n\r\nhello\n" + b"NOOP", 2) == "250 2.0.0 taken\n250 2.0.0 OK"
        await client.begin()
        await client.send(b"BDAT 3\r\nabcRSET\r\n")
        assert await client.replies(2) == ["250 2.0.0 3 octets", "250 2.0.0 reset"]
        await client.begin()
        await client.say(b"BDAT 3\r\nabcEHLO again.example", 2)
        await client.begin("b@b.example")
        assert await client.say(b"BDAT 3 LAST\r\n\r\n\nNOOP", 2) == "250 2.0.0 taken\n250 2.0.0 OK"
    assert [taken.content for taken in world.receiver.taken] == [b"Subject: x\r\n\r\nhello\r\n", b"\r\n\r\n"]


async def test_pipelined_commands_are_answered_together(world: World) -> None:
    async with world.client() as client:
        await client.hello()
        await client.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n")
        assert [reply[:3] for reply in await client.replies(3)] == ["250", "250", "354"]
        assert await client.say(b"x\r\n.\r\nQUIT", 2) == "250 2.0.0 taken\n221 2.0.0 bye"


async def test_a_large_message_is_not_kept_in_memory(world: World) -> None:
    block = (b"x" * 98 + b"\r\n") * 1000
    async with world.client() as client:
        await client.hello()
        await client.begin()
        await client.say("DATA")
        for _ in range(20):
            await client.send(block)
        assert await client.say(b".") == "250 2.0.0 taken"
    assert world.receiver.taken[0].content == block * 20


async def test_a_message_that_is_too_large_is_read_to_its_end(world: World) -> None:
    async with world.client(world.of(Kind.SMTP, message_bytes=1000), exempt=True) as client:
        await client.hello()
        await client.begin()
        assert (await client.message(b"x" * 3000 + b"\r\n")).startswith("552 5.3.4")
        await client.begin()
        assert (await client.message(b"x" * 900 + b"\r\n")).startswith("250")
    assert len(world.receiver.taken) == 1


async def test_a_full_disk_is_told_at_the_end(world: World) -> None:
    def full() -> object:
        raise OSError(28, "No space left on device")

    parts = replace(world.parts, store=replace(world.store, scratch=full))  # type: ignore[arg-type]
    async with replace(world, parts=parts).client(exempt=True) as client:
        await client.hello()
        await client.begin()
        reply = await client.message(b"x" * 600_000 + b"\r\n")
        assert reply.startswith("452 4.3.1")
        await client.begin()
        assert await client.say(b"BDAT 600000\r\n" + b"x" * 600_000 + b"NOOP", 2) == reply + "\n250 2.0.0 OK"
        await client.begin()
        assert (await client.message()).startswith("250")


async def test_a_silent_client_hears_421(world: World, clock: trio.testing.MockClock) -> None:
    async with world.client() as client:
        await client.hello()
        began = trio.current_time()
        assert await client.rest() == b"421 4.4.2 nothing was heard for too long\r\n"
        assert trio.current_time() - began == pytest.approx(300, abs=1)


async def test_the_content_of_a_message_has_a_time_of_its_own(world: World, clock: trio.testing.MockClock) -> None:
    async with world.client() as client:
        await client.hello()
        await client.begin()
        await client.say("DATA")
        for _ in range(9):
            await client.send(b"x\r\n")
            await trio.sleep(199)
        began = trio.current_time()
        assert await client.rest() == b"421 4.4.2 nothing was heard for too long\r\n"
        assert trio.current_time() - began < 10
        assert world.receiver.taken == []


async def test_an_idle_client_hears_that_the_server_stops(world: World) -> None:
    async with world.client() as client:
        await client.hello()
        world.parts.closing.set()
        assert await client.rest() == b"421 4.3.2 the server stops; come back soon\r\n"
    async with world.client() as client:
        assert await client.rest() == b"421 4.3.2 the server stops; come back soon\r\n"


async def test_a_transaction_is_finished_when_the_server_stops(world: World) -> None:
    async with world.client() as client:
        await client.hello()
        await client.begin()
        world.parts.closing.set()
        assert (await client.say("RCPT TO:<d@example.org>")).startswith("250")
        assert (await client.say("DATA")).startswith("354")
        assert await client.say(b"x\r\n.") == "250 2.0.0 taken"
        assert await client.rest() == b"421 4.3.2 the server stops; come back soon\r\n"
    async with world.client() as client:
        world.parts.closing.is_set = False
        await client.hello()
        await client.say("NOOP")
        world.parts.closing.is_set = True
        assert await client.say("MAIL FROM:<a@b.example>") == "421 4.3.2 the server stops; come back soon (s1)"


async def test_the_reply_to_a_message_is_sent_though_the_task_is_cancelled(world: World) -> None:
    client, server = wires.pair()
    speaker = Clients(client)
    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        world.receiver.at_the_end = scope.cancel

        async def serve() -> None:
            with scope:
                await session.serve(server, None, world.settings, world.parts)

        nursery.start_soon(serve)
        await speaker.hello()
        await speaker.begin()
        assert await speaker.message() == "250 2.0.0 taken"
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("refused", "reply"),
    [(Refused.SESSIONS, b"421 4.3.2"), (Refused.CONNECTIONS, b"421 4.7.0"), (Refused.RATE, b"421 4.7.0")],
)
async def test_who_may_not_come_in_is_told_why(world: World, refused: Refused, reply: bytes) -> None:
    client, server = wires.pair()
    await session.serve(server, refused, world.settings, world.parts)
    assert (await client.receive(timeout=1)).startswith(reply)


async def test_after_a_refused_message_replies_are_slow(world: World, clock: trio.testing.MockClock) -> None:
    world.receiver.trouble = refusal(550, "5.7.1", "spam")
    async with world.client() as client:
        await client.hello()
        await client.begin()
        began = trio.current_time()
        await client.message()
        assert trio.current_time() - began < 1
        assert await client.say("NOOP") == "250 2.0.0 OK"
        assert trio.current_time() - began > len("250 2.0.0 OK")
    async with world.client(exempt=True) as client:
        await client.hello()
        await client.begin()
        await client.message()
        began = trio.current_time()
        assert await client.say("NOOP") == "250 2.0.0 OK"
        assert trio.current_time() - began < 1


async def test_who_sends_only_what_is_refused_is_sent_away(world: World, clock: trio.testing.MockClock) -> None:
    world.receiver.recipients["<nobody@example.org>"] = refusal()
    async with world.client() as client:
        await client.hello()
        for _ in range(10):
            await client.say("MAIL FROM:<a@b.example>")
            await client.say("RCPT TO:<nobody@example.org>")
            await client.say("RSET")
        assert (await client.say("MAIL FROM:<a@b.example>")).startswith("550 5.1.0")
        assert await client.rest() == b""


async def test_one_good_message_makes_up_for_refused_ones(world: World) -> None:
    world.receiver.recipients["<nobody@example.org>"] = refusal()
    async with world.client() as client:
        await client.hello()
        await client.begin()
        await client.message()
        for _ in range(12):
            assert (await client.say("MAIL FROM:<a@b.example>")).startswith("250")
            await client.say("RCPT TO:<nobody@example.org>")
            await client.say("RSET")


async def test_a_client_that_goes_is_no_error(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for beginning in (
        b"",
        b"EHLO x.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nhalf a mess",
    ):
        async with world.client() as client:
            await client.send(beginning)
    assert world.receiver.taken == []
    assert caplog.records == []


async def test_a_session_that_is_cut_off_leaves_a_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with world.client() as client:
        await client.replies()
        assert await client.say("GET / HTTP/1.1") == "500 5.5.2 this is SMTP"
        assert await client.rest() == b""
    (record,) = caplog.records
    assert vars(record).items() >= {"reason": "not-smtp", "remote": "203.0.113.7", "session": "s1"}.items()


async def test_starttls(world: World) -> None:
    made = wires.certificate("mx.example.org")
    parts = replace(world.parts, tls=lambda: wires.Fixed(made))
    async with replace(world, parts=parts).client() as client:
        assert "250-STARTTLS" in await client.hello()
        await client.begin()
        await client.say("RSET")
        assert await client.say("STARTTLS") == "220 2.0.0 go on"
        await client.connection.start_tls_client(made.client_context(), "mx.example.org")
        assert await client.say("MAIL FROM:<a@b.example>") == "503 5.5.1 say hello first"
        assert "250-STARTTLS" not in await client.say("EHLO client.example")
        await client.begin()
        await client.message()
    client_seen = world.receiver.taken[0].client
    assert client_seen.tls is not None
    assert client_seen.tls.server_name == "mx.example.org"
    assert b"moxtrio_smtpserver_delivery_starttls_total 1.0" in world.parts.metrics.text()


async def test_bytes_behind_starttls_end_the_session(world: World) -> None:
    made = wires.certificate("mx.example.org")
    parts = replace(world.parts, tls=lambda: wires.Fixed(made))
    async with replace(world, parts=parts).client() as client:
        await client.hello()
        await client.send(b"STARTTLS\r\nMAIL FROM:<a@b.example>\r\n")
        assert await client.rest() == b"503 5.5.1 nothing may follow STARTTLS\r\n"


async def test_a_handshake_that_fails_ends_the_session(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    parts = replace(world.parts, tls=lambda: wires.Fixed(wires.certificate("mx.example.org")))
    async with replace(world, parts=parts).client() as client:
        await client.hello()
        await client.say("STARTTLS")
        await client.send(b"MAIL FROM:<a@b.example>\r\n")
        await client.rest()
    assert [record.message for record in caplog.records] == ["TLS handshake failed"]
    assert b"starttls_errors_total" in world.parts.metrics.text()


async def test_a_listener_may_want_tls_for_all_mail_but_reports_about_tls(world: World) -> None:
    parts = replace(world.parts, takes_tls_reports=lambda path: path.localpart == "tlsreports")
    async with replace(world, parts=parts).client(world.of(Kind.SMTP, tls_required=True)) as client:
        await client.hello()
        await client.begin("a@b.example", "tlsreports@example.org")
        assert await client.say("RCPT TO:<c@example.org>") == "530 5.7.0 begin TLS first (s1)"


async def test_commands_are_counted(world: World) -> None:
    async with world.client() as client:
        await client.hello()
        await client.begin()
        await client.message()
        await client.say("XYZZY")
    text = world.parts.metrics.text().decode()
    assert 'smtpserver_connection_total{kind="smtp"} 1.0' in text
    for cmd, code in (("EHLO", "250"), ("MAIL", "250"), ("content", "250"), ("other", "500")):
        assert f'cmd="{cmd}",code="{code}"' in text


async def test_a_connection_from_a_badge_without_id_names_no_session(world: World) -> None:
    world.receiver.recipients["<nobody@example.org>"] = refusal()
    async with world.client(pair=wires.pair(badge=Badge())) as client:
        await client.hello()
        await client.begin()
        assert await client.say("RCPT TO:<nobody@example.org>") == "550 5.1.1 no such user"
