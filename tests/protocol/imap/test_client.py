"""The client's side: what a server says as values, commands as octets, large strings block by block."""

import datetime
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base import limits
from mox_trio.protocol.imap import client_responses, encoding, fetch_response, responses
from mox_trio.protocol.imap.client import ClientConnection
from mox_trio.protocol.imap.client_commands import Announced, Mailbox, Text
from mox_trio.protocol.imap.client_responses import (
    Expunged,
    Fetched,
    Listed,
    LiteralBegins,
    LiteralEnds,
    Namespaces,
    Octets,
    Results,
    SendOctets,
    ServerEvent,
    ServerId,
    Unknown,
    Vanished,
)
from mox_trio.protocol.imap.client_values import Streamed
from mox_trio.protocol.imap.encoding import Wire
from mox_trio.protocol.imap.events import NEED_DATA, Ended
from mox_trio.protocol.imap.responses import (
    Capabilities,
    Continuation,
    Enabled,
    Exists,
    Flags,
    Found,
    MailboxStatus,
    Metadata,
    MetadataChanged,
    Quota,
    QuotaRoots,
    Recent,
    Response,
    Status,
    Threads,
)
from tests.kit import three_ways


def heard(pieces: Iterable[bytes], *, stream_above: int = 1000, then_ends: bool = False) -> Sequence[ServerEvent]:
    client = ClientConnection(stream_above=stream_above)
    out: list[ServerEvent] = []
    for piece in [*filter(None, pieces), *([b""] if then_ends else [])]:
        client.receive(piece)
        while (event := client.next_event()) is not NEED_DATA:
            if isinstance(event, Octets) and out and isinstance(out[-1], Octets):
                out[-1] = Octets(out[-1].data + event.data)
            else:
                out.append(event)
            if isinstance(event, Ended):
                return out
    return out


JULY = int(datetime.datetime(1996, 7, 17, 9, 44, 25, tzinfo=datetime.UTC).timestamp()) * 1000
STRUCTURE = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3028 92)'

