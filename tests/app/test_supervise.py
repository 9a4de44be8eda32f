"""Supervision: what fails ends alone, what must run is kept, and stopping has an order."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest
import trio

from mox_trio.app import supervise
from mox_trio.app.supervise import LoopFailed, Plan, Stop
from mox_trio.base.metrics import Metrics
from mox_trio.policy.ratelimit import Most
from mox_trio.transport import listening
from mox_trio.transport.accepting import Accepting, Entrance
from mox_trio.transport.admission import Admission, Refused, Terms
from mox_trio.transport.connection import Broken, Connection
from tests.kit import wires

PLENTY = Most(1000, 1000, 1000)


@dataclass
class Server:
    """A server whose only service notes what happens."""

    metrics: Metrics = field(default_factory=Metrics)
    stop: Stop = field(default_factory=Stop)
    events: list[str] = field(default_factory=list)
    ready: trio.Event = field(default_factory=trio.Event)

    async def run(
        self,
        handler: Callable[[Connection, Refused | None], Awaitable[None]],
        *,
        loops: dict[str, Callable[[], Awaitable[None]]] | None = None,
        task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        socket = await listening.bind(ip_address("127.0.0.1"), 0)
        accepting = Accepting(Admission(Terms(10, PLENTY, PLENTY), lambda: 0.0), self.metrics)
        entrance = Entrance("test", "smtp", supervise.guard("smtp", handler, self.metrics))
        self.plan = Plan(accepting, [(socket, entrance)], loops or {}, self.metrics, grace=10)

        async def ready() -> None:
            task_status.started(listening.port_of(socket))

        await supervise.run(self.plan, self.stop, ready)
        self.events.append("ended")


async def test_a_session_that_fails_ends_alone(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()

    async def handler(connection: Connection, refused: Refused | None) -> None:
        word = await connection.receive(timeout=5)
        if word == b"fail":
            raise ZeroDivisionError
        await connection.send(b"fine", timeout=5)

    async with trio.open_nursery() as nursery:
        port = await nursery.start(server.run, handler)
        good, bad = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(2)]
        await bad.send_all(b"fail")
        assert await bad.receive_some() == b""
        await good.send_all(b"work")
        assert await good.receive_some() == b"fine"
        for each in (good, bad):
            await each.aclose()
        server.stop.order()
    assert "session failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert b'moxtrio_panic_total{pkg="smtp"} 1.0' in server.metrics.text()


async def test_a_connection_that_breaks_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(connection: Connection, refused: Refused | None) -> None:
        raise Broken("reset")

    _, ours = wires.pair()
    metrics = Metrics()
    await supervise.guard("smtp", handler, metrics)(ours, None)
    assert "failed" not in caplog.text
    assert b"moxtrio_panic_total{" not in metrics.text()


async def test_stopping_closes_the_door_then_tells_sessions_then_ends_the_loops(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = Server()

    async def loop() -> None:
        try:
            await trio.sleep_forever()
        finally:
            server.events.append(f"loop at {trio.current_time():g}")

    async def session() -> None:
        with server.plan.closing.interruptible():
            await trio.Event().wait()
        server.events.append(f"session told at {trio.current_time():g}")
        try:
            await trio.sleep(3)
            server.events.append(f"session done at {trio.current_time():g}")
            await trio.sleep_forever()
        finally:
            server.events.append(f"session ended at {trio.current_time():g}")

    async def handler(connection: Connection, refused: Refused | None) -> None:
        await session()

    async with trio.open_nursery() as nursery:
        port = await nursery.start(lambda **status: server.run(handler, loops={"queue": loop}, **status))
        # Connected in a thread's time: with the mock clock only sockets are awaited for real.
        client = await trio.open_tcp_stream("127.0.0.1", port)
        while not server.metrics.text().count(b'listener="test",protocol="smtp"} 1.0'):
            await trio.lowlevel.checkpoint()
        server.stop.order()
        assert await client.receive_some() == b""
        with pytest.raises(OSError, match="all attempts to connect"):
            await trio.open_tcp_stream("127.0.0.1", port)
        await client.aclose()
    start = trio.current_time() - 10
    assert server.events == [
        f"session told at {start:g}",
        f"session done at {start + 3:g}",
        f"session ended at {start + 10:g}",
        f"loop at {start + 10:g}",
        "ended",
    ]


async def test_a_second_order_does_not_wait_for_sessions(autojump_clock: trio.testing.MockClock) -> None:
    server = Server()

    async def handler(connection: Connection, refused: Refused | None) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        port = await nursery.start(server.run, handler)
        client = await trio.open_tcp_stream("127.0.0.1", port)
        while not server.metrics.text().count(b'listener="test",protocol="smtp"} 1.0'):
            await trio.lowlevel.checkpoint()
        before = trio.current_time()
        server.stop.order()
        await trio.testing.wait_all_tasks_blocked()
        server.stop.order()
        assert await client.receive_some() == b""
        await client.aclose()
    assert trio.current_time() == before
    assert server.events == ["ended"]


async def test_a_loop_that_fails_is_started_again_after_longer_and_longer_pauses(
    autojump_clock: trio.testing.MockClock,
) -> None:
    starts: list[float] = []

    async def loop() -> None:
        starts.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if len(starts) < 4:
            raise ValueError(len(starts))
        await trio.sleep_forever()

    with trio.move_on_after(100):
        await supervise.keep("queue", loop, Metrics())
    assert starts == [0, 1, 3, 7]


async def test_a_loop_that_returns_has_failed(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(LoopFailed, match="queue"):
        await supervise.keep("queue", trio.lowlevel.checkpoint, Metrics())
    assert [each.message for each in caplog.records] == ["loop returned"] * supervise.PATIENCE


async def test_failures_are_forgotten_when_a_loop_ran_long_enough(autojump_clock: trio.testing.MockClock) -> None:
    runs = 0

    async def loop() -> None:
        nonlocal runs
        runs += 1
        await trio.sleep(supervise.FORGIVEN)
        raise ValueError

    with trio.move_on_after(50 * supervise.FORGIVEN):
        await supervise.keep("queue", loop, Metrics())
    assert runs > 40


async def test_a_loop_that_cannot_be_kept_ends_the_server(autojump_clock: trio.testing.MockClock) -> None:
    server = Server()

    async def loop() -> None:
        raise ValueError

    async def handler(connection: Connection, refused: Refused | None) -> None:
        await trio.sleep_forever()

    with pytest.RaisesGroup(LoopFailed, allow_unwrapped=True, flatten_subgroups=True):
        await server.run(handler, loops={"queue": loop})
