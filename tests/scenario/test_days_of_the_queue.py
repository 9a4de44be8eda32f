"""Days of mail that does not get through at once, between a server and hosts that answer as a test wants."""

from pathlib import Path

import pytest
from trio.testing import MockClock

from mox_trio.ledger import suppressions
from mox_trio.mailqueue import managing
from mox_trio.outgoing import by_hand
from storage_backends.index.tables.queue_admin import Filter
from tests.kit import mail_hosts, world

ANN = "ann@one.example"
EVE = "eve@far.example"
MINUTES = (0, 7.5, 22.5, 52.5, 112.5, 232.5, 472.5, 952.5)
"""When the eight attempts are."""


def lines(host: mail_hosts.Host, verb: str) -> list[str]:
    return [line for line in host.lines if line.startswith(verb)]


async def test_a_host_that_is_down_for_days_is_tried_told_of_and_given_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        net.unreachable.add("two")
        began = net.hour * 60
        await net["one"].submit(
            "ann", ["bob@two.example"], mail="RET=HDRS ENVID=see+2Dme", rcpt="ORCPT=rfc822;b@old.example"
        )
        await net.hours(5)
        (delayed,) = await net["one"].mails()
        assert b"Action: delayed" in delayed
        await net.hours(15)
        _, failed = await net["one"].mails()
        tried = [hour * 60 - began for hour, address in net.connections if address == "192.0.2.2"]
        assert tried == [pytest.approx(each, abs=1) for each in MINUTES]
        for notice in (delayed, failed):
            assert b"Original-Envelope-Id: see-me" in notice
            assert b"Original-Recipient: rfc822; b@old.example" in notice
            assert b"Final-Recipient: rfc822; bob@two.example" in notice
        assert b"Action: failed" in failed
        assert b"Connection refused" in failed
        assert await net["one"].queued() == []
        assert await net["two"].mails("bob") == []


async def test_a_host_that_comes_back_gets_its_mail_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        net.unreachable.add("two")
        await net["one"].submit("ann", ["bob@two.example"])
        await net.hours(1)
        net.unreachable.clear()
        await net.hours(20)
        assert len(await net["two"].mails("bob")) == 1
        assert await net["one"].mails() == []


@pytest.mark.parametrize(
    ("notify", "actions"),
    [
        ("NEVER", []),
        ("DELAY", ["delayed"]),
        ("FAILURE", ["failed"]),
        ("FAILURE,DELAY", ["delayed", "failed"]),
        ("SUCCESS", []),
    ],
)
async def test_a_sender_hears_what_it_wants_to_hear(
    tmp_path: Path, autojump_clock: MockClock, notify: str, actions: list[str]
) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        host = net.host("far.example", mail_hosts.Host(answers={"RCPT": ["451 4.3.2 later"] * 20}))
        await net["one"].submit("ann", [EVE], rcpt=f"NOTIFY={notify}")
        await net.hours(20)
        notices = await net["one"].mails()
        assert [f"Action: {action}".encode() in notice for action, notice in zip(actions, notices, strict=True)] == [
            True
        ] * len(actions)
        assert all(line.endswith(f"NOTIFY={notify}") for line in lines(host, "RCPT"))
        assert len(lines(host, "RCPT")) == 8


@pytest.mark.parametrize("ret", ["HDRS", "FULL"])
async def test_as_much_of_the_message_comes_back_as_was_wanted(
    tmp_path: Path, autojump_clock: MockClock, ret: str
) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        net.host("far.example", mail_hosts.Host(answers={"RCPT": ["550 5.1.1 nobody"]}))
        await net["one"].submit("ann", [EVE], world.message(ANN, EVE, body="the whole story\r\n"), mail=f"RET={ret}")
        await net.quiet()
        (notice,) = await net["one"].mails()
        assert b"nobody" in notice
        assert (b"the whole story" in notice) is (ret == "FULL")


async def test_a_domain_that_takes_no_mail_ends_it_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        net.zone.set("null.example", "MX", [(0, ".")])
        await net["one"].submit("ann", ["eve@null.example", "eve@nowhere.example"])
        await net.quiet()
        notices = b"".join(await net["one"].mails())
        assert b"eve@null.example" in notices
        assert b"Status: 5.1.10" in notices
        assert b"eve@nowhere.example" in notices
        assert net.connections == []


