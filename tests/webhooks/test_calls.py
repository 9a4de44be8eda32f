"""Calls to customers' URLs, through whole servers: what is told, when, how often, and in which order."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from mox_trio.policy import webhook_schedule
from mox_trio.protocol.webapi import hooks
from mox_trio.webhooks import desk
from tests.kit import mail_hosts, world
from tests.kit.web_receiver import Receiver
from tests.smtpd.talking import Clients
from tests.webui import calling
from tests.webui.calling import Api, message

ADDRESS = "198.51.100.99"
URL = f"http://{ADDRESS}/hook?a=b"
STATIC = calling.STATIC + '\n[webhooks]\nprivate_networks = ["198.51.100.0/24"]\n'
KEPT = {"ann": 'keep_retired_webhooks = "7d"'}
BOB = "bob@one.example"


@asynccontextmanager
async def opened(directory: Path, clock: MockClock, *names: str, **more: Any) -> AsyncIterator[tuple[Api, Receiver]]:
    """A server, and a receiver at URL."""
    given = {"dynamic": KEPT, **more}
    async with world.opened(
        directory, clock, *(names or ("one",)), **{each: {"static": STATIC, **given} for each in names or ("one",)}
    ) as net:
        receiver = Receiver()
        net.web[ADDRESS] = receiver.serve
        yield Api(net, authorization=calling.basic("ann@one.example")), receiver


async def told(receiver: Receiver, count: int, hours: float = 1.0) -> list[Any]:
    """What was told, once there are so many calls."""
    with trio.fail_after(hours * 3600):
        while len(receiver.calls) < count:  # noqa: ASYNC110 - on a clock that jumps
            await trio.sleep(1)
    return [each.told for each in receiver.calls]


async def listed(api: Api) -> list[Any]:
    found: list[Any] = (await api.ok("HookList"))["Hooks"]
    return found


@pytest.mark.parametrize("encrypt", [False, True], ids=["readable", "sealed"])
async def test_a_delivery_is_told_with_a_signature(tmp_path: Path, autojump_clock: MockClock, encrypt: bool) -> None:
    async with opened(tmp_path, autojump_clock, "one", "two", encrypt=encrypt) as (api, receiver):
        given = {"Direction": "outgoing", "URL": URL, "Authorization": "Basic abc", "Secret": "s3cret"}
        assert (await api.ok("WebhookSet", given))["Secret"] == "s3cret"
        sent = await api.ok("Send", message("bob@two.example", Extra={"order-id": "5"}))
        (payload,) = await told(receiver, 1)
        queued = payload.pop("WebhookQueued")
        assert queued.endswith("Z")
        assert payload == {
            "Version": 0,
            "Event": "delivered",
            "DSN": False,
            "Suppressing": False,
            "QueueMsgID": sent["Submissions"][0]["QueueMsgID"],
            "FromID": "",
            "MessageID": sent["MessageID"],
            "Subject": "hello",
            "SMTPCode": 0,
            "SMTPEnhancedCode": "",
            "Error": "",
            "Extra": {"Order-Id": "5"},
        }
        (call,) = receiver.calls
        assert (call.method, call.path) == ("POST", "/hook?a=b")
        assert call.headers["authorization"] == "Basic abc"
        assert call.headers["content-type"] == "application/json; charset=utf-8"
        assert call.headers["user-agent"].startswith("mox-trio/")
        assert call.headers["x-mox-webhook-attempt"] == "1"
        now = api.server.store.now() // 1000
        value = call.headers["x-mox-webhook-signature"]
        assert hooks.is_right(b"s3cret", value, call.body, now)
        assert not hooks.is_right(b"s3cret", value, call.body + b" ", now)
        assert not hooks.is_right(b"other", value, call.body, now)
        assert not hooks.is_right(b"s3cret", value, call.body, now + 1000)
        await api.net.hours(0.01)
        (hook,) = await listed(api)
        assert (hook["State"], hook["Attempts"], str(hook["ID"])) == ("delivered", 1, call.headers["x-mox-webhook-id"])
        assert json.loads(hook["Payload"])["Event"] == "delivered"
        assert [(each["Success"], each["Code"], each["Response"]) for each in hook["Results"]] == [(True, 200, "ok")]


async def test_each_end_of_a_message_has_its_event(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        await api.ok("WebhookSet", {"Direction": "outgoing", "URL": URL})
        api.net.host("gone.example", mail_hosts.Host(answers={"RCPT": ["550 5.1.1 nobody"]}))
        await api.ok("Send", message("x@gone.example"))
        (failed,) = await told(receiver, 1)
        assert (failed["Event"], failed["SMTPCode"], failed["SMTPEnhancedCode"]) == ("failed", 550, "5.1.1")
        assert failed["Suppressing"] is True
        assert failed["Error"]
        await api.ok("Send", message("x@gone.example"))
        assert (await told(receiver, 2))[1]["Event"] == "suppressed"
        await api.ok("Send", message(BOB))
        assert (await told(receiver, 3))[2]["Event"] == "delivered"
        sent = await api.ok("Send", message(BOB, FutureRelease=later(api)))
        await api.ok("SendCancel", {"QueueMsgIDs": [each["QueueMsgID"] for each in sent["Submissions"]]})
        assert (await told(receiver, 4))[3]["Event"] == "canceled"


def later(api: Api) -> str:
    return (datetime.fromtimestamp(api.server.store.now() / 1000, UTC) + timedelta(hours=5)).isoformat()


async def test_only_events_that_are_wanted_are_told(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        await api.ok("WebhookSet", {"Direction": "outgoing", "URL": URL, "Events": ["failed"]})
        await api.ok("Send", message(BOB))
        await api.net.quiet()
        await api.net.hours(1)
        assert receiver.calls == []
        assert await listed(api) == []


async def test_a_call_that_fails_is_made_again_ever_later_and_given_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        receiver.answers = lambda number: (503 if number % 2 else 302, {"location": "http://127.0.0.1/"}, b"x" * 9999)
        await api.ok("WebhookSet", {"Direction": "outgoing", "URL": URL})
        await api.ok("Send", message(BOB))
        await api.net.hours(72)
        times = [each.at for each in receiver.calls]
        waits = [after - before for before, after in itertools.pairwise(times)]
        assert len(times) == 12
        for wait, expected in zip(waits, webhook_schedule.WAITS, strict=True):
            assert wait == pytest.approx(expected, rel=0.02, abs=6)
        assert [each.headers["x-mox-webhook-attempt"] for each in receiver.calls] == [str(n) for n in range(1, 13)]
        assert len({each.headers["x-mox-webhook-id"] for each in receiver.calls}) == 1
        (hook,) = await listed(api)
        assert (hook["State"], hook["Attempts"]) == ("failed", 12)
        assert {each["Code"] for each in hook["Results"]} == {503, 302}
        assert all(len(each["Response"]) == 512 for each in hook["Results"])


async def test_calls_to_one_url_are_made_one_after_the_other_and_in_order(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        receiver.hold = 3.0
        await api.ok("WebhookSet", {"Direction": "outgoing", "URL": URL})
        await api.ok("SendBatch", {"Messages": [message(BOB, Subject=str(number)) for number in range(8)]})
        payloads = await told(receiver, 8)
        await api.net.hours(0.01)
        assert receiver.most_at_once == 1
        assert len({each["QueueMsgID"] for each in payloads}) == 8
        assert {each["State"] for each in await listed(api)} == {"delivered"}
        assert receiver.connections < 8, "connections are kept"


async def test_a_later_event_supersedes_a_call_that_still_waits(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        receiver.answers = lambda number: (500, {}, b"")
        await api.ok("WebhookSet", {"Direction": "outgoing", "URL": URL})
        host = api.net.host("late.example", mail_hosts.Host(answers={"RCPT": ["450 4.2.0 later"]}))
        await api.ok("Send", message("x@late.example"))
        (first,) = await told(receiver, 1)
        assert (first["Event"], first["SMTPCode"]) == ("delayed", 450)
        host.answers["RCPT"] = ["550 5.2.2 no"]
        await api.net.hours(0.2)
        found = await listed(api)
        assert [each["State"] for each in found] == ["waiting", "superseded"]
        assert found[1]["SupersededByID"] == found[0]["ID"]


async def test_calls_are_repeated_and_canceled_by_hand(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        await api.ok("WebhookSet", {"Direction": "outgoing", "URL": URL})
        await api.ok("Send", message(BOB))
        await told(receiver, 1)
        await api.net.hours(0.01)
        (hook,) = await listed(api)
        assert await api.ok("HookReplay", {"IDs": [hook["ID"]]}) == {"Changed": 1}
        assert len(await told(receiver, 2)) == 2
        assert receiver.calls[0].body == receiver.calls[1].body
        receiver.answers = lambda number: (500, {}, b"")
        await api.ok("HookReplay", {"IDs": [hook["ID"]]})
        await told(receiver, 3)
        await api.net.hours(0.005)
        assert await api.ok("HookCancel", {"IDs": [hook["ID"]]}) == {"Changed": 1}
        assert await api.ok("HookCancel", {"IDs": [hook["ID"]]}) == {"Changed": 0}
        await api.net.hours(24)
        assert len(receiver.calls) == 3
        assert [each["State"] for each in await listed(api)] == ["canceled"]
        api.authorization = calling.basic(BOB)
        assert await api.ok("HookReplay", {"IDs": [hook["ID"]]}) == {"Changed": 0}
        assert await listed(api) == []


async def test_a_url_that_is_taken_away_is_not_called_any_more(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        receiver.answers = lambda number: (500, {}, b"")
        await api.ok("WebhookSet", {"Direction": "outgoing", "URL": URL, "Authorization": "x"})
        shown = (await api.ok("WebhookGet"))["Webhooks"][0]
        assert (shown["URL"], shown["HasAuthorization"], "Secret" in shown) == (URL, True, False)
        await api.ok("Send", message(BOB))
        await told(receiver, 1)
        await api.ok("WebhookRemove", {"Direction": "outgoing"})
        assert await api.refused("WebhookRemove", {"Direction": "outgoing"}) == "error"
        await api.net.hours(1)
        assert len(receiver.calls) == 1
        assert [each["State"] for each in await listed(api)] == ["canceled"]


async def test_mail_that_arrives_is_told_with_its_content(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, autojump_clock, "one", "two", encrypt=True) as (api, receiver):
        await api.ok("WebhookSet", {"Direction": "incoming", "URL": URL})
        text = 'Täxt "Meta":{"MsgID":0, end\n'
        await api.net["two"].submit(
            "bob",
            ["ann@one.example"],
            b"From: Bob <bob@two.example>\r\nTo: ann@one.example\r\nSubject: hi\r\nList-Id: <x>\r\nIn-Reply-To: <q@x>\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.replace("\n", "\r\n").encode(),
        )
        (payload,) = await told(receiver, 1)
        assert payload["From"] == [{"Name": "Bob", "Address": "bob@two.example"}]
        assert (payload["Subject"], payload["Text"], payload["InReplyTo"]) == ("hi", text, "<q@x>")
        assert payload["Structure"]["ContentType"] == "text/plain"
        meta = payload["Meta"]
        assert (meta["MailFrom"], meta["MailFromValidated"], meta["MsgFromValidated"]) == (
            "bob@two.example",
            True,
            True,
        )
        assert (meta["RcptTo"], meta["DKIMVerifiedDomains"]) == ("ann@one.example", ["two.example"])
        assert (meta["RemoteIP"], meta["MailboxName"], meta["Automated"]) == ("192.0.2.2", "Inbox", True)
        fetched = await api.ok("MessageGet", {"MsgID": meta["MsgID"]})
        assert fetched["Message"]["Text"] == text
        await api.server.submit("bob", ["ann@one.example"])
        assert (await told(receiver, 2))[1]["From"][0]["Address"] == BOB


async def test_a_call_for_trying_tells_how_it_went(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        assert await api.refused("WebhookTest", {"Direction": "outgoing"}) == "error"
        result = await api.ok("WebhookTest", {"Direction": "incoming", "URL": URL})
        assert (result["Success"], result["Code"], result["Response"]) == (True, 200, "ok")
        assert receiver.calls[0].headers["x-mox-webhook-test"] == "1"
        await api.ok("WebhookSet", {"Direction": "outgoing", "URL": "http://198.51.100.7/"})
        result = await api.ok("WebhookTest", {"Direction": "outgoing"})
        assert (result["Success"], result["Code"]) == (False, 0)
        assert result["Error"]


async def test_calls_for_trying_leave_connections_to_those_that_tell(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        receiver.hold = 30
        answers: list[int] = []

        async def attempt() -> None:
            answers.append((await api.call("WebhookTest", {"Direction": "incoming", "URL": URL})).status)

        async with trio.open_nursery() as nursery:
            for _ in range(desk.TESTS + 2):
                nursery.start_soon(attempt)
        assert sorted(answers) == [200] * desk.TESTS + [400] * 2
        assert await api.ok("WebhookTest", {"Direction": "incoming", "URL": URL})


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org@10.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "ftp://x.example/"),
        *("https://u:p@x.example/", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/"),
        *("https://x.example/#y", "x", "https:///"),
    ],
)
async def test_urls_that_lead_home_cannot_be_set(tmp_path: Path, autojump_clock: MockClock, url: str) -> None:
    async with opened(tmp_path, autojump_clock) as (api, _):
        assert await api.refused("WebhookSet", {"Direction": "outgoing", "URL": url}) == "user"


async def test_names_that_lead_home_are_not_called(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        api.net.zone.set("evil.example", "A", ["10.0.0.5"])
        result = await api.ok("WebhookTest", {"Direction": "outgoing", "URL": "https://evil.example/"})
        assert result["Error"] == "the name leads to no address that may be called"
        api.net.zone.set("plain.example", "A", [ADDRESS])
        result = await api.ok("WebhookTest", {"Direction": "outgoing", "URL": "http://plain.example/"})
        assert (result["Success"], receiver.calls[0].headers["host"]) == (True, "plain.example")


def notice(to: str, action: str = "failed", diagnostic: str = "smtp; 550 5.1.1 nobody here", count: int = 1) -> bytes:
    """As another server writes one."""
    about = f"\r\nFinal-Recipient: rfc822; x@far.example\r\nAction: {action}\r\nStatus: 5.1.1\r\n"
    about += f"Diagnostic-Code: {diagnostic}\r\n"
    return (
        f"From: <mailer@far.example>\r\nTo: <{to}>\r\nSubject: notice\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; far.example\r\n"
        + about * count
        + "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n--b--\r\n"
    ).encode()


async def test_a_notice_that_comes_back_later_is_told_as_an_event(tmp_path: Path, autojump_clock: MockClock) -> None:
    more = {"ann": KEPT["ann"] + '\nkeep_retired_messages = "7d"\nfrom_id_login_addresses = ["ann@one.example"]'}
    async with opened(tmp_path, autojump_clock, dynamic=more) as (api, receiver):
        for direction in ("outgoing", "incoming"):
            await api.ok("WebhookSet", {"Direction": direction, "URL": URL})
        api.net.host("far.example")
        sent = await api.ok("Send", message("x@far.example", Extra={"a": "b"}))
        (first,) = await told(receiver, 1)
        from_id = sent["Submissions"][0]["FromID"]
        assert (first["Event"], first["FromID"], first["DSN"]) == ("delivered", from_id, False)
        back = f"ann+{from_id}@one.example"
        host = api.server
        await deliver(host, back, notice(back))
        second = (await told(receiver, 2))[1]
        assert (second["Event"], second["DSN"], second["Suppressing"]) == ("failed", True, True)
        assert (second["SMTPCode"], second["SMTPEnhancedCode"]) == (550, "5.1.1")
        assert (second["QueueMsgID"], second["MessageID"]) == (first["QueueMsgID"], sent["MessageID"])
        assert second["Extra"] == {"A": "b"}
        await deliver(host, back, world.message("mailer@far.example", back))
        assert (await told(receiver, 3))[2]["Event"] == "unrecognized"
        await deliver(host, "ann+else@one.example", notice("ann@one.example"))
        fourth = (await told(receiver, 4))[3]
        assert fourth["Meta"]["RcptTo"] == "ann+else@one.example"
        assert len(await host.mails("ann")) == 3


async def deliver(server: world.Server, to: str, data: bytes) -> None:
    """By LMTP, which asks for no proof."""
    connection = server.accept("lmtp")
    client = Clients(connection)
    await client.hello()
    assert (await client.say("LHLO elsewhere")).startswith("250")
    reply = await world.send(client, ["MAIL FROM:<>", f"RCPT TO:<{to}>"], data)
    assert reply.startswith("250"), reply
    await connection.aclose()
