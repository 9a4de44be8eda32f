"""Straight to the hosts of the recipients' domain, also through a SOCKS5 proxy (RFC 5321 5.1).

Hosts are tried in the order of `destinations` until nobody is pending. Among those of the same, best preference one that is
being talked to already comes first. A host is left out that has only addresses where no mail may go: ones that are not
public, and our own, behind which no host of a lower preference is tried either.
"""

import trio

from mox_trio.base.address import Literal
from mox_trio.base.metrics import Metrics
from mox_trio.config.models.transports import Direct, Socks
from mox_trio.outgoing import destinations
from mox_trio.outgoing.destinations import Addresses, MailHosts, Random, Undeliverable
from mox_trio.outgoing.handing_over import HandingOver, Host
from mox_trio.outgoing.job import Job
from mox_trio.outgoing.tally import Place, Tally
from mox_trio.outgoing.way import Settings, Way, maybe_ip
from mox_trio.policy import tls_level
from mox_trio.protocol.smtp.envelope import IpAddress
from mox_trio.transport import ask
from mox_trio.transport.resolver import Resolver


class ToHosts:
    """What going straight to hosts needs, for one server."""

    def __init__(
        self, resolver: Resolver, settings: Settings, room: HandingOver, random: Random, metrics: Metrics
    ) -> None:
        self._resolver = resolver
        self._metrics = metrics
        self._settings = settings
        self._room = room
        self._random = random

    async def deliver(self, job: Job, tally: Tally, transport: Direct | Socks | None, limit: trio.CancelScope) -> None:
        """Try the hosts of the job's domain. Undeliverable, Failure."""
        level = tls_level.decide(tls_level.Evidence(job.require_tls))
        if level.unmet:
            self._metrics.count("queue_requiretls_unsupported_total", reason=level.unmet)
            raise Undeliverable("5.7.30", "the message requires TLS that can be relied on, which nothing promises here")
        way = self._way(transport, level)
        proxy = await self._proxy(transport) if isinstance(transport, Socks) else ()
        hosts = await self._hosts(job, way)
        for name in hosts.names:
            if not tally.pending:
                return
            try:
                found = await self._addresses(name, tally, way)
            except Undeliverable as error:
                tally.setback(tally.pending, error.status, str(error), Place(name))
                continue
            ips = self._allowed(name, found)
            if not ips:
                detail = f"the addresses of {name} are not public"
                tally.setback(tally.pending, "5.4.4", detail, Place(name))
                continue
            await self._room.to_host(job, tally, Host(name, ips, way, found.is_dual, proxy), limit)

    def _way(self, transport: Direct | Socks | None, level: tls_level.TlsLevel) -> Way:
        if isinstance(transport, Socks):
            return Way(level, transport.remote_hostname.ascii, self._settings.port, proxy=transport)
        plain = Way(level, self._settings.hostname, self._settings.port)
        if transport is None:
            return plain
        return Way(level, plain.name, plain.port, ipv4=transport.ipv4, ipv6=transport.ipv6)

    async def _proxy(self, transport: Socks) -> tuple[IpAddress, ...]:
        """The addresses of the proxy. What goes wrong with it is temporary: the administrator can do something about it."""
        if (ip := maybe_ip(transport.host)) is not None:
            return (ip,)
        name = destinations.configured(transport.host)
        try:
            asking = destinations.addresses(name, (), self._random, ipv4=True, ipv6=True)
            found = await ask.run(self._resolver, asking)
        except Undeliverable as error:
            raise Undeliverable("4.4.4", f"the proxy: {error}") from None
        return found.ips

    async def _hosts(self, job: Job, way: Way) -> MailHosts:
        if isinstance(job.host, Literal):
            return MailHosts((str(job.host.address),), 1)
        own = frozenset[str]() if self._settings.may_loop else self._settings.own_names
        asking = destinations.mail_hosts(job.host, own, self._random, pedantic=self._settings.pedantic)
        hosts = await ask.run(self._resolver, asking)
        self._metrics.count("queue_destinations_total")
        if hosts.authentic:
            self._metrics.count("queue_destinations_authentic_total")
        # RFC 5321 5.1: any order will do among equals, so one that is at hand is as good as any.
        first = sorted(hosts.names[: hosts.equals], key=lambda name: (name, way) not in self._room.connections)
        return MailHosts((*first, *hosts.names[hosts.equals :]), hosts.equals, hosts.authentic)

    async def _addresses(self, name: str, tally: Tally, way: Way) -> Addresses:
        if (ip := maybe_ip(name)) is not None:
            return Addresses((ip,), is_dual=False)
        asking = destinations.addresses(name, tally.dialled(name), self._random, ipv4=way.ipv4, ipv6=way.ipv6)
        return await ask.run(self._resolver, asking)

    def _allowed(self, name: str, found: Addresses) -> tuple[IpAddress, ...]:
        settings = self._settings
        if not settings.may_loop and any(ip in settings.own_addresses for ip in found.ips):
            raise Undeliverable("5.4.6", f"mail loops back to this server: {name} has one of its addresses")
        return tuple(ip for ip in found.ips if destinations.is_public(ip, settings.private_networks))