CASES: list[tuple[bytes, ServerEvent]] = [
    (b"* OK [CAPABILITY IMAP4rev1 IDLE] ready", Status("OK", "ready", b"CAPABILITY IMAP4rev1 IDLE")),
    (b"* PREAUTH", Status("PREAUTH", "")),
    (b"* bye see {5}", Status("BYE", "see {5}")),
    (b"a1 OK done", Status("OK", "done", tag="a1")),
    (b'a1 NO [BADURL "/x]"] no', Status("NO", "no", b'BADURL "/x]"', "a1")),
    (b"* OK [PERMANENTFLAGS (\\Seen \\*)] limited", Status("OK", "limited", b"PERMANENTFLAGS (\\Seen \\*)")),
    (b"* OK [broken", Status("OK", "[broken")),
    (b"+ idling", Continuation("idling")),
    (b"+", Continuation("")),
    (b"* CAPABILITY IMAP4rev2 STARTTLS", Capabilities(("IMAP4rev2", "STARTTLS"))),
    (b"* ENABLED CONDSTORE", Enabled(("CONDSTORE",))),
    (b"* ENABLED", Enabled(())),
    (b'* ID ("name" "x" "y" NIL)', ServerId((("name", "x"), ("y", None)))),
    (b"* ID NIL", ServerId(())),
    (b"* FLAGS (\\Answered $Junk a]b)", Flags(("\\Answered", "$Junk", "a]b"))),
    (b"* 23 EXISTS", Exists(23)),
    (b"* 5 RECENT", Recent(5)),
    (b"* 44 expunge", Expunged(44)),
    (b"* VANISHED (EARLIER) 41,43:116", Vanished(((41, 41), (43, 116)), earlier=True)),
    (b"* VANISHED 405,407,406", Vanished(((405, 407),))),
    (b'* LIST (\\Noselect) "/" ~/Mail/foo', Listed(("\\Noselect",), "/", "~/Mail/foo")),
    (b'* LIST () NIL INBOX', Listed((), None, "INBOX")),
    (b'* LIST () "." 123', Listed((), ".", "123")),
    (b'* LIST () "/" NIL', Listed((), "/", "NIL")),
    (b'* LIST () "/" "Entw&APw-rfe"', Listed((), "/", "Entwürfe")),
    (b'* LIST () "/" "R&D"', Listed((), "/", "R&D")),
    (b'* LIST () "/" {3}\r\na"b', Listed((), "/", 'a"b')),
    (b'* LIST () "/" "x" ("CHILDINFO" ("SUBSCRIBED") OLDNAME (y))', Listed((), "/", "x", "y", ("SUBSCRIBED",))),
    (b'* LSUB () "/" [Gmail]/All', Listed((), "/", "[Gmail]/All", is_lsub=True)),
    (b'* STATUS "a b" (MESSAGES 231 MAILBOXID (F1) APPENDLIMIT NIL)',
     MailboxStatus("a b", (("MESSAGES", 231), ("MAILBOXID", "F1"), ("APPENDLIMIT", None)))),
    (b'* NAMESPACE (("" "/")) NIL (("#shared/" "/" "X" ("y"))("#p" NIL))',
     Namespaces((("", "/"),), (), (("#shared/", "/"), ("#p", None)))),
    (b'* QUOTA "" (STORAGE 10 512)', Quota("", (("STORAGE", 10, 512),))),
    (b'* QUOTAROOT INBOX "" "b"', QuotaRoots("INBOX", ("", "b"))),
    (b'* METADATA "INBOX" (/shared/comment "x" /private/y NIL /z ~{2}\r\n\0x)',
     Metadata("INBOX", (("/shared/comment", b"x"), ("/private/y", None), ("/z", b"\0x")))),
    (b'* METADATA "" /shared/comment /b', MetadataChanged("", ("/shared/comment", "/b"))),
    (b"* SEARCH 2 84 882 (MODSEQ 917)", Found("SEARCH", (2, 84, 882), 917)),
    (b"* SEARCH", Found("SEARCH", ())),
    (b"* SORT 5 3", Found("SORT", (5, 3))),
    (b'* ESEARCH (TAG "A282") UID MIN 2 COUNT 3 ALL 5,2:3 MODSEQ 7',
     Results("A282", True, 2, count=3, all=((5, 5), (2, 3)), modseq=7)),
    (b'* ESEARCH (TAG "x" MAILBOX "f" UIDVALIDITY 1) UID ALL 4', Results("x", True, all=((4, 4),), mailbox=("f", 1))),
    (b'* ESEARCH (TAG "x") PARTIAL (-1:-100 NIL)', Results("x", partial=("-1:-100", ()))),
    (b'* ESEARCH (TAG "x") UID ADDTO (0 5 1 6:7) REMOVEFROM (0 9)',
     Results("x", True, added=((0, ((5, 5),)), (1, ((6, 7),))), removed=((0, ((9, 9),)),))),
    (b"* ESEARCH", Results()),
    (b"* THREAD (2)(3 6 (4 23)(44 7 96))",
     Threads(((2, ()), (3, ((6, ((4, ((23, ()),)), (44, ((7, ((96, ()),)),)))),))))),
    (b"* THREAD ((3)(5))", Threads(((None, ((3, ()), (5, ()))),))),
    (b"* THREAD", Threads(())),
    (b"* FOO bar (x)", Unknown("FOO", b"bar (x)")),
    (b"* 5 FOO", Unknown("FOO", b"* 5 FOO")),
    (b"* 12 FETCH (FLAGS (\\Seen $x) UID 7 MODSEQ (65) RFC822.SIZE 44827)",
     Fetched(12, uid=7, flags=("\\Seen", "$x"), modseq=65, size=44827)),
    (b"* 12 UIDFETCH (FLAGS ())", Fetched(12, is_uid=True, uid=12, flags=())),
    (b'* 1 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0700" SAVEDATE NIL)', Fetched(1, received=JULY)),
    (b'* 1 FETCH (EMAILID (M1) THREADID (T1) PREVIEW "p")', Fetched(1, email_id="M1", thread_id="T1", preview="p")),
    (b"* 1 FETCH (THREADID NIL PREVIEW NIL X-GM-LABELS (a \"b\"))", Fetched(1, others=(("X-GM-LABELS", ("a", b"b")),))),
    (b'* 1 FETCH (ENVELOPE ("d" "s" (("n" NIL "l" "h")) NIL) BODY ' + STRUCTURE + b")",
     Fetched(1, envelope=(b"d", b"s", ((b"n", None, b"l", b"h"),), None),
             structure=(b"text", b"plain", (b"charset", b"us-ascii"), None, None, b"7bit", 3028, 92))),
    (b'* 1 FETCH (BODY[] {5}\r\nab)\r\n UID 3 BODY[HEADER.FIELDS (FROM "]x")]<0> "q" BINARY[1] ~{1}\r\n\0 RFC822 NIL)',
     Fetched(1, uid=3, sections=(("BODY[]", b"ab)\r\n"), ('BODY[HEADER.FIELDS (FROM "]X")]<0>', b"q"), ("BINARY[1]", b"\0"),
                                 ("RFC822", None)))),
    (b"* 1 FETCH (BINARY.SIZE[1] 5)", Fetched(1, others=(("BINARY.SIZE[1]", 5),))),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), CASES, ids=lambda each: repr(each)[:60])
