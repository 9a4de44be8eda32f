"""Mail to aliases: who may write, who gets it, what becomes of it; and mail of a trusted site."""

from collections.abc import Sequence

import pytest

from mox_trio.base.domain import Domain
from mox_trio.mailstore import accounts, rulesets
from mox_trio.policy.patterns import Pattern
from mox_trio.policy.results import Dmarc, DmarcPolicy, DmarcStatus
from mox_trio.policy.rulesets import Ruleset
from tests.kit.incoming_world import SPF_PASS, World, settings_of, snapshot
from tests.kit.stores import message

FAIL = Dmarc(DmarcStatus.FAIL, DmarcPolicy.REJECT, applied=True, domain=Domain.parse("sender.example"))
STRANGER = message(From="x@sender.example")


async def counts(world: World) -> Sequence[int]:
    return [len(await world.mails(*where)) for where in (("ann",), ("bob", "Work"), ("eve",))]


async def test_all_members_get_it(world: World) -> None:
    assert await world.codes(STRANGER, "team@example.org") == ["250 2.2.0"]
    assert await counts(world) == [1, 1, 1]
    (mail,) = await world.mails("bob", "Work")
    assert b"\r\nDelivered-To: bob@example.org\r\n" in mail
    assert b"for <team@example.org>;" in mail
    assert await world.row("rcpt_to_localpart") == ("team",)


async def test_the_member_who_wrote_it_gets_none(world: World) -> None:
    assert await world.codes(message(From="Ann+x@example.org"), "team@example.org") == ["250 2.2.0"]
    assert await counts(world) == [0, 1, 1]


async def test_the_only_member_gets_it_even_from_himself(world: World) -> None:
    assert await world.codes(message(From="bob@example.org"), "sending@example.org") == ["250 2.2.0"]
    assert await counts(world) == [0, 1, 0]


async def test_a_member_who_is_addressed_too_gets_one_copy(world: World) -> None:
    world.find(spf=SPF_PASS)
    replies = await world.codes(STRANGER, "team@example.org", "ANN@example.org", "ann@example.org", "bob@example.org")
    assert replies == ["250 2.2.0"] * 4
    assert await counts(world) == [1, 1, 1]


async def test_one_address_gets_one_copy_and_two_of_a_catchall_get_two(world: World) -> None:
    world.find(spf=SPF_PASS)
    recipients = ("ann@example.org", "Ann+x@example.org", "one@any.example", "two@any.example")
    assert await world.codes(STRANGER, *recipients) == ["250 2.2.0"] * 4
    assert len(await world.mails("ann")) == 1
    found = await world.mails("bob")
    assert sorted(mail.split(b"\r\n")[1] for mail in found) == [
        b"Delivered-To: one@any.example",
        b"Delivered-To: two@any.example",
    ]


@pytest.mark.parametrize(
    ("alias", "author", "expected"),
    [
        ("team", "x@sender.example", "250 2.2.0"),
        ("team", "team@example.org", "550 5.7.2"),
        ("closed", "ann@example.org", "250 2.2.0"),
        ("closed", "ANN+x@example.org", "250 2.2.0"),
        ("closed", "eve@example.org", "550 5.7.2"),
        ("closed", "x@sender.example", "550 5.7.2"),
        ("closed", "closed@example.org", "550 5.7.2"),
        ("sending", "sending@example.org", "250 2.2.0"),
        ("sending", "eve@example.org", "550 5.7.2"),
    ],
)
async def test_who_may_write_to_an_alias(world: World, alias: str, author: str, expected: str) -> None:
    assert await world.codes(message(From=author), f"{alias}@example.org") == [expected]


async def test_an_alias_takes_what_one_member_takes(world: World) -> None:
    world.find(dmarc=FAIL, spf=SPF_PASS)
    assert await world.codes(STRANGER, "team@example.org") == ["550 5.7.26"]
    assert await counts(world) == [0, 0, 0]
    bob = await accounts.ensure(world.store, "bob")
    rule = Ruleset("", msg_from=Pattern("x"), list_allow_domain=Domain.parse("sender.example"))
    world.holders.forget("bob")
    await rulesets.put(world.store, bob, "bob@example.org", [rule])
    assert await world.codes(STRANGER, "team@example.org") == ["250 2.2.0"]
    assert await counts(world) == [1, 1, 1]
    (mail,) = await world.mails("ann")
    assert mail.startswith(b"X-MoxTrio-Reason: alias; another member of the alias takes it\r\n")


async def test_a_full_mailbox_among_members_does_not_count(world: World) -> None:
    large = message(From="x@sender.example", body="x" * 30_000)
    assert await world.codes(large, "team@example.org") == ["250 2.2.0"]
    assert await counts(world) == [1, 1, 0]


async def test_full_mailboxes_alone_refuse(world: World) -> None:
    large = message(From="bob@example.org", body="x" * 30_000)
    world.find(spf=SPF_PASS)
    assert await world.codes(large, "eve@example.org") == ["452 4.2.2"]


# -- mail of a trusted site


@pytest.fixture
def lmtp(world: World) -> World:
    world.settings = settings_of(snapshot(), lmtp=True)
    return world.make()


async def test_a_trusted_site_may_send_for_anybody_to_many(lmtp: World) -> None:
    lmtp.find(dmarc=FAIL)
    data = b"Subject: no From\r\nAuthentication-Results: mail.example.org; spf=pass\r\n\r\ntext\r\n"
    replies = await lmtp.codes(data, "ann@example.org", "bob@example.org", "eve@example.org", sender="<>")
    assert replies == ["250 2.2.0"] * 3
    assert lmtp.told.seen == []
    (mail,) = await lmtp.mails("ann")
    assert mail.endswith(data)  # what the site found out is kept
    assert mail.startswith(
        b"X-MoxTrio-Reason: trusted-site\r\nDelivered-To: ann@example.org\r\nReturn-Path: <>\r\nReceived:"
    )
    assert await lmtp.row("reason", "mail_from_validation", "msg_from_validation") == (
        "trusted-site",
        "unknown",
        "unknown",
    )


async def test_each_recipient_of_a_trusted_site_has_a_reply_and_no_notice(lmtp: World) -> None:
    large = message(body="x" * 30_000)
    refused: list[str] = []
    replies = await lmtp.transact(large, "ann@example.org", "eve@example.org", "no@example.org", refused=refused)
    assert [each.code for each in replies] == [250, 452]
    assert refused == ["550 5.1.1"]
    assert lmtp.sent.notices == []


async def test_rules_hold_for_mail_of_a_trusted_site(lmtp: World) -> None:
    ann = await accounts.ensure(lmtp.store, "ann")
    await rulesets.put(lmtp.store, ann, "ann@example.org", [Ruleset("There", mail_from=Pattern("@sender"))])
    await lmtp.transact(STRANGER, "ann@example.org")
    assert len(await lmtp.mails("ann", "There")) == 1


async def test_a_trusted_site_cannot_go_in_circles(lmtp: World) -> None:
    assert await lmtp.codes(b"Received: x\r\n" * 101 + STRANGER, "ann@example.org") == ["550 5.4.6"]
