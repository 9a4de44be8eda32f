"""Who a message is from, found out with real name servers, DNSSEC and dkimpy's signatures, and what follows."""

import re

import dkim
import pytest

from tests.interop import wire
from tests.kit import served
from tests.kit.served import Site

TO = served.address("evidence")


def message(subject: str, domain: str, *, header: str = "") -> bytes:
    return (
        f"{header}From: Ann <ann@{domain}>\r\nTo: <{TO}>\r\nSubject: {subject}\r\n"
        f"Date: Mon, 05 Jan 2026 10:00:00 +0000\r\nMessage-ID: <{subject.replace(' ', '.')}@{domain}>\r\n\r\nhello\r\n"
    ).encode()


def signed(site: Site, domain: str, plain: bytes) -> bytes:
    """With a signature of the domain in front."""
    made: bytes = dkim.sign(plain, b"s", domain.encode(), (site.directory / "signer.key").read_bytes())
    return made + plain


def send(site: Site, sender: str, content: bytes, *, client: str | None = None) -> str:
    """Send it from 127.0.0.1, or through a proxy from another client; the last reply."""
    port, header = site.smtp, b""
    if client is not None:
        port, header = site.proxied, f"PROXY TCP4 {client} 192.0.2.25 40000 25\r\n".encode()
    with wire.opened(port, header) as opened:
        opened.begin(sender.encode(), TO.encode())
        opened.send(content + b".\r\n")
        return opened.reply()


def results(mail: bytes) -> str:
    """The first Authentication-Results on one line, without comments on how it was found out."""
    found = re.search(rb"^Authentication-Results: ([^\r]*(?:\r\n[ \t][^\r]*)*)", mail, re.MULTILINE)
    assert found is not None
    return re.sub(r"\s+", " ", found[1].decode())


def test_a_signed_zone_vouches_with_dnssec(site: Site) -> None:
    plain = message("all pass", "strict.example")
    assert send(site, "ann@strict.example", signed(site, "strict.example", plain)).startswith("250")
    said = results(site.mail_with("evidence", "all pass"))
    assert said.startswith("mail.here.example;")
    assert re.search(r"spf=pass \([^)]*with dnssec\) smtp.mailfrom=strict.example", said)
    assert re.search(r"dkim=pass \([^)]*with dnssec\) header.d=strict.example header.s=s", said)
    assert re.search(r"dmarc=pass \([^)]*with dnssec\) header.from=strict.example", said)


def test_a_zone_without_dnssec_vouches_without_it(site: Site) -> None:
    plain = message("no dnssec", "lenient.example")
    assert send(site, "ann@lenient.example", signed(site, "lenient.example", plain)).startswith("250")
    said = results(site.mail_with("evidence", "no dnssec"))
    assert re.search(r"spf=pass \([^)]*without dnssec\)", said)
    assert re.search(r"dkim=pass \([^)]*without dnssec\)", said)
    assert " with dnssec" not in said.replace("without", "")


def test_what_dmarc_rejects_is_refused(site: Site) -> None:
    reply = send(site, "eve@elsewhere.example", message("forged", "strict.example"), client="192.0.2.7")
    assert reply.startswith("550 5.7.26")


def test_a_signature_alone_satisfies_dmarc(site: Site) -> None:
    plain = message("forwarded", "strict.example")
    content = signed(site, "strict.example", plain)
    assert send(site, "list@elsewhere.example", content, client="192.0.2.7").startswith("250")
    said = results(site.mail_with("evidence", "forwarded"))
    assert "dmarc=pass" in said
    assert "spf=pass" in said  # of the list, which is not aligned


def test_a_broken_signature_does_not(site: Site) -> None:
    broken = signed(site, "strict.example", message("broken", "strict.example")).replace(b"hello", b"hallo")
    assert send(site, "list@elsewhere.example", broken, client="192.0.2.7").startswith("550 5.7.26")


def test_where_nothing_is_enforced_a_failure_is_told_and_taken(site: Site) -> None:
    content = message("not enforced", "lenient.example")
    assert send(site, "eve@elsewhere.example", content, client="192.0.2.7").startswith("250")
    assert "dmarc=fail" in results(site.mail_with("evidence", "not enforced"))


def test_results_that_others_wrote_in_our_name_are_removed(site: Site) -> None:
    forged = (
        "Authentication-Results: mail.here.example; dkim=pass header.d=bank.example\r\n"
        "Authentication-Results: other.example; dkim=pass header.d=kept.example\r\n"
        "AUTHENTICATION-RESULTS: (hi) MAIL.here.example (x) ; dmarc=pass\r\n\theader.from=bank.example\r\n"
    )
    plain = message("forged results", "strict.example", header=forged)
    # Our name goes after verification: the signature covers all of the three.
    fields = [b"from", b"subject", *[b"authentication-results"] * 3]
    key = (site.directory / "signer.key").read_bytes()
    content = dkim.sign(plain, b"s", b"strict.example", key, include_headers=fields) + plain
    assert send(site, "ann@strict.example", content).startswith("250")
    mail = site.mail_with("evidence", "forged results")
    assert b"bank.example" not in mail
    assert b"kept.example" in mail
    assert "dkim=pass" in results(mail)


@pytest.mark.parametrize(
    ("sender", "reply"),
    [
        ("ann@silent.example", "550 5.7.27"),
        ("ann@nowhere.here.example", "550 5.7.27"),
        ("ann@bogus.example", "451 4.4.0"),
    ],
)
def test_a_sender_that_could_not_be_answered_is_refused(site: Site, sender: str, reply: str) -> None:
    with wire.opened(site.smtp) as client:
        assert client.ask(f"MAIL FROM:<{sender}>".encode()).startswith(reply)


def test_a_second_recipient_needs_a_sender_whose_domain_vouches(site: Site) -> None:
    for sender, code in ((b"ann@strict.example", "250"), (b"ann@elsewhere.example", "452 4.5.3"), (b"", "452 4.5.3")):
        with wire.opened(site.smtp) as client:
            client.ask(b"MAIL FROM:<" + sender + b">")
            assert client.ask(b"RCPT TO:<" + TO.encode() + b">").startswith("250")
            assert client.ask(b"RCPT TO:<" + served.address("other").encode() + b">").startswith(code)


def test_two_authors_are_refused(site: Site) -> None:
    twice = b"From: boss@strict.example\r\n" + message("two authors", "lenient.example")
    assert send(site, "ann@lenient.example", twice).startswith("550 5.6.0")
