"""Mail at home: straight into the mailbox that rules or the configuration name, refused or tried again like anything else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from mox_trio.base.domain import Domain
from mox_trio.mailstore import rulesets
from mox_trio.policy.rulesets import Ruleset
from tests.kit import sending
from tests.kit.sending import World

REFUSING = '[accounts.bea.destinations."bea@a.example"]\nsmtp_error = "{}"\n'
DISABLED = (
    sending.DYNAMIC + '[domains."off.example"]\ndisabled = true\n[accounts.dan]\naddresses = ["dan@off.example"]\n'
)


@pytest.fixture
async def world(tmp_path: Path, autojump_clock: MockClock) -> AsyncIterator[World]:
    async with sending.opened(tmp_path, autojump_clock, dynamic=DISABLED) as opened:
        yield opened


def configured(world: World, dynamic: str) -> None:
    world.parts.config.current = sending.config(world.directory, dynamic=dynamic).current


async def test_rules_choose_the_mailbox_and_trust_who_logged_in(autojump_clock: MockClock, world: World) -> None:
    bea = await world.account("bea")
    rule = Ruleset(mailbox="Colleagues", verified_domain=Domain.parse("a.example"))
    await rulesets.put(world.store, bea, "bea@a.example", [rule])
    async with world.running():
        await world.send("bea@a.example", "cid@a.example")
        await world.until_empty()
    assert len(await world.mails("bea", "Colleagues")) == 1
    assert len(await world.mails("cid")) == 1


async def test_an_address_that_went_meanwhile_is_told_of(autojump_clock: MockClock, world: World) -> None:
    await world.send("nobody@a.example", "bea@a.example")
    async with world.running():
        await world.until_empty()
    assert b"Status: 5.1.1" in (await world.mails())[0]
    assert len(await world.mails("bea")) == 1


@pytest.mark.parametrize(("reply", "attempts"), [("550 gone", 1), ("421 full", 8)])
async def test_an_address_that_refuses_all_mail_refuses_this(
    autojump_clock: MockClock, world: World, reply: str, attempts: int
) -> None:
    configured(world, sending.DYNAMIC + REFUSING.format(reply))
    async with world.running():
        await world.send("bea@a.example")
        await world.until_empty(20)
    told = await world.mails()
    assert b"Action: failed" in told[-1]
    assert reply[4:].encode() in told[-1]
    assert len(told) == (1 if attempts == 1 else 2)
    assert await world.mails("bea") == []


async def test_mail_for_a_domain_that_is_switched_off_waits(autojump_clock: MockClock, world: World) -> None:
    async with world.running():
        await world.send("dan@off.example")
        await trio.sleep(3600)
        assert len(await world.listed()) == 1
        configured(world, DISABLED.replace("disabled = true", "disabled = false"))
        await world.until_empty()
    assert len(await world.mails("dan")) == 1


async def test_a_transport_chosen_by_hand_leads_away_from_home(autojump_clock: MockClock, world: World) -> None:
    relay = sending.STATIC + '[transports.relay]\nkind = "smtp"\nhost = "relay.example"\n'
    world.parts.config.current = sending.config(world.directory, relay, sending.DYNAMIC).current
    async with world.running():
        await world.send(sending.row("bea@a.example", transport="relay"))
        await world.until_empty()
    assert [address for address, _ in world.hosts.taken] == ["bea@a.example"]


async def test_a_transport_that_is_gone_is_tried_again(autojump_clock: MockClock, world: World) -> None:
    async with world.running():
        await world.send(sending.row("bob@b.example", transport="gone"))
        await trio.sleep(10)
        (row,) = await world.listed()
        assert "no transport" in row.results
