"""Joins the web services: applications by kind, each once for all ports, and a front for each port."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from mox_trio.app import doors, plugins
from mox_trio.app.doors import Door
from mox_trio.app.supervise import Loop
from mox_trio.base import limits
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.base.metrics import Metrics
from mox_trio.config.check_listeners import Bound
from mox_trio.config.live import LiveConfig, Snapshot
from mox_trio.config.models import listeners
from mox_trio.httpd import starting
from mox_trio.httpd.front import Front, Port, Requests
from mox_trio.httpd.routing import Mount
from mox_trio.httpd.serving import Application, Lifetime, Server
from mox_trio.policy.ratelimit import Most
from mox_trio.running import Web
from mox_trio.transport.admission import Admission, Refused
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import Connection

ENCODED: Final = 1.5
"""What a message costs in a request, where it is base64."""


@dataclass(frozen=True, slots=True)
class Applications:
    """Those of one server, by their kind."""

    by_kind: Mapping[str, Application]
    lifetimes: Mapping[str, Lifetime]

    def loops(self) -> dict[str, Loop]:
        """Their lives."""
        return {f"web-{kind}": lifetime.run for kind, lifetime in self.lifetimes.items()}


async def applications(opened: Iterable[Door], web: Web) -> Applications:
    """Load and make what the bound doors need. Failure."""
    kinds = sorted({doors.kind(each) for door in opened for each in door.services if each.protocol in doors.WEB})
    made: dict[str, Application] = {}
    lifetimes: dict[str, Lifetime] = {}
    for kind in kinds:
        factory = await trio.to_thread.run_sync(plugins.load, kind)
        application = factory(web)
        lifetimes[kind] = Lifetime(application)
        made[kind] = starting.when_started(application, lifetimes[kind])
    return Applications(made, lifetimes)


def requests(most: Most, admission: Admission) -> Requests:
    """The limit on requests of one server."""
    return Requests(most, admission.is_exempt, time.time)


@dataclass(frozen=True, slots=True)
class Ports:
    """What the fronts of a server share."""

    config: LiveConfig
    applications: Applications
    requests: Requests
    metrics: Metrics
    closing: Closing

    def handler(self, door: Door) -> "Handling":
        """What serves the connections of a door with web services."""
        mounts = tuple(mount for service in door.services for mount in self._mounts(door, service))
        forwarded = any(isinstance(each.service, listeners.Http) and each.service.forwarded for each in door.services)
        front = Front(Port(door.listener, mounts, forwarded), self.requests, self.metrics, self.closing)
        return Handling(Server(front), self.closing)

    def _mounts(self, door: Door, service: Bound) -> list[Mount]:
        kind = doors.kind(service)
        body = limits.HTTP_BODY_BYTES
        if kind in ("webapi", "webmail", "account"):
            body = int(door.settings.max_message_size * ENCODED) + limits.HTTP_BODY_BYTES
        names = _Names(self.config, partial(_NAMES.get(kind, _of_users), hostname=door.settings.hostname))
        application = self.applications.by_kind[kind]
        return [Mount(kind, path, application, names, body) for path in _PLACES.get(kind, (service.path,))]


_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "autoconfig": ("/mail/", "/.well-known/autoconfig/", "/autodiscover/"),
    "mta_sts": ("/.well-known/",),
}
"""Of services at paths that are known to everybody."""


def _of_host(snapshot: Snapshot, hostname: Domain | None) -> set[Domain | None]:
    return {hostname, snapshot.static.hostname}


def _of_users(snapshot: Snapshot, hostname: Domain | None) -> set[Domain | None]:
    return _of_host(snapshot, hostname) | {each.client_settings_domain for each in snapshot.dynamic.domains.values()}


def _of_clients(snapshot: Snapshot, hostname: Domain | None) -> set[Domain | None]:
    below = {_below(first, name) for name in snapshot.dynamic.domains for first in ("autoconfig", "autodiscover")}
    return _of_host(snapshot, hostname) | below | set(snapshot.dynamic.domains)


def _of_policies(snapshot: Snapshot, hostname: Domain | None) -> set[Domain | None]:
    return {_below("mta-sts", name) for name, each in snapshot.dynamic.domains.items() if each.mta_sts is not None}


def _below(first: str, name: Domain) -> Domain | None:
    try:
        return Domain.parse(f"{first}.{name.ascii}")
    except InvalidAddress:
        return None  # it would be too long


_NAMES: Final = {"admin": _of_host, "autoconfig": _of_clients, "mta_sts": _of_policies}


class _Names:
    """The names that a service answers to, as the configuration in force has them."""

    def __init__(self, config: LiveConfig, names: Callable[[Snapshot], set[Domain | None]]) -> None:
        self._config = config
        self._names = names
        self._known: tuple[Snapshot | None, set[Domain | None]] = (None, set())

    def __call__(self, name: Domain) -> bool:
        snapshot, names = self._known
        if snapshot is not self._config.current:
            snapshot = self._config.current
            names = self._names(snapshot)
            self._known = snapshot, names
        return name in names


@dataclass(frozen=True, slots=True)
class Handling:
    """Serves connections of one port."""

    server: Server
    closing: Closing

    async def __call__(self, connection: Connection, refused: Refused | None) -> None:
        """Serve one; who may not come in hears nothing."""
        if refused is None:
            await self.server.serve(connection, self.closing)