async def test_of_two_hosts_one_is_dead(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        second = net.host("far.example")
        net.zone.set("far.example", "MX", [(10, "dead.far.example"), (20, "mx.far.example")])
        net.zone.set("dead.far.example", "A", ["198.51.100.9"])
        net.hosts.dead.add("198.51.100.9")
        await net["one"].submit("ann", [EVE])
        await net.quiet()
        assert len(second.messages) == 1
        assert [address for _, address in net.connections] == ["198.51.100.9", "198.51.100.1"]


async def test_a_host_that_wants_to_be_asked_twice_gets_its_mail(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        host = net.host("far.example", mail_hosts.Host(answers={"RCPT": ["450 4.7.1 greylisted"]}))
        began = net.hour
        await net["one"].submit("ann", [EVE])
        await net.quiet()
        assert len(host.messages) == 1
        assert (net.hour - began) * 60 == pytest.approx(7.5, abs=1)
        assert await net["one"].mails() == []


async def test_a_recipient_that_is_one_too_many_comes_at_once_in_another_transaction(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        host = net.host("far.example", mail_hosts.Host(answers={"RCPT <two@far.example>": ["452 4.5.3 too many"]}))
        began = net.hour
        await net["one"].submit("ann", [EVE, "two@far.example"])
        await net.quiet()
        assert [len(each.recipients) for each in host.messages] == [1, 1]
        assert (net.hour - began) * 60 < 2


async def test_a_host_that_sends_no_notices_of_success_is_told_of_as_relayed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        net.host("far.example", mail_hosts.Host(extensions=["PIPELINING"]))
        net.host("dsn.example", address="198.51.100.2")
        await net["one"].submit("ann", [EVE, "eve@dsn.example"], rcpt="NOTIFY=SUCCESS,FAILURE")
        await net.quiet()
        (notice,) = await net["one"].mails()  # the other host tells of it itself
        assert b"Action: relayed" in notice
        assert b"eve@far.example" in notice


async def test_success_is_told_of_by_the_server_where_it_happens(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net:
        for to, action in (("bob@two.example", b"delivered"), ("all@two.example", b"expanded")):
            await net["one"].submit("ann", [to], rcpt=f"NOTIFY=SUCCESS ORCPT=rfc822;{to}")
            await net.quiet()
            notice = (await net["one"].mails())[-1]
            assert b"Action: %b\r\n" % action in notice
            assert f"Original-Recipient: rfc822; {to}".encode() in notice
            assert b"Reporting-MTA: dns; mx.two.example" in notice
        assert len(await net["two"].mails("cid")) == 1
        await net["one"].submit("ann", ["all@one.example"], rcpt="NOTIFY=SUCCESS")
        await net.quiet()
        assert b"Action: expanded\r\n" in (await net["one"].mails())[-1]


async def test_held_mail_waits_for_days_and_what_is_let_go_leaves(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        one, host = net["one"], net.host("far.example")
        rule, _ = await managing.add_rule(one.queue)
        await one.submit("ann", [EVE])
        await net.hours(72)
        (row,) = await one.queued()
        assert (row.held, host.messages) == (1, [])
        assert await managing.remove_rule(one.queue, rule)
        await managing.hold(one.queue, Filter(), held=False)
        await net.quiet()
        assert len(host.messages) == 1


async def test_an_administrator_schedules_fails_and_drops(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        one = net["one"]
        host = net.host("far.example", mail_hosts.Host(answers={"RCPT": ["450 4.3.2 later"] * 3}))
        for name in ("soon", "never", "nobody"):
            await one.submit("ann", [f"{name}@far.example"])
        await net.hours(0.05)
        parts = one.joined.mail_out.parts
        await managing.schedule(one.queue, Filter(recipient="soon"), one.queue.now())
        await net.hours(0.01)
        assert [each.recipients for each in host.messages] == [("<soon@far.example>",)]
        assert await by_hand.fail(parts, Filter(recipient="never")) == (1, 0)
        assert await by_hand.drop(parts, Filter(recipient="nobody")) == (1, 0)
        await net.hours(20)
        (notice,) = await one.mails()
        assert b"never@far.example" in notice
        assert len(host.messages) == 1
        assert await one.queued() == []


@pytest.mark.parametrize("wish", ["HOLDFOR=172800", "HOLDUNTIL=2023-11-16T22:13:20Z"])
async def test_mail_for_a_later_day_is_released_then(tmp_path: Path, autojump_clock: MockClock, wish: str) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        host = net.host("far.example")
        assert (await net["one"].submit("ann", [EVE], mail=wish)).startswith("250")
        await net.hours(47)
        assert host.messages == []
        await net.quiet(2)
        assert len(host.messages) == 1
        assert net.hour == pytest.approx(48, abs=0.1)


async def test_an_address_that_does_not_exist_gets_nothing_more(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        one = net["one"]
        host = net.host("far.example", mail_hosts.Host(answers={"RCPT": ["550 5.1.1 nobody"]}))
        for _ in range(2):
            await one.submit("ann", [EVE])
            await net.quiet()
        first, second = await one.mails()
        assert b"nobody" in first
        assert b"suppression list" in second
        assert len(lines(host, "RCPT")) == 1
        await suppressions.remove(one.store.index, (await one.account("ann")).id, world.recipient(EVE))
        await one.submit("ann", [EVE])
        await net.quiet()
        assert len(host.messages) == 1


async def test_a_notice_that_is_refused_is_told_to_nobody(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net:
        host = net.host("far.example", mail_hosts.Host(answers={"RCPT": ["550 5.1.1 nobody"]}))
        async with net["one"].user() as user:
            reply = await world.send(user, ["MAIL FROM:<>", f"RCPT TO:<{EVE}>"], world.message(ANN, EVE))
        assert reply.startswith("250")
        await net.quiet()
        assert len(lines(host, "RCPT")) == 1
        assert await net["one"].mails() == []
