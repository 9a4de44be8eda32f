"""From DATA to mailboxes: refusals, waits, rates, rules, errors of the stores."""

from collections import Counter
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from mox_trio.base.domain import Domain
from mox_trio.config.directory import ToAccount
from mox_trio.incoming.holders import KEPT, Holder
from mox_trio.incoming.judge import Subject
from mox_trio.incoming.rates import Rates
from mox_trio.mailstore import accounts, mailboxes, rulesets
from mox_trio.policy.patterns import Pattern
from mox_trio.policy.ratelimit import Most
from mox_trio.policy.results import Alignment, DkimSignature, DkimStatus, Dmarc, DmarcPolicy, DmarcStatus, SpfStatus
from mox_trio.policy.rulesets import Ruleset
from mox_trio.policy.verdict import Signal
from mox_trio.protocol.smtp.reply import Refusal, Reply
from storage_backends.contract.faults import fail_at
from storage_backends.index.tables import mailboxes as special_use
from tests.kit import faulty
from tests.kit.incoming_world import CLIENT, SPF_PASS, World
from tests.kit.stores import Kit, message, put

SENDER = Domain.parse("sender.example")
FAIL = Dmarc(DmarcStatus.FAIL, DmarcPolicy.REJECT, applied=True, domain=SENDER, org_domain=SENDER)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"Subject: x\r\n\r\ntext\r\n", "550 5.6.0"),
        (b"From: a@x.example\r\nFrom: b@x.example\r\n\r\n", "550 5.6.0"),
        (b"From: a@x.example, b@x.example\r\n\r\n", "550 5.6.0"),
        (b"From: a\r\n\r\n", "550 5.6.0"),
        (b"From: <>\r\n\r\n", "550 5.6.0"),
        (b"From: a@[192.0.2.1]\r\n\r\n", "550 5.6.0"),
        (b"From: \xff@x.example\r\n\r\n", "550 5.6.0"),
        (b"text without a header", "550 5.6.0"),
        (b"From: a@x.example\r\n" + b"Received: x\r\n" * 101 + b"\r\n", "550 5.4.6"),
        (b"X: " + b"x" * 1_100_000 + b"\r\nFrom: a@x.example\r\n\r\n", "552 5.3.4"),
    ],
)
async def test_a_message_is_refused_for_its_header(world: World, data: bytes, expected: str) -> None:
    assert await world.codes(data, "ann@example.org") == [expected]
    assert await world.mails("ann") == []


@pytest.mark.parametrize(
    "field",
    [
        b"From: Ann <a@x.example>\r\n",
        b"from : a@x.example\r\n",
        b"From: group: a@x.example;\r\n",
        b"From:\r\n =?utf-8?q?=C3=A4?= <a@x_y.example>\r\n",
        "From: jörg@münchen.example\r\n".encode(),
        b"From: a@x.example\r\n" + b"Received: x\r\n" * 100,
    ],
)
async def test_a_message_with_one_from_is_taken(world: World, field: bytes) -> None:
    assert await world.codes(field + b"\r\n", "ann@example.org") == ["250 2.2.0"]


async def test_pedantry_wants_smtputf8_for_a_header_that_is_not_ascii(world: World) -> None:
    data = "From: jörg@x.example\r\n\r\n".encode()
    world.make(pedantic=True)
    assert await world.codes(data, "ann@example.org") == ["550 5.6.0"]
    assert await world.codes(data, "ann@example.org", smtputf8=True) == ["250 2.2.0"]


async def test_dmarc_refuses_or_puts_into_junk(world: World) -> None:
    world.find(dmarc=FAIL)
    assert await world.codes(message(), "ann@example.org") == ["550 5.7.26"]
    world.find(dmarc=replace(FAIL, policy=DmarcPolicy.QUARANTINE))
    assert await world.codes(message(), "ann@example.org") == ["550 5.7.26"]
    world.make(quarantine_to_junk=True)
    assert await world.codes(message(), "ann@example.org") == ["250 2.2.0"]
    (mail,) = await world.mails("ann", "Junk")
    assert mail.startswith(b"X-MoxTrio-Reason: dmarc-quarantine; policy quarantine of sender.example\r\n")


async def test_junk_is_the_mailbox_with_that_use(world: World) -> None:
    world.make(quarantine_to_junk=True)
    world.find(dmarc=replace(FAIL, policy=DmarcPolicy.QUARANTINE))
    ann = await accounts.ensure(world.store, "ann")
    await mailboxes.create(world.store, ann, "Spam", special_use.JUNK)
    await world.transact(message(), "ann@example.org")
    assert len(await world.mails("ann", "Spam")) == 1


