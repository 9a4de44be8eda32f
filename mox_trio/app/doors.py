"""The addresses and ports of a configuration, bound before privileges drop and before anything else is opened.

When one cannot be bound, those bound before are closed and the Failure says which and what to do.
"""

import logging
from collections.abc import Callable
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

SERVED: Final = frozenset({"smtp", "lmtp", "submission", "submissions", "metrics_http"})
"""Services that this program has."""


@dataclass(frozen=True, slots=True)
class Door:
    """One service on one address."""

    listener: str
    """Name in the configuration."""
    settings: Listener
    service: Bound
    address: IpAddress
    socket: trio.socket.SocketType

    @property
    def place(self) -> str:
        """For people: 127.0.0.1:25."""
        port = listening.port_of(self.socket)
        return f"[{self.address}]:{port}" if self.address.version == 6 else f"{self.address}:{port}"


async def opened(
    static: Static, stack: ExitStack, *, wanted: Callable[[IpAddress], bool] = lambda address: True
) -> list[Door]:
    """Bind what the configuration names, on addresses that are `wanted`; `stack` closes the sockets. Failure."""
    doors: list[Door] = []
    for name, settings in static.listeners.items():
        for service in check_listeners.bound(settings):
            if service.name not in SERVED:
                extra = {"listener": name, "service": service.name}
                logger.warning("this version does not have the service; its port is not bound", extra=extra)
                continue
            for address in filter(wanted, settings.ips):
                socket = await listening.bind(address, service.port)
                stack.enter_context(socket)
                doors.append(Door(name, settings, service, address, socket))
    return doors
