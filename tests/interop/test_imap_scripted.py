"""What Thunderbird, Apple Mail and Outlook say to a server, as scripts: their commands, in their order and with their quirks."""

import base64

import pytest

from tests.kit import imap_clients
from tests.kit.imap_clients import Client, number
from tests.kit.imap_served import PASSWORD, Place

ACCOUNT = "scripted"
MESSAGE = (
    "From: Ann <ann@far.example>\r\nTo: mia@here.example\r\nSubject: {subject}\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\n"
    "Message-ID: <{subject}@far.example>\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThe text of {subject}.\r\n"
    '--b\r\nContent-Type: application/octet-stream; name="data"\r\nContent-Transfer-Encoding: base64\r\n'
    'Content-Disposition: attachment; filename="data"\r\n\r\n{data}\r\n--b--\r\n'
)
DATA = bytes(range(256)) * 400


def message(subject: str) -> bytes:
    return MESSAGE.format(subject=subject, data=base64.encodebytes(DATA).decode().replace("\n", "\r\n")).encode()


@pytest.fixture
def filled(imap_place: Place, request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own with three messages."""
    name = f"of-{request.node.name}"
    with imap_place.client(ACCOUNT) as client:
        client.ok(f'CREATE "{name}"')
        for subject in ("one", "two", "three"):
            client.append(name, message(subject))
    return name


def authenticate(client: Client, place: Place, *, initial: bool) -> None:
    """AUTHENTICATE PLAIN, with an initial response or without."""
    credentials = base64.b64encode(f"\0{place.user(ACCOUNT)}\0{PASSWORD}".encode())
    if initial:
        client.ok(b"AUTHENTICATE PLAIN " + credentials)
        return
    tag = client.begin("AUTHENTICATE PLAIN")
    assert client.read().tag == b"+"
    client.send(credentials + b"\r\n")
    assert client.answer(tag).status == b"OK"


def synchronising_append(client: Client, mailbox: str, content: bytes) -> imap_clients.Answer:
    """APPEND of a client that waits before it sends."""
    tag = client.begin(f'APPEND "{mailbox}" (\\Seen) {{{len(content)}}}')
    response = client.read()
    assert response.tag == b"+", response
    client.send(content + b"\r\n")
    return client.answer(tag)


def test_thunderbird(imap_place: Place, filled: str) -> None:
    with imap_clients.connect(imap_place.tls_port, imap_place.context()) as client:
        client.ok("capability")
        authenticate(client, imap_place, initial=True)
        capabilities = {each for each in client.ok("capability").of(b"CAPABILITY")[0].values if isinstance(each, bytes)}
        assert {b"ID", b"NAMESPACE", b"CONDSTORE", b"UIDPLUS", b"MOVE", b"IDLE", b"LIST-EXTENDED"} <= capabilities
        assert client.ok('ID ("name" "Thunderbird" "version" "140.5.0")').of(b"ID")
        assert client.ok("namespace").of(b"NAMESPACE")[0].values == (((b"", b"/"),), None, None)
        client.ok('list (subscribed) "" "*" return (special-use)')
        client.ok('list "" "INBOX"')
        client.ok("enable condstore")
        selected = client.ok(f'select "{filled}" (CONDSTORE)').codes()
        modseq = number(selected[b"HIGHESTMODSEQ"][0])
        client.run(f'getquotaroot "{filled}"')
        flags = client.ok("UID fetch 1:* (FLAGS)").by_uid()
        assert sorted(flags) == [1, 2, 3]
        wanted = (
            "(UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority X-Priority "
            "References Newsgroups In-Reply-To Content-Type Reply-To Received)])"
        )
        headers = client.ok(f"UID fetch 1:3 {wanted}").by_uid()
        assert number(headers[2][b"RFC822.SIZE"]) == len(message("two"))
        # It asks for a large message in pieces.
        content, size = b"", len(message("one"))
        for start in range(0, size, 65536):
            (items,) = client.ok(f"UID fetch 1 (UID RFC822.SIZE BODY.PEEK[]<{start}.65536>)").by_uid().values()
            piece = items[b"BODY[]<%d>" % start]
            assert isinstance(piece, bytes)
            content += piece
        assert content == message("one")
        tag = client.idle()
        with imap_place.client(ACCOUNT) as other:
            other.append(filled, message("four"))
            while (heard := client.read()).name != b"EXISTS":
                pass
            assert heard.number == 4
            client.done(tag)
            other.ok(f'SELECT "{filled}"')
            other.ok(r"STORE 2 +FLAGS (\Answered)")
        changed = client.ok(f"UID fetch 1:* (FLAGS) (CHANGEDSINCE {modseq})").by_uid()
        assert {2, 4} <= changed.keys() <= {2, 4}
        client.ok(r"UID store 2 +Flags (\Seen)")
        client.ok("UID store 3 +FLAGS (Junk $Label1)")
        assert synchronising_append(client, filled, message("sent")).code[0] == b"APPENDUID"
        client.ok("CREATE thunderbird-trash")
        client.ok('subscribe "thunderbird-trash"')
        moved = client.ok('uid move 3 "thunderbird-trash"')
        assert b"COPYUID" in moved.codes()
        assert [each.number for each in moved.of(b"EXPUNGE")] == [3]
        assert client.ok("UID SEARCH HEADER Message-ID <one@far.example>").found() == [1]
        assert client.ok("UID SEARCH UNDELETED BODY attachment").status == b"OK"
        client.ok("close")
        client.ok("logout")


def test_apple_mail(imap_place: Place, filled: str) -> None:
    with imap_clients.connect(imap_place.tls_port, imap_place.context()) as client:
        client.ok("CAPABILITY")
        authenticate(client, imap_place, initial=True)
        client.ok('ID ("name" "Mac OS X Mail" "version" "16.0 (3826.700.81)" "os" "Mac OS X" "vendor" "Apple Inc.")')
        client.ok("ENABLE CONDSTORE QRESYNC")
        client.compress()
        client.ok('LIST "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ))')
        status = (
            client.ok(f'STATUS "{filled}" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)').of(b"STATUS")[0].items()
        )
        assert (number(status[b"MESSAGES"]), number(status[b"UIDNEXT"])) == (3, 4)
        codes = client.ok(f'SELECT "{filled}"').codes()
        validity, modseq = number(codes[b"UIDVALIDITY"][0]), number(codes[b"HIGHESTMODSEQ"][0])
        assert len(client.ok("FETCH 1:3 (FLAGS UID)").fetched()) == 3
        wanted = (
            "(INTERNALDATE UID RFC822.SIZE FLAGS BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (date subject from to cc message-id "
            "in-reply-to references content-type x-priority x-uniform-type-identifier)])"
        )
        assert len(client.ok(f"UID FETCH 1:3 {wanted}").by_uid()) == 3
        parts = client.ok(
            "UID FETCH 1 (BODY.PEEK[HEADER] BODY.PEEK[1] BODY.PEEK[2.MIME] BODY.PEEK[2]<0.1000>)"
        ).by_uid()[1]
        assert parts[b"BODY[1]"] == b"The text of one."
        encoded = parts[b"BODY[2]<0>"]
        assert isinstance(encoded, bytes)
        assert len(encoded) == 1000
        assert client.ok("UID FETCH 1 (BINARY.PEEK[2])").by_uid()[1][b"BINARY[2]"] == DATA
        # iOS asks for changes since 0 when it knows nothing.
        assert client.run("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 0)").status in (b"OK", b"BAD")
        assert client.ok("UID SEARCH 1:* NOT DELETED").found() == [1, 2, 3]
        client.ok("CHECK")
        tag = client.idle()
        with imap_place.client(ACCOUNT) as other:
            other.ok(f'SELECT "{filled}"')
            other.ok(r"STORE 1 +FLAGS (\Deleted \Seen)")
            other.ok("EXPUNGE")
            while (heard := client.read()).name != b"VANISHED":
                pass
            assert heard.values == (b"1",)
            client.done(tag)
            client.close()
            other.ok(r"STORE 1 +FLAGS (\Flagged)")
            other.append(filled, message("four"))
    with imap_clients.connect(imap_place.tls_port, imap_place.context()) as client:
        authenticate(client, imap_place, initial=False)
        client.ok("ENABLE CONDSTORE QRESYNC")
        answer = client.ok(f'SELECT "{filled}" (QRESYNC ({validity} {modseq}))')
        assert [each.values for each in answer.of(b"VANISHED")] == [((b"EARLIER",), b"1")]
        resynced = answer.by_uid()
        assert sorted(resynced) == [2, 4]
        assert b"\\Flagged" in imap_clients.names(resynced[2][b"FLAGS"])
        client.ok("LOGOUT")


def test_outlook(imap_place: Place, filled: str) -> None:
    with imap_clients.connect(imap_place.port) as client:
        client.ok("CAPABILITY")
        client.start_tls(imap_place.context())
        client.ok("CAPABILITY")
        client.login(imap_place.user(ACCOUNT), PASSWORD)
        # It tries what only some servers have, and must be able to go on.
        assert client.run('XLIST "" "*"').status in (b"OK", b"BAD")
        client.ok('ID ("name" "Microsoft Outlook" "version" "16.0")')
        client.ok('LIST "" ""')
        client.ok('LIST "" "*"')
        client.ok('LSUB "" "*"')
        client.ok(f'SUBSCRIBE "{filled}"')
        assert client.ok(f'STATUS "{filled}" (UIDNEXT UIDVALIDITY UNSEEN RECENT MESSAGES)').of(b"STATUS")
        client.ok(f'SELECT "{filled}"')
        assert len(client.ok("UID FETCH 1:* (UID FLAGS)").by_uid()) == 3
        items = client.ok("UID FETCH 2 (UID FLAGS RFC822.SIZE BODY.PEEK[] INTERNALDATE)").by_uid()[2]
        assert items[b"BODY[]"] == message("two")
        headers = client.ok("FETCH 1:2 (UID FLAGS RFC822.SIZE RFC822.HEADER INTERNALDATE BODYSTRUCTURE)").by_uid()
        assert sorted(headers) == [1, 2]
        client.ok("NOOP")
        client.ok(r"UID STORE 2 +FLAGS.SILENT (\Deleted \Seen)")
        assert [each.number for each in client.ok("EXPUNGE").of(b"EXPUNGE")] == [2]
        client.ok('CREATE "Outlook sent"')
        answer = synchronising_append(client, "Outlook sent", message("sent"))
        assert answer.status == b"OK"
        client.ok('UID COPY 1 "Outlook sent"')
        client.ok('RENAME "Outlook sent" "Outlook/sent"')
        client.run('UNSUBSCRIBE "Outlook sent"')
        client.ok("CLOSE")
        client.ok("LOGOUT")
