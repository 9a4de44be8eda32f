"""The server's side of a session: states, literals, limits, and what ends it."""

import gc
import time
import tracemalloc
from collections.abc import Iterable

import pytest

from mox_trio.protocol.imap import table
from mox_trio.protocol.imap.bounds import Bounds
from mox_trio.protocol.imap.commands import general, login, mailboxes
from mox_trio.protocol.imap.events import NEED_DATA, Command, Done, Ended, Response, State, Wrong
from mox_trio.protocol.imap.server import ServerConnection
from tests.kit import three_ways
from tests.protocol.imap.driving import Session, happened, refusal

NOT, USER, SELECTED = State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED
NOOP = Command("a2", "NOOP", general.Noop())
GO = b"+ go on\r\n"

# RFC 9051 6: where each command is allowed.
ALLOWED = {
    "CAPABILITY NOOP LOGOUT ID": (NOT, USER, SELECTED),
    "STARTTLS AUTHENTICATE LOGIN": (NOT,),
    "ENABLE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE LIST LSUB NAMESPACE STATUS APPEND IDLE COMPRESS "
    "UNAUTHENTICATE GETQUOTA GETQUOTAROOT SETQUOTA GETMETADATA SETMETADATA ESEARCH NOTIFY": (USER, SELECTED),
    "CHECK CLOSE UNSELECT EXPUNGE SEARCH SORT THREAD FETCH STORE COPY MOVE REPLACE CANCELUPDATE": (SELECTED,),
    "UID": (),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    ("name", "states"), [(name, states) for names, states in ALLOWED.items() for name in names.split()]
)
def test_every_command_is_allowed_in_its_states_only(name: str, states: tuple[State, ...], state: State) -> None:
    answer = refusal_or_nothing(name, state)
    misplaced = {NOT: "log in first", USER: "no mailbox is selected", SELECTED: "you are logged in already"}
    if state not in states and name != "UID":
        expected = "you are logged in already" if states == (NOT,) else misplaced[state]
        assert answer == f"a1 BAD {expected}\r\n"
    else:
        assert answer not in {f"a1 BAD {words}\r\n" for words in misplaced.values()}


def refusal_or_nothing(name: str, state: State) -> str:
    session = Session(state)
    session.say(b"a0 NOOP\r\n")
    said = [event for event in session.say(f"a1 {name}\r\n".encode()) if isinstance(event, bytes)]
    return b"".join(said).decode()


def test_the_table_is_all_of_them() -> None:
    named = {name for names in ALLOWED for name in names.split()} - {"UID"}
    by_uid = {"SEARCH", "SORT", "THREAD", "FETCH", "STORE", "COPY", "MOVE", "REPLACE", "EXPUNGE"}
    assert set(table.COMMANDS) == named | {f"UID {name}" for name in by_uid}


LOGIN = Command("a1", "LOGIN", login.Login(b"fred foo", b"secret"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'a1 LOGIN "fred foo" secret', [LOGIN]),
        (b"a1 LOGIN {8}\r\nfred foo {6}\r\nsecret", [GO + GO, LOGIN]),
        (b"a1 LOGIN {8+}\r\nfred foo {6+}\r\nsecret", [LOGIN]),
        (b'a1 LOGIN {8+}\r\nfred foo "secret"', [LOGIN]),
        (b'a1 LOGIN "fred foo" {6}\r\nsecret', [GO, LOGIN]),
        (b"a1 LOGIN {0}\r\n {2+}\r\n\r\n", [GO, Command("a1", "LOGIN", login.Login(b"", b"\r\n"))]),
    ],
)
def test_literals_are_asked_for(line: bytes, expected: list[object]) -> None:
    three_ways.check(lambda pieces: happened(pieces, NOT), line + b"\r\n", expected, (b"a2 NOOP\r\n", [NOOP]))


def test_a_quoted_string_does_not_reach_over_a_literal() -> None:
    found = happened([b'a1 SELECT "x {1+}\r\nyy"\r\na2 NOOP\r\n'])
    assert [type(event) for event in found] == [bytes, Wrong, Command]
    found = happened([b'a1 LOGIN "a {3+}\r\nb c" d\r\n'], NOT)
    assert isinstance(found[-1], Wrong)


