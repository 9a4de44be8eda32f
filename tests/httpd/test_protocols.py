"""HTTP/2 by ALPN, websockets, and applications that start and stop."""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import trio
import trio_websocket

from mox_trio.httpd import front, serving, starting, wire
from mox_trio.httpd.serving import Lifetime
from mox_trio.protocol.tls_hello import Hello
from mox_trio.transport import certificates
from mox_trio.transport.certificates import Terms
from mox_trio.transport.connection import Connection
from mox_trio.transport.tls import Chosen
from tests.httpd.talking import World
from tests.kit import wires


class Web:
    """A server's certificate with the protocols of the web."""

    def __init__(self, made: wires.Made) -> None:
        context = certificates.server_context(Terms(alpn=("h2", "http/1.1")))
        made.load_into(context)
        self.chosen = Chosen(context, made.der)

    def choose(self, hello: Hello) -> Chosen:
        return self.chosen


async def test_http_2_is_spoken_to_who_asks_for_it_by_alpn() -> None:
    made = wires.certificate("mail.example.org")
    near, far = wires.pair()
    context = made.client_context()
    context.set_alpn_protocols(["h2"])
    world = World()
    answered: dict[int, bytes] = {}
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            await far.start_tls(Web(made))
            assert far.chosen_alpn == "h2"
            await world.server().serve(far, world.closing)

        nursery.start_soon(serve)
        await near.start_tls_client(context, "mail.example.org")
        protocol = h2.connection.H2Connection(h2.config.H2Configuration())
        protocol.initiate_connection()
        for stream in (1, 3):
            headers = [
                (":method", "GET"),
                (":path", "/webapi/"),
                (":authority", "mail.example.org"),
                (":scheme", "https"),
            ]
            protocol.send_headers(stream, headers, end_stream=True)
        await near.send(protocol.data_to_send(), timeout=5)
        ended: set[int] = set()
        while len(ended) < 2:
            for event in protocol.receive_data(await near.receive(timeout=5)):
                if isinstance(event, h2.events.DataReceived):
                    answered[event.stream_id] = answered.get(event.stream_id, b"") + event.data
                elif isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)
        await near.aclose()
    assert b'"scheme": "https"' in answered[1]
    assert answered[1] == answered[3]


ASKED = [(":method", "GET"), (":path", "/webapi/"), (":authority", "mail.example.org"), (":scheme", "https")]


@dataclass
class Http2:
    """A client that says what it likes."""

    connection: Connection
    state: h2.connection.H2Connection
    answer: dict[str, str] = field(default_factory=dict)

    async def say(self) -> None:
        await self.connection.send(self.state.data_to_send(), timeout=5)

    async def read(self) -> int:
        """Until the end of a stream, whose number it is; 0 for the end of the connection."""
        while data := await self.connection.receive(timeout=100_000):
            for event in self.state.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    self.answer = {name.decode(): value.decode() for name, value in event.headers}
                if isinstance(event, h2.events.StreamEnded):
                    return event.stream_id
        return 0


@asynccontextmanager
async def http_2(world: World) -> AsyncIterator[Http2]:
    """A connection to a world."""
    made = wires.certificate("mail.example.org")
    near, far = wires.pair()
    context = made.client_context()
    context.set_alpn_protocols(["h2"])
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            await far.start_tls(Web(made))
            await world.server().serve(far, world.closing)

        nursery.start_soon(serve)
        await near.start_tls_client(context, "mail.example.org")
        client = Http2(near, h2.connection.H2Connection(h2.config.H2Configuration()))
        client.state.initiate_connection()
        await client.say()
        yield client
        nursery.cancel_scope.cancel()


async def test_requests_that_are_taken_back_at_once_end_the_connection(autojump_clock: trio.testing.MockClock) -> None:
    running, most = 0, 0

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await trio.sleep(1000)
        finally:
            running -= 1

    async with http_2(World(application=slow)) as client:
        for stream in range(1, 1001, 2):
            client.state.send_headers(stream, ASKED, end_stream=True)
            client.state.reset_stream(stream)
        await client.say()
        assert await client.read() == 0
        assert most <= front.MOST_RUNNING


