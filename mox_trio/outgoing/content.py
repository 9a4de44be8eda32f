"""The bytes of a message in the portions in which they are worked on and sent: `Pieces`, and `Chunks` for BDAT.

Both end when the message does; `Pieces.aclose` ends an iterator that was left in the middle, so that it closes its file now.
Failures of the message's own iterator pass through.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import trio

from mox_trio.protocol.smtp.client_content import Content

PIECE: Final = 256 * 1024
"""Most bytes that are worked on at once: under a millisecond."""
CHUNK: Final = 64 * 1024
"""Fewest bytes of a BDAT that is not the last: a reply comes for each."""


class Pieces:
    """The blocks of a message, none larger than PIECE."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self._block = b""
        self._at = 0
        self._has_ended = False

    async def next(self) -> bytes | None:
        """The next piece, never empty; None at the end."""
        while self._at >= len(self._block):
            block = await anext(self._blocks, None)
            if block is None:
                self._has_ended = True
                return None
            self._block, self._at = block, 0
        if len(self._block) <= PIECE:
            self._at = len(self._block)
            return self._block
        piece = self._block[self._at : self._at + PIECE]
        self._at += PIECE
        return piece

    async def aclose(self) -> None:
        """No more is wanted. Not to be cancelled: the host may have just said that it has the message."""
        if not self._has_ended and isinstance(self._blocks, AsyncGenerator):
            with trio.CancelScope(shield=True):
                await self._blocks.aclose()


class Chunks:
    """The pieces as chunks, each with whether it is the last."""

    def __init__(self, pieces: Pieces, *, is_binary: bool) -> None:
        """What is not binary gets its line ends made right (RFC 3030 2)."""
        self._pieces = pieces
        self._content = None if is_binary else Content(dots=False)
        self._read_ahead: bytes | None = None
        self._has_begun = False
        self._has_ended = False

    async def next(self) -> tuple[bytes, bool]:
        """The next chunk and whether it is the last; an empty message has one, empty chunk."""
        chunk = self._read_ahead if self._has_begun else await self._read()
        self._has_begun = True
        self._read_ahead = await self._read()
        return chunk or b"", self._read_ahead is None

    async def _read(self) -> bytes | None:
        """At least CHUNK bytes unless the message ends; None where nothing is left."""
        parts: list[bytes] = []
        size = 0
        while size < CHUNK and not self._has_ended:
            piece = await self._pieces.next()
            self._has_ended = piece is None
            parts.append(self._made(piece))
            size += len(parts[-1])
        return b"".join(parts) or None

    def _made(self, piece: bytes | None) -> bytes:
        if self._content is None:
            return piece or b""
        return self._content.finish() if piece is None else self._content.feed(piece)