async def test_an_address_may_want_verified_mail_only(world: World) -> None:
    assert await world.codes(message(), "signed@example.org") == ["550 5.7.26"]
    world.find(dmarc=Dmarc(DmarcStatus.NONE, aligned=Alignment.RELAXED))
    assert await world.codes(message(), "signed@example.org") == ["250 2.2.0"]


async def test_a_new_sender_waits_once(world: World, autojump_clock: MockClock) -> None:
    world.find(spf=SPF_PASS)
    world.make(first_time_sender_delay=15)
    began = trio.current_time()
    await world.transact(message(), "ann@example.org", "bob@example.org")
    assert trio.current_time() - began == pytest.approx(15)


@pytest.mark.parametrize(("recipient", "code"), [("ann@example.org", "250 2.2.0"), ("nobody@example.org", "550 5.1.1")])
async def test_a_server_that_stops_lets_nobody_wait(
    world: World, autojump_clock: MockClock, recipient: str, code: str
) -> None:
    world.make(first_time_sender_delay=15, unknown_delay=15, unknown_recipients="data")
    began = trio.current_time()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def stop() -> None:
            await trio.sleep(3)
            world.closing.set()

        assert await world.codes(message(), recipient) == [code]
    assert trio.current_time() - began == pytest.approx(3)
    assert await world.codes(message(), recipient) == [code]
    assert trio.current_time() - began == pytest.approx(3)
    assert len(await world.mails("ann")) == (2 if code.startswith("250") else 0)


@pytest.mark.parametrize("why", ["exempt", "account", "no delay", "list"])
async def test_nobody_waits_who_need_not(world: World, autojump_clock: MockClock, why: str) -> None:
    world.make(first_time_sender_delay=0 if why == "no delay" else 15)
    recipient = "eve@example.org" if why == "account" else "ann@example.org"
    if why == "exempt":
        world.client = replace(CLIENT, exempt=True)
    if why == "list":
        world.find(spf=SPF_PASS)
        ann = await accounts.ensure(world.store, "ann")
        rule = Ruleset("", msg_from=Pattern("ann"), list_allow_domain=SENDER)
        await rulesets.put(world.store, ann, "ann@example.org", [rule])
    began = trio.current_time()
    assert await world.codes(message(), recipient) == ["250 2.2.0"]
    assert trio.current_time() == began


async def test_unknown_recipients_wait_but_exempt_ones(world: World, autojump_clock: MockClock) -> None:
    world.make(unknown_recipients="data")
    began = trio.current_time()
    await world.codes(message(), "nobody@example.org")
    assert trio.current_time() - began == pytest.approx(5)
    world.client = replace(CLIENT, exempt=True)
    await world.codes(message(), "nobody@example.org")
    assert trio.current_time() - began == pytest.approx(5)


async def test_a_rate_is_held_for_each_account(world: World, autojump_clock: MockClock) -> None:
    world.rates = Rates(trio.current_time, Most(2, 4, 6))
    world.make()
    codes = [await world.codes(message(), "ann@example.org") for _ in range(3)]
    assert codes == [["250 2.2.0"], ["250 2.2.0"], ["452 4.2.2"]]
    assert await world.codes(message(), "eve@example.org") == ["250 2.2.0"]
    world.client = replace(CLIENT, exempt=True)
    assert await world.codes(message(), "ann@example.org") == ["250 2.2.0"]
    world.client = CLIENT
    await trio.sleep(60)
    assert await world.codes(message(), "ann@example.org") == ["250 2.2.0"]


async def test_a_full_mailbox_refuses(world: World) -> None:
    assert await world.codes(message(body="x" * 30_000), "eve@example.org") == ["452 4.2.2"]
    assert await world.codes(message(), "eve@example.org") == ["250 2.2.0"]


async def test_a_mailbox_with_as_many_messages_as_it_may_have_refuses(world: World) -> None:
    assert await world.codes(message(), "ida@example.org") == ["250 2.2.0"]
    assert await world.codes(message(), "ida@example.org") == ["452 4.2.2"]


