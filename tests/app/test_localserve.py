"""A server for tests as a process: mail goes in at every port and arrives, errors are provoked, several run side by side."""

import shutil
import signal
import smtplib
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from mox_trio.app.localserve_files import ADDRESS, PASSWORD
from mox_trio.base.failure import Failure
from mox_trio.control import client
from tests.kit import localserve
from tests.kit.localserve import LocalServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with localserve.running(tmp_path_factory.mktemp("localserve") / "dir") as running:
        yield running


def message(subject: str, sender: str = "ann@example.com", to: str = "you@example.org") -> str:
    return f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHello.\r\n"


def trusting(server: LocalServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.directory / "localhost.crt"))


def test_mail_from_anywhere_to_anybody_arrives_in_the_account(server: LocalServer) -> None:
    with server.smtp() as smtp:
        smtp.sendmail("ann@example.com", ["you@example.org"], message("from outside"))
        smtp.sendmail("ann@example.com", [ADDRESS], message("to the account"))
        smtp.sendmail("", ["somebody@localhost"], message("a bounce"))
    assert {"from outside", "to the account", "a bounce"} <= set(server.subjects())


def test_other_servers_find_tls_with_the_certificate_of_the_directory(server: LocalServer) -> None:
    with server.smtp() as smtp:
        # The name that is verified.
        smtp._host = "localhost"  # type: ignore[attr-defined]
        smtp.starttls(context=trusting(server))
        smtp.sendmail("ann@example.com", ["you@example.org"], message("with TLS"))
    assert "with TLS" in server.subjects()


def test_users_log_in_without_tls_and_their_mail_to_the_world_comes_back(server: LocalServer) -> None:
    with server.submission() as smtp:
        smtp.login(ADDRESS, PASSWORD)
        smtp.sendmail(ADDRESS, ["friend@example.net"], message("submitted", ADDRESS))
    server.wait_for_subject("submitted")


def test_users_log_in_with_tls_from_the_first_byte(server: LocalServer) -> None:
    with smtplib.SMTP_SSL("localhost", server.base + 465, context=trusting(server), timeout=60) as smtp:
        smtp.login(ADDRESS, PASSWORD)
        smtp.sendmail(ADDRESS, [ADDRESS], message("submitted with TLS", ADDRESS, ADDRESS))
    server.wait_for_subject("submitted with TLS")


def test_a_wrong_password_is_refused_and_logged_with_its_client(server: LocalServer) -> None:
    with server.submission() as smtp:
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            smtp.login(ADDRESS, "wrong")
        assert refused.value.smtp_code == 535
    assert "remote=127.0.0.1" in server.wait_for_line("login failed")


def test_without_a_login_nothing_is_submitted(server: LocalServer) -> None:
    with server.submission() as smtp, pytest.raises(smtplib.SMTPSenderRefused) as refused:
        smtp.sendmail(ADDRESS, [ADDRESS], message("no"))
    assert refused.value.smtp_code == 530


@pytest.mark.parametrize(
    ("sender", "recipient", "code"),
    [
        ("mailfromtemperror@example.com", "you@example.org", 451),
        ("mailfrom553@example.com", "you@example.org", 553),
        ("ann@example.com", "rcpttopermerror@example.org", 550),
        ("ann@example.com", "rcptto452@example.org", 452),
        ("ann@example.com", "queuetemperror@example.org", 451),
    ],
)
def test_addresses_provoke_errors(server: LocalServer, sender: str, recipient: str, code: int) -> None:
    with server.smtp() as smtp:
        smtp.ehlo_or_helo_if_needed()
        replies = [smtp.mail(sender)[0], smtp.rcpt(recipient)[0]]
    assert code in replies


def test_an_error_in_the_queue_is_a_notice_to_the_sender(server: LocalServer) -> None:
    with server.submission() as smtp:
        smtp.login(ADDRESS, PASSWORD)
        smtp.sendmail(ADDRESS, ["queuepermerror@example.net"], message("comes back", ADDRESS))
    server.wait_for_subject("Mail could not be delivered")
    assert server.json("queue", "list", "--to", "queuepermerror") == []


def test_mail_that_is_tried_again_waits_in_the_queue_until_it_is_dropped(server: LocalServer) -> None:
    with server.submission() as smtp:
        smtp.login(ADDRESS, PASSWORD)
        smtp.sendmail(ADDRESS, ["queuetemperror@example.net"], message("waits", ADDRESS))
    assert "451" in server.wait_for_line("recipient=<queuetemperror@example.net>")
    (row,) = server.json("queue", "list", "--to", "queuetemperror")
    assert row["next_attempt"] > row["queued"]
    server.run("queue", "drop", "--to", "queuetemperror", "--yes")
    assert server.json("queue", "list") == []