def test_tags_are_given_back_as_they_came() -> None:
    assert happened([b"A.b[1]~}| NOOP\r\n"]) == [Command("A.b[1]~}|", "NOOP", general.Noop())]
    session = Session()
    session.say(b"a NOOP\r\n")
    for tag in (b"a+", b"*", b'"a"', b"", b"\xff", b"(", b"x" * 201):
        assert session.say(tag + b" NOOP\r\n") == [
            b"* BAD a command is a tag and a name\r\n",
            Wrong("", "a command is a tag and a name"),
        ]
        session.say(b"a NOOP\r\n")


def test_what_cannot_be_done_leaves_the_session_as_it_was() -> None:
    session = Session(NOT)
    session.say(b"a0 NOOP\r\n")
    assert session.say(b"a1 FOO bar\r\na2 NOOP\r\n") == [
        b"a1 BAD unknown command\r\n",
        Wrong("", "unknown command"),
        NOOP,
    ]
    assert session.say(b"a1 SELECT {5}\r\na2 NOOP\r\n") == [
        b"a1 BAD log in first\r\n",
        Wrong("SELECT", "log in first"),
        NOOP,
    ]
    assert session.say(b"a1 SELECT {5+}\r\na2 NO {2+}\r\n\r\n\r\na2 NOOP\r\n")[-1] == NOOP
    assert session.say(b"a1 LOGIN {3+}\r\nabc\r\na2 NOOP\r\n")[-2:] == [Wrong("LOGIN", "arguments are missing"), NOOP]


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n", b"EHLO x\r\n", b"\r\n", b"\x16\x03\x01\r\n", b"a FOO {5+}\r\n", b"a\r\n"]
)
def test_a_client_that_begins_with_something_else_is_sent_away(first: bytes) -> None:
    assert happened([first], NOT) == [b"* BYE this is IMAP\r\n", Ended("not-imap")]


def test_a_first_command_out_of_place_is_still_one() -> None:
    assert happened([b"a1 SELECT x\r\na2 NOOP\r\n"], NOT)[-1] == NOOP


@pytest.mark.parametrize(
    ("data", "text", "reason"),
    [
        (b"a1 NOOP\n", "a line ends with CR LF", "bare-lf"),
        (b"a1 NOOP\r\r\n", "a line ends with CR LF", "bare-cr"),
        (b"a1 SELECT a\rb\r\n", "a line ends with CR LF", "bare-cr"),
        (b"a1 SELECT {1+}\r\nx\n", "a line ends with CR LF", "bare-lf"),
        (b"a1 SELECT " + b"x" * 65536, "the line is too long", "line-too-long"),
    ],
)
def test_what_is_no_line_ends_the_session(data: bytes, text: str, reason: str) -> None:
    assert happened([data]) == [f"* BYE {text}\r\n".encode(), Ended(reason)]
    assert happened([data[at : at + 1] for at in range(len(data))]) == [f"* BYE {text}\r\n".encode(), Ended(reason)]


def test_the_end_is_an_event_and_stays() -> None:
    session = Session()
    assert session.say(b"a1 NOOP\r\na2 NO", b"") == [Command("a1", "NOOP", general.Noop()), Ended("eof")]
    assert session.connection.next_event() == Ended("eof")
    session.connection.receive(b"a3 NOOP\r\n")
    assert session.connection.next_event() == Ended("eof")


def test_too_many_bad_commands_in_a_row_end_the_session() -> None:
    session = Session(SELECTED, Bounds(bad_commands=3))
    for _ in range(3):
        session.say(b"a0 NOOP\r\n")
        session.say(b"a1 FOO\r\n" * 3)
    assert session.say(b"a1 FOO\r\n") == [b"* BYE too many bad commands\r\n", Ended("bad-commands")]
    session = Session(SELECTED, Bounds(bad_commands=3))
    assert len(session.say(b"a1 SELECT &\r\n" * 9)) == 18  # NO is an answer


@pytest.mark.parametrize("form", [b"{%d}", b"{%d+}"])
def test_literals_are_limited(form: bytes) -> None:
    bounds = Bounds(literal=100, literals=3, command=250, skipped=400)

    def last(*sizes: int) -> list[object]:
        session = Session(SELECTED, bounds)
        session.say(b"a0 NOOP\r\n")
        line = b"a1 CANCELUPDATE"
        for size in sizes:
            session.say(line + b" " + form % size + b"\r\n")
            waits = isinstance(session.happened[-1], bytes) and session.happened[-1].endswith(GO)
            line = b"x" * size if b"+" in form or waits else b""
            if not line:
                break
        session.say(line + b"\r\na2 NOOP\r\n" if line else b"a2 NOOP\r\n")
        return list(session.happened)

    assert isinstance(last(100)[-2], Command)
    assert isinstance(last(80, 80)[-2], Command)
    for sizes in ([101], [80, 80, 80], [1, 1, 1, 1]):
        found = last(*sizes)
        assert isinstance(found[-2], Wrong), sizes
        assert b"BAD [TOOBIG]" in b"".join(event for event in found if isinstance(event, bytes))
        assert found[-1] == NOOP


