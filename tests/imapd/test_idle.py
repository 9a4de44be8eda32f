"""IDLE, and how many sessions hear of one change."""

from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import ip_address

import pytest
import trio
import trio.testing

from mox_trio.imapd.feeds import Feed, Feeds
from mox_trio.mailstore import accounts
from mox_trio.transport.connection import Connection, Ends
from storage_backends.errors import Unavailable
from tests.kit.imap_world import World
from tests.kit.watched_index import WatchedIndex

pytestmark = pytest.mark.uid_only_too


async def test_what_happens_is_told_as_it_happens(world: World) -> None:
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        tag = await client.idle()
        await world.deliver()
        assert await client.response() == b"* 1 EXISTS"
        await other.ok("NOOP")
        await other.ok("STORE 1 +FLAGS (\\Deleted)")
        assert await client.response() == b"* 1 FETCH (UID 1 FLAGS (\\Deleted))"
        await other.ok("EXPUNGE")
        assert await client.response() == client.gone(1)
        answer = await client.done(tag)
        assert (answer.is_ok, answer.lines) == (True, [])


async def test_idle_without_a_mailbox_waits(world: World) -> None:
    async with world.user() as client:
        tag = await client.idle()
        await world.deliver()
        assert (await client.done(tag)).lines == []


async def test_anything_but_done_ends_the_session(world: World) -> None:
    async with world.user("INBOX") as client:
        await client.idle()
        await client.send("a9 NOOP\r\n")
        assert (await client.response()).split(b" ")[0:2][1] in (b"BAD", b"BYE")
        await client.rest()


async def test_many_sessions_hear_by_one_read_and_the_same_octets(world: World) -> None:
    index = WatchedIndex(world.store.index)
    store = replace(world.store, index=index)
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        parts = replace(world.parts, store=store, feeds=Feeds(store))
        nursery.start_soon(parts.feeds.run)
        clients = [await stack.enter_async_context(world.user("INBOX", parts=parts)) for _ in range(50)]
        tags = [await client.idle() for client in clients]
        await trio.testing.wait_all_tasks_blocked()
        before = index.reads
        await world.deliver(flags=["Fresh"])
        for client in clients:
            assert (await client.response()).startswith(b"* FLAGS (")
            assert (await client.response()).startswith(b"* OK [PERMANENTFLAGS ")
            assert await client.response() == b"* 1 EXISTS"
        assert index.reads - before == 1
        for client, tag in zip(clients, tags, strict=True):
            await client.done(tag)
        nursery.cancel_scope.cancel()


def by_socket() -> tuple[Connection, Connection]:
    """Both ends of a connection that is no stream in memory: what waits there is told without being woken."""
    one, other = trio.socket.socketpair()
    ends = Ends(ip_address("203.0.113.7"), 1, ip_address("192.0.2.25"), 143)
    return Connection(trio.SocketStream(one), ends), Connection(trio.SocketStream(other), ends)


async def test_sessions_that_idle_are_told_without_being_woken(world: World) -> None:
    await world.deliver()
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(world.client(pair=by_socket())) for _ in range(3)]
        tags = []
        for client in clients:
            await client.login()
            await client.ok("SELECT INBOX")
            tags.append(await client.idle())
        await trio.testing.wait_all_tasks_blocked()
        async with world.user("INBOX") as other:
            await world.deliver()
            await other.ok("NOOP")
            await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await other.ok("STORE 2 +FLAGS.SILENT (Fresh)")
            await other.ok("EXPUNGE")
        for client, tag in zip(clients, tags, strict=True):
            assert await client.response() == b"* 2 EXISTS"
            assert await client.response() == b"* 1 FETCH (UID 1 FLAGS (\\Deleted))"
            assert (await client.response()).startswith(b"* FLAGS (")
            assert (await client.response()).startswith(b"* OK [PERMANENTFLAGS ")
            assert await client.response() == b"* 2 FETCH (UID 2 FLAGS (Fresh))"
            assert await client.response() == client.gone(1)
            assert (await client.done(tag)).lines == []
            assert (await client.ok("FETCH 1 UID")).lines == [b"* 1 FETCH (UID 2)"]


async def test_the_server_stops_idling_sessions_with_bye(world: World) -> None:
    async with world.user("INBOX") as client:
        await client.idle()
        world.parts.closing.set()
        assert (await client.response()).startswith(b"* BYE [UNAVAILABLE] the server stops")
        assert await client.rest() == b""


async def test_a_store_that_is_away_ends_the_session_and_not_idle_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.user("INBOX") as client:

        async def away(*arguments: object) -> None:
            raise Unavailable("away")

        monkeypatch.setattr(Feed, "pull", away)
        await client.idle()
        assert await client.response() == b"* BYE [UNAVAILABLE] what has changed cannot be told; come back soon"
        assert await client.rest() == b""


async def test_another_process_is_heard(world: World) -> None:
    await world.deliver()
    async with world.fresh_process() as parts, world.user("INBOX", parts=parts) as there, world.user("INBOX") as here:
        tag = await there.idle()
        await here.ok("STORE 1 +FLAGS (\\Seen)")
        assert await there.response() == b"* 1 FETCH (UID 1 FLAGS (\\Seen))"
        await there.done(tag)
        await there.ok("STORE 1 -FLAGS.SILENT (\\Seen)")
        assert (await here.ok("NOOP")).lines == [b"* 1 FETCH (UID 1 FLAGS ())"]


async def test_an_account_that_is_removed_ends_its_sessions(world: World) -> None:
    async with world.user("INBOX") as client:
        await client.idle()
        await accounts.remove(world.store, "mia")
        assert (await client.response()).startswith(b"* BYE ")
        await client.rest()
