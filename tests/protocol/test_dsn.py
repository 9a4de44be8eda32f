"""Notices are well-formed reports whatever peers wrote, and say what RFC 3464 wants."""

import email
import email.policy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base.address import Address, Path
from mox_trio.protocol import dsn
from mox_trio.protocol.dsn import About, Action, Frame, Notice
from mox_trio.protocol.smtp.reply import Reply

FRAME = Frame(
    hostname="mail.example.org",
    sender=Address.parse("postmaster@mail.example.org"),
    to=Path.parse("<ann@example.org>"),
    now=1_700_000_000_000,
    message_id="x@mail.example.org",
    entropy=bytes(16),
    references="orig@example.org",
)
BOB = About(
    Path.parse("<bob@example.net>"),
    Action.FAILED,
    "5.1.1",
    original="rfc822;bob+list@example.net",
    detail="the other server refused it",
    reply=Reply.of(550, "5.1.1", "no such user\nsorry"),
    remote_host="mx.example.net",
    remote_ip="192.0.2.1",
    last_attempt=1_700_000_000_000,
)
HEADER = b"From: ann@example.org\r\nSubject: hi\r\nMessage-ID: <orig@example.org>\r\n\r\n"
NOTICE = Notice((BOB,), 1_699_999_000_000, HEADER, envelope_id="QQ314159")


def parts(data: bytes) -> list[email.message.EmailMessage]:
    message = email.message_from_bytes(data, policy=email.policy.SMTP)
    assert isinstance(message, email.message.EmailMessage)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    found = list(message.iter_parts())
    assert len(found) == 3
    return [part for part in found if isinstance(part, email.message.EmailMessage)]


def groups(status: email.message.EmailMessage) -> list[email.message.Message]:
    payload = status.get_payload()
    assert isinstance(payload, list)
    return [each for each in payload if isinstance(each, email.message.Message)]


@pytest.mark.parametrize(
    ("host", "shown"),
    [("192.0.2.1", "[192.0.2.1]"), ("2001:db8::1", "[IPv6:2001:db8::1]"), ("mx.example", "mx.example")],
)
def test_a_host_that_is_an_address_stands_in_brackets(host: str, shown: str) -> None:
    data = dsn.compose(replace(NOTICE, about=(replace(BOB, remote_host=host),)), FRAME, utf8=False)
    assert f"Remote-MTA: dns; {shown}\r\n".encode() in data


def test_a_failure_says_who_why_and_what() -> None:
    data = dsn.compose(NOTICE, FRAME, utf8=False)
    assert data.isascii()
    message = email.message_from_bytes(data, policy=email.policy.SMTP)
    assert message["To"] == "ann@example.org"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<orig@example.org>"
    text, status, original = parts(data)
    assert "bob@example.net" in text.get_content()
    assert "said: 550 5.1.1 no such user sorry" in text.get_content()
    assert status.get_content_type() == "message/delivery-status"
    whole, one = groups(status)
    assert whole["Original-Envelope-Id"] == "QQ314159"
    assert whole["Reporting-MTA"] == "dns; mail.example.org"
    assert one["Original-Recipient"] == "rfc822; bob+list@example.net"
    assert one["Final-Recipient"] == "rfc822; bob@example.net"
    assert (one["Action"], one["Status"]) == ("failed", "5.1.1")
    assert one["Remote-MTA"] == "dns; mx.example.net"
    assert one["Diagnostic-Code"] == "smtp; 550 5.1.1 no such user sorry"
    assert original.get_content_type() == "text/rfc822-headers"
    assert original.get_payload(decode=True) == HEADER


def test_the_whole_message_is_returned_where_it_is_asked_for() -> None:
    data = dsn.compose(replace(NOTICE, body=b"text\n"), FRAME, utf8=False)
    assert parts(data)[2].get_content_type() == "message/rfc822"
    assert b"\r\n\r\ntext\r\n" in data


def test_a_delay_says_until_when_it_is_tried() -> None:
    about = replace(BOB, action=Action.DELAYED, status="4.4.1", reply=None, retry_until=1_700_100_000_000)
    _, status, _ = parts(dsn.compose(replace(NOTICE, about=(about,)), FRAME, utf8=False))
    one = groups(status)[1]
    assert one["Will-Retry-Until"] == "Thu, 16 Nov 2023 02:00:00 +0000"


def test_utf8_travels_as_it_is_or_escaped() -> None:
    about = replace(
        BOB, recipient=Path.parse("<jürgen@münchen.example>"), reply=Reply.of(550, "5.1.1", "gibt's nicht: ü")
    )
    notice = replace(NOTICE, about=(about,), smtputf8=True, header="Subject: Grüße\r\n\r\n".encode())
    assert notice.wants_utf8
    wide = dsn.compose(notice, FRAME, utf8=True)
    assert "Final-Recipient: utf-8; jürgen@münchen.example\r\n".encode() in wide
    assert b"message/global-delivery-status" in wide
    assert b"message/global-headers" in wide
    narrow = dsn.compose(notice, FRAME, utf8=False)
    assert narrow.isascii()
    assert b"Final-Recipient: utf-8; j\\x{FC}rgen@m\\x{FC}nchen.example\r\n" in narrow
    assert parts(narrow)[2].get_payload(decode=True) == notice.header


def test_an_eight_bit_message_goes_back_in_a_form_that_needs_no_extension() -> None:
    notice = replace(NOTICE, body=b"\xff\xfe\r\n")
    narrow = dsn.compose(notice, FRAME, utf8=False)
    assert narrow.isascii()
    assert b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n" in narrow


@settings(max_examples=60)
@given(st.text(), st.text(), st.text(), st.binary(), st.booleans())
def test_nothing_that_peers_write_begins_a_field(
    reply: str, envelope_id: str, original: str, block: bytes, utf8: bool
) -> None:
    about = replace(BOB, reply=Reply(550, "5.0.0", (reply,)), detail=reply, original=original, remote_host=envelope_id)
    notice = replace(NOTICE, about=(about, BOB), envelope_id=envelope_id, release_request=original, header=block)
    data = dsn.compose(notice, FRAME, utf8=utf8)
    assert b"\n" not in data.replace(b"\r\n", b"")
    if not utf8:
        assert data.isascii()
    head = data.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    status = data.split(b"delivery-status\r\n")[1].partition(b"\r\n\r\n")[2].partition(b"\r\n--=_")[0]
    names = {line.partition(b":")[0] for line in status.split(b"\r\n") if line and not line.startswith(b" ")}
    assert names <= {
        *(b"Original-Envelope-Id", b"Reporting-MTA", b"Arrival-Date", b"Future-Release-Request", b"Original-Recipient"),
        *(b"Final-Recipient", b"Action", b"Status", b"Remote-MTA", b"Diagnostic-Code", b"Last-Attempt-Date"),
    }
    assert all(len(line) <= 998 for line in status.split(b"\r\n"))
