"""Notices to senders outside: only where they are safe, before the reply, and never against their wish."""

from collections.abc import Sequence

import pytest

from mox_trio.base.address import Address
from mox_trio.base.domain import Domain
from mox_trio.policy.results import Spf, SpfStatus
from mox_trio.protocol import dsn
from mox_trio.protocol.dsn import Action, Frame
from mox_trio.protocol.smtp.envelope import Notify, Recipient, Return
from tests.kit.incoming_world import SPF_PASS, World, path
from tests.kit.stores import message

LARGE = message(body="x" * 30_000)
"""Too large for eve."""


def to(address: str, notify: Notify | None = None, original: str = "") -> Recipient:
    return Recipient(path(address), notify, original)


def told(world: World) -> Sequence[tuple[str, list[str]]]:
    return [
        (notice.action.value, [str(each.recipient) for each in notice.about]) for _, notice, _ in world.sent.notices
    ]


async def test_those_that_failed_get_a_notice_and_all_are_taken(world: World) -> None:
    world.find(spf=SPF_PASS)
    eve = to("eve@example.org", original="rfc822;eve@old.example")
    replies = await world.codes(LARGE, "ann@example.org", eve, require_tls=True, envelope_id="id7", ret=Return.FULL)
    assert replies == ["250 2.2.0"] * 2
    ((sender, notice, require_tls),) = world.sent.notices
    assert (str(sender), require_tls, notice.envelope_id) == ("<a@sender.example>", True, "id7")
    (about,) = notice.about
    assert (about.action, about.status, about.original) == (Action.FAILED, "5.2.2", "rfc822;eve@old.example")
    assert about.detail == "the mailbox is full"
    assert notice.header.startswith(b"Received: from mx.sender.example")
    assert notice.body == b"x" * 30_000
    frame = Frame("mail.example.org", Address.parse("postmaster@example.org"), sender, 0, "id@x", b"x" * 16)
    assert b"Final-Recipient: rfc822; eve@example.org\r\n" in dsn.compose(notice, frame, utf8=False)


async def test_when_all_fail_there_are_replies_and_no_notice(world: World) -> None:
    world.find(spf=SPF_PASS)
    assert await world.codes(LARGE, "eve@example.org", "signed@example.org") == ["452 4.2.2", "550 5.7.26"]
    assert world.sent.notices == []


async def test_a_failure_that_nobody_wants_to_hear_of_is_not_told(world: World) -> None:
    world.find(spf=SPF_PASS)
    for notify in (Notify.NEVER, Notify.SUCCESS, Notify.DELAY):
        assert await world.codes(LARGE, "ann@example.org", to("eve@example.org", notify)) == ["250 2.2.0"] * 2
    assert world.sent.notices == []


async def test_nothing_is_taken_whose_notice_is_not_durable(world: World) -> None:
    world.find(spf=SPF_PASS)
    world.sent.broken = True
    assert await world.codes(LARGE, "ann@example.org", "eve@example.org") == ["451 4.3.0"] * 2


async def test_success_is_told_where_it_is_wanted(world: World) -> None:
    world.find(spf=SPF_PASS)
    data = message(From="x@sender.example")
    recipients = [
        to("ann@example.org", Notify.SUCCESS),
        to("team@example.org", Notify.SUCCESS | Notify.FAILURE),
        to("bob@example.org", Notify.FAILURE),
        to("eve@example.org"),
    ]
    assert await world.codes(data, *recipients, ret=Return.FULL) == ["250 2.2.0"] * 4
    assert told(world) == [("delivered", ["<ann@example.org>"]), ("expanded", ["<team@example.org>"])]
    assert all(notice.body is None for _, notice, _ in world.sent.notices)
    assert [each.status for _, notice, _ in world.sent.notices for each in notice.about] == ["2.0.0", "2.0.0"]


async def test_trouble_with_telling_of_success_takes_nothing_back(world: World) -> None:
    world.find(spf=SPF_PASS)
    world.sent.broken = True
    assert await world.codes(message(), to("ann@example.org", Notify.SUCCESS)) == ["250 2.2.0"]


@pytest.mark.parametrize("status", [each for each in SpfStatus if each is not SpfStatus.PASS])
async def test_success_is_not_told_without_spf(world: World, status: SpfStatus) -> None:
    world.find(spf=Spf(status, "mailfrom", Domain.parse("sender.example")))
    assert await world.codes(message(), to("ann@example.org", Notify.SUCCESS)) == ["250 2.2.0"]
    assert world.sent.notices == []


async def test_nobody_is_told_without_a_reverse_path(world: World) -> None:
    world.find(spf=Spf(SpfStatus.PASS, "helo", Domain.parse("mx.sender.example")))
    assert await world.codes(message(), to("ann@example.org", Notify.SUCCESS), sender="<>") == ["250 2.2.0"]
    assert world.sent.notices == []