async def test_a_client_that_opens_no_window_is_dropped(autojump_clock: trio.testing.MockClock) -> None:
    ended = trio.Event()

    async def long(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        ended.set()

    async with http_2(World(application=long)) as client:
        client.state.send_headers(1, ASKED, end_stream=True)
        await client.say()
        async with trio.open_nursery() as beside:
            beside.start_soon(pinging, client)
            assert await client.read() == 0
            beside.cancel_scope.cancel()
        await ended.wait()
        assert trio.current_time() < 10 * wire.SEND


async def pinging(client: Http2) -> None:
    """Stay alive."""
    while True:
        await trio.sleep(20)
        client.state.ping(b"12345678")
        await client.say()


async def test_what_comes_for_a_stream_that_was_answered_harms_nobody(autojump_clock: trio.testing.MockClock) -> None:
    async with http_2(World(body_bytes=10)) as client:
        client.state.send_headers(1, [(":method", "POST"), *ASKED[1:]])
        await client.say()
        for _ in range(30):
            client.state.send_data(1, b"x" * 1000)
            await client.say()
            await trio.testing.wait_all_tasks_blocked()
        assert await client.read() == 1
        assert client.answer[":status"] == "413"


async def test_names_with_tls_are_strict_and_addresses_are_not() -> None:
    for host, is_strict in (("mail.example.org", True), ("127.0.0.1", False), ("localhost", False)):
        async with http_2(World()) as client:
            client.state.send_headers(1, [*ASKED[:2], (":authority", host), ASKED[3]], end_stream=True)
            await client.say()
            assert await client.read() == 1
            assert ("strict-transport-security" in client.answer) == is_strict
    async with World().client() as plain:
        assert "strict-transport-security" not in (await plain.ask("/")).headers


async def test_a_request_names_one_host() -> None:
    async with http_2(World()) as client:
        client.state.send_headers(1, [*ASKED, ("host", "mail.example.org")], end_stream=True)
        await client.say()
        assert await client.read() == 1
        assert client.answer[":status"] == "200"
    async with http_2(World()) as client:
        client.state.config.validate_outbound_headers = False
        client.state.send_headers(1, [*ASKED, ("host", "localhost")], end_stream=True)
        await client.say()
        ended = await client.read()
        assert ended == 0 or client.answer[":status"] == "400"


async def test_websockets_are_not_compressed() -> None:
    near, far = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(World(application=echoing).server().serve, far)
        asked = upgrade("localhost").removesuffix(b"\r\n")
        await near.send(asked + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", timeout=5)
        answer = await near.receive(timeout=5)
        assert answer.startswith(b"HTTP/1.1 101")
        assert b"permessage-deflate" not in answer
        await near.aclose()


async def test_without_alpn_http_1_is_spoken_over_tls() -> None:
    made = wires.certificate("mail.example.org")
    near, far = wires.pair()
    world = World()
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            await far.start_tls(Web(made))
            await world.server().serve(far, world.closing)

        nursery.start_soon(serve)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=made.certificate.decode())
        await near.start_tls_client(context, "mail.example.org")
        await near.send(b"GET / HTTP/1.1\r\nHost: mail.example.org\r\n\r\n", timeout=5)
        assert (await near.receive(timeout=5)).startswith(b"HTTP/1.1 200")
        await near.aclose()


async def echoing(scope: Any, receive: Any, send: Any) -> None:
    """Says back what it is told."""
    await receive()
    await send({"type": "websocket.accept", "headers": []})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def test_websockets_are_served_and_closed_when_the_server_stops() -> None:
    near, far = wires.pair()
    world = World(application=echoing)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.server().serve, far, world.closing)
        stream: Any = near.stream
        socket = await trio_websocket.wrap_client_stream(nursery, stream, "mail.example.org", "/webapi/push")
        await socket.send_message("hello")
        assert await socket.get_message() == "hello"
        world.closing.set()
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await socket.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1001
        await socket.aclose()
        nursery.cancel_scope.cancel()


async def test_a_websocket_whose_client_goes_is_over_at_once() -> None:
    near, far = wires.pair()
    with trio.fail_after(serving.PING / 2):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(World(application=echoing).server().serve, far)
            await near.send(upgrade("mail.example.org"), timeout=5)
            assert (await near.receive(timeout=5)).startswith(b"HTTP/1.1 101")
            await near.aclose()


async def test_a_websocket_under_another_name_is_refused() -> None:
    near, far = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(World(application=echoing).server().serve, far)
        await near.send(upgrade("evil.example"), timeout=5)
        assert (await near.receive(timeout=5)).startswith(b"HTTP/1.1 403")
        await near.aclose()


def upgrade(host: str) -> bytes:
    lines = [f"GET / HTTP/1.1\r\nHost: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def test_a_websocket_whose_client_is_dead_ends(autojump_clock: trio.testing.MockClock) -> None:
    near, far = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(World(application=echoing).server().serve, far)
        await near.send(upgrade("localhost"), timeout=5)
        received = b"..."
        while received:
            received = await near.receive(timeout=1000)
        assert 60 <= trio.current_time() <= 130


class Living:
    """An application with a life."""

    def __init__(self, *, fails: bool = False) -> None:
        self.said: list[str] = []
        self.fails = fails

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})
            return
        self.said.append((await receive())["type"])
        await send({"type": "lifespan.startup.failed" if self.fails else "lifespan.startup.complete"})
        self.said.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})


async def test_an_application_is_started_and_stopped_in_order() -> None:
    living = Living()
    lifetime = Lifetime(living)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lifetime.run)
        with trio.fail_after(5):
            await lifetime.started.wait()
        nursery.cancel_scope.cancel()
    assert living.said == ["lifespan.startup", "lifespan.shutdown"]
    assert not lifetime.started.is_set()


async def test_an_application_that_does_not_start_is_answered_for(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    lifetime = Lifetime(Living(fails=True))
    with pytest.raises(ExceptionGroup), caplog.at_level(logging.CRITICAL):
        await lifetime.run()
    async with World(application=starting.when_started(Living(), lifetime)).client() as client:
        answer = await client.ask("/")
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")


async def test_who_asks_before_the_start_waits_for_it() -> None:
    living = Living()
    lifetime = Lifetime(living)
    async with (
        World(application=starting.when_started(living, lifetime)).client() as client,
        trio.open_nursery() as nursery,
    ):
        statuses: list[int] = []

        async def ask() -> None:
            statuses.append((await client.ask("/")).status)
            nursery.cancel_scope.cancel()

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(lifetime.run)
    assert statuses == [200]