def test_a_response_is_a_value(line: bytes, expected: ServerEvent) -> None:
    three_ways.check(heard, line + b"\r\n", [expected], (b"* 1 EXISTS\r\n", [Exists(1)]))
    three_ways.nothing_before_the_last_byte(heard, line + b"\r\n", lambda events: not events)


ROUND_TRIPS: list[tuple[Response, ServerEvent]] = [
    *[(response, response) for response in (
        Status("OK", "done", b"APPENDUID 1 2", "a1"), Status("BAD", "ü"), Capabilities(("A", "B")), Enabled(()),
        Flags(("\\Seen",)), Exists(3), Recent(), MailboxStatus("Entwürfe & mehr", (("UIDNEXT", 5), ("MAILBOXID", "F1"))),
        Quota("ü", (("STORAGE", 1, 2),)),
        QuotaRoots('a"b\\', ("",)), Metadata("x\r\ny", (("/a b", b"\0\xff"), ("/c", b"\xff"), ("/d", b"x\r\n"), ("/e", None))),
        MetadataChanged("x", ("/a",)), Found("SEARCH", (1, 5), 9), Found("SORT", (5, 1)), Continuation("x"), Continuation(),
        Threads(((1, ((2, ()), (3, ()))), (None, ((4, ()), (5, ()))),)), Threads(()),
    )],
    (responses.ListEntry(("\\Marked",), "ü", "&", ("SUBSCRIBED",)), Listed(("\\Marked",), "/", "ü", "&", ("SUBSCRIBED",))),
    (responses.ServerId((("name", "ü\n"),)), ServerId((("name", "ü\n"),))),
    (responses.Namespaces(), Namespaces((("", "/"),))),
    (responses.Vanished((1, 2, 5), earlier=True), Vanished(((1, 2), (5, 5)), earlier=True)),
    (responses.Expunged((4,)), Expunged(4)),
    (responses.Results("a", True, 1, 9, 3, (1, 2, 9), 7, None, ("ü", 4)),
     Results("a", True, 1, 9, 3, ((1, 2), (9, 9)), 7, None, ("ü", 4))),
    (responses.Results("a", partial=((1, 2), (9, 8)), added=((0, (1,)),)),
     Results("a", partial=("1:2", ((9, 9), (8, 8))), added=((0, ((1, 1),)),))),
]  # fmt: skip


@pytest.mark.parametrize("wire", [Wire(utf8=True, rev2=True), Wire()])
@pytest.mark.parametrize(("said", "expected"), ROUND_TRIPS, ids=lambda each: repr(each)[:60])
def test_what_the_server_says_comes_back(said: Response, expected: ServerEvent, wire: Wire) -> None:
    if isinstance(said, Status) and not wire.utf8:
        expected = Status(said.kind, said.text.replace("ü", "?"), said.code, said.tag)
    assert heard([encoding.encode(said, wire)]) == [expected]


