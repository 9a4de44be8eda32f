"""The queue by the words of the command line and the control socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mox_trio.admin import queue as admin_queue
from mox_trio.admin.accounts import Desk
from mox_trio.admin.queue import QueueDesk
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.metrics import Metrics
from mox_trio.config import load
from mox_trio.config.live import LiveConfig
from mox_trio.config.source import FileSource
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore import accounts
from mox_trio.outgoing.parts import Parts
from tests.kit import stores
from tests.kit.queued import message, recipient

STATIC = """
hostname = "mail.example.org"
[transports.smarthost]
kind = "smtp"
host = "relay.example.net"
"""
DYNAMIC = '[domains."example.org"]\n[accounts.ann]\naddresses = ["ann@example.org"]\n'


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[QueueDesk]:
    (tmp_path / "data").mkdir()
    static = load.static_text(STATIC, tmp_path / "mox-trio.toml")
    static.domains_file.write_text(DYNAMIC)
    source = FileSource(static.domains_file)
    async with stores.opened(tmp_path) as kit:
        config = await LiveConfig.open(static, source)
        ann = await accounts.ensure(kit.store, "ann")
        queue = Mailqueue(kit.store.index, kit.clock)
        due = kit.clock()
        await queue.enqueue(
            message(ann.id, queued=due),
            [recipient("bob", "b.example", next_attempt=due), recipient("eve", "e.example", next_attempt=due)],
        )
        yield QueueDesk(Desk(static, source, config, kit.store), Parts(kit.store, queue, config, Metrics()))


async def states(at: QueueDesk) -> dict[str, str]:
    return {row["recipient"]: row["state"] for row in await admin_queue.listed(at, {})}


async def test_what_is_queued_is_listed_with_the_name_of_its_account(at: QueueDesk) -> None:
    rows = await admin_queue.listed(at, {})
    assert [(row["account"], row["sender"], row["recipient"], row["state"]) for row in rows] == [
        ("ann", "<ann@a.example>", "<bob@b.example>", "waiting"),
        ("ann", "<ann@a.example>", "<eve@e.example>", "waiting"),
    ]


@pytest.mark.parametrize(
    ("filter_", "count"),
    [
        ({"recipient": "BOB"}, 1),
        ({"sender": "ann"}, 2),
        ({"destination": "e.example"}, 1),
        ({"destination": "E.Example."}, 1),
        ({"account": "ann"}, 2),
        ({"held": True}, 0),
        ({"held": False}, 2),
        ({"transport": "smarthost"}, 0),
        ({"most": 1}, 1),
        ({"ids": []}, 2),
        ({"ids": [-1]}, 0),
    ],
)
async def test_a_filter_chooses(at: QueueDesk, filter_: dict[str, object], count: int) -> None:
    assert len(await admin_queue.listed(at, filter_)) == count


async def test_what_is_held_waits_until_it_is_let_go(at: QueueDesk) -> None:
    assert await admin_queue.hold(at, {"recipient": "bob"}) == {"changed": 1, "busy": 0}
    assert await states(at) == {"<bob@b.example>": "held", "<eve@e.example>": "waiting"}
    assert await admin_queue.unhold(at, {"held": True}) == {"changed": 1, "busy": 0}
    assert set((await states(at)).values()) == {"waiting"}


async def test_a_change_of_everything_says_so(at: QueueDesk) -> None:
    with pytest.raises(Failure, match="say all") as refused:
        await admin_queue.hold(at, {})
    assert refused.value.kind is Kind.INVALID
    assert await admin_queue.hold(at, {"all": True}) == {"changed": 2, "busy": 0}


async def test_mail_is_scheduled_from_now_or_later_than_planned(at: QueueDesk) -> None:
    now = at.queue.now()
    await admin_queue.schedule(at, {"all": True, "seconds": 60})
    times = {row["next_attempt"] for row in await admin_queue.listed(at, {})}
    assert now + 60_000 <= min(times) <= max(times) <= at.queue.now() + 60_000
    await admin_queue.schedule(at, {"recipient": "bob", "seconds": 30, "later": True})
    bob, eve = (row["next_attempt"] for row in await admin_queue.listed(at, {}))
    assert bob - eve == 30_000


async def test_what_is_given_up_or_dropped_leaves_the_queue(at: QueueDesk) -> None:
    assert await admin_queue.fail(at, {"recipient": "bob"}) == {"changed": 1, "busy": 0}
    assert set(await states(at)) == {"<eve@e.example>"}
    assert await admin_queue.drop(at, {"all": True}) == {"changed": 1, "busy": 0}
    assert await states(at) == {}
    with pytest.raises(Failure, match="say all"):
        await admin_queue.drop(at, {})


async def test_a_transport_is_one_of_the_configuration(at: QueueDesk) -> None:
    await admin_queue.transport(at, {"recipient": "bob", "to": "smarthost"})
    assert [row["recipient"] for row in await admin_queue.listed(at, {"transport": "smarthost"})] == ["<bob@b.example>"]
    with pytest.raises(Failure, match="no transport pigeon"):
        await admin_queue.transport(at, {"all": True, "to": "pigeon"})


async def test_rules_hold_what_comes_and_what_is_there(at: QueueDesk) -> None:
    made = await admin_queue.add_rule(at, {"account": "ann", "recipient_domain": "b.example"})
    assert made["held"] == 1
    (rule,) = await admin_queue.rules(at, {})
    assert (rule["account"], rule["sender_domain"], rule["recipient_domain"]) == ("ann", "", "b.example")
    await admin_queue.remove_rule(at, {"id": made["id"]})
    assert await admin_queue.rules(at, {}) == []
    with pytest.raises(Failure, match="no hold rule"):
        await admin_queue.remove_rule(at, {"id": made["id"]})


@pytest.mark.parametrize(
    "arguments",
    [
        {"recipents": "bob"},
        {"ids": "7"},
        {"ids": [True]},
        {"recipient": 7},
        {"held": "yes"},
        {"destination": "a b"},
        {"most": 0},
        {"most": "many"},
    ],
)
async def test_arguments_that_make_no_sense_are_refused(at: QueueDesk, arguments: dict[str, object]) -> None:
    with pytest.raises(Failure) as refused:
        await admin_queue.listed(at, arguments)
    assert refused.value.kind is Kind.INVALID


async def test_all_is_true_or_false(at: QueueDesk) -> None:
    with pytest.raises(Failure, match="true or false"):
        await admin_queue.hold(at, {"all": 1})


async def test_an_account_that_is_not_there_is_said_so(at: QueueDesk) -> None:
    with pytest.raises(Failure) as refused:
        await admin_queue.listed(at, {"account": "nobody"})
    assert refused.value.kind is Kind.NOT_FOUND
