"""Programs of users submit mail: swaks, msmtp and Python's smtplib, by every mechanism that they know."""

import re
import smtplib
import subprocess
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path

import pytest

from tests.kit import nameservers, served
from tests.kit.served import PASSWORD, Site
from tests.kit.stored import PATIENCE


def run(program: str, *arguments: str, given: str = "", code: int = 0) -> str:
    """Run a program of Debian; what it prints."""
    command = [nameservers.program(program), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def swaks(port: int, *arguments: str, code: int = 0) -> str:
    """swaks to a port; its transcript. TLS it has by Perl's Net::SSLeay."""
    if {"--tls", "--tls-on-connect"} & {*arguments} and "TLS supported" not in run("swaks", "--support"):
        nameservers.absent("swaks has no TLS: libnet-ssleay-perl is not installed")
    return run("swaks", "--server", f"127.0.0.1:{port}", "--helo", "client.example", *arguments, code=code)


def login(mechanism: str, account: str = "swaks", password: str = PASSWORD) -> list[str]:
    return ["--auth", mechanism, "--auth-user", served.address(account), "--auth-password", password]


def to_account(account: str, subject: str) -> list[str]:
    return ["--to", served.address(account), "--h-Subject", subject]


# -- swaks


def test_swaks_to_the_port_of_other_servers(site: Site) -> None:
    for subject, options in (
        ("swaks in the clear", []),
        ("swaks with TLS", ["--tls"]),
        ("swaks in one go", ["--pipeline"]),
        ("swaks says HELO", ["--protocol", "SMTP"]),
    ):
        swaks(site.smtp, "--from", "ann@strict.example", *to_account("swaks", subject), *options)
    assert b"with ESMTPS" in site.mail_with("swaks", "swaks with TLS")
    assert re.search(rb"with SMTP\b", site.mail_with("swaks", "swaks says HELO"))
    assert b"with ESMTP " in site.mail_with("swaks", "swaks in one go")
    site.mail_with("swaks", "swaks in the clear")


def test_swaks_sends_eight_bits_as_they_are(site: Site) -> None:
    body = "Grüße aus Köln, 日本\n"
    swaks(site.smtp, "--from", "ann@strict.example", *to_account("swaks", "eight bits"), "--body", body)
    assert body.strip().encode() in site.mail_with("swaks", "eight bits")


def test_swaks_sends_much(site: Site, tmp_path: Path) -> None:
    line = b"0123456789" * 7 + b"\n"
    (tmp_path / "much").write_bytes(line * 150_000)
    options = [*to_account("swaks", "much"), "--body", f"@{tmp_path / 'much'}"]
    transcript = swaks(site.smtp, "--from", "ann@strict.example", *options, "--hide-send")
    assert "<~  250" in transcript or "<-  250" in transcript
    mail = site.mail_with("swaks", "much")
    assert mail.count(line.replace(b"\n", b"\r\n")) == 150_000


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_submits_with_starttls(site: Site, mechanism: str) -> None:
    subject = f"submitted by {mechanism}"
    options = ["--tls", *login(mechanism), "--from", served.address("swaks"), *to_account("swaks", subject)]
    swaks(site.submission, *options)
    assert b"with ESMTPSA" in site.mail_with("swaks", subject)


def test_swaks_submits_with_tls_from_the_first_byte(site: Site) -> None:
    options = ["--tls-on-connect", *login("PLAIN"), "--from", served.address("swaks")]
    swaks(site.submissions, *options, *to_account("swaks", "submitted with TLS first"))
    assert b"with ESMTPSA" in site.mail_with("swaks", "submitted with TLS first")


def test_swaks_submits_by_cram_md5_with_an_app_password(site: Site) -> None:
    options = ["--tls", *login("CRAM-MD5", "crammed", site.secret("app-password"))]
    swaks(site.submission, *options, "--from", served.address("crammed"), *to_account("crammed", "crammed"))
    site.mail_with("crammed", "crammed")


def test_swaks_with_a_wrong_password_is_refused(site: Site) -> None:
    options = [*login("PLAIN", password="wrong"), "--from", served.address("swaks"), *to_account("swaks", "no")]
    assert "535 5.7.8" in swaks(site.submission, "--tls", *options, code=28)


def test_without_tls_no_mechanism_is_offered(site: Site) -> None:
    options = [*login("PLAIN"), "--from", served.address("swaks"), *to_account("swaks", "no")]
    assert "AUTH" not in re.sub(r"\*\*\*.*", "", swaks(site.submission, *options, code=28))


# -- msmtp


@pytest.mark.parametrize("mechanism", ["scram-sha-256", "scram-sha-1", "plain", "login"])
def test_msmtp_submits(site: Site, tmp_path: Path, mechanism: str) -> None:
    subject = f"msmtp by {mechanism}"
    run_msmtp(site, tmp_path, mechanism, f"To: {served.address('msmtp')}\nSubject: {subject}\n\nHello.\n")
    mail = site.mail_with("msmtp", subject)
    assert b"\r\n\r\nHello.\r\n" in mail
    assert b"\r\nMessage-ID: <" in mail.replace(b"Message-Id", b"Message-ID")


def run_msmtp(site: Site, directory: Path, mechanism: str, message: str) -> None:
    config = directory / "msmtprc"
    config.write_text(
        f"account default\nhost 127.0.0.1\nport {site.submission}\ndomain client.example\n"
        f"tls on\ntls_starttls on\ntls_trust_file {site.directory / 'host.crt'}\ntls_host_override localhost\n"
        f'auth {mechanism}\nuser {served.address("msmtp")}\npassword "{PASSWORD}"\nfrom {served.address("msmtp")}\n'
    )
    config.chmod(0o600)
    run("msmtp", "-C", str(config), "-t", given=message)


def test_msmtp_shows_what_the_server_offers(site: Site) -> None:
    arguments = ["--port", str(site.submissions), "--tls", "--tls-starttls=off", "--tls-certcheck=off"]
    told = run("msmtp", "--serverinfo", "--host", "127.0.0.1", *arguments)
    for word in ("PIPELINING", "SIZE", "DSN", "SCRAM-SHA-256", "PLAIN"):
        assert word in told


# -- smtplib


def message(subject: str, sender: str, to: str) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender, to, subject
    made.set_content("Hello.\n")
    return made


def test_smtplib_submits_to_others_of_this_server(site: Site) -> None:
    made = message("to each other", served.address("smtplib"), served.address("other"))
    made["Bcc"] = served.address("bcc")
    with site.user("smtplib") as client:
        client.send_message(made)
    mail = site.mail_with("other", "to each other")
    assert b"Bcc" not in mail
    assert b"127.0.0.1" not in mail.partition(b"From:")[0]  # where a user is, is nobody's business
    site.mail_with("bcc", "to each other")


def test_smtplib_hears_of_each_recipient_that_is_refused(site: Site) -> None:
    sender = "ann@strict.example"
    with site.outside() as client:
        wanted = [served.address("smtplib"), "nobody@here.example", "someone@elsewhere.example"]
        refused = client.send_message(message("two of three refused", sender, wanted[0]), sender, wanted)
        assert {each: code for each, (code, _) in refused.items()} == {wanted[1]: 550, wanted[2]: 550}
    site.mail_with("smtplib", "two of three refused")


def test_smtplib_sends_with_smtputf8(site: Site) -> None:
    made = EmailMessage(policy=SMTPUTF8)
    made["From"], made["To"], made["Subject"] = "jürgen@strict.example", served.address("smtplib"), "Über UTF-8"
    made.set_content("Grüße\n", cte="8bit")
    with site.outside() as client:
        client.send_message(made, "jürgen@strict.example", [served.address("smtplib")])
    mail = site.mail_with("smtplib", "Über UTF-8")
    assert "Return-Path: <jürgen@strict.example>".encode() in mail
    assert b"with UTF8SMTP" in mail


def test_nobody_submits_as_somebody_else(site: Site) -> None:
    with site.user("smtplib") as client, pytest.raises(smtplib.SMTPResponseException) as refused:
        client.sendmail(
            served.address("other"),
            [served.address("other")],
            message("not me", served.address("other"), served.address("other")).as_bytes(),
        )
    assert refused.value.smtp_code // 100 == 5
