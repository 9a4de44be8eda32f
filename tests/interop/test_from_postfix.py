"""A real Postfix sends mail to a real server: by SMTP with TLS, by LMTP, and what comes back to it."""

import re
import smtplib
import time

from tests.kit import served
from tests.kit.postfix import Postfix
from tests.kit.served import Site
from tests.kit.stored import PATIENCE

SENDER = "pat@postfix.example"
TO = served.address("fromposter")


def message(subject: str, sender: str = SENDER, to: str = TO, body: str = "Hello.") -> bytes:
    return f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


def notice(peer: Postfix, about: str) -> str:
    """The mail to our sender that speaks of a recipient, once it is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [mail for mail in peer.mails(SENDER, 0) if about.encode() in mail]
        if found:
            return found[0].decode()
        assert time.monotonic() < deadline, peer.log[-4000:]
        time.sleep(0.05)  # another process: there is no event to wait for


def test_it_comes_with_tls_and_its_domain_vouches(site: Site, peer: Postfix) -> None:
    peer.submit(SENDER, [TO], message("by TLS"))
    mail = site.mail_with("fromposter", "by TLS")
    assert b"with ESMTPS" in mail
    assert b"spf=pass" in mail
    assert re.search(rf"TLS connection established to 127.0.0.1\[127.0.0.1\]:{site.smtp}: TLSv1", peer.log)


def test_lines_and_dots_arrive_as_they_were(site: Site, peer: Postfix) -> None:
    body = ".\r\n..\r\n.dot\r\n\r\n\r\n" + "x" * 900 + "\r\nGrüße"
    peer.submit(SENDER, [TO], message("dots", body=body), mail_options=["BODY=8BITMIME"])
    assert site.mail_with("fromposter", "dots").endswith(b"\r\n\r\n" + body.encode() + b"\r\n")


def test_addresses_in_utf8(site: Site, peer: Postfix) -> None:
    sender = "jürgen@postfix.example"
    with smtplib.SMTP("127.0.0.1", peer.port) as client:
        client.sendmail(sender, [TO], message("UTF-8 addresses", sender), mail_options=["SMTPUTF8"])
    mail = site.mail_with("fromposter", "UTF-8 addresses")
    assert f"Return-Path: <{sender}>".encode() in mail
    assert b"with UTF8SMTPS" in mail


def test_who_asks_is_told_that_it_was_delivered(site: Site, peer: Postfix) -> None:
    to = "fromposter+success@here.example"
    asked = [f"NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{to.replace('+', '+2B')}"]  # xtext (RFC 3461 4)
    content = message("tell me", to=to)
    peer.submit(SENDER, [to], content, mail_options=["RET=HDRS", "ENVID=QQ314159"], rcpt_options=asked)
    site.mail_with("fromposter", "tell me")
    told = notice(peer, to)
    assert "Reporting-MTA: dns;mail.here.example" in told.replace("dns; ", "dns;")
    assert "Original-Envelope-Id: QQ314159" in told
    assert f"Original-Recipient: rfc822;{to}" in told.replace("rfc822; ", "rfc822;")
    assert "Action: delivered" in told
    assert "Return-Path: <>" in told
    assert "Hello." not in told  # RET=HDRS


def test_who_is_unknown_is_told_by_the_sender_s_own_server(site: Site, peer: Postfix) -> None:
    peer.submit(SENDER, ["nobody@here.example"], message("nobody", to="nobody@here.example"))
    told = notice(peer, "nobody@here.example")
    assert "550 5.1.1" in told
    assert "Reporting-MTA: dns; postfix.example" in told


def test_by_lmtp_each_recipient_has_its_own_fate(site: Site, peer: Postfix) -> None:
    known, unknown = "lmtp@lmtp.example", "nobody@lmtp.example"
    peer.submit(SENDER, [known, unknown], message("by LMTP", to=known))
    mail = site.mail_with("lmtp", "by LMTP")
    assert b"with LMTP" in mail
    assert b"Return-Path: <pat@postfix.example>" in mail
    told = notice(peer, unknown)
    assert "Final-Recipient: rfc822; nobody@lmtp.example" in told
    assert "Status: 5.1.1" in told
    assert known not in re.findall(r"Final-Recipient: rfc822; (\S+)", told)


def test_by_lmtp_senders_need_not_exist(site: Site, peer: Postfix) -> None:
    peer.submit("ann@no.such.example", ["lmtp@lmtp.example"], message("trusted", "ann@no.such.example"))
    assert b"spf=" not in site.mail_with("lmtp", "trusted").partition(b"\r\n\r\n")[0]
