"""A process dies at each call to its index, before it is done or behind it; another begins where it ended.

Nothing that was acknowledged is lost. What another host has taken and nobody has written down is sent again: that is the only
window in which there are two.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from storage_backends.index.tables.queue_admin import Filter
from tests.kit import world
from tests.kit.world import Net, Server
from tests.kit.world_settings import Settings

ANN = "ann@one.example"
PATIENCE = 120.0
"""Seconds until a client gives up."""
MOST_CALLS = 40
"""Calls to the index until a message is taken, with those of the server beside it."""


@asynccontextmanager
async def mortal(directory: Path, clock: MockClock) -> AsyncIterator[tuple[Net, Callable[[], Awaitable[Server]]]]:
    """A world, and what starts the next process of server one."""
    async with world.opened(directory, clock, "one", "two") as net, AsyncExitStack() as stack:

        async def begin() -> Server:
            net.servers["one"] = await net.start("one", 1, Settings(stack), beside=net["one"])
            return net["one"]

        yield net, begin


async def maybe_reply(server: Server, name: str, to: str) -> str:
    """The reply to a message of ann's, or of bob's to ann; "" when the server died first."""
    with trio.move_on_after(PATIENCE):
        try:
            if to == ANN:
                async with server.client(client="192.0.2.2") as client:
                    lines = ["MAIL FROM:<bob@two.example>", f"RCPT TO:<{to}>"]
                    return await world.send(client, lines, world.message("bob@two.example", to, name))
            return await server.submit("ann", [to], world.message(ANN, to, name))
        except AssertionError:
            return ""
    return ""


def count(messages: list[bytes], name: str) -> int:
    return sum(f"Subject: {name}\r\n".encode() in each for each in messages)


@pytest.mark.parametrize("after", [False, True], ids=["before", "behind"])
async def test_what_a_server_received_survives_it(tmp_path: Path, autojump_clock: MockClock, after: bool) -> None:
    async with mortal(tmp_path, autojump_clock) as (net, begin):
        replies = [""]
        while not replies[-1].startswith("250"):  # the server's own calls burn the fuse too: how many differs
            number = len(replies)
            assert number <= MOST_CALLS
            server, name = net["one"], f"number{number}"
            server.index.after, server.index.fuse = after, number
            replies.append(await maybe_reply(server, name, ANN))
            await server.die()
            await begin()
            there = count(await net["one"].mails(), name)
            assert there == 1 if replies[-1].startswith("250") else there <= 1
        assert replies[1] == ""


@pytest.mark.parametrize("after", [False, True], ids=["before", "behind"])
async def test_what_was_submitted_survives_its_server(tmp_path: Path, autojump_clock: MockClock, after: bool) -> None:
    async with mortal(tmp_path, autojump_clock) as (net, begin):
        host = net.host("far.example")
        windows = total = 0
        for number in range(1, 22):
            server, name = net["one"], f"number{number}"
            server.index.after, server.index.fuse = after, number
            reply = await maybe_reply(server, name, f"{name}@far.example")
            await trio.sleep(30)
            await server.die()
            sent = count([each.content for each in host.messages], name)
            one = await begin()
            waiting = len(await one.queued(Filter(recipient=f"{name}@")))
            await one.end_leases()
            await net.quiet(20)
            total = count([each.content for each in host.messages], name)
            assert total == sent + waiting
            assert total >= 1 or not reply.startswith("250")
            windows += total == 2
            assert await one.mails() == []
        assert total == 1
        # Behind what is written down there is no window; before it there is one.
        assert windows == 0 if after else 1 <= windows <= 2
