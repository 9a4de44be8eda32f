"""APPEND and REPLACE over a store that fails at each call and each statement: OK means that the message is there."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mox_trio.mailstore import mailboxes, upkeep, verifying
from mox_trio.mailstore.store import DAY, HOUR
from storage_backends.contract.faults import Fault, fail_at
from tests.imapd.test_append import bodies
from tests.imapd.test_append_pipelined import completions, one
from tests.imapd.test_multiappend import several
from tests.kit import faulty, stores
from tests.kit.imap_world import Client, World

DATA = stores.message()
LARGE = stores.message("large", "text\r\n" * 60_000)
NEVER = -1_000_000
"""A count of calls from which no fault is reached."""


async def appended(client: Client) -> int:
    return int((await client.do(b"APPEND Inbox (work) {%d+}\r\n%b" % (len(LARGE), LARGE))).is_ok)


async def several_appended(client: Client) -> int:
    return 40 * (await client.do(several([DATA] * 40))).is_ok


async def pipelined(client: Client) -> int:
    await client.send(b"".join(one(number, DATA) for number in range(20)))
    return sum(line.split(b" ")[1] == b"OK" for line in await completions(client, 20))


async def sent(client: Client) -> int:
    return int((await client.do(b"APPEND Sent {%d+}\r\n%b" % (len(DATA), DATA))).is_ok)


OPERATIONS: dict[str, Callable[[Client], Awaitable[int]]] = {
    "append": appended,
    "several": several_appended,
    "pipelined": pipelined,
    "sent": sent,
}


async def messages(world: World) -> int:
    return sum([row.messages for row in await mailboxes.listed(world.store, world.account)])


async def run(world: World, name: str, *faults: Fault, statement: int = 0) -> tuple[int, int, bool]:
    """How many messages an operation said it appended, how many there are more, and whether the fault was reached."""
    failing = faulty.over(world.store, *faults, statement=statement)
    before = await messages(world)
    failing.schedule.calls = failing.index.statements = NEVER
    async with world.client(parts=replace(world.parts, store=failing.store)) as client:
        await client.login()
        failing.schedule.calls = failing.index.statements = 0
        said = await OPERATIONS[name](client)
        reached = max(failing.schedule.calls, 0), failing.index.statements
        failing.schedule.calls = failing.index.statements = NEVER
        await client.ok("NOOP")
    number = statement or faults[0].number
    return said, await messages(world) - before, reached[statement > 0] >= number


async def nothing_is_left_over(world: World) -> None:
    world.kit.clock.ahead += DAY + HOUR
    await upkeep.run(world.store)
    assert [finding async for finding in verifying.run(world.store, bodies=True)] == []
    assert await bodies(world) == await messages(world)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_call_that_fails_appends_what_was_said(world: World, name: str) -> None:
    number, reached = 0, True
    while reached:
        number += 1
        said, there, reached = await run(world, name, fail_at(number))
        assert said == there
    assert number > 2
    await nothing_is_left_over(world)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_statement_that_fails_appends_what_was_said(world: World, name: str) -> None:
    number, reached = 0, True
    while reached:
        number += 1 if number < 20 else 11
        said, there, reached = await run(world, name, statement=number)
        assert said == there
    assert number > 5
    await nothing_is_left_over(world)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_call_whose_answer_is_lost_never_says_too_much(world: World, name: str) -> None:
    number, reached = 0, True
    while reached:
        number += 1
        said, there, reached = await run(world, name, fail_at(number, effect=True))
        assert said <= there
    await nothing_is_left_over(world)


async def test_replacing_keeps_the_old_message_where_it_fails(world: World) -> None:
    uid = (await world.put(DATA)).uid
    number, is_ok = 0, False
    while not is_ok:
        number += 1
        failing = faulty.over(world.store, fail_at(number))
        failing.schedule.calls = NEVER
        async with world.client(parts=replace(world.parts, store=failing.store)) as client:
            await client.login()
            await client.ok("SELECT Inbox")
            failing.schedule.calls = 0
            answer = await client.do(b"UID REPLACE %d Inbox {%d+}\r\n%b" % (uid, len(DATA), DATA))
            failing.schedule.calls = NEVER
            found = await client.ok("UID SEARCH ALL")
            is_ok = answer.is_ok
            assert (found.lines == [b"* SEARCH %d" % uid]) is not is_ok
            assert (await client.ok("STATUS Inbox (MESSAGES)")).lines == [b'* STATUS "Inbox" (MESSAGES 1)']
    assert number > 3
    world.kit.clock.ahead += DAY + HOUR
    await upkeep.run(world.store)
    await nothing_is_left_over(world)
