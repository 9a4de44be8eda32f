"""What EHLO announces, and parameters of MAIL and RCPT."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.base.address import Path
from mox_trio.protocol.smtp import extensions, grammar, server_commands
from mox_trio.protocol.smtp.envelope import Body, Envelope, Notify, Recipient, Return
from mox_trio.protocol.smtp.extensions import HOLD_SECONDS, Context, Terms
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.protocol.smtp.server_events import Event, Kind, Mail, Rcpt

NOW = 1_700_000_000_000
SENDER = Path.parse("<a@b.example>")


def context(kind: Kind = Kind.SUBMISSION, *, pedantic: bool = False, tls: bool = True, **terms: object) -> Context:
    made = Terms(kind, "mx.example", 1000, pedantic=pedantic, **terms)  # type: ignore[arg-type]
    return Context(made, lambda: NOW, extended=True, has_tls=tls)


def everything(kind: Kind = Kind.SUBMISSION, *, tls: bool = True) -> Context:
    return context(kind, tls=tls, requiretls=True, deliver_by=True, priority=True)


def read(verb: bytes, argument: str, at: Context) -> Event | Reply:
    return server_commands.COMMANDS[verb].read(argument, at)


def mail(argument: str, at: Context | None = None) -> Envelope:
    event = read(b"MAIL", argument, at or everything())
    assert isinstance(event, Mail)
    return event.envelope


def rcpt(argument: str, at: Context | None = None) -> Recipient:
    at = at or everything()
    at.envelope = at.envelope or Envelope(SENDER)
    event = read(b"RCPT", argument, at)
    assert isinstance(event, Rcpt)
    return event.recipient


def refused(verb: bytes, argument: str, at: Context | None = None) -> str:
    at = at or everything()
    at.envelope = Envelope(SENDER) if verb == b"RCPT" else None
    with pytest.raises(Refusal) as caught:
        read(verb, argument, at)
    return f"{caught.value.reply.code} {caught.value.reply.enhanced}"


@pytest.mark.parametrize(
    ("argument", "envelope"),
    [
        ("FROM:<a@b.example>", Envelope(SENDER)),
        ("from:<a@b.example>", Envelope(SENDER)),
        ("FROM: <a@b.example>", Envelope(SENDER)),
        ("FROM:<>", Envelope(Path())),
        ("FROM:<@x.example:a@b.example>", Envelope(SENDER)),
        ('FROM:<"a b"@b.example>', Envelope(Path.parse('<"a b"@b.example>'))),
        ('FROM:<"a> SIZE=5"@b.example>', Envelope(Path.parse('<"a> SIZE=5"@b.example>'))),
        ("FROM:<a@[192.0.2.1]>", Envelope(Path.parse("<a@[192.0.2.1]>"))),
        ("FROM:<a@b.example> SIZE=1000", Envelope(SENDER, size=1000)),
        ("FROM:<a@b.example> BODY=7BIT", Envelope(SENDER)),
        ("FROM:<a@b.example> BODY=8bitmime", Envelope(SENDER, body=Body.EIGHT_BIT)),
        ("FROM:<a@b.example>  BODY=BINARYMIME  SIZE=1", Envelope(SENDER, body=Body.BINARY, size=1)),
        ("FROM:<a@b.example> SMTPUTF8", Envelope(SENDER, smtputf8=True)),
        ("FROM:<ä@b.example> SMTPUTF8", Envelope(Path.parse("<ä@b.example>"), smtputf8=True)),
        ("FROM:<a@b.example> RET=HDRS ENVID=a+2Bb", Envelope(SENDER, ret=Return.HEADERS, envelope_id="a+b")),
        ("FROM:<a@b.example> ret=full", Envelope(SENDER, ret=Return.FULL)),
        ("FROM:<a@b.example> AUTH=<>", Envelope(SENDER)),
        ("FROM:<a@b.example> AUTH=a+40b", Envelope(SENDER)),
        ("FROM:<a@b.example> HOLDFOR=60", Envelope(SENDER, hold_for=60)),
        ("FROM:<a@b.example> HOLDUNTIL=2023-11-15T00:00:00Z", Envelope(SENDER, hold_until=1_700_006_400_000)),
        ("FROM:<a@b.example> HOLDUNTIL=2023-11-15t02:00:00+02:00", Envelope(SENDER, hold_until=1_700_006_400_000)),
        ("FROM:<a@b.example> REQUIRETLS", Envelope(SENDER, require_tls=True)),
        ("FROM:<a@b.example> BY=60;R", Envelope(SENDER, deliver_by=60, deliver_by_return=True)),
        ("FROM:<a@b.example> BY=-60;nt", Envelope(SENDER, deliver_by=-60)),
        ("FROM:<a@b.example> MT-PRIORITY=-9", Envelope(SENDER, priority=-9)),
    ],
)
def test_mail(argument: str, envelope: Envelope) -> None:
    assert mail(argument) == envelope


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        ("", "501 5.5.2"),
        ("<a@b.example>", "501 5.5.2"),
        ("TO:<a@b.example>", "501 5.5.2"),
        ("FROM:a@b.example", "501 5.1.7"),
        ("FROM:<a@b.example", "501 5.1.7"),
        ("FROM:<a b@b.example>", "501 5.1.7"),
        ("FROM:<postmaster>", "501 5.1.7"),
        ("FROM:<a@b.example>SIZE=1", "501 5.5.2"),
        ("FROM:<a@b.example> SIZE", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=x", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=-1", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=٣", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=1001", "552 5.3.4"),
        ("FROM:<a@b.example> SIZE=99999999999999999999", "552 5.3.4"),
        ("FROM:<a@b.example> SIZE=1 SIZE=1", "501 5.5.4"),
        ("FROM:<a@b.example> BODY=9BIT", "501 5.5.4"),
        ("FROM:<a@b.example> SMTPUTF8=1", "501 5.5.4"),
        ("FROM:<ä@b.example>", "550 5.6.7"),
        ("FROM:<a@bücher.example>", "550 5.6.7"),
        ("FROM:<a@b.example> RET=ALL", "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=" + "x" * 101, "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=a+0Ab", "501 5.5.4"),
        ("FROM:<a@b.example> ENVID=a+2b", "501 5.5.4"),
        ("FROM:<a@b.example> AUTH=", "501 5.5.4"),
        ("FROM:<a@b.example> HOLDFOR=0", "554 5.5.4"),
        (f"FROM:<a@b.example> HOLDFOR={HOLD_SECONDS + 1}", "554 5.5.4"),
        ("FROM:<a@b.example> HOLDUNTIL=2023-11-14T00:00:00Z", "554 5.5.4"),
        ("FROM:<a@b.example> HOLDUNTIL=2024-02-30T00:00:00Z", "501 5.5.4"),
        ("FROM:<a@b.example> HOLDUNTIL=tomorrow", "501 5.5.4"),
        ("FROM:<a@b.example> HOLDFOR=60 HOLDUNTIL=2023-11-15T00:00:00Z", "501 5.5.4"),
        ("FROM:<a@b.example> BY=0;R", "501 5.5.4"),
        ("FROM:<a@b.example> BY=60", "501 5.5.4"),
        ("FROM:<a@b.example> MT-PRIORITY=10", "501 5.5.4"),
        ("FROM:<a@b.example> WHATEVER=1", "555 5.3.3"),
        ("FROM:<a@b.example> NOTIFY=NEVER", "555 5.3.3"),
        ("FROM:<a@b.example> -=1", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=1\x01", "501 5.5.4"),
    ],
)
def test_mail_is_refused(argument: str, reply: str) -> None:
    assert refused(b"MAIL", argument) == reply


@pytest.mark.parametrize(
    ("argument", "recipient"),
    [
        ("TO:<a@b.example>", Recipient(SENDER)),
        ("TO:<Postmaster>", Recipient(Path.parse("<Postmaster>"))),
        ("TO:<a@b.example> NOTIFY=NEVER", Recipient(SENDER, Notify.NEVER)),
        ("TO:<a@b.example> NOTIFY=success,delay", Recipient(SENDER, Notify.SUCCESS | Notify.DELAY)),
        ("TO:<a@b.example> ORCPT=rfc822;c+2Bd@e.example", Recipient(SENDER, None, "rfc822;c+d@e.example")),
        ("TO:<a@b.example> ORCPT=rfc822;c+C3+A4@e.example", Recipient(SENDER, None, "utf-8;cä@e.example")),
        ("TO:<a@b.example> ORCPT=utf-8;c\\x{E4}@e.example", Recipient(SENDER, None, "utf-8;cä@e.example")),
    ],
)
def test_rcpt(argument: str, recipient: Recipient) -> None:
    assert rcpt(argument) == recipient


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        ("TO:<>", "501 5.1.3"),
        ("TO:<a@b..example>", "501 5.1.3"),
        ("FROM:<a@b.example>", "501 5.5.2"),
        ("TO:<ä@b.example>", "553 5.6.7"),
        ("TO:<a@b.example> NOTIFY", "501 5.5.4"),
        ("TO:<a@b.example> NOTIFY=NEVER,DELAY", "501 5.5.4"),
        ("TO:<a@b.example> NOTIFY=SOMETIMES", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=c@e.example", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=rfc822;", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=rfc822;a+0D+0A", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=rfc822;a+C3", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=rfc822;ä", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=utf-8;\\x{D800}", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=utf-8;\\x{0A}", "501 5.5.4"),
        ("TO:<a@b.example> ORCPT=rfc822;" + "x" * 500, "501 5.5.4"),
        ("TO:<a@b.example> SIZE=1", "555 5.3.3"),
    ],
)
def test_rcpt_is_refused(argument: str, reply: str) -> None:
    assert refused(b"RCPT", argument) == reply


def test_recipients_are_limited_with_those_that_were_refused() -> None:
    at = context(recipients=2)
    assert [rcpt("TO:<a@b.example>", at), rcpt("TO:<c@b.example>", at)]
    with pytest.raises(Refusal, match=r"452 4\.5\.3"):
        read(b"RCPT", "TO:<d@b.example>", at)


@pytest.mark.parametrize(
    "parameter", ["HOLDFOR=60", "HOLDUNTIL=2023-11-15T00:00:00Z", "AUTH=<>", "BY=60;R", "MT-PRIORITY=1"]
)
@pytest.mark.parametrize("kind", [Kind.SMTP, Kind.LMTP])
def test_what_is_of_submission_is_unknown_elsewhere(kind: Kind, parameter: str) -> None:
    assert refused(b"MAIL", f"FROM:<a@b.example> {parameter}", everything(kind)) == "555 5.3.3"


@pytest.mark.parametrize("parameter", ["REQUIRETLS", "BY=60;R", "MT-PRIORITY=1"])
def test_what_was_not_announced_is_unknown(parameter: str) -> None:
    assert refused(b"MAIL", f"FROM:<a@b.example> {parameter}", context()) == "555 5.3.3"


def test_requiretls_needs_tls() -> None:
    assert refused(b"MAIL", "FROM:<a@b.example> REQUIRETLS", everything(tls=False)) == "523 5.7.10"


def test_after_helo_there_are_no_parameters() -> None:
    at = everything()
    at.extended = False
    assert mail("FROM:<a@b.example>", at) == Envelope(SENDER)
    assert refused(b"MAIL", "FROM:<a@b.example> SIZE=1", at) == "555 5.3.3"


def test_what_the_standard_forbids_is_refused_where_that_is_wanted() -> None:
    assert refused(b"MAIL", "FROM: <a@b.example>", context(pedantic=True)) == "501 5.1.7"
    long = "FROM:<" + "x" * 65 + "@b.example>"
    assert refused(b"MAIL", long, context(pedantic=True)) == "501 5.1.7"
    assert mail(long).reverse_path.localpart == "x" * 65


def test_what_is_announced() -> None:
    always = {"PIPELINING", "SIZE 1000", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN"}
    always.add("LIMITS RCPTMAX=1000")
    assert set(extensions.announced(context(Kind.SMTP, tls=False))) == always
    assert set(extensions.announced(everything(Kind.LMTP))) == always | {"REQUIRETLS"}
    at = context(Kind.SMTP, tls=False)
    at.may_start_tls = True
    assert set(extensions.announced(at)) == always | {"STARTTLS"}
    submission = everything()
    submission.mechanisms = ("PLAIN", "LOGIN")
    hold = f"FUTURERELEASE {HOLD_SECONDS} 2024-01-13T22:13:20Z"
    more = {"REQUIRETLS", "AUTH PLAIN LOGIN", hold, "DELIVERBY", "MT-PRIORITY"}
    assert set(extensions.announced(submission)) == always | more
    submission.logged_in = True
    assert set(extensions.announced(submission)) == always | more - {"AUTH PLAIN LOGIN"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mx.example", "mx.example"),
        ("my_host", "my_host"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:2001:db8::1] and more", "[IPv6:2001:db8::1]"),
        ("192.0.2.1", "192.0.2.1"),
        ("bücher.example", "bücher.example"),
    ],
)
def test_a_hello_is_taken(text: str, name: str) -> None:
    assert grammar.hello(text, is_checked=True, pedantic=False) == name


@pytest.mark.parametrize("text", ["", " ", "a..b", "[2001:db8::1]", "[192.0.2.256]", "a\x01b", "x" * 256, "<a>"])
def test_a_hello_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        grammar.hello(text, is_checked=True, pedantic=False)


@pytest.mark.parametrize("text", ["my_host", "192.0.2.1", "mx.example and more"])
def test_a_hello_is_refused_where_the_standard_counts(text: str) -> None:
    with pytest.raises(Refusal):
        grammar.hello(text, is_checked=False, pedantic=True)


def test_programs_of_users_may_say_what_they_like() -> None:
    assert grammar.hello("My..Laptop", is_checked=False, pedantic=False) == "My..Laptop"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_xtext_round_trips(text: str) -> None:
    written = "".join(f"+{ord(c):02X}" if c in "+= " else c for c in text)
    assert grammar.xtext(written, 100) == text


@given(st.sampled_from([b"MAIL", b"RCPT"]), st.text(max_size=60))
def test_no_argument_does_worse_than_being_refused(verb: bytes, text: str) -> None:
    at = everything()
    at.envelope = Envelope(SENDER)
    for prefix in ("", "FROM:<", "TO:<a@b.example> ", "FROM:<a@b.example> "):
        with suppress(Refusal):
            assert isinstance(read(verb, prefix + text, at), Mail | Rcpt)
