"""Each call to index or bodies fails once, with and without its effect, while a server takes, queues and delivers mail.

What is acknowledged is there exactly once. What is refused is refused for now, and there once at most: a write whose answer was
lost, which the sender repeats.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from trio.testing import MockClock

from mox_trio.mailqueue import managing
from storage_backends.contract.faults import FaultyBodies, Schedule, fail_at
from storage_backends.contract.index_faults import FaultyIndex
from storage_backends.index.tables.queue_admin import Filter
from tests.kit import mail_hosts, world
from tests.kit.world import Net

ANN = "ann@one.example"
T = TypeVar("T")


class Changing(Schedule):
    """A schedule that is in force now and then."""

    now: Schedule | None = None

    async def around(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        return await (call() if self.now is None else self.now.around(name, call))


@asynccontextmanager
async def failing(directory: Path, clock: MockClock, static: str = "") -> AsyncIterator[tuple[Net, Changing]]:
    """A world in which the stores of server one fail by a schedule."""
    schedule = Changing()
    wrapped = {
        "index": lambda inner: FaultyIndex(inner, schedule),
        "bodies": lambda inner: FaultyBodies(inner, schedule),
        "static": static,
    }
    async with world.opened(directory, clock, "one", "two", one=wrapped) as net:
        yield net, schedule


async def every_fault(
    schedule: Changing, act: Callable[[str], Awaitable[None]], check: Callable[[str, bool], Awaitable[None]]
) -> int:
    """Act with a fault at the first call, the second and so on, and check without; how many calls there were.

    What is acted on has a name of its own each time. `check` is told whether the call that failed was done.
    """
    most = 0
    for effect in (False, True):
        number, reached = 0, True
        while reached:
            number += 1
            name = f"{'lost' if effect else 'failed'}{number}"
            schedule.now = now = Schedule(fail_at(number, effect=effect))
            try:
                await act(name)
            finally:
                schedule.now = None
            await check(name, effect)
            reached = now.calls >= number
        most = max(most, number - 1)
    return most


def count(mails: list[bytes], name: str) -> int:
    return sum(f"Subject: {name}\r\n".encode() in mail for mail in mails)


async def test_what_is_received_is_there_once_or_refused_for_now(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with failing(tmp_path, autojump_clock) as (net, schedule):
        replies: dict[str, str] = {}

        async def act(name: str) -> None:
            async with net["one"].client(client="192.0.2.2") as client:
                lines = ["MAIL FROM:<bob@two.example>", f"RCPT TO:<{ANN}>"]
                replies[name] = await world.send(client, lines, world.message("bob@two.example", ANN, name))

        async def check(name: str, effect: bool) -> None:
            there = count(await net["one"].mails(), name)
            if replies[name].startswith("250"):
                assert there == 1
            else:
                assert replies[name].startswith("4")
                assert there <= effect

        assert await every_fault(schedule, act, check) >= 3
        assert {reply[0] for reply in replies.values()} == {"2", "4"}


async def test_who_is_told_that_one_of_two_failed_is_told_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    static = '[incoming]\nunknown_recipients = "data"\n'
    async with failing(tmp_path, autojump_clock, static) as (net, schedule):
        replies: dict[str, str] = {}

        async def act(name: str) -> None:
            async with net["one"].client(client="192.0.2.2") as client:
                to = [f"RCPT TO:<{ANN}>", "RCPT TO:<nobody@one.example>"]
                data = world.message("bob@two.example", ANN, name)
                replies[name] = await world.send(client, ["MAIL FROM:<bob@two.example>", *to], data)

        async def check(name: str, effect: bool) -> None:
            await net.hours(0.01)
            await net["one"].end_leases()  # of a claim whose answer was lost
            await net.quiet(20)
            there, told = count(await net["one"].mails(), name), count(await net["two"].mails("bob"), name)
            if replies[name].startswith("250"):
                assert (there, told) == (1, 1)
            else:  # what went before the fault stays, and is repeated: better twice than never
                assert replies[name].startswith("4")
                assert there <= 1
                assert told <= effect

        assert await every_fault(schedule, act, check) >= 4
        assert {reply[0] for reply in replies.values()} == {"2", "4"}


async def test_what_is_submitted_is_queued_once_or_refused_for_now(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with failing(tmp_path, autojump_clock) as (net, schedule):
        one, replies = net["one"], {}
        await managing.add_rule(one.queue)

        async def act(name: str) -> None:
            now, schedule.now = schedule.now, None
            async with one.user() as user:
                schedule.now = now
                lines = [f"MAIL FROM:<{ANN}>", f"RCPT TO:<{name}@far.example>"]
                replies[name] = await world.send(user, lines, world.message(ANN, "x@far.example", name))

        async def check(name: str, effect: bool) -> None:
            there = len(await one.queued(Filter(recipient=f"{name}@")))
            if replies[name].startswith("250"):
                assert there == 1
            else:
                assert replies[name].startswith("4")
                assert there <= effect

        assert await every_fault(schedule, act, check) >= 2
        assert {reply[0] for reply in replies.values()} == {"2", "4"}


@pytest.mark.parametrize("what", ["taken", "refused", "at home"])
async def test_what_was_queued_is_settled_once(tmp_path: Path, autojump_clock: MockClock, what: str) -> None:
    async with failing(tmp_path, autojump_clock) as (net, schedule):
        one = net["one"]
        refusals = ["550 5.1.1 nobody"] * 1000 if what == "refused" else []
        host = net.host("far.example", mail_hosts.Host(answers={"RCPT": list(refusals)}))
        to = "bob@one.example" if what == "at home" else "eve{}@far.example"

        async def act(name: str) -> None:
            now, schedule.now = schedule.now, None
            address = to.format(name)
            assert (await one.submit("ann", [address], world.message(ANN, address, name))).startswith("250")
            schedule.now = now
            await net.hours(0.02)

        async def check(name: str, effect: bool) -> None:
            await one.end_leases()  # of a claim whose answer was lost
            await net.quiet(20)
            if what == "at home":
                assert count(await one.mails("bob"), name) == 1
            elif what == "taken":
                assert sum(f"Subject: {name}\r\n".encode() in each.content for each in host.messages) == 1
                assert await one.mails() == []
            else:
                assert sum(f"; eve{name}@".encode() in mail for mail in await one.mails()) == 1

        assert await every_fault(schedule, act, check) >= 3
