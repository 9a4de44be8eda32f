"""What answers at a port: hosts, paths, limits, headers, proxies, the log, and the stop."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import h11
import pytest
import trio

from mox_trio.base import limits
from mox_trio.httpd import exchange, wire
from mox_trio.httpd.serving import Application
from mox_trio.policy.ratelimit import Most
from mox_trio.transport.connection import Connection, Ends
from tests.httpd.talking import Answer, Client, World
from tests.kit import wires


async def ask(world: World, path: str, **more: Any) -> Answer:
    async with world.client() as client:
        return await client.ask(path, **more)


async def test_the_longest_path_wins() -> None:
    assert (await ask(World(), "/webapi/v0/Send")).facts["root"] == "/webapi"
    assert (await ask(World(), "/settings")).facts["root"] == ""


@pytest.mark.parametrize(
    "host", ["mail.example.org", "MAIL.example.org:8443", "127.0.0.1", "[::1]:443", "localhost:1080"]
)
async def test_it_answers_to_its_names_and_to_addresses(host: str) -> None:
    assert (await ask(World(), "/", host=host)).status == 200


@pytest.mark.parametrize("host", ["evil.example", "mail.example.org.evil.example", "mail.example.org:x", "a b"])
async def test_other_names_get_nothing(host: str) -> None:
    assert (await ask(World(), "/", host=host)).status == 404


async def test_dots_and_double_slashes_do_not_reach_an_application() -> None:
    assert (await ask(World(), "/webapi/../webapi//./v0/")).facts["path"] == "/webapi/v0/"
    assert (await ask(World(), "/webapi/%2e%2e/x")).facts["path"] == "/x"


async def test_every_answer_has_the_headers_for_safety() -> None:
    async with World().client() as client:
        for path, host in (("/", "mail.example.org"), ("/", "evil.example")):
            answer = await client.ask(path, host=host)
            for name, value in exchange.HEADERS:
                assert answer.headers[name.decode()] == value.decode()
            assert "server" not in answer.headers


async def test_what_an_application_says_itself_stays() -> None:
    async def own(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Content-Security-Policy", b"default-src 'self'"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    answer = await ask(World(application=own), "/")
    assert answer.headers["content-security-policy"] == "default-src 'self'"


async def test_a_client_that_asks_too_often_waits() -> None:
    world = World(most=Most(2, 10, 10))
    server = world.server()
    async with trio.open_nursery() as nursery:
        near, far = wires.pair()
        nursery.start_soon(server.serve, far)
        client = Client(near)
        assert [(await client.ask("/")).status for _ in range(3)] == [200, 200, 429]
        answer = await client.ask("/")
        assert answer.headers["retry-after"] == "60"
        await near.aclose()


async def test_a_body_that_is_announced_too_large_is_refused_at_once() -> None:
    answer = await ask(World(), "/webapi/", method="POST", body=b"x" * 1001)
    assert answer.status == 413


async def test_a_body_that_turns_out_too_large_is_refused() -> None:
    async with World().client() as client:
        request = h11.Request(
            method="POST", target="/", headers=[("Host", "localhost"), ("Transfer-Encoding", "chunked")]
        )
        await client.connection.send(client.state.send(request), timeout=5)
        for _ in range(20):
            await client.connection.send(client.state.send(h11.Data(data=b"x" * 100)), timeout=5)
        await client.connection.send(client.state.send(h11.EndOfMessage()), timeout=5)
        assert (await client.answer()).status == 413


async def test_a_body_that_nobody_reads_does_not_hold_the_answer_up() -> None:
    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async with World(application=deaf, body_bytes=10**7).client() as client:
        answer = await client.ask("/", method="POST", body=b"x" * 200_000)
        assert answer.status == 401
        assert (await client.ask("/")).status == 401, "the connection is kept"


async def test_an_endless_body_that_nobody_reads_ends_the_connection(autojump_clock: trio.testing.MockClock) -> None:
    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async with World(application=deaf, body_bytes=10**9).client() as client:
        request = h11.Request(
            method="POST", target="/", headers=[("Host", "localhost"), ("Content-Length", "900000000")]
        )
        await client.connection.send(client.state.send(request), timeout=5)
        for _ in range(3):
            await client.connection.send(client.state.send(h11.Data(data=b"x" * 65536)), timeout=5)
        assert (await client.answer()).status == 401
        assert await client.connection.receive(timeout=5) == b""


async def test_a_proxy_is_believed_where_the_listener_says_so() -> None:
    headers = {"X_Forwarded_For": "198.51.100.1, 198.51.100.9", "X_Forwarded_Proto": "https"}
    believed = (await ask(World(forwarded=True), "/", **headers)).facts
    assert (believed["client"], believed["scheme"], believed["secure"]) == ("198.51.100.9", "https", True)
    other = (await ask(World(), "/", **headers)).facts
    assert (other["client"], other["scheme"]) == ("203.0.113.7", "http")
    assert believed["headers"] == other["headers"] == ["host"], "no application sees them"


async def test_the_limit_counts_the_client_behind_a_proxy() -> None:
    world = World(forwarded=True, most=Most(1, 100, 100))
    async with world.client() as client:
        statuses = [(await client.ask("/", X_Forwarded_For=f"198.51.{each}.1")).status for each in (100, 101, 101)]
    assert statuses == [200, 200, 429]


async def test_each_request_is_logged_with_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await ask(World(), "/webapi/x", method="POST", body=b"abc")
    (line,) = [each for each in caplog.records if each.message == "web request"]
    told = line.__dict__
    assert (told["session"], told["service"], told["status"]) == ("session", "webapi", 200)
    assert (told["method"], told["path"], told["received"]) == ("POST", "/webapi/x", 3)


async def test_a_connection_that_waits_ends_when_the_server_stops(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    async with world.client() as client:
        assert (await client.ask("/")).status == 200
        world.closing.set()
        assert await client.connection.receive(timeout=1) == b""


async def test_a_request_that_is_being_answered_is_finished_when_the_server_stops() -> None:
    go = trio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await go.wait()
        await telling_short(send)

    world = World(application=slow)
    answers: list[Answer] = []

    async def wait_for(client: Any) -> None:
        answers.append(await client.ask("/"))

    async with world.client() as client, trio.open_nursery() as nursery:
        nursery.start_soon(wait_for, client)
        await trio.testing.wait_all_tasks_blocked()
        world.closing.set()
        await trio.testing.wait_all_tasks_blocked()
        go.set()
    assert answers[0].status == 200


async def telling_short(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def test_a_long_answer_is_not_cut_off_by_the_silence_of_its_client(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await trio.sleep(10 * wire.READ)
        await telling_short(send)

    async with World(application=slow).client() as client:
        request = client.state.send(h11.Request(method="GET", target="/", headers=[("Host", "localhost")]))
        await client.connection.send(request + client.state.send(h11.EndOfMessage()), timeout=5)
        client.state.receive_data(await client.connection.receive(timeout=20 * wire.READ))
        assert (await client.answer()).body == b"ok"


async def test_a_body_that_stops_coming_is_answered_and_ends_the_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with World().client() as client:
        await client.connection.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc", timeout=5)
        assert (await client.connection.receive(timeout=10 * wire.READ)).startswith(b"HTTP/1.1 408 ")
        assert trio.current_time() == pytest.approx(limits.HTTP_BODY_PATIENCE, abs=3)
        assert await client.connection.receive(timeout=10) == b""


@asynccontextmanager
async def over_tcp(application: Application) -> AsyncIterator[trio.SocketStream]:
    """A client on a real socket of a server with this application."""
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    near = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
    far = await listener.accept()
    here = ip_address("127.0.0.1")
    async with near, listener, trio.open_nursery() as nursery:
        nursery.start_soon(World(application=application).server().serve, Connection(far, Ends(here, 1, here, 2)))
        yield near
        nursery.cancel_scope.cancel()


async def test_what_is_no_request_is_refused_and_ends_the_connection() -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    for header in (b"Content-Length: +5", b"Transfer-Encoding : chunked", b"Transfer-Encoding: xchunked", b"a\rb: c"):
        async with over_tcp(never) as client:
            await client.send_all(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n12345")
            answer = b""
            while more := await client.receive_some():
                answer += more
            assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))


async def test_a_body_that_comes_an_octet_at_a_time_is_answered_with_408(mock_clock: trio.testing.MockClock) -> None:
    came, here = trio.open_memory_channel[str](10)

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            await came.send(message["type"])
            if message["type"] == "http.disconnect":
                return

    async with over_tcp(reading) as client:
        await client.send_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nx")
        assert await here.receive() == "http.request"
        for _ in range(4):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(limits.HTTP_BODY_PATIENCE / 5)
            await client.send_all(b"x")
            assert await here.receive() == "http.request", "slow, but within our patience"
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(limits.HTTP_BODY_PATIENCE / 5 + 1)
        answer = await client.receive_some()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"\r\nconnection: close\r\n" in answer.lower()
        mock_clock.rate = 100.0  # what is left of the body may still come for two seconds
        assert await here.receive() == "http.disconnect", "the application hears that the client is gone"
        while await client.receive_some():
            pass


async def test_a_body_that_comes_slowly_and_steadily_is_taken(autojump_clock: trio.testing.MockClock) -> None:
    async with World(body_bytes=10**6).client() as client:
        size = 100 * limits.HTTP_BODY_RATE * 11
        await client.connection.send(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size, timeout=5
        )
        for _ in range(100):
            await trio.sleep(10)
            await client.connection.send(b"x" * limits.HTTP_BODY_RATE * 11, timeout=5)
        client.state.send(h11.Request(method="POST", target="/", headers=[("Host", "h"), ("Content-Length", "0")]))
        assert (await client.answer()).facts["body"] == size


async def test_a_header_that_stops_coming_ends_the_connection(autojump_clock: trio.testing.MockClock) -> None:
    async with World().client() as client:
        for _ in range(4):
            await client.connection.send(b"X", timeout=5)
            await trio.sleep(12)
        assert await client.connection.receive(timeout=1000) == b""
        assert trio.current_time() <= wire.IDLE + 1


async def test_a_client_that_takes_nothing_ends_when_its_session_is_cancelled() -> None:
    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})

    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    near = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
    far = await listener.accept()
    here = ip_address("127.0.0.1")
    connection = Connection(far, Ends(here, 1, here, 2))
    await near.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(World(application=endless).server().serve, connection)
            await trio.testing.wait_all_tasks_blocked(0.2)  # until the buffers of the network are full
            nursery.cancel_scope.cancel()
    await near.aclose()
    await listener.aclose()


async def test_an_answer_that_looks_like_an_answer_is_whole() -> None:
    async def odd(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 404 No\r\n", b"HTTP/1.1 500 x"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    answer = await ask(World(application=odd), "/")
    assert answer.body == b"HTTP/1.1 200 OK\r\nHTTP/1.1 404 No\r\nHTTP/1.1 500 x"
