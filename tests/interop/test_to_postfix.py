"""A user submits mail for a domain behind a real Postfix: by TLS or without, by BDAT, in UTF-8; notices come back."""

import re
import time
from email import message_from_string, policy

import dkim

from tests.kit import served
from tests.kit.postfix import Postfix
from tests.kit.served import Site
from tests.kit.stored import PATIENCE

FROM = served.address("sending")


def message(subject: str, to: str, body: str = "Hello.") -> bytes:
    return f"From: <{FROM}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


def arrived(peer: Postfix, user: str, subject: str) -> bytes:
    """The mail with a subject, once Postfix has it; it keeps lines with LF."""
    deadline = time.monotonic() + PATIENCE
    while True:
        for mail in peer.mails(user, 0):
            if f"\nSubject: {subject}\n".encode() in mail:
                return mail
        assert time.monotonic() < deadline, peer.log[-4000:]
        time.sleep(0.05)  # another process: there is no event to wait for


def test_without_tls(site: Site, peer: Postfix) -> None:
    to = "pat@postfix.example"
    with site.user("sending") as client:
        client.sendmail(FROM, [to], message("out in the clear", to))
    mail = arrived(peer, to, "out in the clear")
    assert f"Return-Path: <{FROM}>".encode() in mail
    assert b"from mail.here.example" in mail
    assert b"127.0.0.1" not in mail.partition(b"Received: from client")[2].partition(b"\nFrom:")[0]


def test_with_tls_and_signed(site: Site, peer: Postfix) -> None:
    to = "pat@tls.postfix.example"
    with site.user("sending") as client:
        client.sendmail(FROM, [to], message("out with TLS", to))
    mail = arrived(peer, to, "out with TLS")
    assert re.search(rb"\(using TLSv1\.[23] with cipher", mail)
    record = served.Keys(site.directory).record("rsa").encode()
    algorithms = re.findall(r"^DKIM-Signature:.*?a=([a-z0-9-]+);", mail.decode(), re.DOTALL | re.MULTILINE)
    assert sorted(algorithms) == ["ed25519-sha256", "rsa-sha256"]
    # dkimpy knows Ed25519 only with another library: what it verifies is RSA.
    at = algorithms.index("rsa-sha256")
    assert dkim.DKIM(mail.replace(b"\n", b"\r\n")).verify(at, dnsfunc=lambda name, timeout=5: record)


def test_eight_bits_dots_and_utf8_addresses(site: Site, peer: Postfix) -> None:
    to = "jürgen@postfix.example"
    body = ".\r\n..dots\r\nGrüße"
    with site.user("sending") as client:
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        client.sendmail(FROM, [to], message("out in UTF-8", to, body), mail_options=options)
    assert arrived(peer, to, "out in UTF-8").endswith(b"\n\n" + body.replace("\r\n", "\n").encode() + b"\n")


def test_a_large_message(site: Site, peer: Postfix) -> None:
    to, body = "pat@tls.postfix.example", "0123456789" * 7 + "\r\n"
    with site.user("sending") as client:
        client.sendmail(FROM, [to], message("out at length", to, body * 50_000))
    assert arrived(peer, to, "out at length").count(body.replace("\r\n", "\n").encode()) == 50_000


def test_who_does_not_exist_is_told_in_the_inbox(site: Site, peer: Postfix) -> None:
    known, unknown = "pat@postfix.example", "nobody@postfix.example"
    with site.user("bounced") as client:
        client.sendmail(served.address("bounced"), [known, unknown], message("one of two", known).replace(
            FROM.encode(), served.address("bounced").encode()
        ))  # fmt: skip
    arrived(peer, known, "one of two")
    told = failure(site, unknown)
    assert "Action: failed" in told
    assert "Status: 5.1.1" in told
    assert "Subject: one of two" in told
    parsed = message_from_string(told, policy=policy.default)
    assert [part.defects for part in parsed.walk() if part.defects] == []
    assert parsed.get_content_type() == "multipart/report"
    assert f"\r\nMessage-ID: {parsed['In-Reply-To']}\r\n" in told  # of the message, as it was sent
    assert re.findall(r"Final-Recipient: rfc822; ?(\S+)", told) == [unknown]


def test_the_other_server_tells_of_success_as_asked(site: Site, peer: Postfix) -> None:
    to = "pat@postfix.example"
    sender = "bounced+told@here.example"
    with site.user("bounced") as client:
        client.mail(sender, ["RET=HDRS", "ENVID=out-1"])
        client.rcpt(to, ["NOTIFY=SUCCESS", f"ORCPT=rfc822;{to}"])
        client.data(message("tell me too", to).replace(FROM.encode(), sender.encode()))
    arrived(peer, to, "tell me too")
    told = failure(site, "out-1")  # by Postfix: it speaks DSN, so it is its word
    assert "Action: delivered" in told
    assert "Reporting-MTA: dns; postfix.example" in told


def test_a_relay_that_cannot_be_verified_gets_nothing(site: Site, peer: Postfix) -> None:
    to = "pat@verified.postfix.example"
    with site.user("bounced") as client:
        sender = served.address("bounced")
        client.sendmail(sender, [to], message("not verified", to).replace(FROM.encode(), sender.encode()))
    assert "event=retried" in site.logged("delivery settled", f"recipient=<{to}>")
    assert peer.mails(to, 0) == []
    (row,) = site.ask("queue-list", recipient=to)
    assert (row["state"], row["attempts"]) == ("waiting", 1)
    assert site.run("queue", "fail", str(row["id"]), "--yes")["changed"] == 1
    assert "Action: failed" in failure(site, to)


def failure(site: Site, about: str) -> str:
    """The notice in the sender's Inbox that speaks of something, once it is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [mail for mail in site.mails("bounced", 0) if about.encode() in mail and b"delivery-status" in mail]
        if found:
            return found[0].decode()
        assert time.monotonic() < deadline, site.log[-6000:]
