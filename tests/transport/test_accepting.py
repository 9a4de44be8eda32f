"""The accept path: limits, proxies, TLS first, and what happens when there is no room."""

import errno
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network

import pytest
import trio
from trio.testing import memory_stream_pair

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.metrics import Metrics
from mox_trio.policy.ratelimit import Most
from mox_trio.transport import accepting, dial, listening
from mox_trio.transport.accepting import Accepting, Entrance
from mox_trio.transport.admission import Admission, Refused, Terms, plain
from mox_trio.transport.connection import Connection, Ends
from tests.kit import wires

LOOPBACK = ip_address("127.0.0.1")
PLENTY = Most(1000, 1000, 1000)
TERMS = Terms(1000, PLENTY, PLENTY)


@dataclass
class Rig:
    """An accept path whose handler notes what comes and waits until it is let go."""

    terms: Terms = TERMS
    metrics: Metrics = field(default_factory=Metrics)
    seen: list[Connection] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    go: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self.admission = Admission(self.terms, lambda: 0.0)
        self.accepting = Accepting(self.admission, self.metrics)

    async def handle(self, connection: Connection, refused: Refused | None) -> None:
        if refused is not None:
            self.refused.append(refused)
            await connection.send(b"421 no\r\n", timeout=1)
            return
        self.seen.append(connection)
        await self.go.wait()
        await connection.send(b"220 hello\r\n", timeout=1)

    def entrance(self) -> Entrance:
        return Entrance("public", "smtp", self.handle)


@asynccontextmanager
async def accepting_on_loopback(rig: Rig, entrance: Entrance) -> AsyncIterator[int]:
    socket = await listening.bind(LOOPBACK, 0)
    with socket:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.accepting.run, socket, entrance, nursery)
            yield listening.port_of(socket)
            nursery.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(5):
        while not condition():
            await trio.lowlevel.checkpoint()


async def test_a_connection_comes_to_its_handler_with_its_ends() -> None:
    rig = Rig()
    rig.go.set()
    async with accepting_on_loopback(rig, rig.entrance()) as port:
        client = await dial.connect([LOOPBACK], port, timeout=5)
        assert await client.receive(timeout=5) == b"220 hello\r\n"
        assert await client.receive(timeout=5) == b""
        await client.aclose()
    (connection,) = rig.seen
    assert (connection.peer_address, connection.peer_port) == (LOOPBACK, client.local_port)
    assert (connection.local_address, connection.local_port) == (LOOPBACK, port)
    assert (connection.listener, connection.exempt) == ("public", False)
    assert len(connection.id) == 16


async def test_what_left_is_no_longer_counted() -> None:
    rig = Rig()
    async with accepting_on_loopback(rig, rig.entrance()) as port:
        client = await dial.connect([LOOPBACK], port, timeout=5)
        await until(lambda: rig.admission.sessions == 1)
        assert b'moxtrio_connections_count{listener="public",protocol="smtp"} 1.0' in rig.metrics.text()
        rig.go.set()
        await until(lambda: rig.admission.sessions == 0)
        await client.aclose()
    assert b'moxtrio_connections_count{listener="public",protocol="smtp"} 0.0' in rig.metrics.text()


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (replace(TERMS, sessions=2), Refused.SESSIONS),
        (replace(TERMS, connections=Most(2, 9, 9)), Refused.CONNECTIONS),
        (replace(TERMS, connections=Most(9, 9, 2)), Refused.CONNECTIONS),
        (replace(TERMS, rate=Most(2, 9, 9)), Refused.RATE),
    ],
)
async def test_who_comes_beyond_a_limit_is_told_why(terms: Terms, reason: Refused) -> None:
    rig = Rig(terms)
    async with accepting_on_loopback(rig, rig.entrance()) as port:
        inside = [await dial.connect([LOOPBACK], port, timeout=5) for _ in range(2)]
        await until(lambda: len(rig.seen) == 2)
        outside = await dial.connect([LOOPBACK], port, timeout=5)
        assert await outside.receive(timeout=5) == b"421 no\r\n"
        assert rig.refused == [reason]
        for each in (*inside, outside):
            await each.aclose()
    assert f'moxtrio_connections_refused_total{{reason="{reason.value}"}} 1.0' in rig.metrics.text().decode()