def test_octets_beyond_what_is_worth_reading_end_the_session() -> None:
    session = Session(SELECTED, Bounds(skipped=400))
    session.say(b"a0 NOOP\r\n")
    found = session.say(b"a1 FOO {401+}\r\n")
    assert found == [
        b"a1 BAD unknown command\r\n* BYE too much that cannot be used\r\n",
        Wrong("", "unknown command"),
        Ended("unwanted-octets"),
    ]


def test_before_a_user_is_known_less_is_read() -> None:
    bounds = Bounds(stranger=50)
    found = Session(NOT, bounds).say(b"a1 LOGIN {40}\r\na2 NOOP\r\n")
    assert found[-2:] == [Wrong("LOGIN", "the literal is too large"), NOOP]
    assert isinstance(Session(USER, bounds).say(b"a1 SELECT {40+}\r\n" + b"x" * 40 + b"\r\n")[-1], Command)


def test_a_command_of_many_lines_is_limited() -> None:
    session = Session(SELECTED, Bounds(command=300))
    for _ in range(3):
        session.say(b"a1 LIST " + b"x" * 80 + b" {0+}\r\n" if _ == 0 else b"x" * 90 + b" {0+}\r\n")
    session.say(b"x" * 90 + b"\r\na2 NOOP\r\n")
    assert session.happened[-2:] == [Wrong("LIST", "the command is too long"), NOOP]


@pytest.mark.parametrize(
    "line",
    [
        b"ENABLE " + b"X " * 1001,
        b"STORE 1 FLAGS (" + b"x " * 1001 + b")",
        b"STORE 1 FLAGS " + b"x " * 1002,
        b"FETCH 1 (" + b"FLAGS " * 1001 + b")",
        b'LIST "" (' + b"x " * 1001 + b")",
        b"FETCH " + b",".join([b"1"] * 20_001) + b" FLAGS",
        b"ID (" + b"x NIL " * 31 + b")",
        b"NOTIFY SET" + b" (personal NONE)" * 1002,
        b"CANCELUPDATE" + b' "x"' * 1002,
    ],
)
def test_lists_are_limited(line: bytes) -> None:
    assert refusal(line).startswith(b"BAD ")


def test_the_longest_line_is_read_and_quickly() -> None:
    line = b"a1 FETCH " + b",".join(b"%d" % number for number in range(1, 12_500)) + b" FLAGS\r\n"
    assert 60_000 < len(line) < 65_536
    began = time.process_time()
    assert isinstance(happened([line])[0], Command)
    assert isinstance(happened([line[at : at + 1] for at in range(len(line))])[0], Command)
    assert time.process_time() - began < 5


def test_commands_are_read_in_the_state_that_the_answers_led_to() -> None:
    connection = ServerConnection()
    connection.receive(b"a1 LOGIN a b\r\na2 SELECT x\r\na3 CHECK\r\na4 CLOSE\r\na5 CHECK\r\n")
    for state, name in [(USER, "LOGIN"), (SELECTED, "SELECT"), (SELECTED, "CHECK"), (USER, "CLOSE")]:
        assert connection.has_more
        event = connection.next_event()
        assert isinstance(event, Command)
        assert event.name == name
        connection.set_state(state)
    assert connection.next_event() == Wrong("CHECK", "no mailbox is selected")
    assert not connection.has_more
    assert connection.next_event() is NEED_DATA
    assert connection.take_output() == b"a5 BAD no mailbox is selected\r\n"
    assert connection.take_output() == b""


def test_nothing_may_follow_starttls() -> None:
    assert happened([b"a1 STARTTLS\r\na2 LOGIN a b\r\n"], NOT) == [
        b"* BYE nothing may follow STARTTLS\r\n",
        Ended("bytes-after-starttls"),
    ]
    connection = ServerConnection()
    connection.receive(b"a1 STARTTLS\r\n")
    assert connection.next_event() == Command("a1", "STARTTLS", login.StartTls())
    connection.receive(b"a2 LOGIN a b\r\n")
    assert connection.discard() == b"a2 LOGIN a b\r\n"
    assert connection.next_event() is NEED_DATA
    connection.is_tls = True
    connection.receive(b"a3 STARTTLS\r\n")
    assert connection.next_event() == Wrong("STARTTLS", "TLS is there already")


