"""Send and what belongs to it, through a whole server."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.kit import world
from tests.webui import calling
from tests.webui.calling import Api, message

BOB = "bob@one.example"


async def received(api: Api, name: str = "bob", mailbox: str = "Inbox") -> list[EmailMessage]:
    await api.net.quiet()
    mails = await api.server.mails(name, mailbox)
    return [message_from_bytes(each, policy=policy.default) for each in mails]


async def test_a_message_is_sent_signed_and_answered_with_its_ids(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock, "one", "two") as api:
        result = await api.ok("Send", message("bob@two.example", CC=[{"Address": BOB, "Name": "Bob"}]))
        assert [each["Address"] for each in result["Submissions"]] == ["bob@two.example", BOB]
        assert all(each["QueueMsgID"] > 0 for each in result["Submissions"])
        assert result["MessageID"].endswith("@mx.one.example>")
        await api.net.quiet()
        (mail,) = await api.net["two"].mails("bob")
        parsed = message_from_bytes(mail, policy=policy.default)
        assert parsed["Message-ID"] == result["MessageID"]
        assert "dkim=pass" in parsed["Authentication-Results"].replace("\r\n", "")
        assert parsed["From"] == "ann@one.example"
        assert parsed["User-Agent"] == "mox-trio (webapi)"
        assert "with HTTP id" in " ".join(str(each) for each in parsed.get_all("Received", []))
        assert world.STRANGER.encode() not in mail


@pytest.mark.parametrize("encrypt", [False, True], ids=["readable", "sealed"])
async def test_all_that_a_message_can_have_arrives(tmp_path: Path, autojump_clock: MockClock, encrypt: bool) -> None:
    async with calling.opened(tmp_path, autojump_clock, encrypt=encrypt) as api:
        logo = {"Name": "logo.png", "ContentID": "<logo@x>", "Data": base64.b64encode(b"\x89PNG").decode()}
        request = message(
            BOB,
            From=[{"Name": "Änn", "Address": "ann@one.example"}],
            ReplyTo=[{"Address": "desk@example.org"}],
            MessageID="<mine@one.example>",
            References=["<a@x>", "<b@x>"],
            Date="2026-01-02T03:04:05+01:00",
            Subject="Grüße",
            Text="Täxt\n",
            HTML='<img src="cid:logo@x">',
            Headers=[["X-Ticket", "5"], ["X-Mailer", "shop"]],
            InlineFiles=[logo],
            AttachedFiles=[{"Name": "a.txt", "ContentType": "text/plain", "Data": base64.b64encode(b"abc").decode()}],
            AlternativeFiles=[{"ContentType": "text/calendar", "Data": base64.b64encode(b"BEGIN:VCALENDAR").decode()}],
            BCC=None,
        )
        result = await api.ok("Send", request)
        assert result["MessageID"] == "<mine@one.example>"
        (mail,) = await received(api)
        assert (mail["From"], mail["Reply-To"], mail["Subject"]) == (
            "Änn <ann@one.example>",
            "desk@example.org",
            "Grüße",
        )
        assert (mail["References"], mail["In-Reply-To"]) == ("<a@x> <b@x>", "<b@x>")
        assert (mail["X-Ticket"], mail["X-Mailer"], mail["User-Agent"]) == ("5", "shop", None)
        assert mail["Date"] == "Fri, 02 Jan 2026 02:04:05 +0000"
        body = mail.get_body(("plain",))
        assert body is not None
        assert body.get_content().replace("\r\n", "\n") == "Täxt\n"
        kinds = [part.get_content_type() for part in mail.walk()]
        assert kinds == [
            *("multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"),
            *("text/calendar", "text/plain"),
        ]
        (attachment,) = mail.iter_attachments()
        assert (attachment.get_filename(), attachment.get_content()) == ("a.txt", "abc")


async def test_files_come_as_parts_of_a_form(tmp_path: Path, autojump_clock: MockClock) -> None:
    large = bytes(range(256)) * 4096
    async with calling.opened(tmp_path, autojump_clock) as api:
        files = [
            ("attachedfile", ("large.bin", large, "application/x-large")),
            ("attachedfile", ("small.txt", b"small", "text/plain")),
            ("inlinefile", ("p.png", b"png", "image/png", {"Content-ID": "<p@x>"})),
        ]
        form = {"request": json.dumps(message(BOB, HTML='<img src="cid:p@x">'))}
        answer = await api.post("Send", data=form, files=files)
        assert answer.status == 200, answer.body
        (mail,) = await received(api)
        found = {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
        assert found == {"large.bin": large, "small.txt": "small"}
        picture = next(part for part in mail.walk() if part.get_content_type() == "image/png")
        assert picture["Content-ID"] == "<p@x>"


async def test_json_alone_is_a_request_too(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        assert (await api.post("Send", json=message(BOB))).status == 200
        assert len(await received(api)) == 1


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("noRecipients", {"To": []}),
    ("badAddress", {"To": [{"Address": "nobody"}]}),
    ("badAddress", {"To": [{"Address": "nobody@one.example"}]}),
    ("missingBody", {"Text": ""}),
    ("multipleFrom", {"From": [{"Address": "ann@one.example"}, {"Address": "ann@one.example"}]}),
    ("badFrom", {"From": [{"Address": "bob@one.example"}]}),
    ("malformedMessageID", {"MessageID": "mine"}),
    ("malformedMessageID", {"References": ["mine"]}),
    ("protocol", {"Colour": "blue"}),
    ("protocol", {"To": "bob"}),
    ("protocol", {"Subject": "a\r\nBcc: x@y"}),
    ("user", {"Headers": [["Bcc", "x@y.example"]]}),
    ("protocol", {"Headers": [["X-A\r\nBcc", "x"]]}),
    ("user", {"Headers": [["X A", "x"]]}),
    ("user", {"Headers": [["Content-Type", "text/x"]]}),
    ("user", {"AttachedFiles": [{"Data": "%%%%"}]}),
    ("user", {"AttachedFiles": [{"Data": "YQ==", "ContentType": "multipart/mixed"}]}),
    ("user", {"FutureRelease": "2100-01-01T00:00:00Z"}),
    ("user", {"Variables": {"a": "b"}}),
    ("templateNotFound", {"Template": "none"}),
]


async def test_what_cannot_be_sent_is_refused_with_its_code(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        for code, change in REFUSED:
            assert await api.refused("Send", message(BOB, **change)) == code, change
        assert await api.server.queued() == []
        assert [row async for row in api.server.store.bodies["main"].refs(None)] == []


async def test_limits_of_a_day_have_codes_of_their_own(tmp_path: Path, autojump_clock: MockClock) -> None:
    more = {"ann": "max_outgoing_messages_per_day = 2\nmax_first_time_recipients_per_day = 1"}
    async with calling.opened(tmp_path, autojump_clock, dynamic=more) as api:
        await api.ok("Send", message(BOB))
        assert await api.refused("Send", message("cid@one.example")) == "recipientLimitReached"
        await api.ok("Send", message(BOB))
        assert await api.refused("Send", message(BOB)) == "messageLimitReached"


async def test_a_copy_is_kept_where_it_is_wanted(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        await api.ok("Send", message(BOB, BCC=[{"Address": "cid@one.example"}], SaveSent=True))
        (sent,) = await received(api, "ann", "Sent")
        assert sent["Bcc"] == "cid@one.example"
        (mail,) = await received(api)
        assert mail["Bcc"] is None
        assert len(await received(api, "cid")) == 1


async def test_a_message_for_later_waits_and_can_be_taken_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        at = datetime.fromtimestamp(api.server.store.now() / 1000, UTC) + timedelta(hours=2)
        requests = [message(BOB, FutureRelease=at.isoformat(), Subject=subject) for subject in ("one", "two")]
        results = [await api.ok("Send", each) for each in requests]
        listed = (await api.ok("QueueList"))["Messages"]
        assert [each["Subject"] for each in listed] == ["one", "two"]
        assert datetime.fromisoformat(listed[0]["NextAttempt"]) == at.replace(microsecond=at.microsecond // 1000 * 1000)
        ids = [each["QueueMsgID"] for each in results[0]["Submissions"]]
        assert await api.ok("SendCancel", {"QueueMsgIDs": ids}) == {"Canceled": 1, "Busy": 0}
        assert await api.ok("SendCancel", {"QueueMsgIDs": ids}) == {"Canceled": 0, "Busy": 0}
        await api.net.hours(1)
        assert await api.server.mails("bob") == []
        await api.net.hours(2)
        (mail,) = await received(api)
        assert mail["Subject"] == "two"


async def test_nobody_takes_back_what_others_sent(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        at = datetime.fromtimestamp(api.server.store.now() / 1000, UTC) + timedelta(hours=2)
        result = await api.ok("Send", message(BOB, FutureRelease=at.isoformat()))
        api.authorization = calling.basic(BOB)
        ids = [each["QueueMsgID"] for each in result["Submissions"]]
        assert await api.ok("SendCancel", {"QueueMsgIDs": ids}) == {"Canceled": 0, "Busy": 0}
        assert (await api.ok("QueueList"))["Messages"] == []


async def test_a_request_that_is_repeated_with_its_key_is_carried_out_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        key = {"Idempotency-Key": "order 5"}
        first = await api.call("Send", message(BOB), **key)
        again = await api.call("Send", message(BOB), **key)
        assert first.facts == again.facts
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert await api.refused("Send", message(BOB, Subject="other"), **key) == "idempotencyKeyReused"
        assert len(await received(api)) == 1
        api.authorization = calling.basic(BOB)
        assert "idempotency-replayed" not in (await api.call("Send", message(BOB), **key)).headers


async def test_a_file_with_other_content_is_another_request(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        answers = []
        for content in (b"one", b"two", b"one"):
            answers.append(
                await api.post(
                    "Send",
                    data={"request": json.dumps(message(BOB))},
                    files=[("attachedfile", ("a.txt", content, "text/plain"))],
                    headers={"Idempotency-Key": "file"},
                )
            )
        assert [each.status for each in answers] == [200, 400, 200]
        assert answers[1].facts["Code"] == "idempotencyKeyReused"
        assert answers[2].headers["idempotency-replayed"] == "true"


async def test_a_key_for_an_address_sees_and_takes_back_what_that_address_sent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        at = datetime.fromtimestamp(api.server.store.now() / 1000, UTC) + timedelta(hours=2)
        later = {"FutureRelease": at.isoformat()}
        mine = await api.ok("Send", message(BOB, From=[{"Address": "ann@one.example"}], **later))
        other = await api.ok("Send", message(BOB, From=[{"Address": "ann+x@one.example"}], **later))
        key = await api.ok("KeyAdd", {"Name": "k", "Scopes": ["send"], "Addresses": ["ann@one.example"]})
        ids = [each["Submissions"][0]["QueueMsgID"] for each in (mine, other)]
        assert len((await api.ok("QueueList"))["Messages"]) == 2
        api.authorization = f"Bearer {key['Secret']}"
        assert [each["QueueMsgID"] for each in (await api.ok("QueueList"))["Messages"]] == ids[:1]
        assert await api.ok("SendCancel", {"QueueMsgIDs": ids[1:]}) == {"Canceled": 0, "Busy": 0}
        assert await api.ok("SendCancel", {"QueueMsgIDs": ids}) == {"Canceled": 1, "Busy": 0}


async def test_requests_with_one_key_at_the_same_time_are_one(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        results: list[Any] = []

        async def one() -> None:
            results.append(await api.ok("Send", message(BOB), **{"Idempotency-Key": "k"}))

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(one)
        assert all(each == results[0] for each in results)
        assert len(await received(api)) == 1
        assert len([row async for row in api.server.store.bodies["main"].refs(None)]) == 1


async def test_a_batch_has_a_result_for_each_message(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        messages = [message(BOB, Subject=str(number)) for number in range(30)]
        messages[7] = message("nobody")
        key = {"Idempotency-Key": "batch"}
        results = (await api.ok("SendBatch", {"Messages": messages}, **key))["Results"]
        assert [each["Error"]["Code"] for each in results if each["Error"]] == ["badAddress"]
        assert sum(each["Result"] is not None for each in results) == 29
        again = (await api.ok("SendBatch", {"Messages": messages}, **key))["Results"]
        assert [each["Result"] for each in again] == [each["Result"] for each in results]
        assert {mail["Subject"] for mail in await received(api)} == {str(n) for n in range(30) if n != 7}
        assert await api.refused("SendBatch", {"Messages": [message(BOB)] * 1001}) == "protocol"


async def test_templates_are_filled_with_values_that_cannot_break_out(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with calling.opened(tmp_path, autojump_clock, encrypt=True) as api:
        template = {
            "Name": "hi",
            "Subject": "Hi {{name}}",
            "Text": "{{ name }}: {{sum}}\n",
            "HTML": "<b>{{name}}</b>{{x}}",
        }
        await api.ok("TemplateSet", template)
        assert await api.ok("TemplateGet", {"Name": "hi"}) == template
        assert (await api.ok("TemplateList"))["Names"] == ["hi"]
        request = {"To": [{"Address": BOB}], "Template": "hi", "Variables": {"name": "<i>&", "sum": "{{x}}"}}
        assert await api.refused("Send", request) == "user"
        request["Variables"] = {"name": "<i>&", "sum": "{{x}}", "x": "1"}
        await api.ok("Send", request)
        (mail,) = await received(api)
        plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert plain is not None
        assert html is not None
        assert (mail["Subject"], plain.get_content().strip()) == ("Hi <i>&", "<i>&: {{x}}")
        assert html.get_content().strip() == "<b>&lt;i&gt;&amp;</b>1"
        request["Variables"] = {"name": "a\r\nBcc: x@y", "sum": "", "x": ""}
        assert await api.refused("Send", request) == "user"
        await api.ok("TemplateRemove", {"Name": "hi"})
        assert await api.refused("TemplateGet", {"Name": "hi"}) == "templateNotFound"
        api.authorization = calling.basic(BOB)
        assert (await api.ok("TemplateList"))["Names"] == []


async def test_a_login_that_wants_it_gets_a_sender_of_its_own_for_each_recipient(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    more = {"ann": 'from_id_login_addresses = ["ann@one.example"]'}
    async with calling.opened(tmp_path, autojump_clock, dynamic=more) as api:
        (submission,) = (await api.ok("Send", message(BOB)))["Submissions"]
        assert len(submission["FromID"]) == 22
        (mail,) = await received(api)
        assert mail["Return-Path"] == f"<ann+{submission['FromID']}@one.example>"
