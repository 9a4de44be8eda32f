"""Hashing without giving up the interpreter's lock for little."""

from typing import Final, Protocol

UNLOCKED: Final = 2047
"""Most bytes that hashlib hashes while it keeps the interpreter's lock."""
LITTLE: Final = 8 * 1024
"""Up to here it costs more to give up the lock and to wait for it again than to hash in pieces that keep it."""


class Hash(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes, /) -> None:
        """Add to what is hashed."""


def feed(digest: Hash, data: bytes) -> None:
    """Hash some bytes: few on the spot, many without the lock."""
    if not UNLOCKED < len(data) <= LITTLE:
        digest.update(data)
        return
    for start in range(0, len(data), UNLOCKED):
        digest.update(data[start : start + UNLOCKED])
