"""Days of the queue in milliseconds: retries, notices, holds, limits, takeover."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from mox_trio.ledger import suppressions
from mox_trio.mailqueue import managing, records
from mox_trio.outgoing import results, scheduler
from mox_trio.protocol.smtp.envelope import Notify, Return
from storage_backends.index.open import open_postgres
from storage_backends.index.tables import queue as rows
from storage_backends.index.tables.queue_admin import Filter
from tests.kit import sending
from tests.kit.queued import START
from tests.kit.sending import World, permanent, row, temporary

HOURS = 3600.0
KEEPING = sending.DYNAMIC.replace("[accounts.ann]\n", '[accounts.ann]\nkeep_retired_messages = "30d"\n')


@pytest.fixture(params=["sealed", "postgres"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, autojump_clock: MockClock) -> AsyncIterator[World]:
    if request.param != "postgres":
        async with sending.opened(tmp_path, autojump_clock, sealing=True, dynamic=KEEPING) as opened:
            yield opened
        return
    index = await open_postgres(request.getfixturevalue("postgres_database"), 4)
    async with sending.opened(tmp_path, autojump_clock, index=index, dynamic=KEEPING) as opened:
        yield opened
    await index.aclose()


async def test_a_message_goes_out_at_once_and_leaves_nothing_but_a_record(
    autojump_clock: MockClock, world: World
) -> None:
    async with world.running():
        ids = await world.send("bob@b.example")
        await world.until_empty()
    assert world.hosts.taken == [("bob@b.example", b"Received: here\r\n" + sending.MESSAGE)]
    assert await world.bodies() == 0
    assert await world.mails() == []
    (record,) = await records.listed(world.queue, (await world.account()).id)
    assert (record.id, record.outcome, record.attempts) == (ids[0], "delivered", 1)
    assert [past.text for past in results.read(record.results)] == ["250 2.0.0 ok"]


async def test_recipients_of_one_domain_go_together_and_fail_alone(autojump_clock: MockClock, world: World) -> None:
    world.hosts.answers["eve@b.example"] = [permanent()]
    async with world.running():
        await world.send("bob@b.example", "eve@b.example", "carol@c.example")
        await world.until_empty()
    assert sorted(len(job.recipients) for job in world.hosts.jobs) == [1, 2]
    (notice,) = await world.mails()
    assert b"Final-Recipient: rfc822; eve@b.example" in notice
    assert b"bob@b.example" not in notice.partition(b"rfc822-headers")[0]
    assert await world.bodies() == 1  # the notice


async def test_it_is_tried_for_sixteen_hours_told_of_and_given_up(autojump_clock: MockClock, world: World) -> None:
    world.hosts.answers["bob@b.example"] = [temporary()]
    async with world.running():
        await world.send("bob@b.example")
        start = trio.current_time()
        await world.until(lambda: len(world.hosts.jobs) == 5, 4)
        await trio.sleep(10)
        (notice,) = await world.mails()
        assert b"Action: delayed" in notice
        assert b"Will-Retry-Until: " in notice
        (listed,) = await world.listed()
        assert (listed.attempts, len(results.read(listed.results))) == (5, 5)
        await world.until_empty(20)
    waits = [later - sooner for sooner, later in zip(world.hosts.times, world.hosts.times[1:], strict=False)]
    assert waits == pytest.approx([450 * 2**n for n in range(7)], rel=0.05)
    assert trio.current_time() - start < 17 * HOURS
    told = await world.mails()
    assert len(told) == 2
    assert b"Action: failed" in told[1]
    assert b"450 4.3.2 busy" in told[1]
    assert b"Subject: hello" in told[1]
    assert await world.bodies() == 2


async def test_what_was_dialled_is_known_to_the_next_attempt(autojump_clock: MockClock, world: World) -> None:
    world.hosts.answers["bob@b.example"] = [temporary(), sending.delivered()]
    async with world.running():
        await world.send("bob@b.example")
        await world.until_empty()
    assert [dict(job.dialled) for job in world.hosts.jobs] == [{}, {"mx.b.example": ("192.0.2.1",)}]
    assert [job.attempt for job in world.hosts.jobs] == [1, 2]


async def test_wishes_about_notices_are_followed(autojump_clock: MockClock, world: World) -> None:
    world.hosts.answers["bob@b.example"] = [permanent("never heard of")]
    world.hosts.speaks_dsn = False
    async with world.running():
        await world.send(row("bob@b.example", notify=Notify.NEVER.value))
        await world.send(row("carol@c.example", notify=Notify.SUCCESS.value), row("dan@c.example"))
        await world.until_empty()
    (notice,) = await world.mails()
    assert b"Action: relayed" in notice
    assert b"carol@c.example" in notice
    assert b"dan@c.example" not in notice


async def test_a_notice_that_fails_is_told_to_nobody(autojump_clock: MockClock, world: World) -> None:
    world.hosts.answers["bob@b.example"] = [permanent()]
    async with world.running():
        await world.send(row("bob@b.example", sender="<>"))
        await world.until_empty()
    assert await world.mails() == []


async def test_the_whole_message_comes_back_where_it_is_wanted(autojump_clock: MockClock, world: World) -> None:
    world.hosts.answers["bob@b.example"] = [permanent()]
    async with world.running():
        await world.send("bob@b.example", ret=Return.FULL, envelope_id="id1")
        await world.until_empty()
    (notice,) = await world.mails()
    assert b"Content-Type: message/rfc822" in notice
    assert b"\r\n\r\ntext\r\n" in notice
    assert b"Original-Envelope-Id: id1" in notice


async def test_addresses_that_do_not_exist_are_suppressed(autojump_clock: MockClock, world: World) -> None:
    world.hosts.answers["bob@b.example"] = [permanent()]
    async with world.running():
        await world.send("bob@b.example")
        await world.until_empty()
        await world.send("bob+again@b.example")
        await world.until_empty()
    assert len(world.hosts.jobs) == 1
    assert b"suppression list" in (await world.mails())[1]
    account = await world.account()
    assert [each.base_address for each in await suppressions.listed(world.queue.index, account.id)] == ["bob@b.example"]
    assert [each.outcome for each in await records.listed(world.queue, account.id)] == ["suppressed", "failed"]


async def test_held_mail_waits_for_days(autojump_clock: MockClock, world: World) -> None:
    await managing.add_rule(world.queue)
    async with world.running():
        await world.send("bob@b.example")
        await trio.sleep(48 * HOURS)
        assert world.hosts.jobs == []
        await managing.hold(world.queue, Filter(), held=False)
        await world.until_empty(0.01)
    assert len(world.hosts.taken) == 1


async def test_mail_for_later_waits_until_then(autojump_clock: MockClock, world: World) -> None:
    async with world.running():
        await world.send(row("bob@b.example", next_attempt=START + 7_200_000))
        await world.until_empty(3)
    assert world.hosts.times == [pytest.approx(7200, abs=2)]


async def test_mail_that_expires_is_given_up_in_time(autojump_clock: MockClock, world: World) -> None:
    world.hosts.answers["bob@b.example"] = [temporary()]
    async with world.running():
        await world.send(row("bob@b.example", expires=world.store.now() + 1_000_000))
        await world.until_empty()
    assert len(world.hosts.jobs) == 2
    assert b"Action: failed" in (await world.mails())[0]


async def test_the_work_of_a_dead_process_is_taken_over(autojump_clock: MockClock, world: World) -> None:
    ids = await world.send("bob@b.example")
    await world.queue.claim([rows.QueuedId(each) for each in ids], "dead", 0)
    async with world.running():
        await world.until_empty(0.01)
    assert [job.attempt for job in world.hosts.jobs] == [2]


async def test_a_process_that_starts_again_goes_on_at_once(autojump_clock: MockClock, world: World) -> None:
    ids = [rows.QueuedId(each) for each in await world.send("bob@b.example", "carol@c.example")]
    await world.queue.claim(ids[:1], "node one", 1200)
    await world.queue.claim(ids[1:], "node two", 1200)
    again = scheduler.Scheduler(world.parts, world.hosts, holder="node one", look=300)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(again.run)
        await world.until(lambda: bool(world.hosts.taken), 0.1)
        nursery.cancel_scope.cancel()
    assert [address for address, _ in world.hosts.taken] == ["bob@b.example"]
    assert [each.holder for each in await world.listed()] == ["node two"]


async def test_two_processes_deliver_everything_once(autojump_clock: MockClock, world: World) -> None:
    other = sending.of(world.store, world.parts.config, world.directory)
    world.hosts.seconds = other.hosts.seconds = 1
    async with world.running(), other.running():
        for number in range(30):
            await (world if number % 2 else other).send(f"bob@d{number % 7}.example", f"eve{number}@b.example")
        await world.until_empty()
    taken = world.hosts.taken + other.hosts.taken
    assert len(taken) == 60
    assert len({(address, number) for number, (address, _) in enumerate(taken)}) == 60
    assert sorted(address for address, _ in taken if address.startswith("eve")) == sorted(
        f"eve{number}@b.example" for number in range(30)
    )
    assert await world.bodies() == 0


async def test_a_process_that_lost_its_lease_stops_and_writes_nothing(autojump_clock: MockClock, world: World) -> None:
    world.hosts.seconds = 3000
    other = sending.of(world.store, world.parts.config, world.directory)
    async with world.running(lease=600):
        ids = await world.send("bob@b.example")
        await world.until(lambda: world.hosts.running == 1)
        await world.queue.index.write((), lambda tx: rows.renew(tx, [rows.QueuedId(ids[0])], claims(world), 0))
        await world.queue.end_leases()
        async with other.running():
            other.queue.look_again()
            await other.until_empty(0.1)
            await world.until(lambda: world.hosts.running == 0, 1)
    assert world.hosts.taken == []
    assert len(other.hosts.taken) == 1


def claims(world: World) -> list[int]:
    return [job.time_left.__self__.number for job in world.hosts.jobs]  # type: ignore[attr-defined]


async def test_a_long_delivery_keeps_its_lease(autojump_clock: MockClock, world: World) -> None:
    world.hosts.seconds = 7200
    async with world.running(lease=1200):
        await world.send("bob@b.example")
        await trio.sleep(7000)
        assert world.hosts.jobs[0].time_left() > 600
        await world.until_empty()
    assert len(world.hosts.taken) == 1


async def test_a_server_that_stops_gives_its_work_back(autojump_clock: MockClock, world: World) -> None:
    world.hosts.seconds = 100
    async with world.running():
        await world.send("bob@b.example")
        await world.until(lambda: world.hosts.running == 1)
    (listed,) = await world.listed()
    assert (listed.lease_until, listed.attempts) == (0, 0)


async def test_the_urgent_go_first(autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, urgency in enumerate((rows.LATER, rows.NORMAL, rows.URGENT)):
        await world.send(row(f"bob{number}@b.example", urgency=urgency))
    world.queue.take_arrivals()
    world.hosts.seconds = 1
    limited(world, "[queue]\nconcurrency = 1\n")
    async with world.running():
        await world.until_empty()
    assert [address for address, _ in world.hosts.taken] == [f"bob{n}@b.example" for n in (2, 1, 0)]


def limited(world: World, queue: str, dynamic: str = KEEPING) -> None:
    current = sending.config(world.directory, sending.STATIC + queue, dynamic).current
    world.parts.config.current = current


async def test_limits_hold_for_each_destination_and_in_all(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "READY_OF_WAY", 5)
    limited(world, "[queue]\nconcurrency = 6\nper_destination = 3\n")
    world.hosts.seconds = 1
    for number in range(30):
        await world.send(f"bob{number}@b.example")
    for number in range(10):
        await world.send(f"bob@d{number}.example")
    async with world.running() as running:
        most = 0
        while await world.listed():
            most = max(most, sum(str(job.host) == "b.example" for job in world.hosts.jobs[-6:]))
            assert running.deliveries <= 6
            await trio.sleep(0.5)
    assert world.hosts.most_running == 6
    assert len(world.hosts.taken) == 40
    assert max(world.hosts.times) < 40  # others do not wait behind the thirty


async def test_mail_takes_the_transport_of_its_route(autojump_clock: MockClock, world: World) -> None:
    relay = '[transports.relay]\nkind = "submission"\nhost = "relay.example"\n[queue]\nper_destination = 1\n'
    limited(world, relay, '[[routes]]\nto_domains = ["b.example"]\ntransport = "relay"\n' + KEEPING)
    async with world.running():
        await world.send("bob@b.example", "carol@c.example")
        await world.until_empty()
    found = {str(job.host): job.transport for job in world.hosts.jobs}
    assert getattr(found["b.example"], "host", "") == "relay.example"
    assert found["c.example"] is None


async def test_mail_of_a_domain_that_is_switched_off_waits(autojump_clock: MockClock, world: World) -> None:
    limited(world, "", KEEPING.replace('["+"]', '["+"]\ndisabled = true'))
    async with world.running():
        await world.send("bob@b.example")
        await trio.sleep(60)
        assert world.hosts.jobs == []
        limited(world, "")
        await world.until_empty()
    assert len(world.hosts.taken) == 1


async def test_an_error_of_the_program_ends_one_delivery_only(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(job: object) -> object:
        raise ZeroDivisionError

    async with world.running():
        monkeypatch.setattr(world.hosts, "deliver", broken)
        await world.send("bob@b.example")
        await trio.sleep(10)
        monkeypatch.undo()
        await world.send("carol@c.example")
        await world.until(lambda: len(world.hosts.taken) == 1)
        (listed,) = await world.listed()
        assert listed.lease_until > 0
    assert "error of the program" in caplog.text
