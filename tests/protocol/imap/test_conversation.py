"""Client and server talk to each other: everything that one side writes, the other reads, however it is cut."""

import random

import pytest

from mox_trio.protocol.imap import encoding
from mox_trio.protocol.imap.client import ClientConnection
from mox_trio.protocol.imap.client_commands import Announced, Mailbox, Part, Text
from mox_trio.protocol.imap.client_responses import SendOctets, ServerEvent
from mox_trio.protocol.imap.commands import append, general, listing, login, mailboxes, metadata, search
from mox_trio.protocol.imap.commands.append import AppendEnd, Message, MessageEnd, TextEnd, TextPart, UrlPart
from mox_trio.protocol.imap.events import NEED_DATA, Block, Body, Command, Done, Ended, Event, Response, State
from mox_trio.protocol.imap.responses import Capabilities, Continuation, Status
from mox_trio.protocol.imap.search_keys import HeaderKey
from mox_trio.protocol.imap.server import ServerConnection


class Conversation:
    """Both sides; the server says OK to everything, the client gives `message` where octets are wanted."""

    def __init__(self, state: State, *offers: str, pieces: int = 10_000) -> None:
        self.client = ClientConnection()
        self.server = ServerConnection()
        self.server.set_state(state)
        self.message = b""
        self.challenges: list[bytes] = []
        self.asked: list[Event] = []
        self.heard: list[ServerEvent] = []
        self._choice = random.Random(pieces)
        self._pieces = pieces
        self._say(Capabilities(("IMAP4rev1", *offers)))

    def run(self) -> None:
        """Until nobody has anything to say."""
        self._listen()
        while said := self.client.take_output():
            for piece in self._cut(said):
                self.server.receive(piece)
                while (event := self.server.next_event()) is not NEED_DATA:
                    self._note(event)
                    self._settle(event)
                self._answer(self.server.take_output())

    def _settle(self, event: Event) -> None:
        if isinstance(event, Message | TextPart):
            self.server.go_on()
        elif isinstance(event, Command) and isinstance(event.body, general.Idle):
            self._tag = event.tag
            self._say(Continuation("idling"))
        elif isinstance(event, Command) and isinstance(event.body, append.Append | append.Replace):
            self._tag = event.tag
        elif isinstance(event, Command) and isinstance(event.body, login.Authenticate) and self.challenges:
            self._tag = event.tag
            self.server.challenge(self.challenges.pop())
        elif isinstance(event, Response) and self.challenges:
            self.server.challenge(self.challenges.pop())
        elif isinstance(event, AppendEnd | Done | Response):
            self._say(Status("OK", "done", tag=self._tag))
        elif isinstance(event, Command):
            self._say(Status("OK", "done", tag=event.tag))

    def _say(self, response: Capabilities | Continuation | Status) -> None:
        self._answer(self.server.take_output() + encoding.encode(response, self.server.wire))

    def _answer(self, data: bytes) -> None:
        for piece in self._cut(data):
            self.client.receive(piece)
            self._listen()

    def _listen(self) -> None:
        while (event := self.client.next_event()) is not NEED_DATA:
            assert not isinstance(event, Ended)
            if isinstance(event, SendOctets):
                self.client.send_octets(self.message[: event.octets // 2])
                self.client.send_octets(self.message[event.octets // 2 : event.octets])
            else:
                self.heard.append(event)

    def _cut(self, data: bytes) -> list[bytes]:
        out = []
        while data:
            length = self._choice.randint(1, self._pieces)
            out.append(data[:length])
            data = data[length:]
        return out

    def _note(self, event: Event) -> None:
        last = self.asked[-1] if self.asked else None
        if isinstance(event, Block) and isinstance(last, Block):
            self.asked[-1] = Block(last.data + event.data)
        else:
            self.asked.append(event)


OFFERS = [(), ("LITERAL+",), ("LITERAL-",), ("IMAP4rev2",)]
ODD = 'Größe & {5+}\r\n"quoted\\" (x) %*'

COMMANDS: list[tuple[list[Part], Body]] = [
    ([b"DELETE ", Mailbox("INBOX")], mailboxes.Delete("INBOX")),
    ([b"DELETE ", Mailbox(ODD)], mailboxes.Delete(ODD)),
    ([b"RENAME ", Mailbox("a b"), b" ", Mailbox("台北/日本語")], mailboxes.Rename("a b", "台北/日本語")),
    ([b"SEARCH FROM ", Text("ü".encode())], search.Search(False, HeaderKey("from", "ü"))),
    ([b"SEARCH FROM ", Text(b"x" * 5000)], search.Search(False, HeaderKey("from", "x" * 5000))),
    ([b"SETMETADATA ", Mailbox(""), b" (/private/x ", Text(b'a\r\n"'), b" /y NIL)"],
     metadata.SetMetadata("", (("/private/x", b'a\r\n"'), ("/y", None)))),
    ([b"LIST ", Text(b""), b" (", Text(b"%"), b" ", Text(b"*"), b")"], listing.List("", ("%", "*"), is_extended=True)),
]  # fmt: skip


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
@pytest.mark.parametrize("offers", OFFERS)
def test_commands_arrive_as_they_were_meant(offers: tuple[str, ...], pieces: int) -> None:
    talk = Conversation(State.SELECTED, *offers, pieces=pieces)
    tags = [talk.client.send(*parts) for parts, _ in COMMANDS]
    talk.run()
    assert [event.body for event in talk.asked if isinstance(event, Command)] == [body for _, body in COMMANDS]
    assert talk.heard[1:] == [Status("OK", "done", tag=tag) for tag in tags]


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
@pytest.mark.parametrize("offers", OFFERS)
def test_messages_arrive_whole(offers: tuple[str, ...], pieces: int) -> None:
    talk = Conversation(State.SELECTED, *offers, pieces=pieces)
    talk.message = b"Subject: x\r\n\r\na1 NOOP\r\n" + bytes(range(256)) * 20
    size = len(talk.message)
    waits = "LITERAL+" not in offers
    first = talk.client.send(
        b"APPEND ", Mailbox(ODD), b" (\\Seen) ", Announced(size), b" ", Announced(3, is_binary=True)
    )
    second = talk.client.send(b"APPEND x CATENATE (URL ", Text(b'/"'), b" TEXT ", Announced(2), b")")
    third = talk.client.send(b"NOOP")
    talk.run()
    small = not offers
    assert talk.asked == [
        Command(first, "APPEND", append.Append(ODD)),
        Message(("\\Seen",), None, size, must_ask=waits),
        Block(talk.message),
        MessageEnd(),
        Message((), None, 3, is_binary=True, must_ask=small),
        Block(talk.message[:3]),
        MessageEnd(),
        AppendEnd(),
        Command(second, "APPEND", append.Append("x")),
        Message((), None, 0, is_catenate=True),
        UrlPart('/"'),
        TextPart(2, is_binary=False, must_ask=small),
        Block(talk.message[:2]),
        TextEnd(),
        MessageEnd(),
        AppendEnd(),
        Command(third, "NOOP", general.Noop()),
    ]
    assert talk.heard[1:] == [Status("OK", "done", tag=tag) for tag in (first, second, third)]


def test_a_log_in_and_idling() -> None:
    talk = Conversation(State.NOT_AUTHENTICATED)
    talk.challenges = [b"second", b"first"]
    tag = talk.client.send(b"AUTHENTICATE X")
    talk.run()
    assert talk.heard[1:] == [Continuation("Zmlyc3Q=")]
    talk.client.respond(b"\0one")
    talk.run()
    talk.client.respond(b"")
    talk.run()
    assert talk.asked[1:] == [Response(b"\0one"), Response(b"")]
    assert talk.heard[2:] == [Continuation("c2Vjb25k"), Status("OK", "done", tag=tag)]
    talk.server.set_state(State.AUTHENTICATED)
    tag = talk.client.send(b"IDLE")
    talk.run()
    assert talk.heard[4:] == [Continuation("idling")]
    talk.client.done()
    talk.run()
    assert talk.heard[5:] == [Status("OK", "done", tag=tag)]


# What clients say in the examples of the RFCs, without tags: all of it is taken.
EXAMPLES = r"""
9051 CAPABILITY
9051 NOOP
9051 LIST "" "*"
9051 EXAMINE blurdybloop
9051 CREATE owatagusiam/blurdybloop
9051 DELETE foo/bar
9051 RENAME INBOX old-mail
9051 SUBSCRIBE #news.comp.mail.mime
9051 LIST () "" "%" RETURN (SUBSCRIBED)
9051 LIST (SUBSCRIBED REMOTE) "" "*"
9051 LIST (SUBSCRIBED RECURSIVEMATCH) "" "fruit/*"
9051 LIST "" (INBOX "Drafts" "Sent/%")
9051 LIST (REMOTE) "" "%" RETURN (CHILDREN)
9051 NAMESPACE
9051 STATUS blurdybloop (UIDNEXT MESSAGES)
9051 IDLE
9051 CLOSE
9051 UNSELECT
9051 EXPUNGE
9051 SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"
9051 SEARCH RETURN () FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"
9051 SEARCH RETURN (ALL) FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"
9051 SEARCH RETURN () TEXT "string not in mailbox"
9051 SEARCH RETURN (SAVE) CHARSET UTF-8 (OR $ 1,3000:3021) TEXT {8+}
9051 UID SEARCH RETURN (MIN) 1:5000 UNSEEN
9051 UID SEARCH RETURN (COUNT ALL) UID 1:*,5 SENTON 2-Aug-2021
9051 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])
9051 FETCH $ (UID BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])
9051 STORE 2:4 +FLAGS (\Deleted)
9051 COPY 2:4 MEETING
9051 UID MOVE 42:69 foo
9051 UID FETCH 4827313:4828442 FLAGS
9051 UID EXPUNGE 3000:3002
3501 CHECK
3501 LSUB "#news." "comp.mail.*"
3501 SEARCH CHARSET UTF-8 TEXT {6+}
3501 FETCH 12 (BODY[HEADER] RFC822.SIZE RFC822)
2971 ID ("name" "sodr" "version" "19.34" "vendor" "Pink Floyd Music Limited")
2971 ID NIL
3516 FETCH 3 BINARY[1]<0.5>
4315 UID EXPUNGE 3000:3002
4731 SEARCH RETURN (MIN MAX) MODSEQ 2010
4959 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=
4978 COMPRESS DEFLATE
5032 SEARCH UNSEEN YOUNGER 259200
5161 ENABLE CONDSTORE X-GOOD-IDEA
5182 SEARCH RETURN (SAVE MIN) SINCE 12-Feb-2006 NOT FROM "Smith"
5182 UID SEARCH UID 50:* (OR $ SMALLER 5)
5256 SORT (SUBJECT) UTF-8 SINCE 1-Feb-1994
5256 SORT (REVERSE DATE) UTF-8 ALL
5256 SORT (SUBJECT REVERSE SUBJECT) US-ASCII TEXT "not in mailbox"
5256 THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000
5256 THREAD REFERENCES US-ASCII TEXT "gewp"
5258 LIST (SUBSCRIBED) "" "*" RETURN (CHILDREN)
5267 UID SORT RETURN (PARTIAL 23500:24000) (REVERSE DATE) UTF-8 UNDELETED UNKEYWORD $Junk
5267 UID SEARCH RETURN (COUNT UPDATE CONTEXT) UNDELETED UNKEYWORD $Junk
5267 CANCELUPDATE "B02" "B03"
5464 GETMETADATA "" /shared/comment
5464 GETMETADATA "INBOX" (/shared/comment /private/comment)
5464 GETMETADATA "INBOX" (DEPTH 1) (/private/filters/values)
5464 GETMETADATA "INBOX" (MAXSIZE 1024) (/shared/comment /private/comment)
5464 SETMETADATA INBOX (/private/comment NIL)
5464 SETMETADATA INBOX (/private/comment "My comment" /shared/comment NIL)
5465 NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (To From Subject)]) MessageExpunge FlagChange))
5465 NOTIFY SET STATUS (selected (MessageNew (UID) MessageExpunge)) (subtree Lists (MessageNew MessageExpunge))
5465 NOTIFY NONE
5466 SEARCH RETURN (ALL) FILTER on-the-road SUBJECT "vacation"
5466 GETMETADATA "" (DEPTH 1) (/private/filters/values)
5819 LIST "" % RETURN (STATUS (MESSAGES UNSEEN))
5957 SORT (DISPLAYFROM SUBJECT) UTF-8 ALL
6154 LIST (SPECIAL-USE) "" "*"
6154 CREATE MySpecial (USE (\Drafts \Sent))
6851 UID MOVE 42:69 foo
7162 SELECT INBOX (CONDSTORE)
7162 STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\Deleted)
7162 STORE 5 (UNCHANGEDSINCE 320162350) -FLAGS ($Processed)
7162 FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)
7162 UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)
7162 SEARCH MODSEQ "/flags/\\draft" all 620162338
7162 SEARCH OR NOT MODSEQ 720162338 LARGER 50000
7162 SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))
7162 SELECT INBOX (QRESYNC (67890007 90060115205545359 41:211,214:541 (1,3,5 41,43,45)))
7377 ESEARCH IN (mailboxes "folder1" subtree "folder2") unseen subject "chad"
8437 UNAUTHENTICATE
8438 STATUS frop (SIZE)
8474 STATUS foo (MAILBOXID)
8474 FETCH 1:* (EMAILID THREADID)
8474 UID SEARCH EMAILID M6d99ac3275bb4e
8514 FETCH 998 (SAVEDATE)
8514 SEARCH SAVEDATESUPPORTED SAVEDBEFORE 1-Feb-2019
8970 FETCH 1:3 (RFC822.SIZE PREVIEW (LAZY))
9208 GETQUOTA "!partition/sda4"
9208 SETQUOTA "" (STORAGE 512)
9208 STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)
9394 UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-30)
9394 UID SEARCH RETURN (PARTIAL -1:-100) UNDELETED UNKEYWORD $Junk
9586 UID FETCH 25000:26000 (UID FLAGS MODSEQ)
9590 LIST "" % RETURN (METADATA ("/shared/vendor/cmu/cyrus-imapd/color"))
""".strip().splitlines()


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_rfcs_are_taken(example: str) -> None:
    line = example.split(" ", 1)[1].encode()
    if line.endswith(b"+}"):
        line += b"\r\n" + b"12345678"[: int(line[-3:-2])]
    is_log_in = line.startswith((b"AUTHENTICATE", b"LOGIN"))
    server = ServerConnection()
    server.set_state(State.NOT_AUTHENTICATED if is_log_in else State.SELECTED)
    server.receive(b"A1 " + line + b"\r\n")
    event = server.next_event()
    assert isinstance(event, Command), event
    assert server.take_output() == b""
    assert server.next_event() is NEED_DATA
