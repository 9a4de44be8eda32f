"""Every call and every statement of queueing, delivering and settling fails once: nothing is lost, sent twice or told twice."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from mox_trio.mailstore import upkeep, verifying
from storage_backends.contract.faults import Fault, fail_at
from storage_backends.errors import Unavailable
from tests.kit import faulty, sending
from tests.kit.sending import World, permanent

KEEPING = sending.DYNAMIC.replace("[accounts.ann]\n", '[accounts.ann]\nkeep_retired_messages = "30d"\n')


@pytest.fixture
async def world(tmp_path: Path, autojump_clock: MockClock) -> AsyncIterator[World]:
    async with sending.opened(tmp_path, autojump_clock, dynamic=KEEPING) as opened:
        await opened.account()
        yield opened


def failing(world: World, *faults: Fault, statement: int = 0) -> tuple[World, faulty.Faulty]:
    """The same server over stores that fail."""
    made = faulty.over(world.store, *faults, statement=statement)
    other = sending.of(made.store, world.parts.config, world.directory)
    other.parts.handles.update(world.parts.handles)
    return other, made


async def queued(world: World, bad: World) -> bool:
    """Queue over the stores that fail; whether it failed. Nothing may be half queued then."""
    before = len(await world.listed())
    try:
        await bad.send("bob@b.example", "eve@b.example", "carol@c.example")
    except Unavailable:
        assert len(await world.listed()) == before
        return True
    assert len(await world.listed()) == before + 3
    return False


async def test_queueing_that_fails_leaves_nothing_or_all(autojump_clock: MockClock, world: World) -> None:
    number, failed = 0, True
    while failed:
        number += 1
        failed = await queued(world, failing(world, fail_at(number))[0])
    assert number > 3
    number, failed = 0, True
    while failed:
        number += 1
        failed = await queued(world, failing(world, statement=number)[0])
    assert number > 5
    assert [found async for found in verifying.run(world.store)] == []


async def deliver(world: World, bad: World, made: faulty.Faulty) -> None:
    """Deliver over the stores that fail once, and see that it is as if they had not."""
    bad.hosts.answers["eve@b.example"] = [permanent(status="5.6.0")]
    before = len(await world.mails())
    await world.send("bob@b.example", "eve@b.example", "carol@c.example", "bea@a.example")
    at_home = len(await world.mails("bea"))
    async with bad.running():
        await world.until_empty(20)
    assert sorted(address for address, _ in bad.hosts.taken) == ["bob@b.example", "carol@c.example"]
    assert len(await world.mails("bea")) == at_home + 1
    (notice,) = (await world.mails())[before:]
    assert b"rfc822; eve@b.example" in notice


@pytest.mark.parametrize("effect", [False, True])
async def test_settling_that_fails_at_any_call_is_done_all_the_same(
    autojump_clock: MockClock, world: World, effect: bool
) -> None:
    number = calls = 0
    while number <= calls:
        number += 1
        # A claim whose answer is lost waits for its lease to end, which is by the database's clock: not here.
        fault = fail_at(number, effect=True, only="put") if effect else fail_at(number)
        bad, made = failing(world, fault)
        await deliver(world, bad, made)
        calls = min(made.schedule.calls, 2 if effect else 40)
    assert number > (2 if effect else 10)
    await nothing_left(world)


async def test_settling_that_fails_at_any_statement_is_done_all_the_same(
    autojump_clock: MockClock, world: World
) -> None:
    number = statements = 0
    while number <= statements:
        number += 1
        bad, made = failing(world, statement=number)
        await deliver(world, bad, made)
        statements = min(made.index.statements, 70)
    assert number > 20
    await nothing_left(world)


async def nothing_left(world: World) -> None:
    """All rows are sound, and what is stored is what mailboxes hold."""
    await upkeep.release(world.store)
    assert [each async for each in verifying.run(world.store, bodies=True)] == []
    assert await world.listed() == []