async def test_an_exempt_network_is_bound_by_the_number_of_sessions_only() -> None:
    none = Most(0, 0, 0)
    rig = Rig(Terms(2, none, none, exempt=[ip_network("127.0.0.0/8")]))
    async with accepting_on_loopback(rig, rig.entrance()) as port:
        clients = [await dial.connect([LOOPBACK], port, timeout=5) for _ in range(3)]
        await until(lambda: len(rig.seen) + len(rig.refused) == 3)
        for each in clients:
            await each.aclose()
    assert rig.refused == [Refused.SESSIONS]
    assert all(each.exempt for each in rig.seen)


async def test_where_tls_comes_first_who_may_not_come_in_is_closed_at_once() -> None:
    made = wires.certificate("mail.example.org")
    rig = Rig(replace(TERMS, sessions=0))
    async with accepting_on_loopback(rig, replace(rig.entrance(), tls=wires.Fixed(made))) as port:
        client = await dial.connect([LOOPBACK], port, timeout=5)
        assert await client.receive(timeout=5) == b""
        await client.aclose()
    assert rig.refused == []


async def test_tls_first_reaches_the_handler_with_tls() -> None:
    made = wires.certificate("mail.example.org")
    rig = Rig()
    rig.go.set()
    async with accepting_on_loopback(rig, replace(rig.entrance(), tls=wires.Fixed(made))) as port:
        client = await dial.connect([LOOPBACK], port, timeout=5)
        await client.start_tls_client(made.client_context(), "mail.example.org")
        assert await client.receive(timeout=5) == b"220 hello\r\n"
        await client.aclose()
    assert rig.seen[0].tls is not None


async def test_a_handshake_that_fails_is_logged_and_nobody_else_hears_of_it(caplog: pytest.LogCaptureFixture) -> None:
    made = wires.certificate("mail.example.org")
    rig = Rig()
    with caplog.at_level("INFO", "mox_trio.transport"):
        async with accepting_on_loopback(rig, replace(rig.entrance(), tls=wires.Fixed(made))) as port:
            client = await dial.connect([LOOPBACK], port, timeout=5)
            await client.send(b"GET / HTTP/1.0\r\n\r\n", timeout=5)
            await until(lambda: bool(caplog.records))
            await client.aclose()
            await until(lambda: rig.admission.sessions == 0)
    (record,) = caplog.records
    assert vars(record)["reason"] == "nottls"
    assert vars(record)["remote"] == "127.0.0.1"
    assert rig.seen == []


async def test_a_server_without_descriptors_waits_and_goes_on(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()

    class Exhausted:
        """A socket that fails three times, then has a connection that failed, then none for ever."""

        def __init__(self) -> None:
            self.errors = [errno.EMFILE, errno.ENFILE, errno.EMFILE, errno.ECONNABORTED]

        async def accept(self) -> None:
            await trio.lowlevel.checkpoint()
            if self.errors:
                raise OSError(self.errors.pop(0), "no")
            await trio.sleep_forever()

    with trio.move_on_after(10):
        async with trio.open_nursery() as nursery:
            await rig.accepting.run(Exhausted(), rig.entrance(), nursery)  # type: ignore[arg-type]
    assert len(caplog.records) == 1
    assert "cannot accept" in caplog.text


def behind_a_proxy(rig: Rig, *networks: str) -> Entrance:
    return replace(rig.entrance(), proxies=[ip_network(each) for each in networks])


PROXY_ENDS = Ends(ip_address("10.0.0.1"), 1234, ip_address("10.0.0.2"), 25)


async def test_a_trusted_proxy_says_who_the_client_is() -> None:
    rig = Rig(replace(TERMS, exempt=[ip_network("10.0.0.0/8")]))
    rig.go.set()
    client, server = memory_stream_pair()
    await client.send_all(b"PROXY TCP4 192.0.2.1 203.0.113.25 40001 25\r\nEHLO")
    await rig.accepting.serve(server, PROXY_ENDS, behind_a_proxy(rig, "10.0.0.0/8"))
    (connection,) = rig.seen
    assert (str(connection.peer_address), connection.peer_port) == ("192.0.2.1", 40001)
    assert (str(connection.local_address), connection.local_port) == ("203.0.113.25", 25)
    assert not connection.exempt, "limits are those of the client, not of the proxy"
    assert await client.receive_some() == b"220 hello\r\n"


async def test_what_the_client_sent_behind_the_header_is_not_lost() -> None:
    received: list[bytes] = []

    async def handle(connection: Connection, refused: Refused | None) -> None:
        received.append(await connection.receive(4, timeout=1))
        received.append(await connection.receive(timeout=1))

    rig = Rig()
    client, server = memory_stream_pair()
    await client.send_all(b"PROXY UNKNOWN\r\nEHLO example.org\r\n")
    entrance = replace(behind_a_proxy(rig, "10.0.0.0/8"), handler=handle)
    await rig.accepting.serve(server, PROXY_ENDS, entrance)
    assert received == [b"EHLO", b" example.org\r\n"]


async def test_a_proxy_joins_tls_that_comes_first() -> None:
    made = wires.certificate("mail.example.org")
    rig = Rig()
    rig.go.set()
    stream, server = memory_stream_pair()
    client = Connection(stream, PROXY_ENDS)
    entrance = replace(behind_a_proxy(rig, "10.0.0.0/8"), tls=wires.Fixed(made))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.accepting.serve, server, PROXY_ENDS, entrance)
        await client.send(b"PROXY TCP4 192.0.2.1 203.0.113.25 40001 465\r\n", timeout=1)
        await client.start_tls_client(made.client_context(), "mail.example.org")
        assert await client.receive(timeout=1) == b"220 hello\r\n"
        await client.aclose()
    assert str(rig.seen[0].peer_address) == "192.0.2.1"
    assert rig.seen[0].tls is not None
    assert ssl.HAS_TLSv1_3
    assert rig.seen[0].tls.version == "TLSv1.3"