def test_what_fetch_says_comes_back() -> None:
    lists, dates = fetch_response.FlagLists(("\\Seen",), ("x",)), fetch_response.Dates()
    items = [
        fetch_response.uid(5),
        lists.item(1, 1),
        dates.internal_date(JULY),
        dates.save_date(None),
        fetch_response.size(9),
    ]
    items += [
        fetch_response.modseq(8),
        fetch_response.email_id("M"),
        fetch_response.thread_id("T"),
        fetch_response.preview("ü", utf8=False),
    ]
    assert heard([fetch_response.line(3, items)]) == [
        Fetched(3, False, 5, ("\\Seen", "x"), JULY, None, 9, 8, None, None, "M", "T", "ü")
    ]


def test_large_strings_of_fetch_are_streamed() -> None:
    large = bytes(range(256)) * 8
    data = (
        b"* 7 FETCH (UID 9 BODY[1.TEXT]<0> {2048}\r\n"
        + large
        + b" FLAGS () BINARY[2] ~{1001}\r\n"
        + large[:1001]
        + b")\r\n"
    )
    expected: list[ServerEvent] = [
        LiteralBegins(7, "BODY[1.TEXT]<0>", 2048),
        Octets(large),
        LiteralEnds(),
        LiteralBegins(7, "BINARY[2]", 1001),
        Octets(large[:1001]),
        LiteralEnds(),
        Fetched(7, uid=9, flags=(), sections=(("BODY[1.TEXT]<0>", Streamed(2048)), ("BINARY[2]", Streamed(1001)))),
    ]
    three_ways.check(heard, data, expected, (b"* 1 EXISTS\r\n", [Exists(1)]))
    (kept,) = heard([data], stream_above=5000)
    assert isinstance(kept, Fetched)
    assert kept.sections[0] == ("BODY[1.TEXT]<0>", large)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\r\n", "a line that is no response"),
        (b"HTTP/1.1 200 OK\r\n", "a line that is no response"),
        (b"* OK x\n", "bare-lf"),
        (b"* LIST (\r\n", "a list without an end"),
        (b"* FLAGS )\r\n", "a list that never began ends"),
        (b"* FLAGS " + b"(" * 300 + b"\r\n", "lists are too deep"),
        (b"* LIST ()\r\n", "LIST ends too early"),
        (b"* FLAGS x\r\n", "a list is missing"),
        (b"* SEARCH x\r\n", "a number is missing"),
        (b"* VANISHED 1:x\r\n", "a set of numbers is like 1:5,9,*"),
        (b"* 1 FETCH x\r\n", "a list is missing"),
        (b"* 1 FETCH (UID)\r\n", "an item has no value"),
        (b"* 1 FETCH (UID x)\r\n", "a number is missing"),
        (b"* 1 FETCH (UID 1) (UID 1)\r\n", "FETCH has one list"),
        (b"* 1 FETCH (BODY[ 1)\r\n", "a section without an end"),
        (b'* 1 FETCH (INTERNALDATE "x")\r\n', 'a time is like " 1-Feb-2024 03:04:05 +0000"'),
        (b"* NAMESPACE ((x)) NIL NIL\r\n", "NAMESPACE ends too early"),
        (b"* STATUS x (MESSAGES {1}y)\r\n", "octets that are no value"),
        (b"* LIST () x {99999999}\r\n", "a response is too large"),
        (b"* SEARCH " + b"1" * limits.IMAP_RESPONSE_LINE_OCTETS, "line-too-long"),
    ],
)
def test_what_is_no_response_ends_the_session(data: bytes, reason: str) -> None:
    client = ClientConnection()
    client.receive(data)
    assert client.next_event() == Ended(reason)
    client.receive(b"* 1 EXISTS\r\n")
    assert client.next_event() == Ended(reason)


