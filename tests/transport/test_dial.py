"""Dialling on loopback: order of addresses, reasons, the address to connect from, and a SOCKS5 proxy on the way."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
import trio

from mox_trio.transport import dial, socks
from mox_trio.transport.dial import DialFailed
from mox_trio.transport.socks import Proxy

LOOPBACK = ip_address("127.0.0.1")
OTHER = ip_address("127.0.0.2")


@asynccontextmanager
async def greeting(host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server that says hello and whom it sees; its port."""

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.send_all(f"hello {stream.socket.getpeername()[0]}".encode())

    (listener,) = await trio.open_tcp_listeners(0, host=host)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def test_a_connection_knows_its_ends() -> None:
    async with greeting() as port:
        connection = await dial.connect([LOOPBACK], port, timeout=5, session="abc")
        assert (connection.peer_address, connection.peer_port) == (LOOPBACK, port)
        assert (connection.local_address, connection.id) == (LOOPBACK, "abc")
        assert connection.local_port > 0
        assert await connection.receive(timeout=5) == b"hello 127.0.0.1"
        await connection.aclose()


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    async with greeting("127.0.0.1") as port:
        connection = await dial.connect([OTHER, LOOPBACK], port, timeout=5)
        assert connection.peer_address == LOOPBACK
        await connection.aclose()


async def test_when_all_fail_each_says_why() -> None:
    with pytest.raises(DialFailed) as failed:
        await dial.connect([LOOPBACK, OTHER], closed_port(), timeout=5)
    assert [each.address for each in failed.value.attempts] == [LOOPBACK, OTHER]
    assert {each.reason for each in failed.value.attempts} == {"Connection refused"}


async def test_no_address_is_a_failure_too() -> None:
    with pytest.raises(DialFailed, match="no address"):
        await dial.connect([], 25, timeout=5)


async def test_a_connection_comes_from_the_local_address_of_its_family() -> None:
    async with greeting() as port:
        local = [ip_address("::1"), OTHER]
        connection = await dial.connect([LOOPBACK], port, local_addresses=local, timeout=5)
        assert connection.local_address == OTHER
        assert await connection.receive(timeout=5) == b"hello 127.0.0.2"
        await connection.aclose()


async def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = trio.socket.socket
    shares: list[float] = []

    class Deaf:
        """A socket whose packets are lost."""

        async def connect(self, address: object) -> None:
            shares.append(trio.current_effective_deadline() - trio.current_time())
            await trio.sleep_forever()

        def close(self) -> None:
            return None

    monkeypatch.setattr(trio.socket, "socket", lambda *_: Deaf())
    with pytest.raises(DialFailed, match="no answer in time"):
        await dial.connect([LOOPBACK, OTHER, LOOPBACK], 25, timeout=30)
    monkeypatch.setattr(trio.socket, "socket", real)
    assert shares == [10, 10, 10]
    assert trio.current_time() == 30


@asynccontextmanager
async def proxy(answer: bytes | None = None, method: bytes = b"\x05\x00") -> AsyncIterator[Proxy]:
    """A SOCKS5 proxy that connects, or answers as it is told."""

    async def pump(one: trio.SocketStream, other: trio.SocketStream) -> None:
        while data := await one.receive_some():
            await other.send_all(data)
        await other.send_eof()

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            assert await stream.receive_some(3) == b"\x05\x01\x00"
            await stream.send_all(method)
            request = await stream.receive_some(100)
            if answer is not None:
                await stream.send_all(answer)
                return
            if method != b"\x05\x00":
                return
            assert request[:4] == b"\x05\x01\x00\x01"
            host, port = socket.inet_ntoa(request[4:8]), int.from_bytes(request[8:10])
            target = await trio.open_tcp_stream(host, port)
            # With the first bytes of the other host right behind the answer.
            async with target:
                await stream.send_all(b"\x05\x00\x00\x03\x04name\x00\x00" + await target.receive_some())
                await pump(target, stream)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield Proxy([LOOPBACK], listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def test_a_proxy_joins_us_with_the_target() -> None:
    async with greeting() as port, proxy() as between:
        connection = await socks.connect(between, LOOPBACK, port, timeout=5)
        assert (connection.peer_address, connection.peer_port) == (LOOPBACK, port)
        assert await connection.receive(timeout=5) == b"hello 127.0.0.1"
        await connection.aclose()


@pytest.mark.parametrize(
    ("answer", "method", "reason"),
    [
        (b"\x05\x05\x00\x01" + bytes(6), b"\x05\x00", "connection refused"),
        (b"\x05\x63\x00\x01" + bytes(6), b"\x05\x00", "reply 99"),
        (b"\x04\x00\x00\x01" + bytes(6), b"\x05\x00", "no SOCKS5"),
        (b"\x05\x00\x00\x09" + bytes(6), b"\x05\x00", "makes no sense"),
        (b"\x05\x00", b"\x05\x00", "went away"),
        (None, b"\x05\xff", "wants a login"),
        (None, b"HT", "no SOCKS5"),
    ],
)
async def test_a_proxy_that_does_not_connect_says_why(answer: bytes | None, method: bytes, reason: str) -> None:
    async with proxy(answer, method) as between:
        with pytest.raises(DialFailed, match=reason):
            await socks.connect(between, LOOPBACK, 25, timeout=5)


async def test_a_proxy_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:  # connections wait to be accepted
        silent = Proxy([LOOPBACK], nobody.getsockname()[1])
        with pytest.raises(DialFailed, match="does not answer"):
            await socks.connect(silent, LOOPBACK, 25, timeout=0.05)
