"""mox-trio queue, without a server and beside one."""

from pathlib import Path

import pytest
import trio

from mox_trio.app import build
from mox_trio.config import load
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore import accounts
from tests.cli.conftest import CommandLine
from tests.kit.queued import message, recipient


async def enqueue(config: Path, *names: str) -> None:
    async with build.services(load.static(config)) as services:
        ann = await accounts.open(services.mail, "ann")
        queue = Mailqueue(services.mail.index, services.mail.now)
        now = queue.now()
        row = message(ann.id, queued=now, store=services.mail.default_store)
        await queue.enqueue(row, [recipient(name, f"{name}.example", next_attempt=now) for name in names])


@pytest.fixture
def queued(mox: CommandLine) -> CommandLine:
    """A server with mail to bob and eve in its queue."""
    trio.run(enqueue, mox.directory / "mox-trio.toml", "bob", "eve")
    return mox


def test_an_empty_queue_says_so(mox: CommandLine) -> None:
    assert mox("queue", "list").stdout == "nothing is queued\n"
    assert mox.json("queue", "list") == []


def test_the_queue_is_listed_for_people_and_programs(queued: CommandLine) -> None:
    shown = queued("queue", "list").stdout
    assert "<bob@bob.example>" in shown
    assert "waiting" in shown
    rows = queued.json("queue", "list", "--to", "eve")
    assert [(row["account"], row["recipient"], row["state"]) for row in rows] == [
        ("ann", "<eve@eve.example>", "waiting")
    ]


def test_mail_is_held_and_let_go(queued: CommandLine) -> None:
    assert queued("queue", "hold", "--to", "bob").stdout == "1 held\n"
    (held,) = queued.json("queue", "list", "--held")
    assert held["recipient"] == "<bob@bob.example>"
    assert queued("queue", "unhold", str(held["id"])).stdout == "1 let go\n"
    assert queued.json("queue", "list", "--held") == []


def test_everything_is_changed_only_when_it_is_said(queued: CommandLine) -> None:
    refused = queued("queue", "hold", code=1)
    assert "say all" in refused.stderr
    assert queued("queue", "hold", "--all").stdout == "2 held\n"


def test_mail_is_scheduled(queued: CommandLine) -> None:
    before = queued.json("queue", "list", "--to", "bob")[0]["next_attempt"]
    queued("queue", "schedule", "--to", "bob", "--later", "1h30m")
    after = queued.json("queue", "list", "--to", "bob")[0]["next_attempt"]
    assert after - before == 5_400_000
    queued("queue", "schedule", "--to", "bob")
    assert queued.json("queue", "list", "--to", "bob")[0]["next_attempt"] < after
    assert "no duration" in queued("queue", "schedule", "--all", "--in", "soon", code=1).stderr
    assert "--in or --later" in queued("queue", "schedule", "--all", "--in", "1s", "--later", "1s", code=2).output


def test_mail_is_dropped_or_given_up_after_a_question(queued: CommandLine) -> None:
    assert "--yes" in queued("queue", "drop", "--to", "bob", code=2).output
    assert queued("queue", "drop", "--to", "bob", "--yes").stdout == "1 dropped\n"
    assert queued("queue", "fail", "--all", "--yes").stdout == "1 given up\n"
    assert queued.json("queue", "list") == []
    (notice,) = queued.json("mailbox", "messages", "ann", "Inbox")
    assert "mail" in notice["from"].lower()


def test_rules_hold_mail(queued: CommandLine) -> None:
    assert "1 messages are held" in queued("queue", "holdrules", "add", "--to-domain", "eve.example").stdout
    (rule,) = queued.json("queue", "holdrules", "list")
    assert rule["recipient_domain"] == "eve.example"
    queued("queue", "holdrules", "remove", str(rule["id"]))
    assert queued("queue", "holdrules", "list").stdout == "no hold rules\n"


def test_a_transport_that_is_not_configured_is_refused(queued: CommandLine) -> None:
    assert "no transport pigeon" in queued("queue", "transport", "pigeon", "--all", code=1).stderr
    assert queued("queue", "transport", "", "--all").stdout == "2 changed\n"


def test_a_server_that_does_not_run_is_said_so(mox: CommandLine) -> None:
    for command in ("status", "stop"):
        assert "no server runs" in mox(command, code=75).stderr
