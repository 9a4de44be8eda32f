"""Libraries of Python work with our IMAP server: imaplib, imapclient, aioimaplib."""

import asyncio
import imaplib
import ssl
from datetime import UTC, date, datetime
from typing import Any

import aioimaplib
import imapclient
import pytest

from tests.kit.imap_served import PASSWORD, Place

ACCOUNT = "libraries"


def message(subject: str) -> bytes:
    return (
        f"From: Ann <ann@far.example>\r\nTo: mia@here.example\r\nSubject: {subject}\r\n"
        "Date: Sat, 28 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        f"The text of {subject}: grüße.\r\n"
    ).encode()


@pytest.fixture
def mailbox(imap_place: Place, request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own."""
    name = f"of {request.node.name}"
    with imap_place.client(ACCOUNT) as client:
        client.ok(f'CREATE "{name}"')
    return name


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_imaplib(imap_place: Place, mailbox: str, tls: str) -> None:
    context = imap_place.context()
    client: imaplib.IMAP4 = (
        imaplib.IMAP4_SSL("localhost", imap_place.tls_port, ssl_context=context)
        if tls == "implicit"
        else imaplib.IMAP4("localhost", imap_place.port)
    )
    quoted = f'"{mailbox}"'
    with client:
        if tls == "starttls":
            assert client.starttls(context)[0] == "OK"
        user = imap_place.user(ACCOUNT)
        if tls == "none":
            client.login(user, PASSWORD)
        else:
            client.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
        when = imaplib.Time2Internaldate(datetime(2026, 11, 28, 10, 0, tzinfo=UTC))
        for subject in ("one", "two", "three"):
            assert client.append(quoted, r"(\Flagged)", when, message(subject))[0] == "OK"
        assert client.select(quoted) == ("OK", [b"3"])
        assert client.search(None, "FLAGGED", "SUBJECT", "two") == ("OK", [b"2"])
        assert client.uid("SEARCH", "CHARSET", "UTF-8", "TEXT", '"three"')[1] == [b"3"]
        _, parts = client.fetch("2", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY[])")
        assert isinstance(parts[0], tuple)
        assert parts[0][1] == message("two")
        assert b'INTERNALDATE "28-Nov-2026 10:00:00 +0000"' in parts[0][0]
        assert client.store("1:2", "+FLAGS", r"(\Deleted)")[0] == "OK"
        assert client.response("UIDVALIDITY")[1][0] is not None
        assert client.expunge()[1] in ([b"1", b"1"], [b"2", b"1"])
        assert client.status(quoted, "(UIDNEXT)")[0] == "OK"
        assert client.noop()[0] == client.check()[0] == client.close()[0] == "OK"
        assert client.rename(quoted, f'"{mailbox} renamed"')[0] == "OK"
        assert client.delete(f'"{mailbox} renamed"')[0] == "OK"


def test_imapclient(imap_place: Place, mailbox: str) -> None:
    with imapclient.IMAPClient("localhost", imap_place.tls_port, ssl_context=imap_place.context()) as client:
        client.plain_login(imap_place.user(ACCOUNT), PASSWORD)
        assert client.has_capability("MOVE")
        client.id_({"name": "imapclient"})
        assert client.namespace().personal == (("", "/"),)
        assert mailbox in [name for _, _, name in client.list_folders()]
        client.create_folder("Ünïcode ✉")
        assert "Ünïcode ✉" in [name for _, _, name in client.list_folders()]
        client.subscribe_folder("Ünïcode ✉")
        assert "Ünïcode ✉" in [name for _, _, name in client.list_sub_folders()]
        when = datetime(2026, 11, 28, 10, 30, tzinfo=UTC)
        for subject in ("one", "two", "three"):
            assert b"APPENDUID" in client.append(mailbox, message(subject), [imapclient.SEEN, b"$Label1"], when)
        found = client.select_folder(mailbox)
        assert found[b"EXISTS"] == 3
        assert found[b"UIDNEXT"] == 4
        assert client.search(["SUBJECT", "two", "SINCE", date(2026, 11, 28)]) == [2]
        assert client.search("KEYWORD $Label1") == [1, 2, 3]
        assert client.sort(["REVERSE ARRIVAL"]) in ([3, 2, 1], [1, 2, 3])  # one time of arrival: the order is free
        assert client.thread("ORDEREDSUBJECT") is not None
        answer = client.fetch([1, 2], ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "INTERNALDATE", "BODY.PEEK[TEXT]<4.4>"])
        assert answer[1][b"ENVELOPE"].subject == b"one"
        assert answer[2][b"BODYSTRUCTURE"][:3] == (b"text", b"plain", (b"charset", b"utf-8"))
        assert answer[1][b"BODY[TEXT]<4>"] == b"text"
        assert b"$Label1" in answer[1][b"FLAGS"]
        client.add_flags([1], [imapclient.FLAGGED])
        assert imapclient.FLAGGED in client.get_flags([1])[1]
        assert imapclient.FLAGGED not in client.remove_flags([1], [imapclient.FLAGGED])[1]
        assert set(client.set_flags([1], [imapclient.ANSWERED])[1]) - {b"\\Recent"} == {imapclient.ANSWERED}
        client.copy([1], "Ünïcode ✉")
        client.move([2], "Ünïcode ✉")
        assert client.folder_status("Ünïcode ✉", ["MESSAGES"]) == {b"MESSAGES": 2}
        client.idle()
        with imap_place.client(ACCOUNT) as other:
            other.append(mailbox, message("while idling"))
        heard = client.idle_check(timeout=20)
        assert (3, b"EXISTS") in heard, heard
        client.idle_done()
        client.delete_messages([1])
        client.uid_expunge([1])
        assert client.search() == [3, 4]
        client.delete_folder("Ünïcode ✉")
        client.unselect_folder()
        client.enable("CONDSTORE")


def test_aioimaplib(imap_place: Place, mailbox: str) -> None:
    async def talk() -> None:
        client: Any = aioimaplib.IMAP4_SSL(
            "localhost", imap_place.tls_port, timeout=30, ssl_context=ssl_context(imap_place)
        )
        await client.wait_hello_from_server()
        await client.login(imap_place.user(ACCOUNT), PASSWORD)
        assert client.get_state() == "AUTH"
        await client.select(f'"{mailbox}"')
        response = await client.append(message("one"), f'"{mailbox}"', r"\Seen")
        assert response.result == "OK", response
        idle = await client.idle_start(timeout=30)
        with imap_place.client(ACCOUNT) as other:
            await asyncio.to_thread(other.append, mailbox, message("two"))
        heard = await client.wait_server_push()
        while not any(line.endswith(b"EXISTS") for line in heard):
            heard = await client.wait_server_push()
        client.idle_done()
        await asyncio.wait_for(idle, 30)
        response = await client.uid("fetch", "1:*", "(UID FLAGS BODY.PEEK[])")
        assert response.result == "OK"
        assert message("two") in response.lines
        response = await client.uid_search("SUBJECT two")
        assert response.lines[0] == b"2"
        assert (await client.uid("store", "2", "+FLAGS (\\Deleted)")).result == "OK"
        assert (await client.expunge()).result == "OK"
        assert (await client.uid("move", "1", "INBOX")).result == "OK"
        assert (await client.close()).result == "OK"
        await client.logout()

    asyncio.run(talk())


def ssl_context(place: Place) -> ssl.SSLContext:
    context = place.context()
    context.check_hostname = False  # aioimaplib does not say whom it talks to
    return context
