"""Deliveries through a SOCKS5 proxy on a real port: who is asked for what, and what its refusals mean."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import trio

from mox_trio.base.domain import Domain
from mox_trio.config.models.transports import Socks
from mox_trio.outgoing.job import Outcome
from mox_trio.transport.connection import Connection, Ends
from tests.kit import mail_hosts
from tests.kit.deliveries import job, world
from tests.kit.mail_hosts import Host


@dataclass
class Proxy:
    """RFC 1928, as far as needed: every address is `host`."""

    host: Host = field(default_factory=Host)
    reply: int = 0
    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def serve(self, stream: trio.SocketStream) -> None:
        assert await stream.receive_some(3) == b"\x05\x01\x00"
        await stream.send_all(b"\x05\x00")
        request = bytes(await stream.receive_some(100))
        target = ip_address(request[4:-2])
        self.asked.append(f"{target} {int.from_bytes(request[-2:])}")
        await stream.send_all(bytes([5, self.reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        if self.reply == 0:
            ends = Ends(ip_address("127.0.0.1"), 1, target, 25)
            await mail_hosts.serve(self.host, Connection(stream, ends))
        await stream.aclose()


@asynccontextmanager
async def listening(proxy: Proxy) -> AsyncIterator[Socks]:
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        proxy.port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, proxy.serve, [listener])
        yield Socks(
            host="127.0.0.1",
            port=proxy.port,
            remote_ips=(ip_address("198.51.100.1"),),
            remote_hostname=Domain.parse("out.example"),
        )
        nursery.cancel_scope.cancel()


async def test_mail_goes_to_the_hosts_of_the_domain_by_the_proxy(nursery: trio.Nursery) -> None:
    here, proxy = world(nursery), Proxy()
    here.zone.set("mail.y.example", "AAAA", ["2001:db8::1"])
    async with listening(proxy) as transport:
        (result,) = await here.deliver(replace(job(), transport=transport))
    assert (result.outcome, result.remote_ip) == (Outcome.DELIVERED, "2001:db8::1")
    assert proxy.asked == ["2001:db8::1 25"]
    assert proxy.host.lines[0] == "EHLO out.example"
    assert here.network.dialled == []


async def test_a_refusal_of_the_proxy_is_temporary_and_tries_every_address(nursery: trio.Nursery) -> None:
    here, proxy = world(nursery), Proxy(reply=4)
    here.zone.set("mail.y.example", "A", ["192.0.2.1", "192.0.2.2"])
    async with listening(proxy) as transport:
        (result,) = await here.deliver(replace(job(), transport=transport))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.4.1")
    assert "host unreachable" in result.detail
    assert proxy.asked == ["192.0.2.1 25", "192.0.2.2 25"]


async def test_a_proxy_is_found_by_name_and_missed_temporarily(nursery: trio.Nursery) -> None:
    here, proxy = world(nursery), Proxy()
    here.zone.set("proxy.example", "A", ["127.0.0.1"])
    async with listening(proxy) as transport:
        by_name = transport.model_copy(update={"host": "proxy.example"})
        assert await here.outcomes(replace(job(), transport=by_name)) == [(Outcome.DELIVERED, "2.0.0")]
        missing = transport.model_copy(update={"host": "no.example"})
        assert await here.outcomes(replace(job(), transport=missing)) == [(Outcome.TEMPORARY, "4.4.4")]
    (result,) = await here.deliver(replace(job(), transport=transport))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.4.1")