async def test_an_ipv4_client_of_an_ipv6_proxy_is_ipv4() -> None:
    assert str(plain(ip_address("::ffff:192.0.2.1"))) == "192.0.2.1"
    assert str(plain(ip_address("2001:db8::1"))) == "2001:db8::1"


async def test_others_may_not_send_a_header() -> None:
    rig = Rig()
    rig.go.set()
    client, server = memory_stream_pair()
    await client.send_all(b"PROXY TCP4 192.0.2.1 203.0.113.25 40001 25\r\n")
    await rig.accepting.serve(server, PROXY_ENDS, behind_a_proxy(rig, "10.9.0.0/16"))
    assert str(rig.seen[0].peer_address) == "10.0.0.1"


async def test_a_proxy_without_a_header_is_not_served(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    client, server = memory_stream_pair()
    await client.send_all(b"EHLO example.org\r\n")
    await rig.accepting.serve(server, PROXY_ENDS, behind_a_proxy(rig, "10.0.0.1/32"))
    assert rig.seen == []
    assert "no PROXY header" in caplog.text
    with pytest.raises(trio.BrokenResourceError):
        await client.send_all(b"more")


async def test_a_proxy_that_says_nothing_is_closed(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    client, server = memory_stream_pair()
    await rig.accepting.serve(server, PROXY_ENDS, behind_a_proxy(rig, "10.0.0.1/32"))
    assert trio.current_time() == accepting.PROXY_PAUSE
    assert rig.seen == []
    assert vars(caplog.records[0])["reason"] == "the header did not come"
    await client.aclose()


async def test_only_so_many_are_told_why_they_may_not_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "MOST_REFUSED", 1)
    rig = Rig(replace(TERMS, sessions=0))
    told: list[Refused] = []

    async def slow(connection: Connection, refused: Refused | None) -> None:
        assert refused is not None
        told.append(refused)
        await rig.go.wait()

    entrance = replace(rig.entrance(), handler=slow)
    pairs = [memory_stream_pair() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for _, server in pairs:
            nursery.start_soon(rig.accepting.serve, server, PROXY_ENDS, entrance)
        await trio.testing.wait_all_tasks_blocked()
        assert told == [Refused.SESSIONS]
        rig.go.set()


async def test_a_port_that_is_taken_is_a_failure_that_says_what_to_do() -> None:
    with await listening.bind(LOOPBACK, 0) as first:
        port = listening.port_of(first)
        with pytest.raises(Failure, match=rf"127\.0\.0\.1:{port}.*another program") as failed:
            await listening.bind(LOOPBACK, port)
    assert failed.value.kind is Kind.UNAVAILABLE


async def test_an_address_of_another_machine_is_a_failure_that_says_what_to_do() -> None:
    with pytest.raises(Failure, match="does not have the address"):
        await listening.bind(ip_address("192.0.2.1"), 0)


async def test_both_families_can_listen_on_all_addresses_of_one_port() -> None:
    first = await listening.bind(ip_address("0.0.0.0"), 0)
    with first, await listening.bind(ip_address("::"), listening.port_of(first)) as second:
        assert listening.port_of(second) == listening.port_of(first)
