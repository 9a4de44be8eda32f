"""APPEND, REPLACE and CATENATE: messages come block by block and are never joined."""

import datetime

import pytest

from mox_trio.protocol.imap.bounds import Bounds
from mox_trio.protocol.imap.commands import general
from mox_trio.protocol.imap.commands.append import (
    Append,
    AppendEnd,
    Message,
    MessageEnd,
    Replace,
    TextEnd,
    TextPart,
    UrlPart,
)
from mox_trio.protocol.imap.events import NEED_DATA, Block, Command, Ended, State, Wrong
from mox_trio.protocol.imap.responses import Status
from mox_trio.protocol.imap.server import ServerConnection
from tests.kit import three_ways
from tests.protocol.imap.driving import Happened, Session, happened

GO = b"+ go on\r\n"
NOOP = Command("a2", "NOOP", general.Noop())
BEGINS = Command("a1", "APPEND", Append("x"))


def moment(*when: int) -> int:
    return int(datetime.datetime(*when, tzinfo=datetime.UTC).timestamp()) * 1000  # type: ignore[misc, arg-type]


CASES: list[tuple[bytes, list[Happened]]] = [
    (
        b"APPEND x {3}\r\nabc",
        [BEGINS, Message((), None, 3, must_ask=True), GO, Block(b"abc"), MessageEnd(), AppendEnd()],
    ),
    (b"APPEND x {3+}\r\nabc", [BEGINS, Message((), None, 3), Block(b"abc"), MessageEnd(), AppendEnd()]),
    (b"APPEND x {0+}\r\n", [BEGINS, Message((), None, 0), MessageEnd(), AppendEnd()]),
    (b"APPEND x {4+}\r\n\r\n\r\n", [BEGINS, Message((), None, 4), Block(b"\r\n\r\n"), MessageEnd(), AppendEnd()]),
    (
        b'APPEND x (\\Seen $Junk \\Seen) "17-Jul-1996 02:44:25 -0700" {8+}\r\na1 NOOP\n',
        [
            BEGINS,
            Message(("\\Seen", "$Junk"), moment(1996, 7, 17, 9, 44, 25), 8),
            Block(b"a1 NOOP\n"),
            MessageEnd(),
            AppendEnd(),
        ],
    ),
    (b"APPEND x () {1+}\r\nx", [BEGINS, Message((), None, 1), Block(b"x"), MessageEnd(), AppendEnd()]),
    (
        b'APPEND x " 1-Feb-2024 23:59:60 +0530" ~{2+}\r\n\0x',
        [
            BEGINS,
            Message((), moment(2024, 2, 1, 18, 29, 59), 2, is_binary=True),
            Block(b"\0x"),
            MessageEnd(),
            AppendEnd(),
        ],
    ),
    (
        b'APPEND "x" "1-feb-2024 00:00:00 +0000" UTF8 (~{2+}\r\nab)',
        [
            BEGINS,
            Message((), moment(2024, 2, 1), 2, is_binary=True, is_utf8=True),
            Block(b"ab"),
            MessageEnd(),
            AppendEnd(),
        ],
    ),
    (  # RFC 3502: several messages
        b"APPEND x (\\Seen) {3+}\r\nabc (\\Draft) {2}\r\nde {1+}\r\nf",
        [
            BEGINS,
            Message(("\\Seen",), None, 3),
            Block(b"abc"),
            MessageEnd(),
            Message(("\\Draft",), None, 2, must_ask=True),
            GO,
            Block(b"de"),
            MessageEnd(),
            Message((), None, 1),
            Block(b"f"),
            MessageEnd(),
            AppendEnd(),
        ],
    ),
    (  # the name is a literal, too
        b"APPEND {1}\r\nx {1}\r\ny",
        [GO, BEGINS, Message((), None, 1, must_ask=True), GO, Block(b"y"), MessageEnd(), AppendEnd()],
    ),
    (b"APPEND {1+}\r\nx {1+}\r\ny", [BEGINS, Message((), None, 1), Block(b"y"), MessageEnd(), AppendEnd()]),
    (
        b"REPLACE 4 x {1+}\r\ny",
        [
            Command("a1", "REPLACE", Replace(4, "x", uid=False)),
            Message((), None, 1),
            Block(b"y"),
            MessageEnd(),
            AppendEnd(),
        ],
    ),
    (
        b"uid replace * x (\\Seen) {1+}\r\ny",
        [
            Command("a1", "UID REPLACE", Replace(0, "x", uid=True)),
            Message(("\\Seen",), None, 1),
            Block(b"y"),
            MessageEnd(),
            AppendEnd(),
        ],
    ),
    (  # RFC 4469 3
        b'APPEND x CATENATE (URL "/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.5.9" TEXT {4}\r\n\r\nab URL /y)',
        [
            BEGINS,
            Message((), None, 0, is_catenate=True),
            UrlPart("/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.5.9"),
            TextPart(4, is_binary=False, must_ask=True),
            GO,
            Block(b"\r\nab"),
            TextEnd(),
            UrlPart("/y"),
            MessageEnd(),
            AppendEnd(),
        ],
    ),
    (
        b"APPEND x (\\Seen) catenate (text ~{2+}\r\n\0a text {0+}\r\n url {2+}\r\n/y) {1+}\r\nz",
        [
            BEGINS,
            Message(("\\Seen",), None, 0, is_catenate=True),
            TextPart(2, is_binary=True, must_ask=False),
            Block(b"\0a"),
            TextEnd(),
            TextPart(0, is_binary=False, must_ask=False),
            TextEnd(),
            UrlPart("/y"),
            MessageEnd(),
            Message((), None, 1),
            Block(b"z"),
            MessageEnd(),
            AppendEnd(),
        ],
    ),
    (
        b"APPEND x CATENATE (URL /y)",
        [BEGINS, Message((), None, 0, is_catenate=True), UrlPart("/y"), MessageEnd(), AppendEnd()],
    ),
]


