"""Mail between whole servers: submitted at one, judged and delivered at another."""

import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from trio.testing import MockClock

from mox_trio.protocol.mime import header
from storage_backends.bodies.disk import DiskStore
from tests.kit import mail_hosts, world, world_settings

ANN = "ann@one.example"
BOB = "bob@two.example"


def field(mail: bytes, name: bytes) -> str:
    """A field of a message, on one line."""
    return " ".join((header.parse(mail).get(name.lower()) or b"").decode().split())


@pytest.mark.parametrize("encrypt", [False, True], ids=["readable", "sealed"])
async def test_a_message_for_three_servers_arrives_at_each_with_its_evidence(
    tmp_path: Path, autojump_clock: MockClock, encrypt: bool
) -> None:
    settings = {name: {"encrypt": encrypt} for name in world.NAMES}
    async with world.opened(tmp_path, autojump_clock, **settings) as net:
        to = [BOB, "cid@three.example", "bob@one.example"]
        assert (await net["one"].submit("ann", to)).startswith("250 2.0.0 queued")
        await net.quiet()
        for name, login in (("two", "bob"), ("three", "cid")):
            (mail,) = await net[name].mails(login)
            results = field(mail, b"Authentication-Results")
            assert results.startswith(f"mx.{name}.example;")
            for expected in ("iprev=pass", "dkim=pass", "spf=pass", "dmarc=pass"):
                assert expected in results
            assert field(mail, b"Return-Path") == f"<{ANN}>"
            assert field(mail, b"Received-SPF").startswith("pass ")
            received = re.findall(rb"by (mx\.[a-z]+\.example) .*?with (\w+) id\s+[\w-]+", mail, re.DOTALL)
            assert received == [(f"mx.{name}.example".encode(), b"ESMTPS"), (b"mx.one.example", b"ESMTPSA")]
        (mail,) = await net["one"].mails("bob")
        assert field(mail, b"Delivered-To") == "bob@one.example"
        assert world.STRANGER.encode() not in mail  # where the user is, is nobody's business
        assert len([row async for row in net["one"].store.bodies["main"].refs(None)]) == 1


async def test_a_reply_finds_its_way_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        await net["one"].submit("ann", [BOB])
        await net.quiet()
        await net["two"].submit("bob", [ANN], world.message(BOB, ANN, "Re: hello"))
        await net.quiet()
        (mail,) = await net["one"].mails("ann")
        assert field(mail, b"Subject") == "Re: hello"


