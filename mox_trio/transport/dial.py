"""Open a connection to another host by its addresses.

Addresses are tried one after another in the order given; what is left of the time is divided among those that remain, so
that one dead address does not use it up. When all fail, DialFailed says for each why. Names are the resolver's matter.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import trio

from mox_trio.transport.connection import Badge, Connection, Ends, IpAddress


@dataclass(frozen=True, slots=True)
class Attempt:
    """An address that did not answer, and why."""

    address: IpAddress
    reason: str


class DialFailed(Exception):
    """No address answered."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        super().__init__("; ".join(f"{each.address}: {each.reason}" for each in attempts) or "there is no address")
        self.attempts = tuple(attempts)


async def connect(
    addresses: Sequence[IpAddress],
    port: int,
    *,
    local_addresses: Sequence[IpAddress] = (),
    timeout: float,
    session: str = "",
) -> Connection:
    """The first connection that opens within `timeout` seconds for all. DialFailed.

    `local_addresses` are those to connect from: the first of the same family, and any where there is none.
    `session` is the id that the connection carries.
    """
    deadline = trio.current_time() + timeout
    failed: list[Attempt] = []
    for number, address in enumerate(addresses):
        left = deadline - trio.current_time()
        share = left / (len(addresses) - number)
        local = next((each for each in local_addresses if each.version == address.version), None)
        try:
            return await _dial(address, port, local, max(share, 0), session)
        except OSError as error:
            failed.append(Attempt(address, _reason(error)))
        except trio.TooSlowError:
            failed.append(Attempt(address, "no answer in time"))
    raise DialFailed(failed)


async def _dial(address: IpAddress, port: int, local: IpAddress | None, timeout: float, session: str) -> Connection:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    opened = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        if local is not None:
            await opened.bind((str(local), 0))
        with trio.fail_after(timeout):
            await opened.connect((str(address), port))
        ours, our_port = opened.getsockname()[:2]
        stream = trio.SocketStream(opened)
    except BaseException:
        opened.close()
        raise
    return Connection(stream, Ends(address, port, ip_address(ours), our_port), Badge(id=session))


def _reason(error: OSError) -> str:
    # trio says the address again in front of the reason.
    return os.strerror(error.errno) if error.errno else str(error)
