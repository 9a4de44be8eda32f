"""Processes that share a queue, and how a server stops: in order, by death, or for a while."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from mox_trio.transport.dial import DialFailed
from tests.kit import mail_hosts, world
from tests.kit.world import Net, Server
from tests.kit.world_settings import Settings

ANN = "ann@one.example"
EVE = "eve@far.example"


@asynccontextmanager
async def two_processes(directory: Path, clock: MockClock) -> AsyncIterator[tuple[Net, Server, Server]]:
    """A world with a server of two processes over the same stores, of which one takes mail."""
    async with world.opened(directory, clock, "one") as net, AsyncExitStack() as stack:
        other = await net.start("one", 1, Settings(stack), beside=net["one"])
        net.servers["other"] = other
        yield net, net["one"], other


async def test_what_a_dead_process_had_begun_is_done_by_another(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with two_processes(tmp_path, autojump_clock) as (net, one, _):
        host = net.host("far.example", mail_hosts.Host(answers={".": [None]}))
        await one.submit("ann", [EVE])
        await net.hours(0.01)
        assert host.messages == []
        await one.die()
        await net["other"].end_leases()
        await net.quiet()
        assert len(host.messages) == 1
        assert await net["other"].mails() == []


async def test_a_process_that_was_stopped_for_long_settles_nothing(
    tmp_path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_processes(tmp_path, autojump_clock) as (net, one, other):
        host = net.host("far.example", mail_hosts.Host(answers={".": ["550 5.6.0 no", "250 2.0.0 taken"]}))
        went_on = trio.Event()

        def stop() -> None:
            net.at_dial = lambda: None
            one.index.stopped = went_on

        net.at_dial = stop
        await one.submit("ann", [EVE])
        await net.hours(0.01)
        assert one.index.stopped is went_on
        await other.end_leases()
        await net.hours(0.5)
        assert len(host.messages) == 1
        assert await other.queued() == []
        one.index.stopped = None
        went_on.set()
        await net.hours(1)
        assert "delivery overtaken" in caplog.text
        assert await other.mails() == []  # the failure that only the stopped one saw is nobody's
        assert len(host.messages) == 1


async def test_two_processes_deliver_everything_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with two_processes(tmp_path, autojump_clock) as (net, one, other):
        host = net.host("far.example")
        for number in range(10):
            await (other if number % 2 else one).submit("ann", [f"eve{number}@far.example"])
        await net.quiet()
        assert sorted(each.recipients for each in host.messages) == [
            (f"<eve{number}@far.example>",) for number in range(10)
        ]


async def test_a_server_that_stops_leaves_its_queue_to_the_next_start(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world.opened(tmp_path, autojump_clock, "one") as net, AsyncExitStack() as stack:
        host = net.host("far.example", mail_hosts.Host(answers={".": [None]}))
        await net["one"].submit("ann", [EVE])
        await net.hours(0.01)
        await net["one"].halt()
        (row,) = await net["one"].queued()
        assert (row.lease_until, row.attempts) == (0, 0)
        await net.start("one", 1, Settings(stack), beside=net["one"])
        await net.quiet()
        assert len(host.messages) == 1


async def test_a_transaction_is_finished_when_the_server_stops(tmp_path: Path, autojump_clock: MockClock) -> None:
    settings = {"two": {"smtp": 'first_time_sender_delay = "0s"'}}
    async with world.opened(tmp_path, autojump_clock, "one", "two", **settings) as net:
        two = net["two"]
        async with two.client(client="192.0.2.1") as client, two.client() as idle:
            await client.begin(ANN, "bob@two.example")
            assert (await client.say("DATA")).startswith("354")
            two.stop.order()
            assert (await idle.rest()).startswith(b"421 4.3.2")
            with pytest.raises(DialFailed):
                two.accept("smtp")
            assert (await client.say(world.message(ANN, "bob@two.example") + b".")).startswith("250")
            assert (await client.rest()).startswith(b"421 4.3.2")
        await two.over.wait()
        assert len(await two.mails("bob")) == 1


async def test_a_client_that_never_ends_does_not_keep_a_server_from_stopping(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with world.opened(tmp_path, autojump_clock, "one", "two") as net, net["two"].client() as client:
        await client.begin(ANN, "bob@two.example")
        assert (await client.say("DATA")).startswith("354")
        began = trio.current_time()
        await net["two"].halt()
        assert trio.current_time() - began == pytest.approx(10, abs=5)
        assert await net["two"].mails("bob") == []