async def test_who_pretends_to_be_another_domain_is_refused(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        lines = ["MAIL FROM:<mallory@three.example>", f"RCPT TO:<{BOB}>"]
        net.zone.set("three.example", "A", ["203.0.113.7"])
        async with net["two"].client() as client:
            reply = await world.send(client, lines, world.message(ANN, BOB))
        assert reply.startswith("550 5.7.26 ")
        assert await net["two"].mails("bob") == []


async def test_a_second_recipient_needs_a_sender_that_is_vouched_for(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        async with net["two"].client() as stranger, net["two"].client(client="192.0.2.1") as known:
            for client, expected in ((stranger, "452 4.5.3"), (known, "250 ")):
                await client.say(f"MAIL FROM:<{ANN}>")
                assert (await client.say(f"RCPT TO:<{BOB}>")).startswith("250")
                assert (await client.say("RCPT TO:<cid@two.example>")).startswith(expected)
        # By way of our own queue nobody notices: the later recipient comes with the next transaction.
        net.zone.set("one.example", "TXT", [])
        await net["one"].submit("ann", [BOB, "cid@two.example", "ann@two.example"])
        await net.quiet()
        for login in ("ann", "bob", "cid"):
            assert len(await net["two"].mails(login)) == 1


async def test_of_two_recipients_one_fails_after_the_message_and_the_sender_hears_of_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    settings = {"two": {"static": '[incoming]\nunknown_recipients = "data"\n'}}
    async with world.opened(tmp_path, autojump_clock, "one", "two", **settings) as net:
        await net["one"].submit("ann", [BOB, "nobody@two.example"])
        await net.quiet()
        assert len(await net["two"].mails("bob")) == 1
        (notice,) = await net["one"].mails("ann")
        assert b"Final-Recipient: rfc822; nobody@two.example" in notice
        assert b"Action: failed" in notice
        assert field(notice, b"Return-Path") == "<>"
        assert "dkim=pass" in field(notice, b"Authentication-Results")
        assert b"bob@two.example" not in notice.partition(b"rfc822-headers")[0]


async def test_a_notice_that_nobody_takes_makes_no_other(tmp_path: Path, autojump_clock: MockClock) -> None:
    settings = {"two": {"static": '[incoming]\nunknown_recipients = "data"\n'}}
    async with world.opened(tmp_path, autojump_clock, "one", "two", **settings) as net:
        async with net["two"].client(client="192.0.2.1") as client:
            lines = ["MAIL FROM:<gone@one.example>", f"RCPT TO:<{BOB}>", "RCPT TO:<nobody@two.example>"]
            reply = await world.send(client, lines, world.message(ANN, BOB))
        assert reply.startswith("250")
        await net.quiet()
        assert [await net[name].mails(login) for name in ("one", "two") for login in ("ann", "cid")] == [[]] * 4
        assert await net["two"].queued() == []


async def test_mail_that_goes_in_circles_ends(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        await net["one"].submit("ann", [BOB], world.message(ANN, BOB, more="Received: from a by b\r\n" * 120))
        await net.quiet()
        assert await net["two"].mails("bob") == []
        (notice,) = await net["one"].mails("ann")
        assert b"Status: 5.4.6" in notice


async def test_an_account_sends_so_much_a_day(tmp_path: Path, autojump_clock: MockClock) -> None:
    settings = {"one": {"dynamic": {"ann": "max_outgoing_messages_per_day = 2"}}}
    async with world.opened(tmp_path, autojump_clock, "one", "two", **settings) as net:
        replies = [await net["one"].submit("ann", [BOB]) for _ in range(3)]
        assert [reply[:9] for reply in replies] == ["250 2.0.0", "250 2.0.0", "451 4.7.1"]
        await net.hours(25)
        assert (await net["one"].submit("ann", [BOB])).startswith("250")
        await net.quiet()
        assert len(await net["two"].mails("bob")) == 3


async def test_who_one_may_send_as(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        assert (await net["one"].submit("ann", [BOB], sender="bob@one.example")).startswith("550 5.7.1")
        assert (await net["one"].submit("ann", [BOB], world.message("bob@one.example", BOB))).startswith("550 5.7.1")
        assert (await net["one"].submit("ann", [BOB], sender="ann+shop@one.example")).startswith("250")


@pytest.mark.parametrize("what", ["domain", "account"])
async def test_what_is_switched_off_sends_and_takes_nothing_for_now(
    tmp_path: Path, autojump_clock: MockClock, what: str
) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        if what == "domain":
            off = world_settings.DYNAMIC.replace(
                '[domains."{name}.example"]\n', '[domains."{name}.example"]\ndisabled = true\n'
            )
            await net["two"].configure(template=off)
            assert (await net["two"].submit("bob", [ANN])).startswith("451 4.3.0")
            await net["one"].submit("ann", [BOB])
            await net.hours(0.1)
            (row,) = await net["one"].queued()
            assert row.attempts == 1
            await net["two"].configure()
            await net.quiet()
            assert len(await net["two"].mails("bob")) == 1
        else:
            await net["two"].configure(ann='login_disabled = "on holiday"')
            with pytest.raises(AssertionError):
                async with net["two"].user("ann"):
                    pass
            await net["one"].submit("ann", ["ann@two.example"])
            await net.quiet()
            assert len(await net["two"].mails("ann")) == 1


async def test_an_address_in_another_alphabet_needs_a_host_that_knows_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        net.host("old.example", mail_hosts.Host(extensions=["8BITMIME"]))
        data = world.message(ANN, "bjørn@two.example")
        await net["one"].submit("ann", ["bjørn@old.example"], data, mail="SMTPUTF8")
        await net.quiet()
        (notice,) = await net["one"].mails("ann")
        assert b"Action: failed" in notice
        assert "bjørn@old.example".encode() in notice
        more = world_settings.DYNAMIC.replace(
            '["ann@{name}.example"]', '["ann@{name}.example", "bjørn@{name}.example"]'
        )
        await net["two"].configure(template=more)
        await net["one"].submit("ann", ["bjørn@two.example"], data, mail="SMTPUTF8")
        await net.quiet()
        (mail,) = await net["two"].mails("ann")
        assert b"with UTF8SMTPS" in mail
        assert "dkim=pass" in field(mail, b"Authentication-Results")


async def test_binary_mail_is_encoded_and_signed_afterwards(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        more = "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n"
        octets = bytes(range(256)) * 40
        data = world.message(ANN, BOB, body="", more=more) + octets
        async with net["one"].user() as user:
            assert (await user.say(f"MAIL FROM:<{ANN}> BODY=BINARYMIME")).startswith("250")
            assert (await user.say(f"RCPT TO:<{BOB}>")).startswith("250")
            await user.send(f"BDAT {len(data)} LAST\r\n".encode() + data)
            assert (await user.replies())[0].startswith("250")
        await net.quiet()
        (mail,) = await net["two"].mails("bob")
        assert field(mail, b"Content-Transfer-Encoding") == "base64"
        assert "dkim=pass" in field(mail, b"Authentication-Results")


async def test_twenty_mebibytes_pass_through_without_being_in_memory(tmp_path: Path, autojump_clock: MockClock) -> None:
    def on_disk(name: str) -> Callable[[object], DiskStore]:
        return lambda store: DiskStore(tmp_path / name / "bodies")

    settings = {name: {"bodies": on_disk(name)} for name in ("one", "two")}
    async with world.opened(tmp_path, autojump_clock, "one", "two", **settings) as net:
        net.lockstep = True
        block = (b"x" * 62 + b"\r\n") * 1024
        async with net["one"].user() as user:
            await user.begin(ANN, BOB)
            assert (await user.say("DATA")).startswith("354")
            await user.send(world.message(ANN, BOB, body=""))
            tracemalloc.start()
            try:
                for _ in range(20 * 2**20 // len(block)):
                    await user.send(block)
                assert (await user.say(".")).startswith("250")
                await net.quiet()
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert peak < 6 * 2**20
        (mail,) = await net["two"].mails("bob")
        assert mail.endswith(block * 20 * 16)
        assert "dkim=pass" in field(mail, b"Authentication-Results")
