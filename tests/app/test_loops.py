"""Background work of a server: upkeep under its lease, gauges, counted log lines."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from mox_trio.admin.accounts import Desk
from mox_trio.app import loops
from mox_trio.app.loops import CountingLines
from mox_trio.base.metrics import Metrics
from mox_trio.config import load
from mox_trio.config.live import LiveConfig
from mox_trio.config.source import FileSource
from mox_trio.mailqueue import managing
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore import accounts, expunging, upkeep
from mox_trio.mailstore.store import HOUR
from storage_backends.index.api import NO_ACCOUNT
from storage_backends.index.tables import leases, releases
from storage_backends.index.tables.queue_admin import Filter
from tests.kit import stores
from tests.kit.queued import message, recipient
from tests.kit.stores import Kit


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with stores.opened(tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(kit: Kit, tmp_path: Path) -> Desk:
    (tmp_path / "data").mkdir()
    static = load.static_text('hostname = "mail.example.org"', tmp_path / "mox-trio.toml")
    static.domains_file.write_text('[domains."example.org"]\n[accounts.ann]\naddresses = ["ann@example.org"]\n')
    source = FileSource(static.domains_file)
    return Desk(static, source, await LiveConfig.open(static, source), kit.store)


async def to_release(kit: Kit) -> int:
    return len(await kit.store.index.read(lambda tx: releases.due(tx, kit.clock(), 100)))


async def expunged_mail(kit: Kit) -> None:
    ann = await accounts.ensure(kit.store, "ann")
    delivered = await stores.put(kit.store, ann, stores.message())
    await expunging.erase(kit.store, ann, delivered.mailbox_id, [(delivered.uid, delivered.uid)])
    kit.clock.ahead += 2 * HOUR


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look at the ticks of a clock that jumps."""
    while True:
        if await condition():
            return
        await trio.sleep(loops.GAUGES)


async def until_released(kit: Kit) -> None:
    async def released() -> bool:
        return await to_release(kit) == 0

    await until(released)


async def test_upkeep_is_done_after_the_start_and_again(
    desk: Desk, kit: Kit, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loops.look_after, desk)
        for _ in range(2):
            await expunged_mail(kit)
            assert await to_release(kit) == 1
            await until_released(kit)
        nursery.cancel_scope.cancel()
    assert trio.current_time() >= loops.FIRST_UPKEEP + loops.UPKEEP


async def test_upkeep_that_another_process_does_waits_for_the_next_turn(
    desk: Desk, kit: Kit, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    held = partial(leases.claim, name=upkeep.LEASE, holder="another", milliseconds=HOUR)
    claim = await kit.store.index.write(NO_ACCOUNT, held)
    assert claim is not None
    await expunged_mail(kit)

    async def logged() -> bool:
        return bool(caplog.records)

    with caplog.at_level(logging.INFO, "mox_trio.app"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(loops.look_after, desk)
            await until(logged)
            assert vars(caplog.records[0])["reason"] == "another process does the upkeep now"
            assert await to_release(kit) == 1
            await kit.store.index.write(NO_ACCOUNT, partial(leases.release, name=upkeep.LEASE, mine=claim))
            await until_released(kit)
            nursery.cancel_scope.cancel()


async def test_the_gauge_shows_what_is_held(kit: Kit, autojump_clock: trio.testing.MockClock) -> None:
    ann = await accounts.ensure(kit.store, "ann")
    queue, metrics = Mailqueue(kit.store.index, kit.clock), Metrics()
    await queue.enqueue(message(ann.id), [recipient("bob"), recipient("eve")])
    await managing.hold(queue, Filter(recipient="bob"), held=True)

    async def shown() -> bool:
        return b"moxtrio_queue_hold 1.0" in metrics.text()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(loops.show_queue, queue, metrics)
        await until(shown)
        nursery.cancel_scope.cancel()


def test_lines_of_the_log_are_counted_by_level() -> None:
    metrics = Metrics()
    with CountingLines(metrics):
        logging.getLogger("mox_trio.smtpd.session").warning("one")
        logging.getLogger("storage_backends.index").error("two")
        logging.getLogger("elsewhere").error("not ours")
    logging.getLogger("mox_trio.smtpd.session").warning("after the end")
    text = metrics.text().decode()
    assert "moxtrio_logging_level_warn_total 1.0" in text
    assert "moxtrio_logging_level_error_total 1.0" in text


async def test_a_loop_that_is_held_up_is_seen_in_the_metrics() -> None:
    metrics = Metrics()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loops.watch_stalls, metrics)
        await trio.testing.wait_all_tasks_blocked()
        ends = time.perf_counter() + loops.WATCH + 0.15
        while time.perf_counter() < ends:  # what should be in a thread
            pass
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    for name in ("stall", "computing"):
        assert counted(metrics, name, "+Inf") == 1
    assert counted(metrics, "stall", "0.1") == 0


def counted(metrics: Metrics, name: str, end: str) -> int:
    """Observations up to the end of a bucket."""
    line = f'moxtrio_event_loop_{name}_seconds_bucket{{le="{end}"}} '
    found = next(each for each in metrics.text().decode().splitlines() if each.startswith(line))
    return int(float(found.removeprefix(line)))
