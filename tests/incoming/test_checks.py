"""The checks of a message: side by side, under one deadline, on the bytes as received."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from trio.testing import MockClock

from mox_trio.base.domain import Domain
from mox_trio.base.metrics import Metrics
from mox_trio.incoming import content
from mox_trio.incoming.checks import ALL, FIRST, DnsChecks
from mox_trio.incoming.evidence import Evidence
from mox_trio.mailstore.spool import Spool
from mox_trio.policy.dkim import sign
from mox_trio.policy.dkim.body import BodyHashes, Canonical
from mox_trio.policy.dkim.sign import Selector
from mox_trio.policy.questions import Answer, Kind, Question
from mox_trio.policy.results import Alignment, DkimStatus, DmarcStatus, IprevStatus, SpfStatus
from mox_trio.policy.sender_domain import Receives
from mox_trio.protocol.smtp.envelope import Envelope, Recipient
from mox_trio.transport.resolver import Resolver, Wanted
from tests.kit import incoming_world
from tests.kit.dns import Zone
from tests.kit.incoming_world import CLIENT, World, path
from tests.kit.stores import Kit, message

KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
NOW = 1_800_000_000.0


def zone() -> Zone:
    import base64

    return Zone(
        {
            "sender.example": {"MX": [(10, "mx.sender.example")], "TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
            "mx.sender.example": {"A": ["192.0.2.1"]},
            "1.2.0.192.in-addr.arpa": {"PTR": ["mx.sender.example"]},
            "_dmarc.sender.example": {"TXT": ["v=DMARC1; p=reject"]},
            "k._domainkey.sender.example": {"TXT": ["v=DKIM1; p=" + base64.b64encode(PUBLIC).decode()]},
            "null.example": {"MX": [(0, "")]},
        }
    )


@dataclass
class Slow(Resolver):
    """A zone that does not answer about names that end so."""

    inner: Zone
    silent: tuple[str, ...]
    asked: list[Question] = field(default_factory=list)

    async def look_up(self, question: Question) -> Answer:
        self.asked.append(question)
        if question.name.endswith(self.silent) and question.kind is not Kind.MX:
            await trio.sleep_forever()
        return await self.inner.look_up(question)


def signed(data: bytes, names: Sequence[str] = ("From", "Subject")) -> bytes:
    """The message with a signature of sender.example."""
    block, _, _ = data.partition(b"\r\n\r\n")
    hashes = BodyHashes({Canonical.RELAXED}, len(block) + 4)
    hashes.update(data)
    domain = Domain.parse("sender.example")
    selector = Selector(Domain.parse("k"), domain, KEY, headers=tuple(names))
    return sign.sign(block + b"\r\n\r\n", hashes.digests(), [selector], "", NOW) + data


class Checked:
    """Makes checks of messages."""

    def __init__(self, kit: Kit, resolver: Resolver) -> None:
        self.store = kit.store
        self.metrics = Metrics()
        hostname = Domain.parse("in.example.org")
        self.checks = DnsChecks(resolver, kit.store, self.metrics, hostname, now=lambda: NOW, chance=lambda: 0.5)
        self.settings = incoming_world.settings_of(incoming_world.snapshot())

    async def gather(self, data: bytes, sender: str = "a@sender.example") -> Evidence:
        envelope = Envelope(path(sender), (Recipient(path("ann@example.org")),))
        async with Spool(self.store) as spool:
            await spool.write(data)
            spooled = await spool.finish()
            read = content.read(spooled, envelope, self.settings)
            return await self.checks.gather(CLIENT, envelope, spooled, read, None)


MAIL = message(From="Ann <ann@sender.example>", body="text \r\n" * 10)


async def test_everything_passes(kit: Kit) -> None:
    checked = Checked(kit, zone())
    found = await checked.gather(signed(MAIL))
    assert (found.iprev.status, found.names) == (IprevStatus.PASS, ("mx.sender.example",))
    assert (found.spf.status, found.spf.identity) == (SpfStatus.PASS, "mailfrom")
    assert [each.status for each in found.dkim] == [DkimStatus.PASS]
    assert (found.dmarc.status, found.dmarc.aligned) == (DmarcStatus.PASS, Alignment.STRICT)
    text = checked.metrics.text().decode()
    assert 'moxtrio_dkim_verify_duration_seconds_count{algorithm="rsa-sha256",status="pass"} 1.0' in text
    assert 'moxtrio_dmarc_verify_duration_seconds_count{reject="no",status="pass",use="no"} 1.0' in text


@pytest.mark.parametrize("lines", [10, 1000, 50_000])
async def test_a_body_of_any_size_is_hashed(kit: Kit, lines: int) -> None:
    mail = message(From="ann@sender.example", body="0123456789abcdef\r\n" * lines)
    found = await Checked(kit, zone()).gather(signed(mail))
    assert [each.status for each in found.dkim] == [DkimStatus.PASS]
    found = await Checked(kit, zone()).gather(signed(mail)[:-3] + b"x\r\n")
    assert [each.status for each in found.dkim] == [DkimStatus.FAIL]


async def test_a_message_without_signatures_costs_no_look_up_of_keys(kit: Kit) -> None:
    names = zone()
    found = await Checked(kit, names).gather(MAIL)
    assert found.dkim == ()
    assert not any("_domainkey" in each.name for each in names.asked)


async def test_for_a_notice_spf_is_of_ehlo(kit: Kit) -> None:
    names = zone()
    names.set("mx.sender.example", "TXT", ["v=spf1 a -all"])
    found = await Checked(kit, names).gather(MAIL, sender="<>")
    assert (found.spf.status, found.spf.identity) == (SpfStatus.PASS, "helo")


async def test_what_does_not_answer_in_time_is_a_temporary_error(kit: Kit, autojump_clock: MockClock) -> None:
    slow = Slow(zone(), ("in-addr.arpa", "_domainkey.sender.example", "sender.example"))
    began = trio.current_time()
    found = await Checked(kit, slow).gather(signed(MAIL))
    assert trio.current_time() - began == pytest.approx(ALL)
    assert found.iprev.status is IprevStatus.TEMPERROR
    assert found.spf.status is SpfStatus.TEMPERROR
    assert [(each.status, each.domain) for each in found.dkim] == [
        (DkimStatus.TEMPERROR, Domain.parse("sender.example"))
    ]
    assert found.dmarc.status is DmarcStatus.TEMPERROR


async def test_what_answers_is_there_beside_what_does_not(kit: Kit, autojump_clock: MockClock) -> None:
    slow = Slow(zone(), ("in-addr.arpa",))
    began = trio.current_time()
    found = await Checked(kit, slow).gather(signed(MAIL))
    assert trio.current_time() - began == pytest.approx(FIRST)
    assert found.iprev.status is IprevStatus.TEMPERROR
    assert (found.spf.status, found.dmarc.status) == (SpfStatus.PASS, DmarcStatus.PASS)


async def test_the_checks_are_made_side_by_side(kit: Kit, autojump_clock: MockClock) -> None:
    @dataclass
    class Second(Resolver):
        inner: Zone

        async def look_up(self, question: Question) -> Answer:
            await trio.sleep(1)
            return await self.inner.look_up(question)

    resolver = Second(zone())
    checked = Checked(kit, zone())
    checked.checks = DnsChecks(resolver, kit.store, Metrics(), Domain.parse("in.example.org"), now=lambda: NOW)
    began = trio.current_time()
    found = await checked.gather(signed(signed(MAIL)))
    assert [each.status for each in found.dkim] == [DkimStatus.PASS] * 2
    assert trio.current_time() - began <= 4  # two for the name of the client, at most two for DMARC


@pytest.mark.parametrize(
    ("domain", "expected"),
    [("sender.example", Receives.YES), ("null.example", Receives.NULL_MX), ("no.example", Receives.NOTHING)],
)
async def test_a_domain_of_a_sender_is_looked_up(kit: Kit, domain: str, expected: Receives) -> None:
    assert await Checked(kit, zone()).checks.receives(Domain.parse(domain)) is expected


async def test_what_a_message_will_need_is_asked_with_the_domain_of_its_sender(kit: Kit) -> None:
    @dataclass
    class Together(Resolver):
        inner: Zone
        known: dict[Question, Answer] = field(default_factory=dict)
        rounds: list[list[str]] = field(default_factory=list)

        def maybe_known(self, question: Question) -> Answer | None:
            return self.known.get(question)

        async def fetch(self, wanted: Wanted) -> None:
            while questions := [each for each in wanted(self.maybe_known) if each not in self.known]:
                self.rounds.append([f"{each.name} {each.kind.value}" for each in questions])
                self.known |= {each: await self.inner.look_up(each) for each in questions}

        async def look_up(self, question: Question) -> Answer:
            raise AssertionError(question)

    resolver = Together(zone())
    checked = Checked(kit, resolver)
    assert await checked.checks.receives(Domain.parse("sender.example"), CLIENT) is Receives.YES
    assert resolver.rounds == [
        ["sender.example MX", "1.2.0.192.in-addr.arpa PTR", "sender.example TXT", "_dmarc.sender.example TXT"],
        ["mx.sender.example A"],
    ]
    found = await checked.gather(MAIL)
    assert (found.iprev.status, found.spf.status, found.dmarc.status) == (
        IprevStatus.PASS,
        SpfStatus.PASS,
        DmarcStatus.PASS,
    )
    assert len(resolver.rounds) == 2


async def test_a_look_up_that_does_not_end_is_unknown(kit: Kit, autojump_clock: MockClock) -> None:
    @dataclass
    class Silent(Resolver):
        async def look_up(self, question: Question) -> Answer:
            await trio.sleep_forever()
            raise AssertionError

    checks = DnsChecks(Silent(), kit.store, Metrics(), Domain.parse("in.example.org"))
    assert await checks.receives(Domain.parse("sender.example")) is Receives.UNKNOWN
    assert (await checks.spf(CLIENT, path("a@sender.example"))).status is SpfStatus.TEMPERROR


async def test_forged_results_are_removed_after_the_signature_that_covers_them_was_checked(world: World) -> None:
    world.checks = DnsChecks(zone(), world.store, world.metrics, Domain.parse("in.example.org"), now=lambda: NOW)
    world.make()
    forged = b"Authentication-Results: IN.example.org; dmarc=pass header.from=bank.example\r\n"
    others = b"Authentication-Results: mx.other.example; dmarc=fail\r\n"
    data = signed(forged + others + MAIL, names=("From", "Subject", "Authentication-Results"))
    assert await world.codes(data, "ann@example.org") == ["250 2.2.0"]
    (mail,) = await world.mails("ann")
    assert mail.endswith(data.replace(forged, b""))
    assert b"bank.example" not in mail
    assert b"mx.other.example" in mail
    assert mail.count(b"Authentication-Results: in.example.org;") == 1
    assert b"dkim=pass (2048 bit, without dnssec) header.d=sender.example header.s=k" in mail.replace(b"\r\n ", b" ")


async def test_of_results_without_number_some_are_kept_and_a_long_header_is_read_in_a_thread(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set[threading.Thread]()

    def read(*given: Any) -> content.Content:
        threads.add(threading.current_thread())
        return really(*given)

    really = content.read
    monkeypatch.setattr(content, "read", read)
    results = [f"Authentication-Results: mü{number}.bücher.example; none\r\n".encode() for number in range(4000)]
    await world.transact(b"".join(results) + message(), "ann@example.org")
    (mail,) = await world.mails("ann")
    assert mail.endswith(b"".join(results[:50]) + message())
    assert mail.count(b".example; none") == 50
    assert threading.current_thread() not in threads


async def test_a_large_message_is_cleaned_too(world: World) -> None:
    forged = b'Authentication-Results: "mail.example.org" 1; spf=pass\r\n'
    data = message(body="0123456789abcde\r\n" * 40_000)
    world.find(spf=replace(incoming_world.SPF_PASS))
    await world.transact(forged + data, "ann@example.org", "bob@example.org")
    for name, mailbox in (("ann", "Inbox"), ("bob", "Work")):
        (mail,) = await world.mails(name, mailbox)
        assert mail.endswith(b"\r\n" + data)
        assert b"mail.example.org" not in mail
    assert world.told.seen == [forged + data]


async def test_what_was_checked_a_moment_ago_is_not_asked_again(kit: Kit) -> None:
    names = zone()
    checked = Checked(kit, names)
    first = await checked.gather(MAIL)
    assert await checked.checks.receives(Domain.parse("sender.example")) is Receives.YES
    count = len(names.asked)
    assert await checked.gather(MAIL, "another@sender.example") == first
    assert await checked.checks.receives(Domain.parse("sender.example")) is Receives.YES
    assert len(names.asked) == count


async def test_spf_of_a_record_with_macros_is_checked_for_each_sender(kit: Kit) -> None:
    names = zone()
    names.set("sender.example", "TXT", ["v=spf1 exists:%{l}.sender.example -all"])
    names.set("ann.sender.example", "A", ["192.0.2.1"])
    checked = Checked(kit, names)
    assert (await checked.gather(MAIL, "ann@sender.example")).spf.status is SpfStatus.PASS
    assert (await checked.gather(MAIL, "eve@sender.example")).spf.status is SpfStatus.FAIL


async def test_what_dmarc_says_of_another_result_is_not_repeated(kit: Kit) -> None:
    checked = Checked(kit, zone())
    assert (await checked.gather(MAIL)).dmarc.status is DmarcStatus.PASS
    found = await checked.gather(MAIL, "a@null.example")
    assert (found.spf.status, found.dmarc.status) == (SpfStatus.NONE, DmarcStatus.FAIL)


async def test_whether_a_policy_is_applied_is_drawn_for_each_message(kit: Kit) -> None:
    names = zone()
    names.set("_dmarc.sender.example", "TXT", ["v=DMARC1; p=reject; pct=50"])
    chances = iter((0.4, 0.6, 0.4))
    hostname = Domain.parse("in.example.org")
    checked = Checked(kit, names)
    checked.checks = DnsChecks(names, kit.store, checked.metrics, hostname, chance=lambda: next(chances))
    assert [(await checked.gather(MAIL, "a@null.example")).dmarc.applied for _ in range(3)] == [True, False, True]
