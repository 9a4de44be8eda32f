"""A client's connection as a value: what may be sent when, and what each reply answers."""

import pytest

from mox_trio.base.address import Path
from mox_trio.protocol.smtp import client_commands as commands
from mox_trio.protocol.smtp.client import Answered, BadReply, ClientConnection, OutOfPlace, Phase
from mox_trio.protocol.smtp.client_commands import Command, Step
from mox_trio.protocol.smtp.client_offers import Offers
from mox_trio.protocol.smtp.envelope import Envelope, Recipient

ME = Envelope(Path.parse("<me@x.example>"))
YOU = Recipient(Path.parse("<you@y.example>"))
NOTHING = Offers()
MAIL = commands.mail(ME, NOTHING)
RCPT = commands.rcpt(YOU, NOTHING, utf8=False)
EVERY = {
    Step.EHLO: commands.ehlo("x.example"),
    Step.HELO: commands.helo("x.example"),
    Step.STARTTLS: commands.starttls(),
    Step.AUTH: commands.auth("PLAIN", b""),
    Step.MAIL: MAIL,
    Step.RCPT: RCPT,
    Step.DATA: commands.data(),
    Step.BDAT: commands.bdat(1, last=False),
    Step.RSET: commands.rset(),
    Step.NOOP: commands.noop(),
    Step.QUIT: commands.goodbye(),
}


def answered(connection: ClientConnection, data: bytes) -> list[Answered]:
    connection.receive(data)
    return list(iter(connection.next, None))


def say(connection: ClientConnection, command: Command, reply: bytes) -> Answered:
    assert connection.send(command) == command.line + b"\r\n"
    (found,) = answered(connection, reply + b"\r\n")
    return found


def ready(*extensions: str) -> ClientConnection:
    connection = ClientConnection()
    answered(connection, b"220 mail.example\r\n")
    lines = ["mail.example", *extensions]
    reply = "\r\n".join(f"250{'-' if number < len(lines) else ' '}{line}" for number, line in enumerate(lines, 1))
    say(connection, EVERY[Step.EHLO], reply.encode())
    return connection


def at(phase: Phase) -> ClientConnection:
    """A connection that pipelines, in this phase, with nothing awaited where that can be."""
    if phase in (Phase.CONNECTED, Phase.GREETED, Phase.HELLO):
        connection = ClientConnection()
        if phase is not Phase.CONNECTED:
            answered(connection, b"220 mail.example\r\n")
        if phase is Phase.HELLO:
            connection.send(EVERY[Step.EHLO])
        return connection
    connection = ready("PIPELINING", "CHUNKING", "STARTTLS", "AUTH PLAIN")
    ways: dict[Phase, list[tuple[Command, bytes]]] = {
        Phase.READY: [],
        Phase.TLS: [(EVERY[Step.STARTTLS], b"")],
        Phase.AUTH: [(EVERY[Step.AUTH], b"334 ")],
        Phase.MAIL: [(MAIL, b"250 ok")],
        Phase.RECIPIENTS: [(MAIL, b"250 ok"), (RCPT, b"250 ok")],
        Phase.CHUNKS: [(MAIL, b"250 ok"), (RCPT, b"250 ok"), (EVERY[Step.BDAT], b"250 ok")],
        Phase.DATA: [(MAIL, b"250 ok"), (RCPT, b"250 ok"), (EVERY[Step.DATA], b"")],
        Phase.CONTENT: [(MAIL, b"250 ok"), (RCPT, b"250 ok"), (EVERY[Step.DATA], b"354 go")],
        Phase.CLOSING: [(EVERY[Step.QUIT], b"")],
    }
    for command, reply in ways[phase]:
        connection.send(command)
        if reply:
            answered(connection, reply + b"\r\n")
    return connection


ALLOWED = {
    Phase.CONNECTED: "",
    Phase.GREETED: "EHLO HELO QUIT",
    Phase.HELLO: "",
    Phase.READY: "EHLO STARTTLS AUTH MAIL RSET NOOP QUIT",
    Phase.TLS: "",
    Phase.AUTH: "AUTH",
    Phase.MAIL: "RCPT RSET QUIT",
    Phase.RECIPIENTS: "RCPT DATA BDAT RSET QUIT",
    Phase.CHUNKS: "BDAT RSET QUIT",
    Phase.DATA: "",
    Phase.CONTENT: "",
    Phase.CLOSING: "",
}


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.value)
@pytest.mark.parametrize("step", EVERY, ids=lambda step: step.value)
def test_every_command_in_every_phase(phase: Phase, step: Step) -> None:
    connection = at(phase)
    assert connection.phase is phase
    if step.value in ALLOWED[phase].split():
        assert step in connection.may_send
        assert connection.send(EVERY[step]).endswith(b"\r\n")
    else:
        assert step not in connection.may_send
        with pytest.raises(OutOfPlace):
            connection.send(EVERY[step])


def test_without_pipelining_each_command_waits_for_its_reply() -> None:
    connection = ready()
    connection.send(MAIL)
    assert connection.may_send == frozenset()
    with pytest.raises(OutOfPlace, match="before MAIL was answered"):
        connection.send(RCPT)
    answered(connection, b"250 ok\r\n")
    connection.send(RCPT)


