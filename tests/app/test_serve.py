"""`mox-trio serve` as a process: started, asked, stopped; as root with a port that only root may bind."""

import os
import pwd
import signal
import smtplib
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit import localserve, programs, shared_server, wires
from tests.kit.runtime import USER

DYNAMIC = """\
[domains."example.org"]
[accounts.ann]
addresses = ["ann@example.org"]
"""


@dataclass
class Site:
    """A configuration in a directory."""

    directory: Path
    smtp: int
    lmtp: int
    address: str = "127.0.0.1"
    user: str = pwd.getpwuid(os.geteuid()).pw_name

    def write(self, more: str = "") -> Path:
        certificate, key = wires.certificate("mail.example.org").write(self.directory)
        (self.directory / "data").mkdir(exist_ok=True)
        (self.directory / "data" / "domains.toml").write_text(DYNAMIC)
        for path in (certificate, key):
            path.chmod(0o644)
        static = self.directory / "mox-trio.toml"
        static.write_text(f"""
hostname = "mail.example.org"
user = "{self.user}"
{more}
[limits]
stop_grace = "2s"
exempt = ["127.0.0.0/8"]
[dns]
servers = ["127.0.0.1"]
port = {shared_server.free_ports(1)[0]}
timeout = "1s"
[listeners.public]
ips = ["{self.address}"]
smtp = {{ port = {self.smtp}, first_time_sender_delay = "0s" }}
lmtp = {{ port = {self.lmtp} }}
[listeners.public.tls]
certificates = [{{ cert_file = "{certificate}", key_file = "{key}" }}]
""")
        return static


@pytest.fixture
def site(tmp_path: Path) -> Site:
    smtp, lmtp = shared_server.free_ports(2)
    return Site(tmp_path, smtp, lmtp)


def program(config: Path, *arguments: str) -> list[str]:
    return [str(programs.PROGRAM), "--config", str(config), *arguments]


def serving(config: Path) -> list[str]:
    return ["--config", str(config), "serve"]


def ask(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(program(config, *arguments), capture_output=True, text=True, check=False, timeout=60)


def wait_until(log: Path, text: str, process: programs.Process) -> None:
    deadline = time.monotonic() + localserve.START
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def test_a_server_serves_tells_systemd_and_stops(site: Site) -> None:
    config, log = site.write(), site.directory / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(site.directory / "notify"))
        systemd.settimeout(60)
        environment = {**os.environ, "NOTIFY_SOCKET": str(site.directory / "notify"), "WATCHDOG_USEC": "20000000"}
        with shared_server.child(program(config, "serve"), log, environment) as process:
            told = {systemd.recv(100), systemd.recv(100)}
            while b"READY=1" not in told or b"WATCHDOG=1" not in told:
                told.add(systemd.recv(100))
            with smtplib.SMTP("127.0.0.1", site.smtp, timeout=60) as client:
                assert client.ehlo()[0] == 250
                assert client.has_extn("starttls")
            status = ask(config, "status")
            assert status.returncode == 0, status.stderr
            assert f"smtp 127.0.0.1:{site.smtp}" in status.stdout
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, log.read_text()
            while systemd.recv(100) != b"STOPPING=1":
                pass
    assert not (site.directory / "data" / "control.sock").exists()
    assert "Traceback" not in log.read_text()


def test_a_site_hands_mail_over_by_lmtp(site: Site) -> None:
    config, log = site.write(), site.directory / "log"
    with programs.started(serving(config), log) as process:
        wait_until(log, "message=serving", process)
        with smtplib.LMTP("127.0.0.1", site.lmtp) as client:
            message = "From: bob@example.com\r\nTo: ann@example.org\r\nSubject: handed over\r\n\r\nhi\r\n"
            client.sendmail("bob@example.com", ["ann@example.org"], message)
        listed = ask(config, "mailbox", "messages", "ann", "Inbox")
    assert "handed over" in listed.stdout, listed.stderr + log.read_text()