@pytest.mark.parametrize(("line", "expected"), CASES, ids=lambda each: repr(each)[:70])
def test_a_message_comes_in_blocks(line: bytes, expected: list[Happened]) -> None:
    three_ways.check(happened, b"a1 " + line + b"\r\n", expected, (b"a2 NOOP\r\n", [NOOP]))
    three_ways.nothing_before_the_last_byte(
        lambda pieces: [event for event in happened(pieces) if isinstance(event, AppendEnd | Wrong)],
        b"a1 " + line + b"\r\n",
        lambda events: not events,
    )


BAD = [
    b"APPEND", b"APPEND x", b"APPEND x y", b'APPEND x "y"', b"APPEND x ()", b"APPEND x () {1+}\r\ny z", b"APPEND x{1+}\r\ny",
    b"APPEND x (\\Recent) {1+}\r\ny", b'APPEND x "30-Feb-2024 00:00:00 +0000" {1+}\r\ny',
    b'APPEND x "1-Feb-2024 24:00:00 +0000" {1+}\r\ny', b'APPEND x "1-Feb-2024 00:00:00" {1+}\r\ny',
    b'APPEND x "1-Feb-0000 00:00:00 +0000" {1+}\r\ny', b'APPEND x "1-Foo-2024 00:00:00 +0000" {1+}\r\ny',
    b'APPEND x "1-Feb-2024 00:00:00 +0000" () {1+}\r\ny', b"APPEND x UTF8 {1+}\r\ny", b"APPEND x UTF8 ({1+}\r\ny)",
    b"APPEND x UTF8 (~{1+}\r\ny", b"APPEND x UTF8 (~{1+}\r\ny))", b"APPEND x {1+}\r\ny) ", b"APPEND x FOO {1+}\r\ny",
    b"APPEND x CATENATE", b"APPEND x CATENATE ()", b"APPEND x CATENATE (FOO x)", b"APPEND x CATENATE (URL)",
    b"APPEND x CATENATE (URL y",
    b"APPEND x CATENATE (TEXT y)", b"APPEND x CATENATE (TEXT {1+}\r\ny", b"APPEND x CATENATE (TEXT {1+}\r\nyURL z)",
    b"APPEND x CATENATE (URL y) z", b"REPLACE", b"REPLACE 1", b"REPLACE 0 x {1+}\r\ny", b"REPLACE a x {1+}\r\ny",
    b"REPLACE 1:2 x {1+}\r\ny", b"REPLACE 1 x {1+}\r\ny {1+}\r\nz", b"UID REPLACE 1 x y",
]  # fmt: skip


@pytest.mark.parametrize("line", BAD, ids=repr)
def test_what_is_no_message_is_bad(line: bytes) -> None:
    found = happened([b"a0 NOOP\r\n", b"a1 " + line + b"\r\n", b"a2 NOOP\r\n"])
    assert b"".join(event for event in found if isinstance(event, bytes)).startswith(b"a1 BAD ")
    assert found[-1] == NOOP
    assert isinstance(found[-2], Wrong)
    assert not any(isinstance(event, AppendEnd) for event in found)


def test_a_bare_cr_behind_a_message_ends_the_session() -> None:
    found = happened([b"a1 APPEND x {1+}\r\ny\r\r\n"])
    assert found[-1] == Ended("bare-cr")


def begun(line: bytes, bounds: Bounds | None = None) -> ServerConnection:
    connection = ServerConnection(bounds) if bounds else ServerConnection()
    connection.set_state(State.SELECTED)
    connection.receive(b"a1 " + line)
    assert isinstance(connection.next_event(), Command)
    return connection


NO = Status("NO", "full", b"OVERQUOTA")
ANSWER = b"a1 NO [OVERQUOTA] full\r\n"


