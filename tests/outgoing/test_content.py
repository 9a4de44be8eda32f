"""A message in pieces and chunks: nothing lost, nothing large, and the end is known in time."""

from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.outgoing.content import CHUNK, PIECE, Chunks, Pieces
from tests.kit.mail_hosts import Message


async def all_pieces(parts: list[bytes]) -> list[bytes]:
    pieces, found = Pieces(Message(parts).blocks()), []
    while (piece := await pieces.next()) is not None:
        found.append(piece)
    assert await pieces.next() is None
    return found


async def all_chunks(parts: list[bytes], *, is_binary: bool) -> list[bytes]:
    chunks, found, is_last = Chunks(Pieces(Message(parts).blocks()), is_binary=is_binary), list[bytes](), False
    while not is_last:
        chunk, is_last = await chunks.next()
        found.append(chunk)
    return found


async def test_large_blocks_are_cut_and_empty_ones_left_out() -> None:
    big = bytes(range(256)) * (PIECE // 100)
    pieces = await all_pieces([b"", b"a", b"", big, b"b"])
    assert b"".join(pieces) == b"a" + big + b"b"
    assert all(0 < len(piece) <= PIECE for piece in pieces)


@pytest.mark.parametrize("is_binary", [True, False])
async def test_an_empty_message_is_one_empty_chunk(is_binary: bool) -> None:
    assert await all_chunks([], is_binary=is_binary) == [b""]
    assert await all_chunks([b"", b""], is_binary=is_binary) == [b""]


async def test_small_blocks_are_gathered() -> None:
    chunks = await all_chunks([b"0123456789abcd\r\n"] * 20_000, is_binary=False)
    assert b"".join(chunks) == b"0123456789abcd\r\n" * 20_000
    assert all(CHUNK <= len(chunk) <= CHUNK + PIECE for chunk in chunks[:-1])


PARTS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"", b"x" * 70_000, b"\r\n.\r\n"]), max_size=8)


@settings(max_examples=40)
@given(PARTS)
async def test_chunks_hold_what_the_message_holds(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert b"".join(await all_chunks(parts, is_binary=True)) == whole
    lines = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines += b"\n" if lines and not lines.endswith(b"\n") else b""
    assert b"".join(await all_chunks(parts, is_binary=False)) == lines.replace(b"\n", b"\r\n")


async def test_a_message_that_is_left_is_closed() -> None:
    message = Message([b"a", b"b"])
    pieces = Pieces(message.blocks())
    assert await pieces.next() == b"a"
    await pieces.aclose()
    await pieces.aclose()
    assert message.closed == 1


async def test_an_iterator_that_cannot_be_closed_is_let_go() -> None:
    class Plain:
        def __aiter__(self) -> "Plain":
            return self

        async def __anext__(self) -> bytes:
            return b"x"

    pieces = Pieces(Plain())
    assert await pieces.next() == b"x"
    await pieces.aclose()


async def test_what_reading_raises_passes_through() -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"half"
        raise OSError("gone")

    chunks = Chunks(Pieces(broken()), is_binary=True)
    with pytest.raises(OSError, match="gone"):
        await chunks.next()
