"""The fields before a message: their order, their values, and nothing of others that breaks out of them."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base.address import Address
from mox_trio.base.domain import Domain
from mox_trio.incoming.content import Content
from mox_trio.incoming.evidence import Evidence
from mox_trio.incoming.headers import Fields
from mox_trio.incoming.judge import Subject, facts_of
from mox_trio.mailstore.spool import Spooled
from mox_trio.policy.results import (
    Arc,
    ArcStatus,
    DkimSignature,
    DkimStatus,
    Dmarc,
    DmarcPolicy,
    DmarcStatus,
    Iprev,
    IprevStatus,
    Spf,
    SpfStatus,
)
from mox_trio.policy.verdict import Verdict
from mox_trio.protocol.mime import header, header_writer
from mox_trio.protocol.mime.part import Part
from mox_trio.protocol.smtp.envelope import Client, Envelope, Recipient, Tls
from tests.kit import incoming_world
from tests.kit.incoming_world import CLIENT, EVIDENCE, path

SETTINGS = incoming_world.settings_of(incoming_world.snapshot())
SENDER = Domain.parse("sender.example")
AUTHOR = Address.parse("ann@sender.example")
ENVELOPE = Envelope(path("a@sender.example"), (Recipient(path("ann@example.org")),))
NOW = 1_800_000_000_000
TAKEN = Verdict("no-bad-signals", mailbox="Inbox")

FULL = Evidence(
    Iprev(IprevStatus.FAIL, ("mx.sender.example",), detail="no name leads back"),
    Spf(SpfStatus.PERMERROR, "mailfrom", SENDER, detail="two records"),
    (DkimSignature(DkimStatus.FAIL, SENDER, Domain.parse("s1"), "@sender.example", "rsa-sha256", 2048, "aGVsbG8+"),),
    Arc(ArcStatus.PASS),
    Dmarc(DmarcStatus.FAIL, DmarcPolicy.REJECT, domain=SENDER),
)


def fields(client: Client = CLIENT, envelope: Envelope = ENVELOPE, evidence: Evidence | None = EVIDENCE) -> Fields:
    made = SETTINGS if evidence is not None else replace(SETTINGS, lmtp=True)
    block = header.parse(b"")
    read = Content(block, AUTHOR)
    spooled = Spooled(0, Part(), b"", b"", None)
    facts = facts_of(envelope, read, evidence)
    return Fields(made, Subject(client, envelope, spooled, read, evidence, facts, str(client.address)), NOW)


def written(made: Fields, verdict: Verdict = TAKEN, to: str = "ann@example.org") -> str:
    return made.prefix(to, verdict).decode()


def unfolded(made: Fields, name: str, verdict: Verdict = TAKEN) -> str:
    found = header.parse(made.prefix("ann@example.org", verdict)).get(name.lower().encode())
    assert found is not None
    return found.decode().replace("\t", " ")


def test_all_fields_in_their_order() -> None:
    assert written(fields()) == (
        "X-MoxTrio-Reason: no-bad-signals\r\n"
        "Delivered-To: ann@example.org\r\n"
        "Return-Path: <a@sender.example>\r\n"
        "Authentication-Results: in.example.org;\r\n"
        "\tiprev=pass (without dnssec) policy.iprev=192.0.2.1;\r\n"
        "\tdkim=none;\r\n"
        "\tspf=none (without dnssec) smtp.mailfrom=sender.example;\r\n"
        "\tdmarc=none (without dnssec) header.from=sender.example\r\n"
        "Received-SPF: none (in.example.org: sender.example says nothing certain about\r\n"
        ' 192.0.2.1 as permitted sender) client-ip=192.0.2.1;\r\n envelope-from="a@sender.example";'
        " helo=mx.sender.example;\r\n receiver=in.example.org; identity=mailfrom\r\n"
        "Received: from mx.sender.example (mx.sender.example [192.0.2.1])\r\n"
        "\tby in.example.org ([192.0.2.25]) via tcp with ESMTP id s1\r\n"
        "\tfor <ann@example.org>; Fri, 15 Jan 2027 08:00:00 +0000\r\n"
    )


def test_results_say_what_was_found() -> None:
    assert unfolded(fields(evidence=FULL), "Authentication-Results", replace(TAKEN, override="forwarded")) == (
        "in.example.org; "
        'iprev=fail (without dnssec) reason="no name leads back" policy.iprev=192.0.2.1; '
        "dkim=fail (2048 bit, without dnssec) header.d=sender.example header.s=s1 header.a=rsa-sha256"
        " header.b=aGVsbG8+ header.i=@sender.example; "
        "spf=permerror (without dnssec) smtp.mailfrom=sender.example; "
        "arc=pass (without dnssec) header.oldest-pass=0; "
        "dmarc=fail (p=reject, sampled out, override forwarded, without dnssec) header.from=sender.example"
    )
    assert 'problem="two records"' in unfolded(fields(evidence=FULL), "Received-SPF")


def test_a_reason_has_its_detail() -> None:
    assert written(fields(), replace(TAKEN, detail="policy x")).startswith(
        "X-MoxTrio-Reason: no-bad-signals; policy x\r\n"
    )


@pytest.mark.parametrize(
    ("client", "envelope", "protocol"),
    [
        ({}, {}, "ESMTP"),
        ({"extended": False}, {}, "SMTP"),
        ({"tls": Tls("TLSv1.3", "TLS_AES_128_GCM_SHA256")}, {}, "ESMTPS"),
        ({}, {"smtputf8": True}, "UTF8SMTP"),
        ({"tls": Tls("TLSv1.3", "TLS_AES_128_GCM_SHA256")}, {"smtputf8": True}, "UTF8SMTPS"),
    ],
)
def test_received_names_the_protocol(client: dict[str, object], envelope: dict[str, object], protocol: str) -> None:
    made = fields(replace(CLIENT, **client), replace(ENVELOPE, **envelope))  # type: ignore[arg-type]
    received = unfolded(made, "Received")
    assert f" via tcp with {protocol} id s1 " in received
    assert ("(TLSv1.3 TLS_AES_128_GCM_SHA256)" in received) is ("tls" in client)


def test_received_tells_a_recipient_only_where_there_is_one() -> None:
    two = replace(ENVELOPE, recipients=(*ENVELOPE.recipients, Recipient(path("bob@example.org"))))
    assert "for <" not in unfolded(fields(envelope=two), "Received")
    assert unfolded(fields(envelope=two), "Received").endswith(" id s1 ; Fri, 15 Jan 2027 08:00:00 +0000")


def test_received_shows_addresses_as_literals_and_names_only_that_lead_back() -> None:
    client = replace(CLIENT, address=ip_address("2001:db8::1"))
    evidence = replace(EVIDENCE, iprev=Iprev(IprevStatus.FAIL, ("mx.sender.example",)))
    assert unfolded(fields(client, evidence=evidence), "Received").startswith(
        "from mx.sender.example ([IPv6:2001:db8::1]) by"
    )


def test_what_ehlo_said_is_not_believed_blindly() -> None:
    received = unfolded(fields(replace(CLIENT, hello="x) by bank.example (y")), "Received")
    assert received.startswith("from unknown (mx.sender.example [192.0.2.1]) by in.example.org ")


def test_mail_of_a_trusted_site_has_no_results() -> None:
    made = fields(evidence=None)
    assert "Authentication-Results" not in written(made)
    assert "Received-SPF" not in written(made)
    assert " with LMTP id s1 " in unfolded(made, "Received")
    utf8 = fields(envelope=replace(ENVELOPE, smtputf8=True), evidence=None)
    assert " with UTF8LMTP id s1 " in unfolded(utf8, "Received")


def test_requiretls_is_told() -> None:
    assert " (requiretls) " in unfolded(fields(envelope=replace(ENVELOPE, require_tls=True)), "Received")


def test_the_null_path_is_written() -> None:
    assert unfolded(fields(envelope=replace(ENVELOPE, reverse_path=path("<>"))), "Return-Path") == "<>"


ANYTHING = st.text(max_size=300)


@settings(max_examples=100)
@given(ANYTHING, ANYTHING, ANYTHING)
def test_nothing_that_others_say_breaks_out_of_a_field(hello: str, detail: str, mechanism: str) -> None:
    evidence = Evidence(
        Iprev(IprevStatus.FAIL, detail=detail),
        Spf(SpfStatus.TEMPERROR, "helo", None, detail=detail, mechanism=mechanism),
        (DkimSignature(DkimStatus.FAIL, SENDER, None, hello, mechanism, 0, detail[:12], detail=detail),),
        Arc(ArcStatus.FAIL, detail=detail),
        Dmarc(DmarcStatus.PERMERROR, detail=detail),
    )
    made = fields(replace(CLIENT, hello=hello), evidence=evidence)
    prefix = made.prefix("ann@example.org", replace(TAKEN, detail=detail))
    names = [each.name for each in header.parse(prefix).fields]
    assert names == [
        b"X-MoxTrio-Reason",
        b"Delivered-To",
        b"Return-Path",
        b"Authentication-Results",
        b"Received-SPF",
        b"Received",
    ]
    assert all(header_writer.is_written(each.raw) for each in header.parse(prefix).fields)
