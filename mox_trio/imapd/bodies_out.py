"""Bytes of messages on their way to the client: small ranges of many messages are read together, large ones stream as fast as the
client takes them.

What cannot be read is a Failure or StorageError as long as nothing of the item was said; after that the connection is cut
(`Broken`): the client counts octets and would take anything else for the message.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

import trio

from mox_trio.imapd import sections
from mox_trio.imapd.sections import Piece
from mox_trio.imapd.state import Session
from mox_trio.mailstore import reading
from mox_trio.mailstore.reading import Located
from mox_trio.mailstore.reading_many import Wanted
from mox_trio.protocol.imap import fetch_response
from mox_trio.protocol.mime import transfer
from mox_trio.transport.connection import Broken
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)

SMALL: Final = 128 * 1024
"""Octets of a range that is read at once."""
HEADER: Final = 1024 * 1024
"""Octets of a header of which fields are told; what is beyond is none that anybody wrote."""
LONG: Final = 64 * 1024
"""Octets of a header that is looked through in a thread."""
_NUL: Final = b"\0"
_NOT_NUL: Final = b"\x80"
"""What stands for NUL where a literal may not hold it (RFC 9051 4.3.1)."""


def is_small(piece: Piece) -> bool:
    """Whether a piece is read at once."""
    return piece.fields is not None or piece.stop - piece.start <= SMALL


def wanted(piece: Piece, located: Located) -> Wanted:
    """What a small piece needs."""
    stop = min(piece.stop, piece.start + HEADER) if piece.fields is not None else piece.stop
    return Wanted(located, piece.start, stop)


async def item(piece: Piece, data: bytes) -> bytes:
    """A small piece as an item of a response, from the bytes that it needed."""
    if piece.fields is not None:
        if len(data) > LONG:
            data = await trio.to_thread.run_sync(sections.chosen, data, piece.fields)
        else:
            data = sections.chosen(data, piece.fields)
        data = sections.cut(data, piece.partial)
    elif piece.encoding:
        coder = transfer.decoder(piece.encoding)
        data = sections.cut(coder.feed(data) + coder.close(), piece.partial)
    elif piece.partial is not None:
        data = sections.cut(data, piece.partial)
    return ready(piece, data)


def ready(piece: Piece, data: bytes) -> bytes:
    """The same, from the bytes that the client is to get."""
    if piece.is_binary:
        has_nul = _NUL in data
        return fetch_response.literal(piece.label, len(data), binary=has_nul) + data
    return fetch_response.literal(piece.label, len(data)) + without_nul(data)


def without_nul(data: bytes) -> bytes:
    """What stands in a literal for these octets."""
    return data.replace(_NUL, _NOT_NUL) if _NUL in data else data


async def stream(session: Session, before: Sequence[bytes], piece: Piece, located: Located) -> None:
    """Say a large piece, behind what stands before it in the response. Failure, StorageError, Broken."""
    store, account = session.store, session.require_account()
    start, stop, expected = piece.start, piece.stop, piece.octets
    if not piece.encoding and piece.partial is not None:
        start = min(start + piece.partial[0], stop)
        stop = start + expected
    async with reading.open_mail(store, account, located.place.email_id, start, stop, located) as blocks:
        for octets in before:
            session.write(octets)
        session.write(fetch_response.literal(piece.label, expected, binary=piece.is_binary))
        said = 0
        try:
            async for block in _decoded(piece, blocks):
                said += len(block)
                session.write(block if piece.is_binary else block.replace(_NUL, _NOT_NUL))
                await session.drain()
        except StorageError as error:
            raise cut_off(session, str(error)) from error
    if said != expected:
        raise cut_off(session, f"{said} octets instead of {expected}")


async def _decoded(piece: Piece, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if not piece.encoding:
        async for block in blocks:
            yield block
        return
    skip, left = piece.partial or (0, piece.size)
    coder = transfer.decoder(piece.encoding)
    async for block in blocks:
        data = coder.feed(block)
        window = data[skip : skip + left]
        skip = max(0, skip - len(data))
        left -= len(window)
        yield window
        if left <= 0:
            return
    yield coder.close()[skip : skip + left]


def cut_off(session: Session, reason: str) -> Broken:
    """What is raised where a part of an item was said and the rest cannot be."""
    logger.error("a message cannot be told to its end", extra=session.fields(reason=reason))
    return Broken("a message could not be told to its end")
