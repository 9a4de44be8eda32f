"""Methods about stored messages and suppressions."""

from pathlib import Path
from typing import Any

from trio.testing import MockClock

from mox_trio.mailstore import credentials, mailboxes, reading
from tests.kit import world
from tests.webui import calling
from tests.webui.calling import Api, message

NESTED = (
    b"From: Bob <bob@one.example>\r\nTo: <ann@one.example>\r\nCc: x@y.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Message-ID: <m1@one.example>\r\nReferences: <a@x> <b@x>\r\nDate: Fri, 02 Jan 2026 03:04:05 +0100\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="B"\r\n\r\n'
    b'--B\r\nContent-Type: multipart/alternative; boundary="C"\r\n\r\n'
    b"--C\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nT=E4xt\r\n"
    b"more\r\n"
    b"--C\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>HTML</p>\r\n--C--\r\n"
    b'--B\r\nContent-Type: image/png; name="=?utf-8?q?p=C3=A4.png?="\r\nContent-ID: <p@x>\r\n'
    b"Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\nGgo=\r\n--B--\r\n"
)


async def delivered(api: Api, data: bytes = NESTED) -> int:
    """Bob sends it to ann; its id."""
    assert (await api.server.submit("bob", ["ann@one.example"], data)).startswith("250")
    await api.net.quiet()
    account = await api.server.account("ann")
    (inbox,) = [each for each in await mailboxes.listed(api.server.store, account) if each.name == "Inbox"]
    return int((await reading.rows(api.server.store, inbox.id))[-1].email_id)


async def test_a_message_is_told_with_its_structure(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock, encrypt=True) as api:
        told = await api.ok("MessageGet", {"MsgID": await delivered(api)})
        found = told["Message"]
        assert found["From"] == [{"Name": "Bob", "Address": "bob@one.example"}]
        assert found["CC"] == [{"Name": "", "Address": "x@y.example"}]
        assert (found["Subject"], found["MessageID"]) == ("Grüße", "<m1@one.example>")
        assert found["References"] == ["<a@x>", "<b@x>"]
        assert found["Date"] == "2026-01-02T02:04:05.000Z"
        assert (found["Text"], found["HTML"]) == ("Täxt\nmore", "<p>HTML</p>")
        picture = told["Structure"]["Parts"][1]
        assert picture == {
            "ContentType": "image/png",
            "ContentTypeParams": {"name": "=?utf-8?q?p=C3=A4.png?="},
            "ContentID": "<p@x>",
            "ContentDisposition": "inline",
            "Filename": "pä.png",
            "DecodedSize": 8,
            "Parts": [],
        }
        meta = told["Meta"]
        assert (meta["MailFrom"], meta["RcptTo"]) == ("bob@one.example", "ann@one.example")
        assert (meta["MailFromValidated"], meta["MsgFromValidated"], meta["DSN"]) == (True, True, False)
        assert (meta["MailboxName"], meta["Flags"], meta["MsgFrom"]) == ("Inbox", [], "bob@one.example")


async def test_a_message_and_its_parts_are_streamed(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        number = await delivered(api)
        raw = await api.call("MessageRawGet", {"MsgID": number})
        assert raw.body == (await api.server.mails("ann"))[0]
        assert raw.headers["content-length"] == str(len(raw.body))
        assert raw.headers["content-type"].startswith("text/plain")
        assert raw.headers["content-disposition"] == "attachment"
        part = await api.call("MessagePartGet", {"MsgID": number, "PartPath": [1]})
        assert (part.body, part.headers["content-type"]) == (b"\x89PNG\r\n\x1a\n", "application/octet-stream")
        text = await api.call("MessagePartGet", {"MsgID": number, "PartPath": [0, 0]})
        assert text.body == b"T\xe4xt\r\nmore"
        assert await api.refused("MessagePartGet", {"MsgID": number, "PartPath": [7]}) == "partNotFound"


async def test_a_large_message_is_read_as_it_was_sent(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock, encrypt=True) as api:
        body = b"".join(b"%070d\r\n" % number for number in range(20_000))
        number = await delivered(api, NESTED.partition(b"MIME-Version")[0] + b"\r\n" + body)
        raw = await api.call("MessageRawGet", {"MsgID": number})
        assert raw.body.endswith(body)


async def test_flags_and_mailboxes_are_changed_and_messages_go(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        number = await delivered(api)

        async def meta() -> Any:
            return (await api.ok("MessageGet", {"MsgID": number}))["Meta"]

        await api.ok("MessageFlagsAdd", {"MsgID": number, "Flags": ["\\seen", "$Junk", "shop"]})
        assert set((await meta())["Flags"]) == {"\\seen", "$junk", "shop"}
        await api.ok("MessageFlagsRemove", {"MsgID": number, "Flags": ["$junk", "never"]})
        assert set((await meta())["Flags"]) == {"\\seen", "shop"}
        assert await api.refused("MessageFlagsAdd", {"MsgID": number, "Flags": ["a b"]}) == "user"
        await api.ok("MessageMove", {"MsgID": number, "DestMailboxName": "Archive"})
        assert (await meta())["MailboxName"] == "Archive"
        await api.ok("MessageMove", {"MsgID": number, "DestMailboxName": "Archive"})
        assert await api.refused("MessageMove", {"MsgID": number, "DestMailboxName": "None"}) == "user"
        await api.ok("MessageDelete", {"MsgID": number})
        for method in ("MessageGet", "MessageRawGet", "MessageDelete", "MessageFlagsAdd", "MessageMove"):
            assert await api.refused(method, {"MsgID": number}) == "messageNotFound"
        assert await api.server.mails("ann", "Archive") == []


async def test_nobody_reads_the_messages_of_others(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        number = await delivered(api)
        api.authorization = calling.basic("cid@one.example")
        await credentials.set_password(api.server.services.logins, await api.server.account("cid"), world.PASSWORD)
        for method in (
            "MessageGet",
            "MessageRawGet",
            "MessagePartGet",
            "MessageDelete",
            "MessageFlagsAdd",
            "MessageMove",
        ):
            assert await api.refused(method, {"MsgID": number}) == "messageNotFound"
        assert len(await api.server.mails("ann")) == 1


async def test_suppressed_addresses_get_nothing_more(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        bob = {"EmailAddress": "b.ob+shop@one.example"}
        await api.ok("SuppressionAdd", {**bob, "Manual": True, "Reason": "asked"})
        assert await api.refused("SuppressionAdd", bob) == "error"
        (listed,) = (await api.ok("SuppressionList"))["Suppressions"]
        assert listed["Created"].endswith("Z")
        assert {key: listed[key] for key in ("Account", "BaseAddress", "OriginalAddress", "Manual", "Reason")} == {
            "Account": "ann",
            "BaseAddress": "bob@one.example",
            "OriginalAddress": "b.ob+shop@one.example",
            "Manual": True,
            "Reason": "asked",
        }
        assert await api.ok("SuppressionPresent", {"EmailAddress": "bob@one.example"}) == {"Present": True}
        await api.ok("Send", message("bob@one.example"))
        await api.net.quiet()
        assert await api.server.mails("bob") == []
        await api.ok("SuppressionRemove", bob)
        assert await api.refused("SuppressionRemove", bob) == "error"
        assert await api.ok("SuppressionPresent", bob) == {"Present": False}
        assert await api.refused("SuppressionAdd", {"EmailAddress": "nobody"}) == "badAddress"
