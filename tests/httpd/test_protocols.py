"""HTTP/2 by ALPN, websockets, and applications that start and stop."""

import logging
import ssl
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import trio
import trio_websocket

from mox_trio.httpd import starting
from mox_trio.httpd.serving import Lifetime
from mox_trio.protocol.tls_hello import Hello
from mox_trio.transport import certificates
from mox_trio.transport.certificates import Terms
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
