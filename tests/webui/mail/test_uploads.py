"""Files on their way into messages: how many and how much of them an account may bring at a time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts
from tests.kit import world
from webui.mail import uploads
from webui.mail.uploads import Upload, Uploads


class Blocks:
    """A file whose end does not come before it is let."""

    def __init__(self, size: int, end: trio.Event) -> None:
        self.left = [b"x" * size]
        self.end = end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self.left:
            return self.left.pop()
        await self.end.wait()
        raise StopAsyncIteration


async def test_files_that_come_side_by_side_are_counted_while_they_come(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 10_000)
    monkeypatch.setattr(uploads, "MOST", 4)
    end = trio.Event()
    taken: list[Upload] = []
    async with world.opened(tmp_path, autojump_clock, "one") as net, trio.open_nursery() as nursery:
        kept = Uploads(net["one"].store)
        account = await accounts.ensure(net["one"].store, "ann")

        async def take(size: int) -> None:
            taken.append(await kept.take(account, "x", "text/plain", Blocks(size, end)))

        for _ in range(3):
            nursery.start_soon(take, 3000)
        await trio.testing.wait_all_tasks_blocked(0.1)
        with pytest.raises(Failure) as raised:
            await take(2000)
        assert raised.value.kind is Kind.LIMIT
        nursery.start_soon(take, 500)
        await trio.testing.wait_all_tasks_blocked(0.1)
        with pytest.raises(Failure) as raised:
            await take(10)
        assert raised.value.kind is Kind.LIMIT, "there are four already"
        end.set()
        await trio.testing.wait_all_tasks_blocked(0.1)
        taken.sort(key=lambda each: each.size)
        assert [each.size for each in taken] == [500, 3000, 3000, 3000]
        await kept.forget(account, taken[-1].id)
        await take(2000)
        await kept.aclose()
