"""A server that delivers, with a DNS of a dict and hosts in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network

import trio

from mox_trio.base.address import Literal, Path
from mox_trio.base.domain import Domain
from mox_trio.base.metrics import Metrics
from mox_trio.outgoing.delivering import Delivering
from mox_trio.outgoing.job import Job, Outcome, Result
from mox_trio.outgoing.way import Settings
from mox_trio.protocol.smtp.envelope import Recipient
from tests.kit.dns import Zone
from tests.kit.mail_hosts import Message, Network

EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
SETTINGS = Settings("us.example", own_names=frozenset({"us.example"}), private_networks=EVERYWHERE)


def zone() -> Zone:
    """y.example with one host, and two.example with two."""
    return Zone(
        {
            "y.example": {"MX": [(10, "mail.y.example")]},
            "mail.y.example": {"A": ["192.0.2.1"]},
            "two.example": {"MX": [(10, "one.two.example"), (20, "two.two.example")]},
            "one.two.example": {"A": ["192.0.2.21"]},
            "two.two.example": {"A": ["192.0.2.22"]},
            "relay.example": {"A": ["192.0.2.99"]},
        }
    )


def recipients(*addresses: str) -> tuple[Recipient, ...]:
    return tuple(Recipient(Path.parse(f"<{each}>")) for each in addresses)


def job(*addresses: str, message: Message | None = None, sender: str = "<me@us.example>") -> Job:
    """A job for these addresses, which have one domain."""
    named = recipients(*(addresses or ("you@y.example",)))
    host = named[0].path.host
    assert isinstance(host, Domain | Literal)
    return Job(Path.parse(sender), named, host, message or Message(), lambda: 1000.0)


@dataclass
class World:
    """Everything together."""

    zone: Zone
    network: Network
    delivering: Delivering
    metrics: Metrics

    async def deliver(self, job: Job) -> list[Result]:
        return await self.delivering.deliver(job)

    async def outcomes(self, job: Job) -> list[tuple[Outcome, str]]:
        """Outcome and status of each recipient."""
        return [(each.outcome, each.status) for each in await self.delivering.deliver(job)]

    def count(self, metric: str) -> list[str]:
        """Lines of a metric with their values."""
        return [line for line in self.metrics.text().decode().splitlines() if line.startswith(f"moxtrio_{metric}")]


def world(nursery: trio.Nursery, settings: Settings | None = None, **changes: object) -> World:
    """A server; `changes` are of the settings."""
    network, metrics, dns = Network(nursery), Metrics(), zone()
    made = replace(settings or SETTINGS, **changes)  # type: ignore[arg-type]
    numbers = _numbers()
    delivering = Delivering(dns, made, metrics, dial=network.dial, random=lambda: next(numbers))
    return World(dns, network, delivering, metrics)


def _numbers() -> Iterator[float]:
    """Ascending: what is put in a random order stays as it is."""
    number = 0.0
    while True:
        number += 1e-6
        yield number