def test_what_follows_compress_is_given_back() -> None:
    connection = ServerConnection()
    connection.set_state(USER)
    connection.receive(b"a1 COMPRESS DEFLATE\r\n\x01\x02")
    assert isinstance(connection.next_event(), Command)
    assert connection.discard() == b"\x01\x02"
    assert connection.discard() == b""


def test_a_log_in_by_challenges() -> None:
    def log_in(pieces: Iterable[bytes]) -> list[object]:
        session = Session(NOT)
        session.challenges = 2
        return list(session.say(*pieces))

    asked = b"+ d2hvPw==\r\n"
    begins = Command("a1", "AUTHENTICATE", login.Authenticate("X"))
    three_ways.check(
        log_in,
        b"a1 AUTHENTICATE x\r\nYWJj\r\n\r\n",
        [begins, asked, Response(b"abc"), asked, Response(b"")],
        (b"a2 NOOP\r\n", [NOOP]),
    )
    assert log_in([b"a1 AUTHENTICATE X\r\n*\r\n"])[:3] == [begins, asked, Response(None)]
    broken = log_in([b"a1 AUTHENTICATE X\r\n!\r\na2 NOOP\r\n"])
    assert broken == [
        begins,
        asked + b"a1 BAD that is not base64\r\n",
        Wrong("AUTHENTICATE", "that is not base64"),
        NOOP,
    ]
    assert log_in([b"a1 AUTHENTICATE X\r\n" + b"A" * 16384])[-1] == Ended("line-too-long")


def test_secrets_are_not_shown() -> None:
    shown = repr(happened([b"a1 LOGIN fred topsecret\r\n", b"a2 AUTHENTICATE PLAIN dG9wc2VjcmV0\r\n"], NOT))
    assert "fred" in shown
    assert "topsecret" not in shown


def test_idle_ends_with_done() -> None:
    idle = Command("a1", "IDLE", general.Idle())
    for done in (b"DONE\r\n", b"done\r\n", b"Done \r\n"):
        three_ways.check(happened, b"a1 IDLE\r\n" + done, [idle, Done()], (b"a2 NOOP\r\n", [NOOP]))
    assert happened([b"a1 IDLE\r\na2 NOOP\r\n"]) == [idle, b"a1 BAD IDLE ends with DONE\r\n", Ended("idle")]
    assert happened([b"a1 IDLE\r\n" + b"x" * 64])[-1] == Ended("line-too-long")


def test_answers_speak_utf8_once_that_is_enabled() -> None:
    assert ServerConnection().wire.utf8 is False
    connection = ServerConnection()
    connection.utf8 = connection.rev2 = True
    assert (connection.wire.utf8, connection.wire.rev2) == (True, True)


def test_nothing_of_a_command_is_kept_when_it_is_over() -> None:
    def kept(*lines: bytes) -> int:
        session = Session(SELECTED)
        session.say(b"a0 NOOP\r\n")
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for line in lines:
                session.connection.receive(line)
                while session.connection.next_event() is not NEED_DATA:
                    session.connection.go_on()
                session.connection.take_output()
            gc.collect()
            return tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()

    name = b"{90000+}\r\n" + b"x" * 90_000
    for line in (
        b"a1 SETMETADATA x (/a " + name + b")\r\n",
        b"a1 SETMETADATA x (/a " + name + b" ?\r\n",
        b"a1 FOO " + name + b"\r\n",
        b"a1 APPEND " + name + b" {3+}\r\nabc\r\n",
        b"a1 APPEND x {90000+}\r\n" + b"x" * 90_000 + b" ?\r\n",
        b"a1 NOOP\r\n" * 10_000,
    ):
        assert kept(line) < 20_000, line[:20]


def test_a_hundred_thousand_commands_take_seconds() -> None:
    connection = ServerConnection()
    connection.set_state(SELECTED)
    data = b"a1 UID FETCH 5 (FLAGS)\r\n" * 1000
    began = time.process_time()
    for _ in range(10):
        connection.receive(data)
        for _ in range(1000):
            assert isinstance(connection.next_event(), Command)
        assert connection.next_event() is NEED_DATA
    assert time.process_time() - began < 15
    connection.receive(b"a1 STATUS x (MESSAGES)\r\n")
    assert connection.next_event() == Command("a1", "STATUS", mailboxes.Status("x", ("MESSAGES",)))
