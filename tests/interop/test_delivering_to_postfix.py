"""Deliveries to a real Postfix: with and without TLS, by DATA and BDAT, UTF-8 addresses, and notices."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest
import trio

from mox_trio.base.address import Path
from mox_trio.base.metrics import Metrics
from mox_trio.config.models.static import Tls
from mox_trio.config.models.transports import SmtpRelay
from mox_trio.outgoing.delivering import Delivering
from mox_trio.outgoing.job import Outcome
from mox_trio.outgoing.way import Settings
from mox_trio.protocol.smtp.envelope import Body, Notify, Recipient, Return
from tests.kit import postfix
from tests.kit.deliveries import job
from tests.kit.dns import Zone
from tests.kit.mail_hosts import Message
from tests.kit.postfix import Postfix

USERS = ("you@y.example", "other@y.example", "dü@y.example", "me@us.example", "big@y.example", "many@y.example")
ZONE = Zone({"y.example": {"MX": [(10, "postfix.example")]}, "postfix.example": {"A": ["127.0.0.1"]}})
LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture(scope="module")
def server() -> Iterator[Postfix]:
    with postfix.running(USERS) as running:
        yield running


def delivering(port: int, tls: Tls | None = None) -> Delivering:
    settings = Settings(
        "us.example", port=port, private_networks=LOOPBACK, may_loop=True, tls=tls or Tls(system_cas=False)
    )
    return Delivering(ZONE, settings, Metrics())


@contextmanager
def mails_of(server: Postfix, user: str, number: int) -> Iterator[list[bytes]]:
    """The mails that come to a user meanwhile: filled in at the end."""
    found: list[bytes] = []
    before = len(server.mails(user, at_least=0))
    yield found
    found += server.mails(user, before + number)[before:]


def body(mail: bytes) -> bytes:
    """What stands behind the header; Postfix keeps lines with LF."""
    return mail.partition(b"\n\n")[2]


CONTENT = b"Subject: hi\r\n\r\n.dot\n..dots\r.\r\nlong " + b"x" * 900 + b"\r\n.\r\nno end"
LINES = b".dot\n..dots\n.\nlong " + b"x" * 900 + b"\n.\nno end\n"


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("attempt", [1, 2], ids=["bdat", "data"])
async def test_content_arrives_line_by_line(server: Postfix, tls: bool, attempt: int) -> None:
    with mails_of(server, "you@y.example", 1) as found:
        sender = delivering(server.tls_port if tls else server.port)
        (result,) = await sender.deliver(replace(job(message=Message([CONTENT])), attempt=attempt))
        assert (result.outcome, result.remote_ip) == (Outcome.DELIVERED, "127.0.0.1")
        assert result.secure == ("TLSv1.3" if tls else "")
    assert body(found[0]) == LINES
    assert b"Return-Path: <me@us.example>" in found[0]


@pytest.mark.parametrize("attempt", [1, 2], ids=["bdat", "data"])
async def test_a_large_message_arrives_whole(server: Postfix, attempt: int) -> None:
    line = b"." + b"0123456789" * 7 + b"\r\n"
    with mails_of(server, "big@y.example", 1) as found:
        message = Message([b"Subject: big\r\n\r\n", *[line * 1000] * 100, line * 5000])
        (result,) = await delivering(server.tls_port).deliver(
            replace(job("big@y.example", message=message), attempt=attempt)
        )
        assert result.outcome is Outcome.DELIVERED
    assert body(found[0]) == line.replace(b"\r\n", b"\n") * 105_000


async def test_each_recipient_gets_its_own_reply(server: Postfix) -> None:
    with mails_of(server, "other@y.example", 1):
        results = await delivering(server.port).deliver(job("nobody@y.example", "other@y.example", "none@y.example"))
    assert [(each.outcome, each.status) for each in results] == [
        (Outcome.PERMANENT, "5.1.1"),
        (Outcome.DELIVERED, "2.0.0"),
        (Outcome.PERMANENT, "5.1.1"),
    ]
    assert results[0].reply is not None
    assert "User unknown" in results[0].reply.text


async def test_when_nobody_is_accepted_the_conversation_goes_on(server: Postfix) -> None:
    for attempt in (1, 2):
        sender = delivering(server.port)
        refused = replace(job("nobody@y.example"), attempt=attempt)
        async with trio.open_nursery() as loops:
            loops.start_soon(sender.run)
            await trio.testing.wait_all_tasks_blocked()
            assert [each.status for each in await sender.deliver(refused)] == ["5.1.1"]
            with mails_of(server, "you@y.example", 1):
                assert [each.outcome for each in await sender.deliver(job())] == [Outcome.DELIVERED]
            loops.cancel_scope.cancel()


async def test_utf8_addresses_and_headers_arrive(server: Postfix) -> None:
    content = "Subject: grüße\r\n\r\nschöne\r\n".encode()
    sent = replace(job("dü@y.example", message=Message([content])), smtputf8=True, body=Body.EIGHT_BIT)
    with mails_of(server, "dü@y.example", 1) as found:
        (result,) = await delivering(server.tls_port).deliver(sent)
        assert result.outcome is Outcome.DELIVERED
    assert "Delivered-To: dü@y.example".encode() in found[0]
    assert "Subject: grüße".encode() in found[0]


async def test_a_notice_of_success_is_asked_for(server: Postfix) -> None:
    to = Recipient(Path.parse("<you@y.example>"), Notify.SUCCESS, "rfc822;old+tag@x.example")
    sent = replace(job(), recipients=(to,), envelope_id="our id+1", ret=Return.HEADERS)
    with mails_of(server, "me@us.example", 1) as found:
        (result,) = await delivering(server.port).deliver(sent)
        assert result.outcome is Outcome.DELIVERED
    notice = found[0]  # RFC 3464
    assert b"Original-Envelope-Id: our+20id+2B1" in notice or b"Original-Envelope-Id: our id+1" in notice
    assert b"Original-Recipient: rfc822;old+2Btag@x.example" in notice or b"old+tag@x.example" in notice
    assert b"Action: delivered" in notice


async def test_a_message_too_large_for_it_is_not_sent(server: Postfix) -> None:
    message = Message([b"x" * 31_000_000])
    (result,) = await delivering(server.port).deliver(job(message=message))
    assert (result.outcome, result.status) == (Outcome.PERMANENT, "5.3.4")
    assert "30000000" in result.detail


async def test_a_conversation_is_used_for_many_messages(server: Postfix) -> None:
    sender = delivering(server.tls_port)
    with mails_of(server, "many@y.example", 50) as found:
        async with trio.open_nursery() as loops:
            loops.start_soon(sender.run)
            await trio.testing.wait_all_tasks_blocked()
            for number in range(50):
                message = Message([b"Subject: %d\r\n\r\nbody\r\n" % number])
                (result,) = await sender.deliver(job("many@y.example", message=message))
                assert result.outcome is Outcome.DELIVERED
            loops.cancel_scope.cancel()
    assert len(found) == 50
    assert "mail=50 rcpt=50 bdat=50" in server.log


async def test_a_relay_is_verified_by_its_certificate(server: Postfix) -> None:
    believed = Tls(ca_files=(server.directory / "host.crt",), system_cas=False)
    by = replace(job(), transport=SmtpRelay(host="postfix.example", port=server.tls_port))
    with mails_of(server, "you@y.example", 1):
        (result,) = await delivering(1, believed).deliver(by)
        assert (result.outcome, result.secure) == (Outcome.DELIVERED, "TLSv1.3")
    (result,) = await delivering(1).deliver(by)
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.5")
    in_the_clear = replace(job(), transport=SmtpRelay(host="postfix.example", port=server.port))
    (result,) = await delivering(1, believed).deliver(in_the_clear)
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.4")
