"""MAIL and RCPT: who may send, and who gets mail."""

import pytest

from mox_trio.base.domain import Domain
from mox_trio.policy.results import SpfStatus
from mox_trio.policy.sender_domain import Receives
from mox_trio.protocol.smtp.reply import Refusal
from tests.kit.incoming_world import SPF_PASS, World
from tests.kit.stores import message


@pytest.mark.parametrize(
    ("receives", "expected"),
    [(Receives.NULL_MX, "550 5.7.27"), (Receives.NOTHING, "550 5.7.27"), (Receives.UNKNOWN, "451 4.4.0")],
)
async def test_the_domain_of_a_sender_must_take_mail(world: World, receives: Receives, expected: str) -> None:
    world.told.domains["sender.example"] = receives
    assert await world.codes(message(), "ann@example.org") == [expected]


async def test_a_sender_at_an_address_literal_is_refused(world: World) -> None:
    assert await world.codes(message(), "ann@example.org", sender="a@[192.0.2.1]") == ["550 5.7.0"]


async def test_notices_have_no_sender(world: World) -> None:
    assert await world.codes(message(), "ann@example.org", sender="<>") == ["250 2.2.0"]


@pytest.mark.parametrize(
    ("recipient", "account", "mailbox"),
    [
        ("ann@example.org", "ann", "Inbox"),
        ("ANN@Example.ORG", "ann", "Inbox"),
        ("ann+shop@example.org", "ann", "Inbox"),
        ("bob@example.org", "bob", "Work"),
        ("whoever@any.example", "bob", "Inbox"),
        ("postmaster@example.org", "ann", "Postmaster"),
        ("<Postmaster>", "ann", "Postmaster"),
        ("postmaster@mail.example.org", "ann", "Postmaster"),
        ("postmaster@in.example.org", "ann", "Postmaster"),
    ],
)
async def test_an_address_leads_to_an_account(world: World, recipient: str, account: str, mailbox: str) -> None:
    assert await world.codes(message(), recipient) == ["250 2.2.0"]
    assert len(await world.mails(account, mailbox)) == 1


@pytest.mark.parametrize(
    ("recipient", "expected", "reason"),
    [
        ("nobody@example.org", "550 5.1.1", "unknown-recipient"),
        ("ann@elsewhere.example", "550 5.1.1", "unknown-domain"),
        ("ann@[192.0.2.25]", "550 5.1.1", "unknown-domain"),
        ("ann@off.example", "450 4.2.1", "domain-disabled"),
        ("nobody@off.example", "450 4.2.1", "domain-disabled"),
        ("gone@example.org", "550 5.7.1", "smtp-error"),
        ("busy@example.org", "421 4.3.0", "smtp-error"),
    ],
)
async def test_a_recipient_is_refused(world: World, recipient: str, expected: str, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        await world.transact(message(), recipient)
    assert (f"{caught.value.reply.code} {caught.value.reply.enhanced}", caught.value.reason) == (expected, reason)
    if recipient.startswith("gone"):
        assert caught.value.reply.text == "moved away"


async def test_unknown_recipients_may_be_refused_after_the_message(world: World, autojump_clock: object) -> None:
    world.make(unknown_recipients="data")
    assert await world.codes(message(), "nobody@example.org") == ["550 5.1.1"]
    assert await world.codes(message(), "nobody@elsewhere.example") == ["550 5.1.1"]
    world.find(spf=SPF_PASS)
    assert await world.codes(message(), "nobody@example.org", "ann@example.org") == ["250 2.2.0", "250 2.2.0"]
    ((sender, notice, _),) = world.sent.notices
    assert str(sender) == "<a@sender.example>"
    assert [(str(each.recipient), each.status) for each in notice.about] == [("<nobody@example.org>", "5.1.1")]


async def test_a_second_recipient_needs_spf(world: World) -> None:
    for status in SpfStatus:
        world.told.evidence = world.told.evidence
        world.find(spf=SPF_PASS if status is SpfStatus.PASS else type(SPF_PASS)(status, "mailfrom", SPF_PASS.domain))
        refused: list[str] = []
        replies = await world.transact(message(), "ann@example.org", "bob@example.org", refused=refused)
        assert refused == ([] if status is SpfStatus.PASS else ["452 4.5.3"])
        assert [each.code for each in replies] == [250] * (2 - len(refused))


async def test_spf_is_asked_once_for_any_number_of_recipients(world: World) -> None:
    world.find(spf=SPF_PASS)
    await world.transact(message(), "ann@example.org", "bob@example.org", "eve@example.org")
    assert world.told.asked_spf == 1
    assert world.told.given_spf == [SPF_PASS]
    await world.transact(message(), "ann@example.org")
    assert world.told.asked_spf == 1
    assert world.told.given_spf == [SPF_PASS, None]


async def test_a_notice_is_for_one_recipient(world: World) -> None:
    world.find(spf=type(SPF_PASS)(SpfStatus.PASS, "helo", Domain.parse("mx.sender.example")))
    refused: list[str] = []
    await world.transact(message(), "ann@example.org", "bob@example.org", sender="<>", refused=refused)
    assert refused == ["452 4.5.3"]


async def test_a_server_for_tests_takes_everything_for_one_account(world: World) -> None:
    world.make(everything_to="bob")
    for recipient in ("nobody@example.org", "x@elsewhere.example", "x@[192.0.2.9]", "ann@example.org"):
        assert await world.codes(message(), recipient) == ["250 2.2.0"]
    assert len(await world.mails("bob")) == 3
    assert len(await world.mails("ann")) == 1
    assert await world.codes(message(), "x@a.example", "ann@example.org", "y@b.example") == ["250 2.2.0"] * 3
    assert len(await world.mails("bob")) == 5
