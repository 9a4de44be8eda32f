"""Conversations that are used again, and how they end."""

from dataclasses import replace

import pytest
import trio
import trio.testing

from mox_trio.config.models.transports import SmtpRelay
from mox_trio.outgoing.job import Outcome
from tests.kit import wires
from tests.kit.deliveries import World, job, world
from tests.kit.mail_hosts import Host

Clock = trio.testing.MockClock


@pytest.fixture
async def here(nursery: trio.Nursery) -> World:
    made = world(nursery)
    nursery.start_soon(made.delivering.run)
    await trio.testing.wait_all_tasks_blocked()
    return made


async def deliver(here: World, *addresses: str) -> None:
    results = await here.deliver(job(*addresses))
    assert {each.outcome for each in results} <= {Outcome.DELIVERED, Outcome.RELAYED}, results


async def test_the_next_message_takes_the_same_connection(here: World, autojump_clock: Clock) -> None:
    host = here.network.host("192.0.2.1", Host(certificate=wires.certificate("mail.y.example")))
    for _ in range(3):
        await deliver(here)
    assert (host.connections, len(host.messages)) == (1, 3)
    assert host.lines.count("RSET") == 0  # every transaction ended by itself
    assert here.network.dialled == ["192.0.2.1"]


async def test_a_transaction_that_did_not_end_is_reset(here: World, autojump_clock: Clock) -> None:
    host = here.network.host("192.0.2.1")
    host.answers["RCPT"] = ["550 5.1.1 nobody"]
    await here.deliver(job())
    await deliver(here)
    assert host.connections == 1
    assert host.lines.count("RSET") == 1


async def test_domains_with_the_same_host_share_a_connection(here: World, autojump_clock: Clock) -> None:
    here.zone.set("other.example", "MX", [(5, "mail.y.example")])
    host = here.network.host("192.0.2.1")
    await deliver(here, "a@y.example")
    await deliver(here, "b@other.example")
    assert host.connections == 1


async def test_among_equal_hosts_the_one_at_hand_is_used(here: World, autojump_clock: Clock) -> None:
    here.zone.set("two.example", "MX", [(10, "one.two.example"), (10, "two.two.example")])
    hosts = [here.network.host("192.0.2.21"), here.network.host("192.0.2.22", Host())]
    await deliver(here, "a@two.example")
    here.zone.set("two.example", "MX", [(10, "two.two.example"), (10, "one.two.example")])
    await deliver(here, "b@two.example")
    assert [host.connections for host in hosts] == [1, 0]


async def test_another_way_is_another_connection(here: World, autojump_clock: Clock) -> None:
    here.network.host("192.0.2.99")
    plain = SmtpRelay(host="relay.example", starttls=False)
    here.zone.set("y.example", "MX", [(10, "relay.example")])
    await deliver(here)
    results = await here.deliver(replace(job(), transport=plain))
    assert results[0].outcome is Outcome.DELIVERED
    assert here.network.dialled == ["192.0.2.99"] * 2


async def test_messages_at_once_have_a_connection_each(here: World, autojump_clock: Clock) -> None:
    host = here.network.host("192.0.2.1")
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(deliver, here)
    assert (host.connections, len(host.messages)) == (5, 5)


async def test_a_connection_that_waited_too_long_is_left_politely(here: World, autojump_clock: Clock) -> None:
    host = here.network.host("192.0.2.1")
    await deliver(here)
    await trio.sleep(4.9)
    await deliver(here)
    assert (host.connections, host.lines.count("QUIT")) == (1, 0)
    await trio.sleep(6)
    assert host.lines.count("QUIT") == 1
    await deliver(here)
    assert host.connections == 2


async def test_a_connection_that_the_host_closed_meanwhile_is_no_setback(here: World, autojump_clock: Clock) -> None:
    for answers in ({"MAIL": [""]}, {"MAIL": ["421 4.4.2 too slow"]}):
        host = here.network.host("192.0.2.1")
        await deliver(here)
        host.answers.update({step: list[str | None](given) for step, given in answers.items()})
        (result,) = await here.deliver(job())
        assert result.outcome is Outcome.DELIVERED
        assert (host.connections, len(host.messages)) == (2, 2)
        await trio.sleep(10)


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("PIPELINING", "CHUNKING"), ()])
@pytest.mark.parametrize("tls", [True, False])
async def test_a_host_that_has_gone_while_nobody_used_it_is_not_told_anything(
    here: World, autojump_clock: Clock, extensions: tuple[str, ...], tls: bool
) -> None:
    host = here.network.host("192.0.2.1", Host(extensions, patience=2))
    host.certificate = wires.certificate("mail.y.example") if tls else None
    for _ in range(2):
        await deliver(here)
    await trio.sleep(1.5)
    await deliver(here)
    assert (host.connections, len(host.messages)) == (1, 3)
    await trio.sleep(3)
    await deliver(here)
    assert (host.connections, len(host.messages)) == (2, 4)


async def test_a_connection_carries_a_hundred_messages_and_no_more(here: World, autojump_clock: Clock) -> None:
    host = here.network.host("192.0.2.1")
    for _ in range(101):
        await deliver(here)
    assert host.connections == 2


async def test_a_connection_is_not_used_for_ever(here: World, autojump_clock: Clock) -> None:
    host = here.network.host("192.0.2.1")
    for _ in range(90):
        await deliver(here)
        await trio.sleep(4)
    assert host.connections == 2


async def test_the_number_that_waits_is_bounded(here: World, autojump_clock: Clock) -> None:
    hosts: list[Host] = []
    for number in range(120):
        here.zone.set(f"d{number}.example", "A", [f"192.0.2.{number}"])
        hosts.append(here.network.host(f"192.0.2.{number}"))
        await deliver(here, f"you@d{number}.example")

    await trio.testing.wait_all_tasks_blocked()
    assert ["QUIT" in host.lines for host in hosts] == [True] * 20 + [False] * 100  # the oldest had to go


async def test_stopping_closes_what_waits(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1")
    async with trio.open_nursery() as loops:
        loops.start_soon(here.delivering.run)
        await trio.testing.wait_all_tasks_blocked()
        await deliver(here)
        loops.cancel_scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    assert "QUIT" not in host.lines
    await deliver(here)
    assert (host.connections, host.lines.count("QUIT")) == (2, 1)


async def test_a_slow_goodbye_keeps_nobody_waiting(here: World, autojump_clock: Clock) -> None:
    host = here.network.host("192.0.2.1", Host(("DSN", "LIMITS MAILMAX=1"), {"QUIT": [None]}))
    began = trio.current_time()
    await deliver(here)
    await deliver(here)
    assert trio.current_time() == began
    assert host.connections == 2
