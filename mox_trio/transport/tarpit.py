"""Replies that come slowly, to clients that guess passwords or send what nobody takes: their time is what they have."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

LONGEST: Final = 25.0
"""Seconds that one reply is drawn out: honest clients wait longer."""


async def send(sending: Callable[[bytes], Awaitable[None]], data: bytes, *, pause: float) -> None:
    """Send octet by octet for a while, then the rest at once."""
    slow = min(len(data), int(LONGEST / pause)) if pause > 0 else 0
    for octet in data[:slow]:
        await sending(bytes((octet,)))
        await trio.sleep(pause)
    if data[slow:]:
        await sending(data[slow:])