def test_a_message_that_was_asked_about_may_be_refused() -> None:
    connection = begun(b"APPEND x {3}\r\n")
    assert isinstance(connection.next_event(), Message)
    with pytest.raises(RuntimeError):
        connection.next_event()
    connection.refuse_literal(NO)
    assert connection.take_output() == ANSWER
    connection.receive(b"a2 NOOP\r\n")
    assert connection.next_event() == NOOP


@pytest.mark.parametrize("events", range(1, 5))
@pytest.mark.parametrize(
    "rest", [b"\r\n", b" (\\Seen) {2+}\r\nde\r\n", b" {1000}\r\n", b" rubbish\r\n", b" ~{1+}\r\n) {1+}\r\na\r\n"]
)
def test_octets_that_are_on_their_way_are_thrown_away(rest: bytes, events: int) -> None:
    data = b"abc" + rest + b"a2 NOOP\r\n"
    for step in (1, 2, len(data)):
        connection = begun(b"APPEND x {3+}\r\n")
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        seen = 1
        refused = False
        last: object = None
        while pieces or connection.has_more:
            if seen == events and not refused:
                connection.refuse_literal(NO)
                refused = True
            event = connection.next_event()
            if event is NEED_DATA:
                connection.receive(pieces.pop(0))
                continue
            seen += 1
            last = event
            if isinstance(event, AppendEnd | Wrong):
                break
        if refused:
            while connection.next_event() is NEED_DATA and pieces:
                connection.receive(pieces.pop(0))
            assert connection.take_output() == ANSWER
        else:
            assert isinstance(last, AppendEnd | Message | MessageEnd | Wrong)


def test_nothing_but_an_append_can_be_refused() -> None:
    connection = begun(b"NOOP\r\n")
    with pytest.raises(RuntimeError):
        connection.refuse_literal(NO)
    connection = begun(b"APPEND x {1+}\r\ny\r\n")
    while not isinstance(connection.next_event(), AppendEnd):
        pass
    with pytest.raises(RuntimeError):
        connection.refuse_literal(NO)


def test_parts_by_address_may_be_refused_before_the_rest() -> None:
    connection = begun(b"APPEND x CATENATE (URL /a TEXT {3+}\r\nabc URL /b) {2+}\r\nxx\r\na2 NOOP\r\n")
    assert connection.next_event() == Message((), None, 0, is_catenate=True)
    assert connection.next_event() == UrlPart("/a")
    connection.refuse_literal(Status("NO", "gone", b'BADURL "/a"'))
    assert connection.next_event() == NOOP
    assert connection.take_output() == b'a1 NO [BADURL "/a"] gone\r\n'


def test_an_append_can_be_refused_before_its_message_is_known() -> None:
    for rest in (b"x {3}\r\n", b"x {3+}\r\nabc\r\n", b"x CATENATE (URL /a)\r\n", b"x\r\n"):
        connection = begun(b"APPEND " + rest + b"a2 NOOP\r\n")
        connection.refuse_literal(Status("NO", "no such mailbox", b"TRYCREATE"))
        assert connection.next_event() == NOOP
        assert connection.take_output() == b"a1 NO [TRYCREATE] no such mailbox\r\n"


def test_too_much_that_nobody_wants_ends_the_session() -> None:
    connection = begun(b"APPEND x {101+}\r\n", Bounds(skipped=100))
    connection.refuse_literal(NO)
    assert connection.take_output() == ANSWER + b"* BYE too much that cannot be used\r\n"
    assert connection.next_event() == Ended("unwanted-octets")
    connection = begun(b"APPEND x {60+}\r\n", Bounds(skipped=100))
    connection.refuse_literal(NO)
    connection.receive(b"x" * 60 + b" {41+}\r\n")
    assert connection.next_event() == Ended("unwanted-octets")


def test_messages_and_parts_are_counted() -> None:
    session = Session(bounds=Bounds(messages=2, parts=2))
    assert isinstance(session.say(b"a1 APPEND x {1+}\r\na {1+}\r\nb\r\n")[-1], AppendEnd)
    assert isinstance(session.say(b"a1 APPEND x {1+}\r\na {1+}\r\nb {1+}\r\nc\r\n")[-1], Wrong)
    assert isinstance(session.say(b"a1 APPEND x CATENATE (URL a URL b)\r\n")[-1], AppendEnd)
    assert isinstance(session.say(b"a1 APPEND x CATENATE (URL a URL b URL c)\r\n")[-1], Wrong)


def test_a_large_message_is_handed_on_as_it_came() -> None:
    connection = begun(b"APPEND x {1000000+}\r\n")
    assert isinstance(connection.next_event(), Message)
    for _ in range(10):
        piece = bytes(100_000)
        connection.receive(piece)
        event = connection.next_event()
        assert isinstance(event, Block)
        assert event.data is piece
    assert connection.next_event() == MessageEnd()


def test_an_append_that_is_broken_off_ends_the_session() -> None:
    session = Session()
    assert session.say(b"a1 APPEND x {3+}\r\nab", b"")[-2:] == [Block(b"ab"), Ended("eof")]
