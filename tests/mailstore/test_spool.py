"""The spool: memory, then a file without a name; limits and full disks leave no message with a hole."""

import os

import pytest
import trio

from mox_trio.app.scratch import sealed
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import spool as spool_module
from mox_trio.mailstore.scratch import Plain, Scratch, plain
from mox_trio.mailstore.spool import MEMORY, Spool, Spooled
from mox_trio.mailstore.store import MailStore
from storage_backends.bodies.api import BLOCK
from storage_backends.contract.sources import Long


def whole(spooled: Spooled) -> bytes:
    return b"".join(spooled.blocks())


@pytest.mark.parametrize("size", [0, 1, MEMORY, MEMORY + 1, 3 * MEMORY + 17])
@pytest.mark.parametrize("step", [700, BLOCK, 5 * MEMORY])
async def test_what_is_written_is_read_in_blocks_and_ranges(store: MailStore, size: int, step: int) -> None:
    data = (b"Subject: x\r\n\r\n" + b"0123456789abcdef" * (size // 16 + 1))[:size]
    async with Spool(store) as spool:
        for start in range(0, size, step):
            await spool.write(data[start : start + step])
        spooled = await spool.finish()
        assert await trio.to_thread.run_sync(whole, spooled) == data
        assert await trio.to_thread.run_sync(whole, spooled) == data
        assert all(len(block) <= BLOCK for block in spooled.blocks())
        assert spooled.size == size
        assert (spooled.scratch is None) == (size <= MEMORY)
        for start, stop in ((0, 5), (size // 2, size // 2 + 100), (max(size - 3, 0), size + 50), (5, 2)):
            assert spooled.read(start, stop) == data[start:stop]


async def test_a_large_message_has_a_file_without_a_name(store: MailStore) -> None:
    def deleted() -> set[str]:
        links = [f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd")]
        return {os.readlink(each) for each in links if os.path.lexists(each) and "(deleted)" in os.readlink(each)}

    before = deleted()
    async with Spool(store) as spool:
        await spool.write(b"x" * (MEMORY + 1))
        (file,) = deleted() - before
        assert not os.path.exists(file.removesuffix(" (deleted)"))  # noqa: ASYNC240 - a test may wait
    assert deleted() == before


async def test_after_the_limit_nothing_more_is_taken(store: MailStore) -> None:
    async with Spool(store, limit=1000) as spool:
        await spool.write(b"x" * 900)
        for data in (b"x" * 200, b"x", b""):
            with pytest.raises(Failure) as caught:
                await spool.write(data)
            assert caught.value.kind is Kind.LIMIT
        with pytest.raises(Failure):
            await spool.finish()


class Full(Plain):
    """A disk that is full after the first message's worth of memory."""

    def append(self, data: bytes) -> None:
        if self.read(MEMORY, MEMORY + 1):
            raise OSError(28, "No space left on device")
        super().append(data)


async def test_a_full_disk_is_unavailable_and_stays_so(store: MailStore) -> None:
    made: list[Scratch] = []

    def scratch() -> Scratch:
        made.append(Full())
        return made[-1]

    object.__setattr__(store, "scratch", scratch)
    async with Spool(store) as spool:
        await spool.write(b"x" * (MEMORY + 1))
        with pytest.raises(Failure) as caught:
            await spool.write(b"y" * (MEMORY + 1))
        assert caught.value.kind is Kind.UNAVAILABLE
        assert "No space" not in caught.value.public
        with pytest.raises(Failure):
            await spool.write(b"z")
        with pytest.raises(Failure):
            await spool.finish()
    with pytest.raises(ValueError, match="closed"):
        made[0].append(b"")


async def test_a_source_is_spooled(store: MailStore) -> None:
    source = Long(2 * MEMORY + 5)
    async with Spool(store) as spool:
        spooled = await spool_module.spooled(store, source, spool)
        assert await trio.to_thread.run_sync(whole, spooled) == b"".join(source.blocks())


@pytest.mark.parametrize("make", [plain, sealed])
def test_a_temporary_file_gives_back_what_was_appended(make: type[Scratch]) -> None:
    scratch = make()
    pieces = [os.urandom(size) for size in (1, 65_536, 100_000, 7)]
    for piece in pieces:
        scratch.append(piece)
    data = b"".join(pieces)
    assert b"".join(scratch.blocks()) == data
    for start, stop in ((0, 1), (65_000, 66_000), (100_000, 10**9), (len(data), len(data) + 5), (3, 3)):
        assert scratch.read(start, stop) == data[start:stop]
    scratch.close()
