"""Replies that come slowly, to clients that guess passwords or send what nobody takes: their time is what they have."""

from typing import Final

import trio

from mox_trio.transport.connection import Connection

LONGEST: Final = 25.0
"""Seconds that one reply is drawn out: honest clients wait longer."""


async def send(connection: Connection, data: bytes, *, pause: float, timeout: float) -> None:
    """Send octet by octet for a while, then the rest at once. Silent, Broken."""
    slow = min(len(data), int(LONGEST / pause)) if pause > 0 else 0
    for octet in data[:slow]:
        await connection.send(bytes((octet,)), timeout=timeout)
        await trio.sleep(pause)
    if data[slow:]:
        await connection.send(data[slow:], timeout=timeout)
