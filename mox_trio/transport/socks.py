"""Connect to other hosts through a SOCKS5 proxy (RFC 1928), without authentication.

The proxy gets an address: names are looked up on our side, as for every delivery. Its refusal is DialFailed with the words
of the RFC. One deadline covers the way to the proxy and its answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

import trio

from mox_trio.transport import dial
from mox_trio.transport.connection import Broken, Connection, Ends, IpAddress
from mox_trio.transport.dial import Attempt, DialFailed

_VERSION: Final = 5
_NO_AUTHENTICATION: Final = 0
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4

REPLIES: Final[Mapping[int, str]] = {
    1: "general SOCKS server failure",
    2: "connection not allowed by ruleset",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}
"""RFC 1928 6."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where the proxy is: its addresses in the order to try."""

    addresses: Sequence[IpAddress]
    port: int = 1080


async def connect(proxy: Proxy, target: IpAddress, port: int, *, timeout: float, session: str = "") -> Connection:
    """A connection to an address by way of the proxy. DialFailed."""
    deadline = trio.current_time() + timeout
    connection = await dial.connect(proxy.addresses, proxy.port, timeout=timeout, session=session)
    stream = connection.stream
    try:
        with trio.fail_at(deadline):
            await _ask(stream, target, port)
    except trio.TooSlowError:
        await trio.aclose_forcefully(stream)
        raise _failed(target, "the proxy does not answer") from None
    except (Broken, trio.BrokenResourceError):
        await trio.aclose_forcefully(stream)
        raise _failed(target, "the proxy went away") from None
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    ends = Ends(target, port, connection.local_address, connection.local_port)
    return Connection(stream, ends, connection.badge)


async def _ask(stream: trio.abc.Stream, target: IpAddress, port: int) -> None:
    await stream.send_all(bytes([_VERSION, 1, _NO_AUTHENTICATION]))  # RFC 1928 3
    version, method = await _exactly(stream, 2)
    if version != _VERSION or method != _NO_AUTHENTICATION:
        raise _failed(target, "the proxy wants a login" if version == _VERSION else "this is no SOCKS5 proxy")
    kind = _IPV4 if isinstance(target, IPv4Address) else _IPV6
    await stream.send_all(bytes([_VERSION, _CONNECT, 0, kind]) + target.packed + port.to_bytes(2))  # RFC 1928 4
    version, reply, _, kind = await _exactly(stream, 4)
    if version != _VERSION:
        raise _failed(target, "this is no SOCKS5 proxy")
    if reply != 0:
        raise _failed(target, f"the proxy says: {REPLIES.get(reply, f'reply {reply}')}")
    lengths = {_IPV4: 4, _IPV6: 16}
    length = (await _exactly(stream, 1))[0] if kind == _NAME else lengths.get(kind)
    if length is None:
        raise _failed(target, "the proxy's answer makes no sense")
    await _exactly(stream, length + 2)  # where the proxy connects from: nobody asks


async def _exactly(stream: trio.abc.Stream, count: int) -> bytes:
    """Not a byte more: what follows is the other host's."""
    received = b""
    while len(received) < count:
        data = await stream.receive_some(count - len(received))
        if not data:
            raise Broken("the proxy ended the connection")
        received += data
    return received


def _failed(target: IpAddress, reason: str) -> DialFailed:
    return DialFailed([Attempt(target, reason)])