def test_metrics_and_health_are_there(server: LocalServer) -> None:
    base = f"http://127.0.0.1:{server.base + 81}"
    with urllib.request.urlopen(f"{base}/health", timeout=60) as answer:
        assert answer.read() == b'{"status": "ok"}\n'
    with server.smtp():
        pass
    with urllib.request.urlopen(f"{base}/metrics", timeout=60) as answer:
        assert b'moxtrio_smtpserver_connection_total{kind="smtp"}' in answer.read()


def test_the_server_says_how_it_is(server: LocalServer) -> None:
    facts = server.json("status")
    assert facts["hostname"] == "localhost"
    assert facts["pid"] == server.process.pid
    assert f"smtp 127.0.0.1:{server.base + 25}" in facts["listening"]
    assert facts["config_problem"] is None


def test_programs_ask_the_control_socket(server: LocalServer) -> None:
    data = server.directory / "data"
    assert trio.run(client.ask, data, "queue-list", {"recipient": "nobody"}) == []
    assert trio.run(client.ask, data, "queue-hold", {"recipient": "nobody"}) == {"changed": 0, "busy": 0}
    assert trio.run(client.ask, data, "reload")["problem"] is None
    with pytest.raises(Failure, match="say all"):
        trio.run(client.ask, data, "queue-drop", {})


@pytest.mark.skipif(shutil.which("msmtp") is None, reason="msmtp is not installed")
def test_msmtp_submits_with_tls_from_the_first_byte(server: LocalServer, tmp_path: Path) -> None:
    config = tmp_path / "msmtprc"
    certificate = server.directory / "localhost.crt"
    config.write_text(
        f"account default\nhost localhost\nport {server.base + 465}\ntls on\ntls_starttls off\n"
        f"tls_trust_file {certificate}\nauth on\nuser {ADDRESS}\npassword {PASSWORD}\nfrom {ADDRESS}\n"
    )
    config.chmod(0o600)
    command = ["msmtp", f"--file={config}", "you@example.org"]
    text = message("msmtp submits", ADDRESS)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    server.wait_for_subject("msmtp submits")


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_swaks_delivers_and_submits(server: LocalServer) -> None:
    common = ["swaks", "--from", ADDRESS, "--to", "you@example.org", "--silent", "2"]
    login = ["--auth-user", ADDRESS, "--auth-password", PASSWORD]
    for port, more, subject in ((25, [], "swaks delivers"), (587, login, "swaks submits")):
        command = [*common, "--server", f"127.0.0.1:{server.base + port}", "--h-Subject", subject, *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        server.wait_for_subject(subject)


def test_what_to_try_is_printed_before_ready(server: LocalServer) -> None:
    printed = server.log.read_text()
    before, _, _ = printed.partition("\nready\n")
    assert ADDRESS in before
    assert PASSWORD in before
    assert f"127.0.0.1:{server.base + 25}" in before


def test_two_run_side_by_side_but_not_in_one_directory(server: LocalServer, tmp_path: Path) -> None:
    with localserve.running(tmp_path / "other", "--pedantic") as other:
        with other.smtp() as smtp:
            smtp.sendmail("ann@example.com", ["you@example.org"], message("for the other"))
        assert other.subjects() == ["for the other"]
        assert "for the other" not in server.subjects()
    base = localserve.free_base()
    command = [str(localserve.PROGRAM), "localserve", "--dir", str(server.directory), "--base-port", str(base)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "runs with" in done.stderr
    assert "already" in done.stderr


def test_a_port_that_is_taken_is_said_and_nothing_starts(server: LocalServer, tmp_path: Path) -> None:
    command = [str(localserve.PROGRAM), "localserve", "--dir", str(tmp_path / "x"), "--base-port", str(server.base)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert f"127.0.0.1:{server.base + 25}" in done.stderr
    assert "ready" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_well_and_mail_stays(tmp_path: Path, number: signal.Signals) -> None:
    with localserve.running(tmp_path / "dir") as first:
        with first.smtp() as smtp:
            smtp.sendmail("ann@example.com", ["you@example.org"], message("stays"))
        waiting = first.smtp()
        assert first.stop(number) == 0
        code, _ = waiting.getreply()
        assert code == 421
        waiting.close()
    with localserve.running(tmp_path / "dir", base=first.base) as second:
        assert second.subjects() == ["stays"]
        second.run("stop")
        assert second.process.wait(localserve.START) == 0
