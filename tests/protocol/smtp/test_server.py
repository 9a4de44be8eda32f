"""The server's side of a session: every command in every state, replies that leave together, sessions that are ended."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.smtp import server
from mox_trio.protocol.smtp.extensions import Terms
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.protocol.smtp.server import ServerConnection
from mox_trio.protocol.smtp.server_events import (
    NEED_DATA,
    Auth,
    AuthResponse,
    Block,
    ChunkEnd,
    ContentEnd,
    Data,
    Ended,
    Event,
    Hello,
    Kind,
    Mail,
    Quit,
    Rcpt,
    StartTls,
    State,
)
from tests.kit import three_ways

OK = Reply.of(250, "2.0.0", "OK")
REFUSED = Reply.of(550, "5.0.0", "no")


class Session:
    """A connection and a driver that agrees to everything but what it is told to refuse."""

    def __init__(self, kind: Kind = Kind.SMTP, **terms: object) -> None:
        self.connection = ServerConnection(Terms(kind, "mx.example", **terms), lambda: 0)  # type: ignore[arg-type]
        self.refused: set[type] = set()
        self.events: list[Event] = []
        self.content = b""
        self.bursts: list[bytes] = []

    def say(self, data: bytes) -> list[str]:
        """What is answered to these bytes, a line each."""
        self.connection.receive(data)
        while (event := self.connection.next_event()) is not NEED_DATA:
            self.events.append(event)
            self._settle(event)
            if isinstance(event, Quit | Ended):
                break
        output = self.connection.take_output()
        self.bursts.append(output)
        return output.decode().splitlines()

    def codes(self, data: bytes) -> list[str]:
        """The codes of the replies."""
        return [line[:3] for line in self.say(data) if line[3] == " "]

    def _settle(self, event: Event) -> None:
        connection = self.connection
        if isinstance(event, Block):
            self.content += event.data
        elif type(event) in self.refused:
            connection.answer(REFUSED)
        elif isinstance(event, Hello | Mail | Rcpt | ChunkEnd):
            connection.answer(OK)
        elif isinstance(event, StartTls):
            connection.answer(server.START_TLS)
        elif isinstance(event, Data):
            connection.answer(server.START_CONTENT)
        elif isinstance(event, Auth):
            connection.challenge(b"who?")
        elif isinstance(event, AuthResponse):
            connection.answer(Reply.of(235 if event.data else 501, "", ""))
        elif isinstance(event, ContentEnd):
            if connection.context.terms.kind is Kind.LMTP:
                connection.answer_each([OK, *[REFUSED] * (len(connection.envelope.recipients) - 1)])
            else:
                connection.answer(OK)


HELLO = b"EHLO c.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
RCPT = b"RCPT TO:<c@d.example>\r\n"
STATES = {
    State.HELLO: b"",
    State.READY: HELLO,
    State.MAIL: HELLO + MAIL,
    State.RCPT: HELLO + MAIL + RCPT,
    State.CHUNKS: HELLO + MAIL + RCPT + b"BDAT 2\r\nab",
}
# What each command gets in the order of STATES, and the state that follows.
H, R, M, T, C = State.HELLO, State.READY, State.MAIL, State.RCPT, State.CHUNKS
TABLE: dict[bytes, list[tuple[str, State]]] = {
    b"EHLO c.example": [("250", R)] * 5,
    b"HELO c.example": [("250", R)] * 5,
    b"LHLO c.example": [("500", H), ("500", R), ("500", M), ("500", T), ("500", C)],
    b"MAIL FROM:<a@b.example>": [("503", H), ("250", M), ("503", M), ("503", T), ("503", C)],
    b"RCPT TO:<c@d.example>": [("503", H), ("503", R), ("250", T), ("250", T), ("503", C)],
    b"DATA": [("503", H), ("503", R), ("554", M), ("354", State.DATA), ("503", C)],
    b"BDAT 3\r\nabc": [("503", H), ("503", R), ("554", M), ("250", C), ("250", C)],
    b"BDAT 3 LAST\r\nabc": [("503", H), ("503", R), ("554", M), ("250", R), ("250", R)],
    b"RSET": [("250", H), ("250", R), ("250", R), ("250", R), ("250", R)],
    b"NOOP": [("250", H), ("250", R), ("250", M), ("250", T), ("250", C)],
    b"NOOP with words": [("250", H), ("250", R), ("250", M), ("250", T), ("250", C)],
    b"HELP": [("214", H), ("214", R), ("214", M), ("214", T), ("214", C)],
    b"VRFY mary": [("252", H), ("252", R), ("252", M), ("252", T), ("252", C)],
    b"EXPN list": [("252", H), ("252", R), ("252", M), ("252", T), ("252", C)],
    b"STARTTLS": [("503", H), ("503", R), ("503", M), ("503", T), ("503", C)],
    b"AUTH PLAIN": [("503", H), ("503", R), ("503", M), ("503", T), ("503", C)],
    b"QUIT": [("221", State.CLOSED)] * 5,
    b"QUIT now": [("501", H), ("501", R), ("501", M), ("501", T), ("501", C)],
    b"\xff\xff": [("500", H), ("500", R), ("500", M), ("500", T), ("500", C)],
    b"NOOP \xff": [("501", H), ("501", R), ("501", M), ("501", T), ("501", C)],
    b"XYZZY": [("500", H), ("500", R), ("500", M), ("500", T), ("500", C)],
    b"": [("500", H), ("500", R), ("500", M), ("500", T), ("500", C)],
}


@pytest.mark.parametrize("command", TABLE)
@pytest.mark.parametrize("state", STATES)
def test_every_command_in_every_state(state: State, command: bytes) -> None:
    session = Session()
    session.say(b"NOOP\r\n" + STATES[state])
    assert session.connection.state is state
    expected, after = TABLE[command][list(STATES).index(state)]
    line_end = b"" if command.startswith(b"BDAT") else b"\r\n"
    assert session.codes(command + line_end) == [expected]
    assert session.connection.state is after


def dialogue(pieces: Iterable[bytes]) -> Sequence[str]:
    session = Session()
    return [line for piece in pieces for line in session.say(piece)]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"NOOP\r\n", ["250 2.0.0 OK"]),
        (b"NOOP\r\nhelp\r\n", ["250 2.0.0 OK", "214 2.0.0 see RFC 5321"]),
        (
            b"HELO c.example\r\n" + MAIL + RCPT + b"DATA\r\nSubject: x\r\n\r\n..\r\n.\r\nRSET\r\n",
            [
                "250 mx.example",
                "250 2.0.0 OK",
                "250 2.0.0 OK",
                "354 go on; end with a dot on a line of its own",
                "250 2.0.0 OK",
                "250 2.0.0 reset",
            ],
        ),
        (b"BDAT 6\r\nNOOP\r\n", ["503 5.5.1 not at this point"]),
    ],
)
def test_a_session_comes_in_any_pieces(sent: bytes, expected: list[str]) -> None:
    following = (b"VRFY x\r\n", ["252 2.5.2 send mail to it and see"])
    three_ways.check(dialogue, sent, expected, following)


def test_replies_to_commands_that_came_together_leave_together() -> None:
    session = Session()
    session.say(HELLO)
    assert session.codes(MAIL + RCPT + RCPT + b"DATA\r\n") == ["250", "250", "250", "354"]
    assert len(session.bursts) == 2


def test_helo_gets_no_extensions_and_no_commands_of_them() -> None:
    session = Session()
    assert session.say(b"HELO c.example\r\n") == ["250 mx.example"]
    assert session.say(b"STARTTLS\r\n") == ["503 5.5.1 say EHLO first"]
    assert session.codes(b"MAIL FROM:<a@b.example> SIZE=1\r\n" + MAIL + RCPT + b"BDAT 1 LAST\r\nx") == [
        *("555", "250", "250", "503")
    ]


def test_what_is_refused_begins_no_transaction() -> None:
    session = Session()
    session.refused = {Mail}
    assert session.codes(HELLO + MAIL + RCPT + b"DATA\r\n") == ["250", "550", "503", "503"]
    session.refused = {Rcpt}
    assert session.codes(MAIL + RCPT + b"DATA\r\n") == ["250", "550", "554"]
    session.refused = {Data}
    assert session.codes(RCPT + b"DATA\r\n" + MAIL) == ["250", "550", "250"]


def test_the_envelope_holds_who_was_accepted() -> None:
    session = Session()
    session.say(HELLO + MAIL + RCPT)
    session.refused = {Rcpt}
    session.say(b"RCPT TO:<x@d.example>\r\n")
    session.refused = set()
    session.say(b"RCPT TO:<e@f.example> NOTIFY=NEVER\r\n")
    assert [str(each.path) for each in session.connection.envelope.recipients] == ["<c@d.example>", "<e@f.example>"]


def test_a_second_hello_ends_the_transaction() -> None:
    session = Session()
    session.say(HELLO + MAIL + RCPT + HELLO)
    assert not session.connection.in_transaction
    assert session.codes(b"DATA\r\n") == ["503"]


def test_chunks_make_a_message() -> None:
    session = Session()
    session.say(HELLO + MAIL + RCPT)
    assert session.codes(b"BDAT 9\r\nSubject: BDAT 5\r\nx\r\n\r\nBDAT 0 LAST\r\n" + MAIL) == [
        "250",
        "250",
        "250",
        "250",
    ]
    assert session.content == b"Subject: x\r\n\r\n"


def test_binarymime_is_not_for_data() -> None:
    session = Session()
    session.say(HELLO + b"MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n" + RCPT)
    assert session.codes(b"DATA\r\n") == ["503"]
    assert session.codes(b"BDAT 4 LAST\r\n\0\r\n\n") == ["250"]
    assert session.content == b"\0\r\n\n"


@pytest.mark.parametrize(
    ("chunks", "codes"),
    [
        (b"BDAT 2\r\na\0BDAT 2 LAST\r\nbc", ["554", "503"]),
        (b"BDAT 60\r\n" + b"x" * 60 + b"BDAT 60\r\n" + b"x" * 60 + b"BDAT 1 LAST\r\nx", ["250", "552", "503"]),
        (b"BDAT 1\r\na" + RCPT + MAIL + b"BDAT 1 LAST\r\na", ["250", "503", "503", "250"]),
        (b"BDAT 1\r\naDATA\r\nRSET\r\nBDAT 1\r\na", ["250", "503", "250", "503"]),
        (b"BDAT 1 LAST\r\n\r", ["554"]),
    ],
)
def test_a_chunk_that_is_refused_ends_the_message_and_is_read(chunks: bytes, codes: list[str]) -> None:
    session = Session(message_bytes=100)
    session.say(HELLO + MAIL + RCPT)
    assert session.codes(chunks) == codes
    assert session.codes(b"NOOP\r\n") == ["250"]


@pytest.mark.parametrize("argument", [b"", b" x", b" 1 2", b" -1", b" 1 LAST 2", b" 99999999999999999999"])
def test_a_chunk_without_a_length_ends_the_session(argument: bytes) -> None:
    session = Session()
    session.say(HELLO + MAIL + RCPT)
    assert session.codes(b"BDAT" + argument + b"\r\nQUIT\r\n") == ["501"]
    assert session.events[-1] == Ended("bdat-syntax")


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"\0\r\n.\r\n", "554 5.6.0"),
        (b"x" * 200 + b"\r\n.\r\n", "552 5.3.4"),
    ],
)
def test_bad_content_is_read_to_its_end_and_refused(content: bytes, reply: str) -> None:
    session = Session(message_bytes=100)
    session.say(HELLO + MAIL + RCPT + b"DATA\r\n")
    (answer,) = session.say(content)
    assert answer.startswith(reply)
    assert not any(isinstance(event, ContentEnd) for event in session.events)
    assert session.codes(MAIL) == ["250"]


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"a\n.\nMAIL FROM:<x@y.example>\r\n.\r\n", "554 5.5.2"),
        (b"a\rb\r\n.\r\n", "554 5.6.0"),
        (b"a\r\r\n.\r\n", "554 5.6.0"),
        (b"x" * 200 + b"\r\r\n.\r\n", "554 5.6.0"),
        (b"\0\r\n\n.\r\n\r\n.\r\n", "554 5.5.2"),
    ],
)
def test_what_follows_content_whose_end_is_in_doubt_is_not_obeyed(content: bytes, reply: str) -> None:
    session = Session(message_bytes=100)
    session.say(HELLO + MAIL + RCPT + b"DATA\r\n")
    (answer,) = session.say(content + MAIL + RCPT + b"DATA\r\n")
    assert answer.startswith(reply)
    assert not any(isinstance(event, ContentEnd) for event in session.events)
    assert session.events[-1] == Ended("smuggling")


def test_lmtp_answers_for_each_recipient() -> None:
    session = Session(Kind.LMTP)
    assert session.codes(b"EHLO c.example\r\nHELO c.example\r\nLHLO c.example\r\n") == ["500", "500", "250"]
    content = b"DATA\r\nx\r\n.\r\n"
    assert session.codes(MAIL + RCPT + RCPT + RCPT + content) == ["250"] * 4 + ["354", "250", "550", "550"]
    assert session.codes(MAIL + RCPT + RCPT + b"BDAT 1\r\nxBDAT 1 LAST\r\nx") == ["250"] * 4 + ["250", "550"]
    assert session.codes(MAIL + RCPT + RCPT + b"DATA\r\n\0\r\n.\r\n") == ["250"] * 3 + ["354", "554", "554"]
    assert session.codes(MAIL + RCPT + RCPT + b"BDAT 1\r\n\0") == ["250"] * 3 + ["554"]
    assert session.codes(MAIL + b"DATA\r\n") == ["250", "554"]


def offering_tls(kind: Kind = Kind.SMTP) -> Session:
    session = Session(kind)
    session.connection.context.may_start_tls = True
    session.connection.context.mechanisms = ("PLAIN", "LOGIN")
    return session


def test_everything_begins_again_after_starttls() -> None:
    session = offering_tls()
    assert "250-STARTTLS" in session.say(HELLO)
    assert session.codes(b"STARTTLS\r\n") == ["220"]
    assert session.connection.state is State.TLS
    session.connection.tls_started()
    assert session.codes(MAIL) == ["503"]
    assert "250-STARTTLS" not in session.say(HELLO)
    assert session.codes(b"STARTTLS\r\n") == ["503"]


@pytest.mark.parametrize("more", [b"EHLO c.example\r\n", b"N", b"\r\n"])
def test_bytes_behind_starttls_end_the_session(more: bytes) -> None:
    session = offering_tls()
    session.say(HELLO)
    assert session.codes(b"STARTTLS\r\n" + more) == ["503"]
    assert session.events[-1] == Ended("bytes-after-starttls")


@pytest.mark.parametrize("argument", [b"STARTTLS now", b"DATA now", b"RSET now"])
def test_some_commands_have_no_argument(argument: bytes) -> None:
    session = offering_tls()
    session.say(HELLO + MAIL + RCPT if argument.startswith(b"DATA") else HELLO)
    assert session.codes(argument + b"\r\n") == ["501"]


def test_auth_is_a_dialogue_of_its_own() -> None:
    session = offering_tls(Kind.SUBMISSION)
    session.say(HELLO)
    assert session.say(b"AUTH login\r\n") == ["334 d2hvPw=="]
    assert session.codes(b"NOOP\r\n") == ["235"]  # base64 too
    assert session.events[-2:] == [Auth("LOGIN", None), AuthResponse(b"4\xe3\x8f")]
    assert session.say(b"AUTH PLAIN\r\n") == ["503 5.5.1 you are logged in"]


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b"AUTH PLAIN", Auth("PLAIN", None)),
        (b"AUTH plain =", Auth("PLAIN", b"")),
        (b"AUTH PLAIN  AGE=", Auth("PLAIN", b"\0a")),
        (b"auth plain " + b"A" * 8000, Auth("PLAIN", bytes(6000))),
    ],
)
def test_auth_has_an_initial_response(line: bytes, event: Auth) -> None:
    session = offering_tls(Kind.SUBMISSION)
    session.say(HELLO + line + b"\r\n")
    assert session.events[-1] == event


@pytest.mark.parametrize(("line", "reply"), [(b"*", "501"), (b"no!", "501"), (b"AGE", "501"), (b"=", "501")])
def test_auth_is_given_up(line: bytes, reply: str) -> None:
    session = offering_tls(Kind.SUBMISSION)
    assert session.codes(HELLO + b"AUTH LOGIN\r\n" + line + b"\r\n") == ["250", "334", reply]
    assert session.connection.state is State.READY
    assert session.codes(b"AUTH LOGIN !\r\n" + b"AUTH \r\n") == ["501", "501"]


def test_auth_is_not_for_transactions_and_not_for_port_25() -> None:
    session = offering_tls(Kind.SUBMISSION)
    session.say(HELLO + MAIL)
    assert session.codes(b"AUTH PLAIN\r\n") == ["503"]
    assert offering_tls().codes(HELLO + b"AUTH PLAIN\r\n") == ["250", "503"]


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\r\n", b"XYZZY\r\nNOOP\r\n"])
def test_who_does_not_speak_smtp_is_told_once(first: bytes) -> None:
    session = Session()
    assert session.codes(first) == ["500"]
    assert session.events == [Ended("not-smtp")]


def test_an_endless_stream_of_bad_commands_is_cut_off() -> None:
    session = Session(errors=5)
    assert session.codes(b"NOOP\r\n" + b"XYZZY\r\n" * 100) == ["250"] + ["500"] * 5 + ["421"]
    assert session.events[-1] == Ended("errors")


def test_an_endless_stream_of_commands_that_do_nothing_is_cut_off() -> None:
    session = Session(idle_commands=10)
    assert session.codes(b"NOOP\r\nRSET\r\n" * 50)[-2:] == ["250", "421"]
    assert session.events[-1] == Ended("errors")


def test_messages_make_up_for_commands_that_do_nothing() -> None:
    session = Session(idle_commands=3)
    session.say(HELLO)
    for _ in range(10):
        assert session.codes(b"NOOP\r\nRSET\r\n" + MAIL + RCPT + b"BDAT 1 LAST\r\nx") == ["250"] * 5


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"NOOP " + b"x" * 3000, "line-too-long"),
        (b"NOOP " + b"x" * 3000 + b"\r\n", "line-too-long"),
        (b"NOOP\nNOOP\r\n", "bare-lf"),
        (b"NOOP\rNOOP\r\n", "bare-cr"),
        (b"AUTH PLAIN " + b"A" * 13_000, "line-too-long"),
    ],
)
def test_lines_that_are_none_end_the_session(line: bytes, reason: str) -> None:
    session = Session()
    assert session.codes(line + b"NOOP\r\n") == ["500"]
    assert session.events == [Ended(reason)]
    assert session.connection.next_event() == Ended("closed")


def test_the_end_of_the_connection_is_seen_wherever_it_comes() -> None:
    for beginning in (b"NOOP\r\n", HELLO, HELLO + MAIL + RCPT + b"DATA\r\nx", HELLO + MAIL + RCPT + b"BDAT 5\r\nx"):
        session = Session()
        session.say(beginning)
        session.say(b"")
        assert session.events[-1] == Ended("eof")


def test_421_is_the_last_word() -> None:
    session = Session()
    session.connection.receive(HELLO + MAIL)
    assert isinstance(session.connection.next_event(), Hello)
    session.connection.answer(Reply.of(421, "4.3.2", "later"))
    assert session.connection.next_event() == Ended("closed")


def test_a_greeting_that_refuses_is_the_last_word() -> None:
    session = Session()
    session.connection.greet(Reply.of(421, "4.3.2", "later"))
    assert session.say(HELLO) == ["421 4.3.2 later"]


def test_closing_in_the_middle_of_content_ends_it() -> None:
    session = Session()
    session.say(HELLO + MAIL + RCPT + b"BDAT 5\r\nx")
    session.connection.close(Reply.of(421, "4.4.2", "too slow"))
    assert session.connection.next_event() == Ended("closed")


def test_a_driver_that_does_not_answer_is_told() -> None:
    connection = Session().connection
    with pytest.raises(RuntimeError):
        connection.answer(OK)
    connection.receive(HELLO)
    connection.next_event()
    with pytest.raises(RuntimeError):
        connection.next_event()
    with pytest.raises(RuntimeError):
        connection.challenge(b"")
    with pytest.raises(RuntimeError):
        connection.answer_each([])
    with pytest.raises(RuntimeError):
        _ = connection.envelope


def test_replies_are_in_utf8_only_in_a_transaction_that_is() -> None:
    session = Session()
    session.say(HELLO + b"MAIL FROM:<a@b.example> SMTPUTF8\r\n")
    session.connection.receive(RCPT)
    session.connection.next_event()
    session.connection.answer(Reply.of(550, "5.1.1", "näh"))
    assert session.connection.take_output() == "550 5.1.1 näh\r\n".encode()


PIECES = st.sampled_from(
    [
        *(line if line.startswith(b"BDAT") else line + b"\r\n" for line in TABLE),
        *(b"BDAT 5\r\n", b".\r\n", b"*\r\n", b"AUTH PLAIN AGEAYg==\r\n", b"x\r\n.\r\n", b"\n.\n", b"\r", b"\0"),
        b"MAIL FROM:<a@b.example> BODY=BINARYMIME SMTPUTF8\r\n",
    ]
)


@given(st.lists(PIECES, max_size=15), st.lists(st.integers(1, 40), max_size=20), st.sampled_from(Kind))
def test_whatever_comes_in_whatever_pieces_gets_the_same_answers(
    pieces: list[bytes], cuts: list[int], kind: Kind
) -> None:
    stream = b"".join(pieces)
    whole, cut_up = Session(kind), Session(kind)
    for session in (whole, cut_up):
        session.connection.context.mechanisms = ("PLAIN",)
    expected = whole.say(stream) if stream else []
    found: list[str] = []
    while stream and not (cut_up.events and isinstance(cut_up.events[-1], Ended | Quit)):
        size = cuts.pop(0) if cuts else len(stream)
        found += cut_up.say(stream[:size])
        stream = stream[size:]
    assert found == expected
    assert cut_up.content == whole.content
    assert cut_up.connection.state is whole.connection.state
