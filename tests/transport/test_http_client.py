"""The client for URLs that others chose: where it goes, what it verifies, how much it reads."""

import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio

from mox_trio.policy.public_address import Network
from mox_trio.transport import http_client
from mox_trio.transport.connection import Connection, IpAddress
from mox_trio.transport.dial import Attempt, DialFailed
from mox_trio.transport.http_client import CallFailed, Client, Refused
from mox_trio.transport.tls import TlsFailed
from tests.kit import wires
from tests.kit.dns import Zone
from tests.kit.web_receiver import Receiver
from tests.kit.wires import Fixed

MADE = wires.certificate("shop.example")
HERE: tuple[Network, ...] = (ipaddress.ip_network("10.0.0.0/8"),)


class World:
    """Names, and what is at their addresses."""

    def __init__(self, nursery: trio.Nursery, receiver: Receiver, made: wires.Made | None) -> None:
        self.zone = Zone({})
        self.nursery = nursery
        self.receiver = receiver
        self.made = made
        self.dialled: list[str] = []
        self.context = MADE.client_context()

    async def dial(self, addresses: Sequence[IpAddress], port: int, *, timeout: float) -> Connection:
        self.dialled += [f"{each}:{port}" for each in addresses]
        await trio.lowlevel.checkpoint()
        if str(addresses[0]) == "203.0.114.9":
            raise DialFailed([Attempt(addresses[0], "Connection refused")])
        near, far = wires.pair()
        self.nursery.start_soon(self.serve, far)
        return near

    async def serve(self, far: Connection) -> None:
        if self.made is not None:
            try:
                await far.start_tls(Fixed(self.made))
            except TlsFailed:
                await far.aclose()
                return
        await self.receiver.serve(far)

    def client(self, allowed: tuple[Network, ...] = ()) -> Client:
        return Client(self.zone, allowed, self.dial, self.context)


@asynccontextmanager
async def opened(made: wires.Made | None = MADE, receiver: Receiver | None = None) -> AsyncIterator[World]:
    async with trio.open_nursery() as nursery:
        world = World(nursery, receiver or Receiver(), made)
        world.zone.set("shop.example", "A", ["203.0.114.1"])
        yield world
        nursery.cancel_scope.cancel()


async def post(client: Client, url: str, timeout: float = 5.0) -> tuple[int, bytes]:
    answered = await client.post(url, b"{}", {"X-A": "b"}, timeout=timeout, most=10)
    return answered.status, answered.body


async def test_a_request_goes_to_the_address_that_was_checked_with_a_verified_name() -> None:
    async with opened() as world, world.client() as client:
        assert await post(client, "https://shop.example/x?y") == (200, b"ok")
        assert await post(client, "https://shop.example:8443/x") == (200, b"ok")
        assert world.dialled == ["203.0.114.1:443", "203.0.114.1:8443"]
        (first, _) = world.receiver.calls
        assert (first.path, first.headers["host"], first.headers["x-a"], first.body) == (
            "/x?y",
            "shop.example",
            "b",
            b"{}",
        )


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with opened() as world, world.client() as client:
        for _ in range(3):
            assert (await post(client, "https://shop.example/"))[0] == 200
        assert world.receiver.connections == 1


async def test_another_certificate_is_not_accepted() -> None:
    async with opened(wires.certificate("other.example")) as world, world.client() as client:
        with pytest.raises(CallFailed, match="certificate"):
            await post(client, "https://shop.example/")
        assert world.receiver.calls == []


async def test_a_name_of_another_server_is_not_accepted() -> None:
    async with opened() as world, world.client() as client:
        world.zone.set("else.example", "A", ["203.0.114.1"])
        with pytest.raises(CallFailed, match="certificate"):
            await post(client, "https://else.example/")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1"),
        *("::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("fec0::1", "64:ff9b:1::7f00:1", "::127.0.0.1", "::ffff:0:127.0.0.1", "5f00::1", "4000::1"),
    ],
)
async def test_names_that_lead_home_are_not_dialled(address: str) -> None:
    async with opened() as world, world.client() as client:
        world.zone.set("home.example", "AAAA" if ":" in address else "A", [address])
        with pytest.raises(CallFailed, match="may be called"):
            await post(client, "https://home.example/")
        assert world.dialled == []


async def test_of_several_addresses_only_public_ones_are_dialled() -> None:
    async with opened() as world, world.client() as client:
        world.zone.set("shop.example", "A", ["10.0.0.1", "203.0.114.1", "127.0.0.1"])
        assert (await post(client, "https://shop.example/"))[0] == 200
        assert world.dialled == ["203.0.114.1:443"]


async def test_networks_that_are_allowed_are_reached_and_only_they_without_tls() -> None:
    async with opened(None) as world, world.client(HERE) as client:
        world.zone.set("inner.example", "A", ["10.0.0.5"])
        assert (await post(client, "http://inner.example/"))[0] == 200
        with pytest.raises(CallFailed, match="may be called"):
            await post(client, "http://shop.example/")
        with pytest.raises(Refused):
            http_client.check("http://inner.example/")


async def test_redirects_are_answers() -> None:
    receiver = Receiver(answers=lambda number: (307, {"location": "https://10.0.0.1/"}, b""))
    async with opened(receiver=receiver) as world, world.client() as client:
        assert await post(client, "https://shop.example/") == (307, b"")
        assert len(world.dialled) == 1


@pytest.mark.parametrize("size", [10, 11, 100_000, 3_000_000])
async def test_no_more_of_an_answer_is_kept_than_is_wanted(size: int) -> None:
    receiver = Receiver(answers=lambda number: (200, {}, b"x" * size))
    async with opened(receiver=receiver) as world, world.client() as client:
        assert await post(client, "https://shop.example/") == (200, b"x" * 10)
        assert await post(client, "https://shop.example/") == (200, b"x" * 10)


async def test_what_fails_says_why(autojump_clock: trio.testing.MockClock) -> None:
    async with opened() as world, world.client() as client:
        world.zone.set("dead.example", "A", ["203.0.114.9"])
        for url, reason in (("https://dead.example/", "refused"), ("https://none.example/", "no address")):
            with pytest.raises(CallFailed, match=reason):
                await post(client, url)
        world.receiver.hold = 100
        with pytest.raises(CallFailed, match="no answer within 5 s"):
            await post(client, "https://shop.example/")
    with pytest.raises(CallFailed, match="about to stop"):
        await post(client, "https://shop.example/")


async def test_an_answer_that_is_none_is_a_failure() -> None:
    class Rude(Receiver):
        async def serve(self, connection: Connection) -> None:
            await connection.send(b"220 smtp ready\r\n", timeout=5)
            await connection.aclose()

    async with opened(receiver=Rude()) as world, world.client() as client:
        with pytest.raises(CallFailed):
            await post(client, "https://shop.example/")