async def test_rules_of_the_user_choose_the_mailbox(world: World, autojump_clock: MockClock) -> None:
    ann = await accounts.ensure(world.store, "ann")
    rules = [Ruleset("Lists/Trio", headers=((Pattern("^list-id$"), Pattern("trio")),))]
    await rulesets.put(world.store, ann, "ann@example.org", rules)
    await rulesets.put(world.store, ann, "", [Ruleset("Rest", mail_from=Pattern("@sender"))])
    await world.transact(message(List_Id="<trio.x.example>"), "ann+trio@example.org")
    await world.transact(message(), "ann@example.org")
    assert len(await world.mails("ann", "Lists/Trio")) == 1
    assert len(await world.mails("ann", "Rest")) == 1
    await rulesets.put(world.store, ann, "", [])
    await world.transact(message(), "ann@example.org")
    assert len(await world.mails("ann")) == 1


async def test_rules_that_another_process_set_count_a_little_later(world: World, autojump_clock: MockClock) -> None:
    ann = await accounts.ensure(world.store, "ann")
    await world.transact(message(), "ann@example.org")
    elsewhere = replace(world.store, settings_set=Counter())
    await rulesets.put(elsewhere, ann, "", [Ruleset("Rest", mail_from=Pattern("@sender"))])
    await world.transact(message(), "ann@example.org")
    await trio.sleep(KEPT)
    await world.transact(message(), "ann@example.org")
    assert len(await world.mails("ann")) == 2
    assert len(await world.mails("ann", "Rest")) == 1


async def test_a_rule_for_forwarded_mail_lifts_dmarc_and_keeps_the_forwarder_out_of_the_row(world: World) -> None:
    ann = await accounts.ensure(world.store, "ann")
    await rulesets.put(world.store, ann, "ann@example.org", [Ruleset("", verified_domain=SENDER, is_forward=True)])
    world.find(dmarc=FAIL, spf=SPF_PASS, dkim=(DkimSignature(DkimStatus.PASS, SENDER),))
    assert await world.codes(message(), "ann@example.org") == ["250 2.2.0"]
    columns = (
        "is_forward",
        "remote_ip_masked1",
        "ehlo_domain",
        "orig_ehlo_domain",
        "dkim_domains",
        "orig_dkim_domains",
    )
    assert await world.row(*columns) == (1, "", "", "mx.sender.example", "", "sender.example")
    (mail,) = await world.mails("ann")
    assert b"override forwarded" in mail


async def test_rejects_go_where_a_rule_wants_them(world: World) -> None:
    ann = await accounts.ensure(world.store, "ann")
    rule = Ruleset("", mail_from=Pattern("@sender"), accept_rejects_to_mailbox="Rejects")
    await rulesets.put(world.store, ann, "ann@example.org", [rule])
    world.find(dmarc=FAIL)
    assert await world.codes(message(), "ann@example.org") == ["250 2.2.0"]
    assert len(await world.mails("ann", "Rejects")) == 1
    assert await world.row("is_reject", "reason") == (1, "dmarc-policy")
    assert (await mailboxes.get(world.store, ann, "Rejects")).unseen == 0