def test_replies_to_commands_sent_together_are_told_apart() -> None:
    connection = ready("PIPELINING")
    for command in (MAIL, RCPT, RCPT, EVERY[Step.DATA]):
        connection.send(command)
    assert connection.awaits == 4
    found = answered(connection, b"250 a\r\n250-b\r\n250 b\r\n550 c\r\n354 d\r\n")
    assert [(each.step, each.reply.code) for each in found] == [
        (Step.MAIL, 250),
        (Step.RCPT, 250),
        (Step.RCPT, 550),
        (Step.DATA, 354),
    ]
    assert connection.content(b"hello\n.") == b"hello\r\n.."
    assert connection.end_of_content() == b"\r\n.\r\n"
    assert connection.awaited_step is Step.CONTENT
    (end,) = answered(connection, b"250 taken\r\n")
    assert end.step is Step.CONTENT
    assert Step.MAIL in connection.may_send


def test_a_transaction_may_follow_the_last_chunk_at_once() -> None:
    connection = ready("PIPELINING", "CHUNKING")
    for command in (MAIL, RCPT, commands.bdat(5, last=False), commands.bdat(0, last=True), MAIL, RCPT):
        connection.send(command)
    assert connection.phase is Phase.RECIPIENTS


def test_after_data_was_refused_rset_leads_on() -> None:
    connection = at(Phase.DATA)
    answered(connection, b"554 no valid recipients\r\n")
    say(connection, EVERY[Step.RSET], b"250 ok")
    assert connection.phase is Phase.READY


def test_helo_offers_nothing() -> None:
    connection = at(Phase.GREETED)
    say(connection, EVERY[Step.EHLO], b"500 what")
    say(connection, EVERY[Step.HELO], b"250-mail.example\r\n250 PIPELINING")
    assert connection.offers == Offers()
    assert connection.phase is Phase.READY


def test_tls_forgets_what_was_offered() -> None:
    connection = ready("PIPELINING", "STARTTLS", "DSN")
    say(connection, EVERY[Step.STARTTLS], b"220 go")
    connection.tls_began()
    assert connection.offers == Offers()
    assert connection.phase is Phase.GREETED


def test_nothing_may_follow_the_reply_to_starttls_in_the_clear() -> None:
    connection = ready("STARTTLS")
    connection.send(EVERY[Step.STARTTLS])
    with pytest.raises(BadReply, match="follows"):
        answered(connection, b"220 go\r\n250-mail.example\r\n")
    assert connection.phase is Phase.CLOSING


def test_tls_that_was_refused_is_not_begun() -> None:
    connection = ready("STARTTLS")
    say(connection, EVERY[Step.STARTTLS], b"454 not now")
    assert connection.phase is Phase.READY
    with pytest.raises(OutOfPlace):
        connection.tls_began()


def test_a_reply_to_nothing_is_refused() -> None:
    connection = ready()
    with pytest.raises(BadReply, match="answers nothing"):
        answered(connection, b"250 surprise\r\n")
    assert connection.may_send == frozenset()


@pytest.mark.parametrize("phase", [Phase.READY, Phase.MAIL, Phase.RECIPIENTS])
def test_a_server_may_leave_at_any_time(phase: Phase) -> None:
    connection = at(phase)
    (found,) = answered(connection, b"421 4.3.2 shutting down\r\n")  # RFC 5321 3.8
    assert found.step is None
    assert found.reply.enhanced == "4.3.2"
    assert connection.phase is Phase.CLOSING


def test_a_server_that_leaves_at_a_command_ends_the_conversation() -> None:
    connection = ready()
    assert say(connection, MAIL, b"421 bye").step is Step.MAIL
    assert connection.may_send == frozenset()


def test_a_refusal_in_the_middle_of_the_content_answers_it() -> None:
    connection = at(Phase.CONTENT)
    (found,) = answered(connection, b"552 5.3.4 too large\r\n")
    assert found.step is Step.CONTENT
    assert connection.phase is Phase.CLOSING


def test_an_acceptance_in_the_middle_of_the_content_is_nonsense() -> None:
    with pytest.raises(BadReply):
        answered(at(Phase.CONTENT), b"250 thanks\r\n")


def test_data_is_answered_with_354_or_a_refusal() -> None:
    with pytest.raises(BadReply):
        answered(at(Phase.DATA), b"250 ok\r\n")


@pytest.mark.parametrize("command", [MAIL, EVERY[Step.NOOP], EVERY[Step.STARTTLS]], ids=lambda each: each.step.value)
def test_only_data_and_auth_may_ask_for_more(command: Command) -> None:
    connection = ready("STARTTLS")
    connection.send(command)
    with pytest.raises(BadReply):
        answered(connection, b"354 go on\r\n")


def test_content_is_sent_after_354_only() -> None:
    connection = at(Phase.RECIPIENTS)
    with pytest.raises(OutOfPlace):
        connection.content(b"x")
    with pytest.raises(OutOfPlace):
        connection.end_of_content()


def test_a_refused_greeting_ends_the_conversation() -> None:
    connection = ClientConnection()
    (found,) = answered(connection, b"554 no mail here\r\n")
    assert found.step is Step.GREETING
    assert connection.may_send == frozenset()
