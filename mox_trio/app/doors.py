"""The addresses and ports of a configuration, bound before privileges drop and before anything else is opened.

When one cannot be bound, those bound before are closed and the Failure says which and what to do.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import trio

from mox_trio.config import check_listeners
from mox_trio.config.check_listeners import Bound
from mox_trio.config.models.listeners import Listener
from mox_trio.config.models.static import Static
from mox_trio.transport import listening
from mox_trio.transport.connection import IpAddress

logger = logging.getLogger(__name__)

SERVED: Final = frozenset({"smtp", "lmtp", "submission", "submissions", "imap", "imaps", "metrics_http"})
"""Services that this program has in itself; web services come with what is installed."""
WEB: Final = frozenset({"http", "https"})
"""Protocols whose services share a port."""


@dataclass(frozen=True, slots=True)
class Door:
    """One service on one address, or several web services."""

    listener: str
    """Name in the configuration."""
    settings: Listener
    service: Bound
    address: IpAddress
    socket: trio.socket.SocketType
    others: tuple[Bound, ...] = ()
    """Further web services at the same port."""

    @property
    def services(self) -> tuple[Bound, ...]:
        """All of them."""
        return self.service, *self.others

    @property
    def place(self) -> str:
        """For people: 127.0.0.1:25."""
        port = listening.port_of(self.socket)
        return f"[{self.address}]:{port}" if self.address.version == 6 else f"{self.address}:{port}"


async def opened(
    static: Static,
    stack: ExitStack,
    *,
    wanted: Callable[[IpAddress], bool] = lambda address: True,
    web: Collection[str] = (),
) -> list[Door]:
    """Bind what the configuration names, on addresses that are `wanted`; `stack` closes the sockets. Failure.

    `web` are the kinds of web services that there are applications for: account, admin, webmail, webapi.
    """
    doors: list[Door] = []
    for name, settings in static.listeners.items():
        for first, *others in grouped(name, settings, web):
            for address in filter(wanted, settings.ips):
                socket = await listening.bind(address, first.port)
                stack.enter_context(socket)
                doors.append(Door(name, settings, first, address, socket, tuple(others)))
    return doors


def grouped(name: str, listener: Listener, web: Collection[str]) -> Iterator[list[Bound]]:
    """The services of a listener that this program has, those together that share a port."""
    shared: dict[int, list[Bound]] = {}
    for service in check_listeners.bound(listener):
        if service.name not in SERVED and kind(service) not in web:
            extra = {"listener": name, "service": service.name}
            logger.warning("this version does not have the service; its port is not bound", extra=extra)
        elif service.protocol not in WEB:
            yield [service]
        else:
            shared.setdefault(service.port, []).append(service)
    yield from shared.values()


def kind(service: Bound) -> str:
    """What a web service is, however it is reached: webapi for webapi_http and webapi_https."""
    return service.name.removesuffix("_https").removesuffix("_http")
