"""APPENDs that follow each other without waiting: they overlap, and are answered in order."""

import pytest
import trio

from mox_trio.base.quota import Quota
from mox_trio.imapd.commands import append
from mox_trio.mailstore import deliver, mailboxes, reading
from tests.imapd.test_append import bodies, counts
from tests.kit import stores
from tests.kit.imap_world import Client, World

pytestmark = pytest.mark.uid_only_too


def one(number: int, data: bytes, name: str = "Inbox") -> bytes:
    return b"t%d APPEND %b {%d+}\r\n%b\r\n" % (number, name.encode(), len(data), data)


async def completions(client: Client, count: int) -> list[bytes]:
    """So many tagged lines, in the order that they came."""
    found: list[bytes] = []
    while len(found) < count:
        line = await client.response()
        if line.startswith(b"t"):
            found.append(line)
    return found


async def subjects(world: World, name: str = "Inbox") -> list[str]:
    row = await mailboxes.get(world.store, world.account, name)
    pages = reading.summaries(world.store, world.account, row.id, [(1, 2**32 - 1)])
    return [summary.subject async for page in pages for _, summary in page]


async def test_completions_and_uids_have_the_order_of_the_commands(world: World) -> None:
    async with world.user() as client:
        await client.send(b"".join(one(number, stores.message(f"m{number}")) for number in range(200)))
        lines = await completions(client, 200)
        assert [line.split(b" ")[0] for line in lines] == [b"t%d" % number for number in range(200)]
        assert [line.split(b" ")[4] for line in lines] == [b"%d]" % number for number in range(1, 201)]
    assert await subjects(world) == [f"m{number}" for number in range(200)]


async def test_those_to_several_mailboxes_keep_their_order_too(world: World) -> None:
    names = ["Inbox", "Inbox", "Trash", "Sent", "Sent", "nowhere", "Inbox"]
    async with world.user() as client:
        await client.send(b"".join(one(n, stores.message(f"m{n}"), name) for n, name in enumerate(names)))
        lines = await completions(client, len(names))
        assert [line.split(b" ")[1] for line in lines] == [b"NO" if name == "nowhere" else b"OK" for name in names]
        assert [line.split(b" ")[0] for line in lines] == [b"t%d" % n for n in range(len(names))]
    assert await subjects(world) == ["m0", "m1", "m6"]
    assert await subjects(world, "Sent") == ["m3", "m4"]


async def test_another_command_is_answered_behind_them(world: World) -> None:
    async with world.user("Inbox") as client:
        commands = [one(number, stores.message()) for number in range(30)]
        await client.send(b"".join(commands) + b"t30 STATUS Inbox (MESSAGES)\r\nt31 NOOP\r\nt32 BOGUS\r\n")
        lines = await completions(client, 33)
        assert [line.split(b" ")[0] for line in lines] == [b"t%d" % number for number in range(33)]
        assert lines[-1].split(b" ")[1] == b"BAD"
        assert b'* STATUS "Inbox" (MESSAGES 30)' in client.said
        assert b"* 30 EXISTS" in client.said


async def test_a_literal_is_asked_for_behind_the_answers_before(world: World) -> None:
    data = stores.message()
    async with world.user() as client:
        await client.send(one(0, data) + one(1, data) + b"t2 APPEND Inbox {%d}\r\n" % len(data))
        said = [await client.response() for _ in range(3)]
        assert [line.split(b" ")[0] for line in said] == [b"t0", b"t1", b"+"]
        await client.send(data + b"\r\n" + one(3, data))
        assert [line.split(b" ")[0] for line in await completions(client, 2)] == [b"t2", b"t3"]
    assert await counts(world) == (4, 5)


async def test_one_that_is_refused_does_not_take_others_with_it(world: World) -> None:
    data = stores.message()
    world.quotas["mia"] = Quota(5 * len(data))
    async with world.user() as client:
        await client.send(b"".join(one(number, data) for number in range(9)))
        lines = await completions(client, 9)
        assert [line.split(b" ")[1] for line in lines] == [b"OK"] * 5 + [b"NO"] * 4
    assert await counts(world) == (5, 6)
    assert await bodies(world) == 5


async def test_a_client_that_stops_in_the_middle_has_what_was_whole(world: World) -> None:
    data = stores.message()
    async with world.user() as client:
        await client.send(b"".join(one(number, data) for number in range(9)) + one(9, data)[:40])
        await completions(client, 9)
    assert await counts(world) == (9, 10)
    assert await bodies(world) == 9


async def test_a_client_that_ends_its_side_gets_its_answers(world: World) -> None:
    data = stores.message()
    async with world.user() as client:
        await client.send(b"".join(one(number, data) for number in range(9)) + b"t9 LOGOUT\r\n")
        assert [line.split(b" ")[1] for line in await completions(client, 10)] == [b"OK"] * 10


async def test_messages_that_wait_have_a_largest_number(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append, "MOST_WAITING", 3)
    together: list[int] = []
    original = deliver.place

    async def counted(*arguments: object, **named: object) -> object:
        together.append(len(arguments[3]))  # type: ignore[arg-type]
        return await original(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(deliver, "place", counted)
    async with world.user() as client:
        await client.send(b"".join(one(number, stores.message(f"m{number}")) for number in range(50)))
        await completions(client, 50)
    assert max(together) <= 3
    assert await subjects(world) == [f"m{number}" for number in range(50)]


async def test_large_ones_overlap_as_well(world: World) -> None:
    large = stores.message("large", "x" * 70 + "\r\n") + b"y" * 400_000
    async with world.user() as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.send, b"".join(one(number, large) for number in range(20)))
        assert len(await completions(client, 20)) == 20
    assert await counts(world) == (20, 21)


async def test_each_command_is_counted_once_with_its_result(world: World) -> None:
    data = stores.message()
    async with world.user() as client:
        await client.send(
            one(0, data) + one(1, data, "nowhere") + one(2, data) + b"t3 APPEND Inbox {1+}\r\nx nonsense\r\n"
        )
        await completions(client, 4)
        await client.ok(b"APPEND Inbox {1+}\r\nx")
        await client.do("APPEND nowhere {1}")
    lines = world.parts.metrics.text().decode().splitlines()
    for result, count in (("ok", 3), ("error", 2), ("badsyntax", 1)):
        name = f'moxtrio_imap_command_duration_seconds_count{{cmd="append",result="{result}"}}'
        assert f"{name} {count}.0" in lines
