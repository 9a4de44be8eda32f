"""COMPRESS=DEFLATE (RFC 4978): raw deflate in both directions, flushed wherever the client is waited for.

What comes in is inflated in bounded pieces. A client whose bytes grow beyond all measure is cut off (`TooMuch`): what it
sends costs it nothing and this server time.
"""

import zlib
from typing import Final

import trio

from mox_trio.base import limits

INFLATED_AT_ONCE: Final = 64 * 1024
"""Bytes."""
_LEVEL: Final = 3
_LARGE: Final = 64 * 1024
"""Bytes that are compressed in a thread: they take milliseconds."""


class TooMuch(Exception):
    """A few bytes became very many."""


class Damaged(Exception):
    """What came is not deflate."""


class Compression:
    """Of one connection."""

    def __init__(self, waiting: bytes = b"") -> None:
        """`waiting` came already, compressed."""
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._waiting = waiting
        self._came = len(waiting)
        self._grew = 0

    @property
    def has_more(self) -> bool:
        """Whether `inflated` has something without new bytes."""
        return bool(self._waiting)

    def inflated(self, data: bytes = b"") -> bytes:
        """The next bytes, after those that came; none where more is needed. TooMuch, Damaged."""
        self._came += len(data)
        waiting = self._waiting + data if self._waiting else data
        try:
            out = self._inflate.decompress(waiting, INFLATED_AT_ONCE)
        except zlib.error as error:
            raise Damaged(str(error)) from None
        self._waiting = self._inflate.unconsumed_tail
        if self._inflate.eof:  # RFC 4978 3: the stream has no end before the connection has
            raise Damaged("the end of a stream")
        self._grew += len(out)
        if self._grew > limits.IMAP_INFLATED_OCTETS and self._grew > self._came * limits.IMAP_INFLATED_RATIO:
            raise TooMuch
        return out

    async def deflated(self, data: bytes) -> bytes:
        """What is to be sent, so that the client can read all of `data`."""
        if len(data) >= _LARGE:
            return await trio.to_thread.run_sync(self._deflated, data)
        return self._deflated(data)

    def _deflated(self, data: bytes) -> bytes:
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
