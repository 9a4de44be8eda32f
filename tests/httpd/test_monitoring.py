"""The internal listener, by a real HTTP client's bytes on wires in memory."""

import http.client
import io
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from mox_trio.base.metrics import Metrics
from mox_trio.httpd import monitoring, wire
from mox_trio.httpd.monitoring import Monitoring
from mox_trio.httpd.serving import Server
from mox_trio.transport.connection import Connection
from tests.kit import wires


async def well() -> None:
    await trio.lowlevel.checkpoint()


def application(check: Callable[[], Awaitable[None]] = well) -> Monitoring:
    metrics = Metrics()
    metrics.count("smtpserver_connection_total", kind="smtp")
    return Monitoring(metrics, check)


class Answer(http.client.HTTPResponse):
    """A response that was received whole."""

    def __init__(self, received: bytes, method: str) -> None:
        class Wire:
            def makefile(self, mode: str) -> io.BytesIO:
                return io.BytesIO(received)

        super().__init__(Wire(), method=method)  # type: ignore[arg-type]
        self.begin()


async def ask(server: Server, method: str, path: str) -> Answer:
    client, ours = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, ours)
        await client.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), timeout=5)
        received = b""
        while data := await client.receive(timeout=60):
            received += data
        await client.aclose()
    return Answer(received, method)


async def test_metrics_are_there_for_prometheus() -> None:
    answer = await ask(Server(application()), "GET", "/metrics")
    assert answer.status == 200
    assert answer.getheader("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.getheader("server") is None
    assert b'moxtrio_smtpserver_connection_total{kind="smtp"} 1.0' in answer.read()


async def test_a_server_that_is_well_says_ok() -> None:
    answer = await ask(Server(application()), "GET", "/health")
    assert (answer.status, answer.read()) == (200, b'{"status": "ok"}\n')


async def test_a_server_that_cannot_work_says_why() -> None:
    async def ill() -> None:
        raise OSError("the index is away")

    answer = await ask(Server(application(ill)), "GET", "/health")
    assert answer.status == 503
    assert b"the index is away" in answer.read()


async def test_a_check_that_hangs_is_an_illness(autojump_clock: trio.testing.MockClock) -> None:
    async def hang() -> None:
        await trio.sleep_forever()

    answer = await ask(Server(application(hang)), "GET", "/health")
    assert answer.status == 503
    assert f"{monitoring.HEALTH:g} s".encode() in answer.read()


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/metrics", 405)])
async def test_anything_else_is_refused(method: str, path: str, status: int) -> None:
    assert (await ask(Server(application()), method, path)).status == status


async def test_a_head_has_no_body() -> None:
    answer = await ask(Server(application()), "HEAD", "/health")
    assert (answer.status, answer.read()) == (200, b"")


async def test_a_connection_that_waits_too_long_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    client, ours = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Server(application()).serve, ours)
        assert await client.receive(timeout=1000) == b""
    assert wire.IDLE <= trio.current_time() <= wire.IDLE + 1


async def test_a_connection_that_waits_can_be_cancelled() -> None:
    client, ours = wires.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Server(application()).serve, ours)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert await client.receive(timeout=1) == b""


async def test_an_application_that_fails_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        answer = await ask(Server(failing), "GET", "/")
    assert answer.status == 500
    assert "ZeroDivisionError" in caplog.text


async def test_an_application_sees_the_true_client() -> None:
    seen: list[Any] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"], scope["server"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    await ask(Server(noting), "GET", "/")
    assert seen == [(("203.0.113.7", 40000), ("192.0.2.25", 25))]


async def test_a_client_that_takes_nothing_is_gone_in_time(autojump_clock: trio.testing.MockClock) -> None:
    class Stuck(trio.abc.Stream):
        """Sends nothing on."""

        def __init__(self, stream: trio.abc.Stream) -> None:
            self._stream = stream

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await trio.sleep_forever()

        async def wait_send_all_might_not_block(self) -> None:
            await trio.sleep_forever()

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            return await self._stream.receive_some(max_bytes)

        async def aclose(self) -> None:
            await self._stream.aclose()

    client, ours = wires.pair()
    stuck = Connection(Stuck(ours.stream), wire.Peer(ours).ends)
    await client.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", timeout=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Server(application()).serve, stuck)
        assert await client.receive(timeout=1000) == b""
        assert trio.current_time() == wire.SEND
    assert trio.current_time() <= wire.SEND + wire.IDLE, "hypercorn waits for the next request in vain"
