"""To the relay that the configuration names, whatever the recipients' domain, with its TLS and login.

The relay is trusted to be where the administrator says: it may have any address. What goes wrong with it is temporary, since
somebody here can do something about it; only its replies to MAIL, RCPT and the message itself are final.
"""

import trio

from mox_trio.base.metrics import Metrics
from mox_trio.config.models.transports import SmtpRelay, SubmissionRelay, SubmissionsRelay
from mox_trio.outgoing import destinations
from mox_trio.outgoing.destinations import Addresses, Random, Undeliverable
from mox_trio.outgoing.handing_over import HandingOver, Host
from mox_trio.outgoing.job import Job
from mox_trio.outgoing.tally import Tally
from mox_trio.outgoing.way import Settings, Way, maybe_ip
from mox_trio.policy import tls_level
from mox_trio.transport import ask
from mox_trio.transport.resolver import Resolver

Relay = SmtpRelay | SubmissionRelay | SubmissionsRelay


class ToRelay:
    """What going to relays needs, for one server."""

    def __init__(
        self, resolver: Resolver, settings: Settings, room: HandingOver, random: Random, metrics: Metrics
    ) -> None:
        self._resolver = resolver
        self._metrics = metrics
        self._settings = settings
        self._room = room
        self._random = random

    async def deliver(self, job: Job, tally: Tally, relay: Relay, limit: trio.CancelScope) -> None:
        """Try the relay. Undeliverable, Failure."""
        is_implicit = isinstance(relay, SubmissionsRelay)
        uses_tls = isinstance(relay, SubmissionsRelay) or relay.starttls
        said = tls_level.Relay(uses_tls, relay.verify_tls)
        level = tls_level.decide(tls_level.Evidence(job.require_tls, said))
        if level.unmet:
            self._metrics.count("queue_requiretls_unsupported_total", reason=level.unmet)
            raise Undeliverable(
                "5.7.30", "the message requires TLS that can be relied on, which the relay is not used with"
            )
        way = Way(level, self._settings.hostname, relay.port, is_implicit, relay.login, is_direct=False)
        ip = maybe_ip(relay.host)
        name = str(ip) if ip else destinations.configured(relay.host)
        found = await self._addresses(name, tally)
        await self._room.to_host(job, tally, Host(name, found.ips, way), limit)

    async def _addresses(self, name: str, tally: Tally) -> Addresses:
        if (ip := maybe_ip(name)) is not None:
            return Addresses((ip,), is_dual=False)
        asking = destinations.addresses(name, tally.dialled(name), self._random, ipv4=True, ipv6=True)
        try:
            return await ask.run(self._resolver, asking)
        except Undeliverable as error:
            raise Undeliverable("4.4.4", f"the relay: {error}") from None