async def test_a_mailbox_that_cannot_be_made_becomes_inbox(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await accounts.ensure(world.store, "ann")
    await rulesets.put(world.store, ann, "ann@example.org", [Ruleset("Deep/er", mail_from=Pattern("@sender"))])
    monkeypatch.setattr(mailboxes, "MOST", 3)
    assert await world.codes(message(), "ann@example.org") == ["250 2.2.0"]
    assert len(await world.mails("ann")) == 1


async def test_rules_that_cannot_be_read_stop_no_mail(world: World, caplog: pytest.LogCaptureFixture) -> None:
    from mox_trio.mailstore import settings

    ann = await accounts.ensure(world.store, "ann")
    await settings.put(world.store, ann, rulesets.NAME, ["what"])
    assert await world.codes(message(), "ann@example.org") == ["250 2.2.0"]
    assert "rules of an account cannot be read" in caplog.text


async def test_signals_are_asked_when_the_checks_decide_nothing(world: World) -> None:
    class Suspicious:
        async def look(self, subject: Subject, holder: Holder, to: ToAccount, rule: Ruleset | None) -> Signal | None:
            return Signal("ip1", refusal=Reply.of(451, "4.3.0", "error processing"), detail="known for spam")

    world.signals = Suspicious()
    world.make()
    assert await world.codes(message(), "ann@example.org") == ["451 4.3.0"]
    world.find(dmarc=FAIL)
    assert await world.codes(message(), "ann@example.org") == ["550 5.7.26"]


async def test_what_the_checks_found_is_in_the_row(world: World) -> None:
    dkim = (DkimSignature(DkimStatus.PASS, SENDER), DkimSignature(DkimStatus.FAIL, Domain.parse("x.example")))
    world.find(spf=SPF_PASS, dkim=dkim, dmarc=Dmarc(DmarcStatus.PASS, aligned=Alignment.RELAXED, org_domain=SENDER))
    await world.transact(message(), "ann+x@example.org")
    columns = {
        "remote_ip": "192.0.2.1",
        "remote_ip_masked1": "192.0.2.1",
        "remote_ip_masked2": "192.0.2.0",
        "remote_ip_masked3": "192.0.0.0",
        "ehlo_domain": "mx.sender.example",
        "mail_from": "a@sender.example",
        "mail_from_localpart": "a",
        "mail_from_domain": "sender.example",
        "rcpt_to_localpart": "ann+x",
        "rcpt_to_domain": "example.org",
        "ehlo_validation": "unknown",
        "mail_from_validation": "pass",
        "msg_from_validation": "dmarc",
        "dkim_domains": "sender.example",
        "is_dsn": 0,
        "reason": "no-bad-signals",
    }
    assert await world.row(*columns) == tuple(columns.values())
    row = await world.row("from_domain_key", "from_org_domain_key")
    assert None not in row


async def test_a_notice_of_another_server_is_known_as_one(world: World) -> None:
    data = message(Content_Type='multipart/report; report-type=delivery-status; boundary="b"')
    await world.transact(data, "ann@example.org", sender="<>")
    assert await world.row("is_dsn") == (1,)


async def test_trouble_of_the_stores_is_temporary(world: World, kit: Kit) -> None:
    await world.transact(message(), "ann@example.org")  # the account is known now
    for call in (1, 2):
        failing = faulty.over(kit.store, fail_at(call))
        world.store = failing.store
        world.make()
        assert await world.codes(message(), "ann@example.org") == ["451 4.3.0"]
    world.store = kit.store
    assert len(await world.mails("ann")) == 1


async def test_an_account_that_was_removed_refuses_for_now(world: World) -> None:
    await world.transact(message(), "ann@example.org")
    await accounts.remove(world.store, "ann")
    assert await world.codes(message(), "ann@example.org") == ["450 4.2.1"]
    assert await world.codes(message(), "ann@example.org") == ["250 2.2.0"]  # the configuration still has it


async def test_a_large_message_goes_through_a_file(world: World) -> None:
    data = message(body="0123456789abcde\r\n" * 40_000)
    await world.transact(data, "ann@example.org")
    (mail,) = await world.mails("ann")
    assert mail.endswith(data)


async def test_each_decision_is_counted_and_logged_by_its_reason(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await world.transact(message(), "ann@example.org")
    with pytest.raises(Refusal):
        await world.transact(message(), "nobody@example.org")
    world.find(dmarc=FAIL)
    await world.transact(message(), "ann@example.org")
    text = world.metrics.text().decode()
    assert 'moxtrio_smtpserver_delivery_total{reason="no-bad-signals",result="delivered"} 1.0' in text
    assert 'moxtrio_smtpserver_delivery_total{reason="unknown-recipient",result="unknownuser"} 1.0' in text
    assert 'moxtrio_smtpserver_delivery_total{reason="dmarc-policy",result="reject"} 1.0' in text
    lines = [record for record in caplog.records if record.name.startswith("mox_trio.incoming")]
    assert [each.message for each in lines] == ["message received", "message refused"]
    assert lines[0].__dict__["remote"] == "192.0.2.1"
    assert lines[1].__dict__["reason"] == "dmarc-policy"


async def test_why_spf_failed_is_told_to_the_log_and_nobody_else(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.find(spf=replace(SPF_PASS, status=SpfStatus.FAIL, explanation="we never write from there"))
    (reply,) = await world.transact(message(), "ann@example.org")
    (mail,) = await world.mails("ann")
    assert "never write" not in str(reply)
    assert b"never write" not in mail
    assert [each.__dict__.get("spf_explanation") for each in caplog.records if each.message == "message received"] == [
        "we never write from there"
    ]


async def test_accounts_that_were_there_before_are_used(world: World) -> None:
    ann = await accounts.ensure(world.store, "ann")
    await put(world.store, ann, message("before"))
    await world.transact(message(), "ann@example.org")
    assert len(await world.mails("ann")) == 2
