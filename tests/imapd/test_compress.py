"""COMPRESS=DEFLATE: both directions, what was sent at once, and bombs."""

import math
import zlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from mox_trio.imapd import compressing
from mox_trio.imapd.compressing import Compression, Damaged, TooMuch
from tests.kit.imap_world import Client, World

pytestmark = pytest.mark.uid_only_too


@dataclass
class Deflated:
    """A connection whose bytes are compressed."""

    inner: Any
    deflate: Any = field(default_factory=lambda: zlib.compressobj(9, zlib.DEFLATED, -15))
    inflate: Any = field(default_factory=lambda: zlib.decompressobj(-15))

    async def send(self, data: bytes, *, timeout: float) -> None:
        await self.inner.send(self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH), timeout=timeout)

    async def receive(self, *, timeout: float) -> bytes:
        while raw := await self.inner.receive(timeout=timeout):
            data: bytes = self.inflate.decompress(raw)
            if data:
                return data
        return b""


async def begin(client: Client) -> None:
    await client.ok("COMPRESS DEFLATE")
    client.connection = Deflated(client.connection)  # type: ignore[assignment]


async def test_everything_is_compressed_from_then_on(world: World) -> None:
    body = "the same words again and again\r\n" * 20_000
    await world.deliver(body=body)
    async with world.user() as client:
        assert b" COMPRESS=DEFLATE" in (await client.ok("CAPABILITY")).lines[0]
        await begin(client)
        await client.ok("SELECT INBOX")
        line = (await client.ok("FETCH 1 BODY.PEEK[TEXT]")).lines[0]
        assert line.endswith(body.encode() + b")")
        answer = await client.do("COMPRESS DEFLATE")
        assert (answer.kind, answer.code) == ("NO", "COMPRESSIONACTIVE")
        assert b"COMPRESS" not in (await client.ok("CAPABILITY")).lines[0]
        large = b"Subject: x\r\n\r\n" + b"y" * 300_000
        await client.ok(f"APPEND INBOX {{{len(large)}}}", large + b"\r\n")
        await client.ok("LOGOUT")


async def test_what_came_with_the_command_is_compressed_too(world: World) -> None:
    async with world.user() as client:
        deflated = Deflated(client.connection)
        packed = deflated.deflate.compress(b"b NOOP\r\n") + deflated.deflate.flush(zlib.Z_SYNC_FLUSH)
        await client.send(b"a COMPRESS DEFLATE\r\n" + packed)
        assert (await client.response()).startswith(b"a OK")
        rest, client._buffer = client._buffer, b""
        client.connection = deflated  # type: ignore[assignment]
        client._buffer = deflated.inflate.decompress(rest) if rest else b""
        assert await client.response() == b"b OK done"


async def test_half_of_what_came_with_the_command_is_not_the_end_of_the_session(world: World) -> None:
    async with world.user() as client:
        deflated = Deflated(client.connection)
        packed = deflated.deflate.compress(b"b NOOP\r\n") + deflated.deflate.flush(zlib.Z_SYNC_FLUSH)
        await client.send(b"a COMPRESS DEFLATE\r\n" + packed[:1])
        assert (await client.response()).startswith(b"a OK")
        client.connection = deflated  # type: ignore[assignment]
        await deflated.inner.send(packed[1:], timeout=math.inf)
        assert await client.response() == b"b OK done"


async def test_other_mechanisms_are_refused(world: World) -> None:
    async with world.user() as client:
        assert (await client.do("COMPRESS LZW")).kind in ("BAD", "NO")
    async with world.client() as client:
        assert (await client.do("COMPRESS DEFLATE")).kind == "BAD"


async def test_nonsense_ends_the_session(world: World) -> None:
    async with world.user() as client:
        await begin(client)
        await client.connection.inner.send(b"\xff" * 100, timeout=math.inf)  # type: ignore[attr-defined]
        assert (await client.response()).startswith(b"* BYE the compressed data")


def test_a_bomb_is_inflated_in_pieces_and_then_not_at_all() -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflate.compress(bytes(100 * 1024 * 1024)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    compression = Compression()
    pieces = [len(compression.inflated(bomb))]

    def rest() -> None:
        while compression.has_more:
            pieces.append(len(compression.inflated()))

    with pytest.raises(TooMuch):
        rest()
    assert max(pieces) <= compressing.INFLATED_AT_ONCE
    assert sum(pieces) < 60 * 1024 * 1024


def test_mail_that_compresses_well_is_no_bomb() -> None:
    text = b"<td style='font-family: sans-serif; color: #333333'>&nbsp;</td>\r\n" * 1_000_000
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
    compression = Compression()
    found = [compression.inflated(packed)]
    while compression.has_more:
        found.append(compression.inflated())
    assert b"".join(found) == text


def test_an_end_of_the_stream_is_damage() -> None:
    with pytest.raises(Damaged):
        Compression().inflated(zlib.compressobj(6, zlib.DEFLATED, -15).flush())