def test_mail_is_answered_at_the_port_of_the_web_to_who_asks_for_it(site: Site) -> None:
    web, imaps, submissions = shared_server.free_ports(3)
    config, log = site.write(), site.directory / "log"
    services = f"""
webapi_https = {{ port = {web} }}
imaps = {{ port = {imaps}, on_https = true }}
submissions = {{ port = {submissions}, on_https = true }}
[listeners.public.tls]"""
    config.write_text(config.read_text().replace("[listeners.public.tls]", services))
    answers: dict[str, bytes] = {}
    with programs.started(serving(config), log) as process:
        wait_until(log, "message=serving", process)
        for asked in ("imap", "smtp", "http/1.1", ""):
            context = wires.certificate("mail.example.org").client_context()
            if asked:
                context.set_alpn_protocols([asked])
            with (
                socket.create_connection(("127.0.0.1", web), timeout=60) as plain,
                context.wrap_socket(plain, server_hostname="mail.example.org") as client,
            ):
                assert (client.selected_alpn_protocol() or "") == asked
                if asked in ("http/1.1", ""):
                    client.sendall(b"GET /webapi/ HTTP/1.1\r\nHost: mail.example.org\r\n\r\n")
                answers[asked] = client.recv(100)
    assert answers["imap"].startswith(b"* OK [CAPABILITY ")
    assert answers["smtp"].startswith(b"220 mail.example.org ESMTP")
    assert answers["http/1.1"].startswith(b"HTTP/1.1 ")
    assert answers[""].startswith(b"HTTP/1.1 ")


def test_a_client_that_does_not_go_is_cut_off_after_the_grace(site: Site) -> None:
    config, log = site.write(), site.directory / "log"
    with programs.started(serving(config), log) as process:
        wait_until(log, "message=serving", process)
        with smtplib.LMTP("127.0.0.1", site.lmtp, timeout=60) as client:
            client.ehlo_or_helo_if_needed()
            client.mail("bob@example.com")
            client.rcpt("ann@example.org")
            client.putcmd("data")
            assert client.getreply()[0] == 354
            began = time.monotonic()
            assert ask(config, "stop").returncode == 0
            assert process.wait(60) == 0, log.read_text()
            assert time.monotonic() - began >= 2
            with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
                client.getreply()


def test_a_second_server_in_the_same_directory_does_not_start(site: Site) -> None:
    config, log = site.write(), site.directory / "log"
    with programs.started(serving(config), log) as process:
        wait_until(log, "message=serving", process)
        site.smtp, site.lmtp = shared_server.free_ports(2)
        second = ask(site.write(), "serve")
    assert second.returncode == 1
    assert "already" in second.stderr


def test_a_server_that_was_killed_starts_again(site: Site) -> None:
    config, log = site.write(), site.directory / "log"
    with programs.started(serving(config), log) as process:
        wait_until(log, "message=serving", process)
        process.kill()
        process.wait(60)
    missing = ask(config, "status")
    assert missing.returncode == 75
    assert "no server runs" in missing.stderr
    again = site.directory / "log2"
    with programs.started(serving(config), again) as process:
        wait_until(again, "message=serving", process)
        assert ask(config, "status").returncode == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('hostname = "mail.example.org"', 'hostnam = "mail.example.org"', "hostnam"),
        ("host.crt", "other.crt", "other.crt"),
    ],
)
def test_what_is_wrong_is_said_at_the_start(site: Site, old: str, new: str, said: str) -> None:
    config = site.write()
    config.write_text(config.read_text().replace(old, new))
    done = ask(config, "serve")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may bind such a port and become another user")
def test_root_binds_the_ports_and_is_gone_before_anybody_is_served(open_path: Path, open_python: list[str]) -> None:
    site = Site(open_path, 25, 24, address="127.99.0.1", user=USER)
    config, log = site.write(), open_path / "log"
    command = [*open_python, "-P", "-c", "from mox_trio.cli.main import main; main()", "--config", str(config), "serve"]
    with shared_server.child(command, log) as process:
        wait_until(log, "message=serving", process)
        with smtplib.SMTP("127.99.0.1", 25, timeout=60) as client:
            assert client.ehlo()[0] == 250
        status = Path(f"/proc/{process.pid}/status").read_text()
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        assert set(uids) == {str(pwd.getpwnam(USER).pw_uid)}
        owner = (open_path / "data" / "control.sock").stat().st_uid
        assert owner == pwd.getpwnam(USER).pw_uid
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
