"""Bind addresses, before privileges are dropped and before anybody is told that the server is ready.

A port that cannot be bound ends the start with a Failure that says which and what to do. Sockets are closed by who called.
"""

import errno
import os
import socket
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.transport.connection import IpAddress

BACKLOG: Final = 1024
"""Connections that wait to be accepted; the kernel's own limit may be lower."""

KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 300), (socket.TCP_KEEPINTVL, 60), (socket.TCP_KEEPCNT, 5))
"""Seconds of silence until the peer's machine is asked whether it is there, between questions, and how many. A connection
takes these settings from its listener.
"""

_ADVICE: Final = {
    errno.EADDRINUSE: "another program listens there; stop it, or use another port",
    errno.EACCES: "start as root, or use a port from 1024 on",
    errno.EADDRNOTAVAIL: "this machine does not have the address; see ips of the listener",
}


async def bind(address: IpAddress, port: int, *, backlog: int = BACKLOG) -> trio.socket.SocketType:
    """A listening socket; port 0 is any that is free. Failure UNAVAILABLE."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        opened = trio.socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _failure(address, port, error) from error
    try:
        # The port of a server that ended a moment ago is free again.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            opened.setsockopt(socket.IPPROTO_TCP, option, value)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # 0.0.0.0 is bound by itself
        await opened.bind((str(address), port))
        opened.listen(backlog)
    except OSError as error:
        opened.close()
        raise _failure(address, port, error) from error
    except BaseException:
        opened.close()
        raise
    return opened


def port_of(listening: trio.socket.SocketType) -> int:
    """The port that a socket is bound to."""
    port: int = listening.getsockname()[1]
    return port


def _failure(address: IpAddress, port: int, error: OSError) -> Failure:
    number = error.errno or 0
    advice = _ADVICE.get(number, "")
    reason = os.strerror(number) if number else str(error)
    place = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    return Failure(Kind.UNAVAILABLE, f"cannot listen on {place}: {reason}" + (f"; {advice}" if advice else ""))
