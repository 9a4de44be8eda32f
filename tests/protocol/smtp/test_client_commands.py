"""Lines that are sent to other servers, with the parameters they can take."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base.address import InvalidAddress, Path
from mox_trio.protocol.smtp import client_commands as commands
from mox_trio.protocol.smtp.client_offers import Offers
from mox_trio.protocol.smtp.envelope import Body, Envelope, Notify, Recipient, Return
from mox_trio.protocol.smtp.reply import Reply

NOTHING = Offers()
EVERYTHING = Offers(
    pipelining=True,
    size=1000,
    knows_size=True,
    eight_bit=True,
    smtputf8=True,
    chunking=True,
    binary=True,
    dsn=True,
    require_tls=True,
)
SENDER = Path.parse("<me@x.example>")


def offered(*lines: str) -> Offers:
    return Offers.of(Reply(250, "", ("mail.example says hello", *lines)))


def test_what_ehlo_says_is_understood() -> None:
    offers = offered(
        "PIPELINING", "size 35882577", "8bitmime", "STARTTLS", "AUTH PLAIN scram-sha-256", "DSN", "CHUNKING"
    )
    assert offers.host == "mail.example"
    assert all((offers.pipelining, offers.eight_bit, offers.starttls, offers.dsn, offers.chunking))
    assert not any((offers.smtputf8, offers.binary, offers.require_tls))
    assert (offers.knows_size, offers.size) == (True, 35882577)
    assert offers.mechanisms == ("PLAIN", "SCRAM-SHA-256")
    assert (offers.most_recipients, offers.most_mails) == (None, None)


def test_limits_of_a_server_are_understood() -> None:
    offers = offered("LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1")  # RFC 9422
    assert (offers.most_recipients, offers.most_mails) == (20, 5)


def test_an_old_way_to_offer_login_is_understood() -> None:
    assert offered("AUTH=LOGIN").mechanisms == ("LOGIN",)
    assert offered("AUTH PLAIN", "AUTH=LOGIN PLAIN").mechanisms == ("PLAIN", "LOGIN")


@pytest.mark.parametrize("line", ["SIZE", "SIZE 0", "SIZE many", "SIZE -5", "SIZE ²", "SIZE " + "9" * 30])
def test_a_size_that_limits_nothing_is_no_limit(line: str) -> None:
    offers = offered(line)
    assert (offers.knows_size, offers.size) == (True, None)


def test_binary_without_chunks_is_not_offered() -> None:
    assert not offered("BINARYMIME").binary
    assert offered("BINARYMIME", "CHUNKING").binary


@settings(max_examples=60)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_reply_to_ehlo_is_taken(lines: list[str]) -> None:
    assert Offers.of(Reply(250, "", ("mail.example", *lines))).host == "mail.example"


def test_a_server_that_offers_nothing_gets_no_parameters() -> None:
    envelope = Envelope(SENDER, body=Body.EIGHT_BIT, size=10, ret=Return.FULL, envelope_id="x", require_tls=True)
    assert commands.mail(envelope, NOTHING).line == b"MAIL FROM:<me@x.example>"
    recipient = Recipient(Path.parse("<you@y.example>"), Notify.NEVER, "rfc822;you@y.example")
    assert commands.rcpt(recipient, NOTHING, utf8=False).line == b"RCPT TO:<you@y.example>"


def test_a_server_that_offers_everything_gets_what_the_message_has() -> None:
    envelope = Envelope(
        SENDER, body=Body.EIGHT_BIT, size=10, ret=Return.HEADERS, envelope_id="a+b=ü\n", require_tls=True
    )
    assert commands.mail(envelope, EVERYTHING).line == (
        b"MAIL FROM:<me@x.example> SIZE=10 BODY=8BITMIME REQUIRETLS RET=HDRS ENVID=a+2Bb+3D+C3+BC+0A"
    )
    recipient = Recipient(Path.parse("<you@y.example>"), Notify.SUCCESS | Notify.DELAY, "rfc822;Yo u+@y.example")
    assert commands.rcpt(recipient, EVERYTHING, utf8=False).line == (
        b"RCPT TO:<you@y.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Yo+20u+2B@y.example"
    )


def test_the_null_sender_and_postmaster_are_written() -> None:
    assert commands.mail(Envelope(Path()), EVERYTHING).line == b"MAIL FROM:<>"
    recipient = Recipient(Path.parse("<Postmaster>"), Notify.NEVER)
    assert commands.rcpt(recipient, EVERYTHING, utf8=False).line == b"RCPT TO:<Postmaster> NOTIFY=NEVER"


def test_utf8_goes_only_where_it_is_needed() -> None:
    to_u_label = Envelope(SENDER, (Recipient(Path.parse("<you@bücher.example>")),))
    assert not commands.needs_utf8(to_u_label)
    assert commands.rcpt(to_u_label.recipients[0], EVERYTHING, utf8=False).line == (
        b"RCPT TO:<you@xn--bcher-kva.example>"
    )
    envelope = Envelope(SENDER, (Recipient(Path.parse("<dü@bücher.example>")),))
    assert commands.needs_utf8(envelope)
    assert commands.missing(envelope, NOTHING) == "SMTPUTF8"
    assert commands.mail(envelope, EVERYTHING).line == b"MAIL FROM:<me@x.example> SMTPUTF8"
    assert commands.rcpt(envelope.recipients[0], EVERYTHING, utf8=True).line == "RCPT TO:<dü@bücher.example>".encode()
    with pytest.raises(InvalidAddress):
        commands.rcpt(envelope.recipients[0], NOTHING, utf8=False)


@pytest.mark.parametrize(
    ("utf8", "line"),
    [
        (False, rb"RCPT TO:<you@y.example> ORCPT=utf-8;d\x{FC}\x{5C}\x{2B}@y.example"),
        (True, "RCPT TO:<you@y.example> ORCPT=utf-8;dü\\x{5C}\\x{2B}@y.example".encode()),
    ],
)
def test_an_original_recipient_in_utf8_is_encoded_as_far_as_needed(utf8: bool, line: bytes) -> None:
    recipient = Recipient(Path.parse("<you@y.example>"), original="utf-8;dü\\+@y.example")  # RFC 6533 3
    assert commands.rcpt(recipient, EVERYTHING, utf8=utf8).line == line


@pytest.mark.parametrize(
    ("envelope", "lacking"),
    [
        (Envelope(SENDER, body=Body.BINARY), "BINARYMIME"),
        (Envelope(SENDER, require_tls=True), "REQUIRETLS"),
        (Envelope(SENDER, smtputf8=True), "SMTPUTF8"),
        (Envelope(SENDER, body=Body.EIGHT_BIT), ""),
    ],
)
def test_what_a_message_cannot_do_without_is_named(envelope: Envelope, lacking: str) -> None:
    assert commands.missing(envelope, NOTHING) == lacking
    assert commands.missing(envelope, EVERYTHING) == ""


def test_binary_is_announced_where_it_is_offered() -> None:
    assert commands.mail(Envelope(SENDER, body=Body.BINARY), EVERYTHING).line.endswith(b" BODY=BINARYMIME")


def test_logins_are_encoded_and_never_shown() -> None:
    command = commands.auth("PLAIN", b"\0me\0secret")
    assert command.line == b"AUTH PLAIN AG1lAHNlY3JldA=="
    assert "AG1l" not in repr(command)
    assert commands.auth("LOGIN", None).line == b"AUTH LOGIN"
    assert commands.auth("EXTERNAL", b"").line == b"AUTH EXTERNAL ="  # RFC 4954 4
    assert commands.auth_response(b"").line == b""


@pytest.mark.parametrize("name", ["", "a b", "a\r\nRSET", "ü.example"])
def test_a_name_that_would_end_the_line_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        commands.ehlo(name)


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@settings(max_examples=60)
@given(TEXT, TEXT, st.booleans())
def test_no_text_breaks_a_line(envelope_id: str, original: str, utf8: bool) -> None:
    mail = commands.mail(Envelope(SENDER, envelope_id=envelope_id), EVERYTHING).line
    assert mail.decode("ascii").isprintable()
    assert mail.count(b" ") == 2
    for kind in ("rfc822", "utf-8"):
        line = commands.rcpt(
            Recipient(Path.parse("<you@y.example>"), original=f"{kind};{original}"), EVERYTHING, utf8=utf8
        ).line
        assert not set(line) & set(b"\r\n\0")
        assert line.count(b" ") == 2
        assert line.isascii() or utf8