def test_the_end_is_an_event() -> None:
    assert heard([b"* 1 EXISTS\r\n* 2"], then_ends=True) == [Exists(1), Ended("eof")]


class Talk:
    """A client and what it says until it has to wait."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.client = ClientConnection()
        self.hear(b"* OK [CAPABILITY IMAP4rev1%b] hello\r\n" % greeting)

    def hear(self, data: bytes) -> list[ServerEvent]:
        self.client.receive(data)
        out: list[ServerEvent] = []
        while (event := self.client.next_event()) is not NEED_DATA:
            out.append(event)
        return out

    def said(self) -> bytes:
        return self.client.take_output()


def test_strings_are_written_as_the_server_takes_them() -> None:
    parts = (b"LOGIN ", Text(b"fred"), b" ", Text(b'a "b\\'), b" ", Text(b""), b" ", Text(b"nil"), b" ", Text(b"\xff"))
    talk = Talk()
    assert talk.client.send(*parts) == "a1"
    assert talk.said() == b'a1 LOGIN fred "a \\"b\\\\" "" "nil" {1}\r\n'
    assert talk.hear(b"+ go on\r\n") == []
    assert talk.said() == b"\xff\r\n"
    for greeting in (b" LITERAL+", b" LITERAL-", b" IMAP4rev2"):
        talk = Talk(greeting)
        talk.client.send(*parts)
        assert talk.said() == b'a1 LOGIN fred "a \\"b\\\\" "" "nil" {1+}\r\n\xff\r\n'
    talk = Talk(b" LITERAL-")
    talk.client.send(b"X ", Text(b"\r\n" * 2048), b" ", Text(b"\r\n" * 2049))
    assert talk.said() == b"a1 X {4096+}\r\n" + b"\r\n" * 2048 + b" {4098}\r\n"


def test_names_of_mailboxes_are_encoded() -> None:
    talk = Talk()
    talk.client.send(b"SELECT ", Mailbox("Entwürfe & mehr"))
    assert talk.said() == b'a1 SELECT "Entw&APw-rfe &- mehr"\r\n'
    talk.client.utf8 = True
    talk.client.send(b"SELECT ", Mailbox("Entwürfe & mehr"))
    assert talk.said() == 'a2 SELECT "Entwürfe & mehr"\r\n'.encode()


def test_nothing_can_end_a_line_early() -> None:
    talk = Talk()
    for bad in (b"NOOP\r\na2 LOGOUT", b"NOOP\n", b"NOOP\0"):
        with pytest.raises(ValueError, match="line"):
            talk.client.send(bad)
    with pytest.raises(ValueError, match="NUL"):
        talk.client.send(b"LOGIN ", Text(b"\0"))
    assert talk.said() == b""


def test_commands_wait_for_each_other_where_they_have_to() -> None:
    talk = Talk()
    talk.client.send(b"SELECT ", Text(b"\r\n"), b" (CONDSTORE)")
    talk.client.send(b"NOOP")
    assert talk.said() == b"a1 SELECT {2}\r\n"
    assert talk.hear(b"* 1 EXISTS\r\n+\r\n") == [Exists(1)]
    assert talk.said() == b"\r\n (CONDSTORE)\r\na2 NOOP\r\n"


def test_a_command_whose_literal_was_refused_is_over() -> None:
    talk = Talk()
    talk.client.send(b"SELECT ", Text(b"\r\n"), b" ", Text(b"\r\n"))
    talk.client.send(b"NOOP")
    talk.said()
    assert talk.hear(b"a1 BAD no\r\n") == [Status("BAD", "no", tag="a1")]
    assert talk.said() == b"a2 NOOP\r\n"


def test_a_message_is_announced_and_given_in_pieces() -> None:
    talk = Talk()
    talk.client.send(b"APPEND ", Mailbox("x"), b" (\\Seen) ", Announced(5))
    talk.client.send(b"NOOP")
    assert talk.said() == b"a1 APPEND x (\\Seen) {5}\r\n"
    assert talk.hear(b"+ go on\r\n") == [SendOctets(5)]
    talk.client.send_octets(b"abc")
    assert talk.said() == b"abc"
    with pytest.raises(RuntimeError):
        talk.client.send_octets(b"def")
    talk.client.send_octets(b"de")
    assert talk.said() == b"de\r\na2 NOOP\r\n"
    talk = Talk(b" LITERAL+")
    talk.client.send(b"APPEND x ", Announced(2, is_binary=True), b" ", Announced(0))
    assert talk.said() == b"a1 APPEND x ~{2+}\r\n"
    assert talk.client.next_event() == SendOctets(2)
    talk.client.send_octets(b"\0x")
    assert talk.said() == b"\0x {0+}\r\n\r\n"


def test_idle_and_challenges() -> None:
    talk = Talk()
    talk.client.send(b"IDLE")
    assert talk.hear(b"+ idling\r\n* 2 EXISTS\r\n") == [Continuation("idling"), Exists(2)]
    talk.client.done()
    assert talk.said() == b"a1 IDLE\r\nDONE\r\n"
    talk.client.send(b"AUTHENTICATE X")
    assert talk.hear(b"+ d2hvPw==\r\n") == [Continuation("d2hvPw==")]
    talk.client.respond(b"me")
    talk.client.respond(None)
    talk.client.respond(b"")
    assert talk.said() == b"a2 AUTHENTICATE X\r\nbWU=\r\n*\r\n\r\n"


def test_capabilities_are_those_that_were_said_last() -> None:
    talk = Talk(b" LITERAL+ idle")
    assert talk.client.capabilities == {"IMAP4REV1", "LITERAL+", "IDLE"}
    talk.hear(b"* CAPABILITY IMAP4rev2\r\n")
    assert talk.client.capabilities == {"IMAP4REV2"}
    talk.hear(b"a1 OK [capability x y] in\r\n")
    assert talk.client.capabilities == {"X", "Y"}


def test_what_came_too_early_is_given_back() -> None:
    client = ClientConnection()
    client.receive(b"a1 OK begin\r\n* CAPABILITY EVIL\r\n")
    assert client.next_event() == Status("OK", "begin", tag="a1")
    assert client.discard() == b"* CAPABILITY EVIL\r\n"


PIECES = st.sampled_from(
    [
        b"* ", b"+ ", b"a1 ", b"OK ", b"NO ", b"[CODE] ", b"FETCH ", b"LIST ", b"STATUS ", b"ESEARCH ", b"THREAD ",
        b"SEARCH ", b"VANISHED ", b"NAMESPACE ", b"METADATA ", b"QUOTA ", b"ID ", b"5 ", b"(", b")", b" ", b"NIL ",
        b'"a" ', b"BODY[", b"] ", b"UID ", b"FLAGS ", b"{3}\r\nabc", b"{3}\r\n", b"~{1}\r\n\0", b"{1001}\r\n",
        b"\r\n", b"\r\n", b"\r\n* ", b"1:5,7 ", b'"', b"\\", b"\r", b"\n", b"\xff", b"TAG ", b"ALL ", b"MODSEQ ",
        b"PARTIAL ", b"INTERNALDATE ", b"EMAILID ", b"PREVIEW ", b"ENVELOPE ",
    ]
)  # fmt: skip


@settings(max_examples=500)
@given(st.lists(PIECES | st.binary(max_size=5), max_size=30).map(b"".join))
def test_no_server_raises_and_cuts_make_no_difference(data: bytes) -> None:
    whole = heard([data], then_ends=True)
    assert heard([data[at : at + 1] for at in range(len(data))], then_ends=True) == whole
    assert isinstance(whole[-1], Ended)


def test_every_value_is_tried() -> None:
    tried = {type(value) for _, value in CASES} | {
        client_responses.SendOctets,
        LiteralBegins,
        Octets,
        LiteralEnds,
        Ended,
    }
    named = {each for each in client_responses.ServerEvent.__args__ if each is not type(NEED_DATA)}
    assert tried == named
