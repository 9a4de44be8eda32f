"""Bodies that were queued a moment ago, in memory, because the first attempt follows at once and would open them again.

They are durable before they are here, and nothing is lost with them: what is not here is opened. A body leaves with its
message, after an attempt that has to be made again, or for newer ones.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

MOST_BYTES: Final = 16 * 1024 * 1024
"""All together: what comes in some seconds of a full load."""
SMALL: Final = 64 * 1024
"""Bytes of the largest body that is kept: for others a hop to a thread is little beside the sending."""


class Recent:
    """The bodies of one server, by store and reference."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bodies: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._bytes = 0

    def keep(self, store: str, ref: str, blocks: Iterable[bytes]) -> None:
        """Keep a body that is small; the oldest go for it. `blocks` are read now."""
        body = b"".join(blocks)
        self.forget(store, ref)
        self._bodies[store, ref] = body
        self._bytes += len(body)
        while self._bytes > self._most_bytes:
            _, oldest = self._bodies.popitem(last=False)
            self._bytes -= len(oldest)

    def maybe(self, store: str, ref: str) -> bytes | None:
        """The body, if it is here."""
        return self._bodies.get((store, ref))

    def forget(self, store: str, ref: str) -> None:
        """Nobody will ask for it soon."""
        self._bytes -= len(self._bodies.pop((store, ref), b""))
